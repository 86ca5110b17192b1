"""Page in, offer out: the cascade over every source a page has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

from scrapers.extract.currency_signs import currency_of_country
from scrapers.extract.embedded_state import state_candidate
from scrapers.extract.markup import markup_candidate
from scrapers.extract.meta_tags import meta_candidate
from scrapers.extract.microdata import microdata_nodes
from scrapers.extract.page import Page
from scrapers.extract.record import (
    Availability,
    Candidate,
    Evidence,
    Offer,
    ProductFacts,
    Reason,
    Refusal,
    Source,
    Terms,
)
from scrapers.extract.schema_product import candidates
from scrapers.extract.selectors import TAX_OPTION, selected_candidate
from scrapers.extract.tax import Tax, chosen_by_tax
from scrapers.extract.walls import barrier

_TRUST: Final = {Source.JSON_LD: 0.93, Source.MICRODATA: 0.9}
_ORDER: Final = tuple(Source)
_STATED: Final = frozenset({Source.JSON_LD, Source.MICRODATA, Source.META})
"""Sources that are written to be believed: where one of them is in doubt, so are we."""

_ACCEPTED: Final = 0.55
"""Confidence below which a price is not handed on."""


@dataclass(frozen=True, slots=True)
class PageHints:
    """What is known of a page before it is read.

    Attributes:
        currency: ISO 4217 code in which this site sells; decides `$` and `kr`, and fills in where
            a page names no currency at all. A page that names another one wins.
        content_type: the HTTP header, for the character set.
        selectors: field to CSS or XPath selector (`selectors.FIELDS`), written for this site; and
            `prices`: `net` or `gross`, which of two prices counts where a page shows both.
    """

    currency: str | None = None
    content_type: str = ""
    selectors: Mapping[str, str] = field(default_factory=dict)


def extract_offer(body: bytes, url: str, hints: PageHints | None = None) -> Offer | Refusal:
    """The offer on a product page, or the reason why none is stood for.

    Sources are heard in the order of `Source`: the site's selectors, JSON-LD, microdata, meta tags,
    embedded state, markup. The first that names one price is taken; the others raise or lower the
    confidence. Where a source names several prices, another that names one of them decides; where
    nothing decides, the page is refused. RDFa is not read: it costs ten times the rest together.
    A page that is a wall, or whose product is no longer sold, is refused whatever price stands on
    it (`walls`).

    Args:
        body: the page as fetched, decompressed.
        url: its address; absolute.
        hints: currency of the site, HTTP content type, the site's selectors.

    Returns:
        An `Offer` with a price above zero, or a `Refusal`. Nothing is raised for a bad page.
    """
    hints = hints or PageHints()
    page = Page.parse(body, url, hints.content_type)
    if page is None:
        return Refusal(url, Reason.NOT_HTML, f"{len(body)} bytes that are no HTML page")
    prefer = hints.currency or currency_of_country(url)
    heard = [
        *candidates(page.json_ld, page, Source.JSON_LD, _TRUST[Source.JSON_LD], prefer),
        *candidates(
            microdata_nodes(page), page, Source.MICRODATA, _TRUST[Source.MICRODATA], prefer
        ),
    ]
    if (refused := _no_product(page, heard)) is not None:
        return refused
    if (meta := meta_candidate(page, prefer)) is not None:
        heard.append(meta)
    # Scripts keep list prices and prices of other versions too: the state is asked only where
    # nothing that was written to be believed names a price.
    if not any(c.price or c.prices for c in heard):
        heard += [found] if (found := state_candidate(page, prefer)) is not None else []
    tax = Tax(hints.selectors[TAX_OPTION]) if TAX_OPTION in hints.selectors else None
    heard.append(markup_candidate(page, prefer, before_tax=tax is Tax.NET))
    selected = selected_candidate(page, hints.selectors, prefer)
    if selected is not None:
        heard.insert(0, selected)
        if selected.problem is Reason.SELECTOR:
            return Refusal(url, Reason.SELECTOR, selected.snippet, _merged(heard))
    if tax is not None and (selected is None or selected.price is None):
        by_tax = chosen_by_tax(heard, tax, prefer)
        # The others are of the other kind, or say the same.
        heard = heard if by_tax is None else [by_tax, *map(_priceless, heard)]
    return _decide(url, heard, prefer=hints.currency)


def _no_product(page: Page, stated: Sequence[Candidate]) -> Refusal | None:
    """A page that is a wall, or of a product that is no longer sold: no price on it counts."""
    facts = _merged(stated)
    if (found := barrier(page, [c.facts.title for c in stated if c.facts.title])) is not None:
        return Refusal(page.url, *found, facts)
    if facts.availability is Availability.DISCONTINUED:
        return Refusal(page.url, Reason.GONE, "its data say that it is discontinued", facts)
    return None


def _priceless(candidate: Candidate) -> Candidate:
    """What a source says of the product, without its word on the price."""
    return replace(candidate, price=None, prices=(), problem=None, confidence=0.0)


def _decide(url: str, heard: Sequence[Candidate], prefer: str | None) -> Offer | Refusal:
    """Weigh what was heard."""
    facts = _merged(heard)
    priced = [c for c in heard if c.price is not None]
    undecided = next((c for c in heard if c.prices and c.source in _STATED), None)
    chosen = _chosen(priced)
    if undecided is not None and not any(_trumps(c, undecided) for c in priced):
        # Another source that names one of its prices decides which of them the page means.
        chosen = next((c for c in priced if c.price in undecided.prices), None)
        if chosen is None:
            return _several(url, undecided, facts)
        chosen = replace(chosen, confidence=max(chosen.confidence, 0.8))
        priced = [chosen]
    if chosen is None or chosen.price is None:
        return _refused(url, heard, facts)
    confidence = _confidence(chosen, priced)
    if confidence < _ACCEPTED:
        detail = f"{chosen.price} from {chosen.source} at confidence {confidence:.2f}"
        return Refusal(url, Reason.SEVERAL_PRICES, detail, facts)
    currency = chosen.currency or next((c.currency for c in priced if c.currency), None) or prefer
    agreeing = [c for c in priced if c.price == chosen.price]
    evidence = tuple(Evidence(c.source, c.snippet, c.confidence) for c in [*agreeing] or [chosen])
    return Offer(
        url=url,
        price=chosen.price,
        currency=currency,
        list_price=next((c.list_price for c in agreeing if c.list_price), None),
        confidence=confidence,
        source=chosen.source,
        facts=facts,
        evidence=evidence,
        terms=_merged_terms(agreeing, heard),
        neighbouring=any(chosen.price in c.neighbours for c in heard),
    )


def _trumps(candidate: Candidate, undecided: Candidate) -> bool:
    """Whether a source with one price is trusted more than the one with several."""
    return _ORDER.index(candidate.source) < _ORDER.index(undecided.source)


def _chosen(priced: Sequence[Candidate]) -> Candidate | None:
    """The most trusted candidate; but meta tags that no reader sees yield to the shown price."""
    if not priced:
        return None
    first, last = priced[0], priced[-1]
    unseen = first.source is Source.META and last.source is Source.MARKUP
    if unseen and first.price != last.price and first.price not in last.prices:
        return last
    return first


def _confidence(chosen: Candidate, priced: Sequence[Candidate]) -> float:
    """Agreement of independent sources raises it, contradiction lowers it."""
    doubt = 1.0 - chosen.confidence
    for other in priced:
        if other.source is chosen.source:
            continue
        if other.price == chosen.price:
            doubt *= 0.4
        elif not (chosen.source is Source.MARKUP and other.source is Source.META):
            doubt *= 1.0 + other.confidence
    return max(0.0, 1.0 - doubt)


def _several(url: str, candidate: Candidate, facts: ProductFacts) -> Refusal:
    listed = ", ".join(str(price) for price in candidate.prices[:6])
    return Refusal(url, Reason.SEVERAL_PRICES, f"{candidate.source} names {listed}", facts)


def _refused(url: str, heard: Sequence[Candidate], facts: ProductFacts) -> Refusal:
    """The most telling of the sources' problems."""
    order = (Reason.AMBIGUOUS_PRICE, Reason.SEVERAL_PRICES)
    for reason in order:
        for candidate in heard:
            if candidate.problem is reason:
                seen = ", ".join(str(p) for p in candidate.prices[:6]) or candidate.snippet
                return Refusal(url, reason, f"{candidate.source}: {seen}", facts)
    named = any(c.source is not Source.MARKUP and c.facts.title for c in heard)
    reason = Reason.NO_PRICE if named else Reason.NO_PRODUCT
    return Refusal(url, reason, "no source names a price", facts)


def _merged_terms(agreeing: Sequence[Candidate], heard: Sequence[Candidate]) -> Terms:
    """Terms of the sources that agree on the price; promotion and delivery stand beside any."""
    values = {}
    for name in (f.name for f in fields(Terms)):
        sources = heard if name == "promotion" else agreeing
        if name == "shipping":
            sources = [*agreeing, *heard]
        said = (getattr(c.terms, name) for c in sources)
        values[name] = next((value for value in said if value is not None), None)
    return Terms(**values)


def _merged(heard: Sequence[Candidate]) -> ProductFacts:
    """Field by field what the most trusted source says."""
    values = {}
    for name in (f.name for f in fields(ProductFacts)):
        said = (getattr(c.facts, name) for c in heard)
        values[name] = next((value for value in said if value is not None), None)
    return ProductFacts(**values)
