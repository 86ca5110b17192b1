"""Every place on a page that could be a price, with a score for how much it looks like the one."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from scrapers.extract.class_names import Hints, hints_of
from scrapers.extract.currency_signs import has_sign, is_sign
from scrapers.extract.page import Element, Page, text_of
from scrapers.extract.price_text import PriceReading, normalise, parse_price
from scrapers.extract.tax_words import speaks_of_tax
from scrapers.extract.vocabulary import is_buy_button

_SKIPPED: Final = frozenset(
    {"script", "style", "noscript", "template", "option", "select", "svg", "head", "iframe"}
)
_OUTSIDE: Final = frozenset({"nav", "footer", "aside"})
_CONTROLS: Final = frozenset({"button", "a", "input", "span"})
_STRUCK: Final = frozenset({"del", "s", "strike"})
_DIGIT: Final = re.compile(r"\d")
_FONT_SIZE: Final = re.compile(r"font(?:-size)?:[^;]*?(\d{2})px", re.IGNORECASE)
_LONGEST: Final = 80  # characters; a price stands alone or in a short line
_WORDIEST: Final = 30  # letters beside the digits
_DEEPEST: Final = 14  # ancestors that are looked at
_PARTS: Final = 4  # elements in a line of text
_NEAR: Final = 600  # elements between the heading and what is said of the stock


@dataclass(slots=True)
class Spot:
    """One place that could be the price.

    Attributes:
        reading: its one amount.
        text: as it stands there.
        score: how much it looks like the product's price; about 2 is a fair case.
        order: place in the document, counted in elements.
        former: struck out, or named as yesterday's price.
        others: it stands in the box of another product.
        around: the text of the element around it, where that is short.
    """

    reading: PriceReading
    text: str
    score: float
    order: int
    former: bool
    others: bool = False
    around: str = ""


@dataclass(slots=True)
class Survey:
    """What one walk over the page found.

    Attributes:
        spots: possible prices in the order of the page, scored.
        words: short texts near the heading, for stock phrases.
        numbered: place and text of short texts with digits near the heading.
        buyable: whether there is a control to buy.
    """

    spots: list[Spot] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    buyable: bool = False
    numbered: list[tuple[int, str]] = field(default_factory=list)


def survey(page: Page, prefer: str | None, *, before_tax: bool = False) -> Survey:
    """Walk over the page once.

    Args:
        page: the page.
        prefer: ISO 4217 code that decides signs of several countries.
        before_tax: amounts that are called net may be the price, too.
    """
    found = Survey()
    heading, titled = -1, False
    titles = _titles(page)
    words: list[tuple[int, str]] = []
    taken: set[Element] = set()
    body = page.root.find("body")
    for order, node in enumerate((page.root if body is None else body).iter("*")):
        tag = node.tag
        if tag in _SKIPPED:
            continue
        own = _own_text(node)
        if tag == "h1" and not titled:
            heading, titled = order, True
        elif heading < 0 and len(own) > 5 and own.casefold() in titles:
            heading = order
        if tag in _CONTROLS and not found.buyable:
            found.buyable = is_buy_button(own or node.get("value") or "")
        digits = bool(own) and _DIGIT.search(own) is not None
        if 3 < len(own) < 120:
            (found.numbered if digits else words).append((order, own))
        hints = hints_of(node)
        if (hints.price or digits) and node not in taken:
            spot = _spot(node, own, hints, order, prefer, before_tax=before_tax)
            if spot is not None:
                found.spots.append(spot)
                taken.update(node.iter())
    for spot in found.spots:
        spot.score += _nearness(spot.order, heading)
    found.words = [text for place, text in words if heading < 0 or abs(place - heading) < _NEAR]
    found.numbered = [entry for entry in found.numbered if abs(entry[0] - max(heading, 0)) < _NEAR]
    return found


def _own_text(node: Element) -> str:
    """The text that stands in the element itself, not in those inside it."""
    text = node.text or ""
    if len(node):
        text += "".join([child.tail or "" for child in node])
    return str(text).strip()


def _titles(page: Page) -> frozenset[str]:
    """What the product may be called where there is no `h1`: the title up to the shop's name."""
    parts = (part for name in page.names for part in (name, *re.split(r"\s[|–—-]\s", name)))  # noqa: RUF001
    return frozenset(part.strip().casefold() for part in parts if len(part.strip()) > 5)


