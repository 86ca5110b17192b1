"""The price in plain markup: what a reader's eye takes for it.

Every element that could be a price is scored by what its names say (`class="price--now"`), what
stands around it (a struck-out line, a carousel of other products, the basket), and how far it is
from the product's heading. Amounts compete; a close finish is no finish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from scrapers.extract.page import Element, Page, text_of
from scrapers.extract.price_text import PriceReading, normalise, parse_price
from scrapers.extract.record import Availability, Candidate, ProductFacts, Reason, Source
from scrapers.extract.vocabulary import availability_in_words, is_buy_button

_PRICEY: Final = re.compile(
    r"price|preis|prix|precio|prezzo|preco|preço|cena(?![a-z])|hinta|pris(?![a-z]{2})|prijs|tsena|"
    r"fiyat|kaina|hind(?![a-z])",
    re.IGNORECASE,
)
_CURRENT: Final = re.compile(
    r"current|final|sale|special|now|our|offer|actual|buy|deal|promo|main|product|aktuell|action",
    re.IGNORECASE,
)
_FORMER: Final = re.compile(
    r"old|was(?![a-z])|before|strike|struck|cross(?!-?sell)|regular|list(?:[-_]?price)|original|"
    r"uvp|rrp|msrp|compare|previous|former|retail|barr[ée]|tachado|ancien|alt(?![a-z])|base-?price",
    re.IGNORECASE,
)
_BESIDE: Final = re.compile(
    r"unit|per-|shipping|delivery|versand|livraison|envio|tax|vat(?![a-z])|saving|save|discount|"
    r"instal|financ|month|leasing|credit|cuota|klarna|points|loyalty|member|club|card|warrant|"
    r"insurance|range|from|min-?price|max-?price|filter|coupon|voucher|threshold|label",
    re.IGNORECASE,
)
_OTHERS: Final = re.compile(
    r"related|recommend|similar|carousel|slider|swiper|slick|cross-?sell|up-?sell|also|bundle|"
    r"accessor|recent|viewed|history|sponsor|minicart|mini-cart|basket|shopping-?cart|cart-?summary|"
    r"wishlist|compare-|comparison|suggest|others?(?![a-z])|reviews?|teaser|tile|listing|grid|"
    r"product-?card|search|menu|nav(?![a-z])|footer|modal|popup|newsletter|banner|countr",
    re.IGNORECASE,
)
_SKIPPED: Final = frozenset(
    {"script", "style", "noscript", "template", "option", "select", "svg", "head", "iframe"}
)
_OUTSIDE: Final = frozenset({"nav", "footer", "aside"})
_STRUCK_TAGS: Final = frozenset({"del", "s", "strike"})
_AMOUNT: Final = re.compile(r"\d")
_LONGEST = 80
_DEEPEST = 14

_ENOUGH: Final = 2.0  # score below which nothing looks like the price
_MARGIN: Final = 0.75  # by how much the best amount must beat the next


@dataclass(slots=True)
class _Spot:
    """One place on the page that could be the price."""

    reading: PriceReading
    text: str
    score: float
    order: int
    former: bool


def markup_candidate(page: Page, prefer: str | None) -> Candidate:
    """What a reader would take for the product's price, with how clearly it stands out.

    Args:
        page: the page.
        prefer: ISO 4217 code that decides signs of several countries.

    Returns:
        A candidate with a price, or with the prices that compete and the problem.
    """
    spots, heading, words, buyable = _survey(page, prefer)
    facts = ProductFacts(
        title=page.heading or None, availability=_availability(words, buyable=buyable)
    )
    for spot in spots:
        spot.score += _nearness(spot.order, heading)
    current = [spot for spot in spots if not spot.former]
    ranking = _ranking(current)
    if not ranking or ranking[0][0] < _ENOUGH:
        problem = Reason.NO_PRICE if not current else Reason.SEVERAL_PRICES
        prices = tuple(amount for _, amount, _ in ranking)
        return Candidate(Source.MARKUP, "", facts, prices=prices, problem=problem)
    score, amount, best = ranking[0]
    rival = next((other for other, value, _ in ranking[1:] if value != amount), 0.0)
    if score - rival < _MARGIN:
        prices = tuple(value for other, value, _ in ranking if score - other < _MARGIN)
        return Candidate(
            Source.MARKUP, best.text[:200], facts, prices=prices, problem=Reason.SEVERAL_PRICES
        )
    return Candidate(
        Source.MARKUP,
        best.text[:200],
        facts,
        price=amount,
        currency=best.reading.currency,
        list_price=_list_price(spots, best, amount),
        confidence=min(0.85, 0.45 + 0.06 * score + 0.06 * (score - rival)),
    )


def _survey(page: Page, prefer: str | None) -> tuple[list[_Spot], int, list[tuple[int, str]], bool]:
    """One walk over the page: price spots, place of the heading, stock words, buy button."""
    spots: list[_Spot] = []
    words: list[tuple[int, str]] = []
    heading, buyable = -1, False
    taken: set[Element] = set()
    body = page.root.find("body")
    for order, node in enumerate((page.root if body is None else body).iter()):
        if not isinstance(node.tag, str) or node.tag in _SKIPPED:
            continue
        if node.tag == "h1" and heading < 0:
            heading = order
        own = (node.text or "") + "".join(child.tail or "" for child in node)
        if node.tag in {"button", "a", "input", "span"}:
            buyable = buyable or is_buy_button(own or node.get("value") or "")
        if own and 3 < len(own.strip()) < 120 and not _AMOUNT.search(own):
            words.append((order, own))
        names = _names(node)
        pricey = bool(_PRICEY.search(names))
        if (pricey or _AMOUNT.search(own)) and node not in taken:
            spot = _spot(node, own, names, order, prefer, pricey=pricey)
            if spot is not None:
                spots.append(spot)
                taken.update(node.iter())
    near = [word for place, word in words if heading < 0 or abs(place - heading) < 600]
    return spots, heading, [(0, word) for word in near], buyable


def _names(node: Element) -> str:
    get = node.get
    return " ".join(
        filter(
            None,
            (get("class"), get("id"), get("itemprop"), get("data-testid"), get("data-test"),
             get("data-qa"), get("data-role")),
        )
    )  # fmt: skip


def _spot(
    node: Element, own: str, names: str, order: int, prefer: str | None, *, pricey: bool
) -> _Spot | None:
    """The element as a possible price, or None if its text is not one amount."""
    text = own
    if pricey:
        text = text_of(node) if len(node) else own
        if len(text) > _LONGEST:
            return None
    text = text.strip()
    if not text or len(text) > _LONGEST or not _AMOUNT.search(text):
        return None
    reading = parse_price(_joined_cents(node, text) if pricey else text, currency=prefer)
    if reading.amount is None or (not pricey and reading.currency is None and "$" not in text):
        return None
    if len(re.sub(r"[\d\s.,]", "", normalise(text))) > 30:
        return None
    score = _named(names) if pricey else 0.0
    score += 0.8 if reading.currency or "$" in text or "¥" in text else 0.0
    former = bool(_FORMER.search(names)) and not re.search("current|now|sale", names)
    around, struck = _surroundings(node)
    return _Spot(reading, text, score + around, order, former or struck)


def _named(names: str) -> float:
    """What an element's own names say for it."""
    score = 1.5
    if _CURRENT.search(names):
        score += 0.7
    if _BESIDE.search(names):
        score -= 1.5
    if _OTHERS.search(names):
        score -= 1.0
    return score