def _spot(
    node: Element, own: str, hints: Hints, order: int, prefer: str | None, *, before_tax: bool
) -> Spot | None:
    """The element as a possible price, or None if its text is not one amount."""
    text = text_of(node) if hints.price and len(node) else own
    if not 0 < len(text) <= _LONGEST or not _DIGIT.search(text):
        return None
    text = _with_sign_beside(node, text)
    signed = has_sign(text)
    if not signed and not hints.price:
        return None
    whole = _joined_cents(node, text) if hints.price else text
    reading = parse_price(whole, currency=prefer, before_tax=before_tax)
    letters = len(re.sub(r"[\d\s.,]", "", normalise(text)))
    if reading.amount is None or letters > _WORDIEST:
        return None
    around = _around(node)
    taxed = not before_tax and around != text and speaks_of_tax(around)
    if taxed and reading.amount in parse_price(around, currency=prefer).net:
        return None  # `<b>100 €</b> HT`
    place, struck, others = _surroundings(node, current=hints.current)
    score = _named(hints) + place + _prominence(node)
    score += (0.8 if signed else 0.0) - (0.8 if letters > 10 else 0.0)
    return Spot(
        reading,
        text,
        score,
        order,
        former=hints.former or struck,
        others=others or (hints.price and hints.others),
        around=around,
    )


def _around(node: Element) -> str:
    """The short line that a price stands in: `Delivery: <b>4.90</b>`."""
    above = node.getparent()
    if above is None or len(above) > _PARTS:
        return ""
    text = text_of(above)
    return text if len(text) <= _LONGEST else ""


def _named(hints: Hints) -> float:
    """What an element's own names say for it."""
    if not hints.price:
        return 0.0
    score = 2.2 if hints.current else 1.5
    return score - (1.5 if hints.beside else 0.0) - (1.0 if hints.others else 0.0)


def _surroundings(node: Element, *, current: bool) -> tuple[float, bool, bool]:
    """What the ancestors say: a score, a struck-out line, another product's box."""
    score, others, struck = 0.0, False, node.tag in _STRUCK
    for depth, above in enumerate(node.iterancestors()):
        if depth >= _DEEPEST or above.tag in {"body", "html"}:
            break
        hints = hints_of(above)
        struck = struck or above.tag in _STRUCK
        others = others or hints.others
        if above.tag in _OUTSIDE:
            score -= 0.8
        elif above.tag in {"li", "article"} and depth < 6:
            score -= 0.3
        if above.get("itemprop") in {"price", "offers"}:
            score += 0.6
        if depth < 3 and hints.named:
            struck = struck or (hints.former and not current)
            score += (0.5 if hints.price else 0.0) - (0.7 if hints.beside else 0.0)
        if hints.product:
            score += 0.4
    return max(score, -2.0) - (1.6 if others else 0.0), struck, others


def _with_sign_beside(node: Element, text: str) -> str:
    """`<b>294</b><i>元</i>`: a bare number with the sign that stands in the next element."""
    beside = node.getnext()
    if beside is None or not re.fullmatch(r"\d[\d.,' ]*", text):
        return text
    sign = "".join(beside.itertext()).strip() if isinstance(beside.tag, str) else ""
    return f"{text} {sign}" if 0 < len(sign) <= 4 and is_sign(sign) else text


def _joined_cents(node: Element, text: str) -> str:
    """Euros and cents in two elements with no mark between: `12` `99` is 12.99."""
    parts = [part.strip() for part in node.itertext() if part.strip()]
    digits = [part for part in parts if re.fullmatch(r"[\d.,' ]+", part)]
    if len(digits) != 2 or not re.fullmatch(r"\d{2}", digits[1]):
        return text
    whole, cents = digits
    before_cents = parts[parts.index(cents) - 1]
    if not re.fullmatch(r"[\d.' ]+", whole) or (before_cents != whole and _has_digit(before_cents)):
        return text
    rest = " ".join(part for part in parts if part not in digits)
    return f"{rest} {re.sub(r'[^0-9]', '', whole)}.{cents}"


def _has_digit(text: str) -> bool:
    return bool(_DIGIT.search(text))


def _prominence(node: Element) -> float:
    """Large type set by hand on the element: what the page shouts is the price."""
    size = _FONT_SIZE.search(node.get("style") or "")
    return 0.9 if size and 18 <= int(size[1]) <= 60 else 0.0


def _nearness(order: int, heading: int) -> float:
    """Closer to the heading is likelier; before it a little less so."""
    if heading < 0:
        return max(0.0, 0.8 - order / 1500)
    distance = order - heading
    if distance < 0:
        return max(-0.8, 0.3 + distance / 300)
    return max(-0.8, 1.2 - distance / 250)