def _surroundings(node: Element) -> tuple[float, bool]:
    """What the ancestors say: another product's box, a struck-out line, a price block."""
    score, struck = 0.0, node.tag in _STRUCK_TAGS
    others = False
    for depth, above in enumerate(node.iterancestors()):
        if depth >= _DEEPEST or above.tag in {"body", "html"}:
            break
        names = _names(above)
        struck = struck or above.tag in _STRUCK_TAGS
        if above.tag in _OUTSIDE or (above.tag in {"li", "article"} and depth < 6):
            score -= 0.8 if above.tag in _OUTSIDE else 0.3
        if _OTHERS.search(names):
            others = True
        if depth < 3 and names:
            struck = struck or bool(_FORMER.search(names) and not _CURRENT.search(names))
            if _BESIDE.search(names):
                score -= 0.7
            if _PRICEY.search(names):
                score += 0.5
        if re.search(
            r"product-?(?:info|detail|main|price|summary|page|view)|pdp|buy-?box",
            names,
            re.IGNORECASE,
        ):
            score += 0.4
    return max(score, -2.0) - (1.6 if others else 0.0), struck


def _joined_cents(node: Element, text: str) -> str:
    """Euros and cents that stand in two elements with no mark between: `12` `99` is 12.99."""
    parts = [part.strip() for part in node.itertext() if part.strip()]
    digits = [part for part in parts if re.fullmatch(r"[\d.,' ]+", part)]
    if (
        len(digits) == 2
        and re.fullmatch(r"\d{2}", digits[1])
        and re.fullmatch(r"[\d.' ]+", digits[0])
    ):
        spot = parts.index(digits[1])
        if parts[spot - 1] == digits[0] or not re.search(r"[\d]", parts[spot - 1]):
            return re.sub(r"\s+", " ", " ".join(p for p in parts if p not in digits)) + (
                f" {digits[0].replace('.', '').replace(' ', '')}.{digits[1]}"
            )
    return text


def _nearness(order: int, heading: int) -> float:
    """Closer to the heading is likelier; before it a little less so."""
    if heading < 0:
        return max(0.0, 0.8 - order / 1500)
    distance = order - heading
    if distance < 0:
        return max(-0.8, 0.3 + distance / 300)
    return max(-0.8, 1.2 - distance / 250)


def _ranking(spots: list[_Spot]) -> list[tuple[float, Decimal, _Spot]]:
    """Amounts by the score of their best spot, with a little for being said twice."""
    best: dict[Decimal, _Spot] = {}
    times: dict[Decimal, int] = {}
    for spot in spots:
        amount = spot.reading.amount
        if amount is None:
            continue
        times[amount] = times.get(amount, 0) + 1
        if amount not in best or spot.score > best[amount].score:
            best[amount] = spot
    ranked = [
        (spot.score + 0.25 * min(times[amount] - 1, 2), amount, spot)
        for amount, spot in best.items()
    ]
    return sorted(ranked, key=lambda entry: (-entry[0], entry[2].order))


def _list_price(spots: list[_Spot], best: _Spot, amount: Decimal) -> Decimal | None:
    """A struck-out price near the chosen one and above it."""
    if best.reading.list_amount:
        return best.reading.list_amount
    near = [
        spot.reading.amount
        for spot in spots
        if spot.former and abs(spot.order - best.order) < 40 and spot.reading.amount
    ]
    above = [value for value in near if amount < value < 20 * amount]
    return min(above) if above else None


def _availability(words: list[tuple[int, str]], *, buyable: bool) -> Availability | None:
    said = {availability_in_words(text) for _, text in words}
    if buyable:
        return Availability.IN_STOCK
    if Availability.OUT_OF_STOCK in said:
        return Availability.OUT_OF_STOCK
    return Availability.IN_STOCK if Availability.IN_STOCK in said else None
