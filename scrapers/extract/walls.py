"""Pages that are no product's page, whatever price stands on them: walls, and products long gone.

A wall against robots, for cookies or for customers, and the page of a product that is no longer
sold, come with HTTP status 200 and the prices of other products as often as not. What the page says
of itself is asked before any price counts: its title, its headings, and its text where the page
offers nothing to buy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from scrapers.extract import wall_words as words
from scrapers.extract.class_names import hints_of
from scrapers.extract.page import Element, Page, text_of
from scrapers.extract.record import Reason
from scrapers.extract.vocabulary import is_buy_button

_SKIPPED: Final = frozenset(
    {"script", "style", "noscript", "template", "option", "select", "svg", "head", "iframe"}
)
_OUTSIDE: Final = frozenset({"nav", "footer", "aside"})
_CONTROLS: Final = frozenset({"button", "a", "input", "span"})
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_INLINE: Final = frozenset({"b", "strong", "em", "i", "span", "a", "br", "u", "small", "mark"})
_FIELDS: Final = frozenset({"", "text", "email", "search", "tel", "number", "url"})
_HIDDEN: Final = re.compile(
    r"(?:^|\s)(?:hidden|hide|d-none|is-hidden|u-hidden|js-hidden|visually-hidden|sr-only|"
    r"display-none|invisible)(?:\s|$)",
    re.IGNORECASE,
)
_NOT_SHOWN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_PARTS: Final = re.compile(r"\s[-–—]\s|[|·•»«:()\[\]]")  # noqa: RUF001
_SENTENCES: Final = re.compile(r"[.,;!?。！？，、…]+(?:\s|$)|[。！？，、]|\s[-–—]\s")  # noqa: RUF001
_EDGES: Final = " .,;!?…。！？，、*\"'“”„-–—"  # noqa: RUF001

_NEAR: Final = 600
"""Elements behind the heading in which a page says that its product is gone."""

_SHORT: Final = 3000
"""Characters of a page's own text up to which a sentence makes it a wall; product pages have more,
and banners and dialogues with the same words."""

_LONGEST: Final = 300  # characters of a sentence's element


@dataclass(slots=True)
class _Said:
    """What a page says of itself, other products' boxes left out.

    Attributes:
        headings: its `h1`; without one, its first heading.
        texts: its short texts in order, in lower case.
        length: characters of all its text.
        buyable: it has a control to buy that works.
    """

    headings: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    length: int = 0
    buyable: bool = False


def barrier(page: Page, names: Collection[str]) -> tuple[Reason, str] | None:
    """Why a page is not the product's page, in a reason and words; None where it may be.

    Args:
        page: the page.
        names: what its data call the product; a product may be called `Are You Human?`.
    """
    called = [_plain(name) for name in names]

    def own(phrases: Iterable[str], said: str) -> str:
        found = (phrase for phrase in phrases if phrase in said)
        return next((p for p in found if not any(p in name for name in called)), "")

    said = _survey(page)
    titles = [_plain(text_of(node)) for node in page.root.xpath("//head/title")[:1]]
    for text in (*titles, *map(_plain, said.headings)):
        parts = {part.strip(_EDGES) for part in (text, *_PARTS.split(text))} - {"", *called}
        for reason, phrases, whole in _HEADED:
            if (phrase := own(phrases, text)) or (phrase := next(iter(parts & whole), "")):
                return reason, f"the page is headed {phrase!r}"
    if said.buyable:
        return None
    texts = said.texts
    if said.length <= _SHORT:
        for text in texts:
            if phrase := own(_WALLS, text):
                return Reason.WALL, f"the page says {phrase!r}"
    together = "\n".join(texts)
    if any(phrase in together for phrase in _OVER):
        for text in texts:
            if phrase := _gone(text):
                return Reason.GONE, f"the page says {phrase!r}"
    return None


def _gone(text: str) -> str:
    """The sentence that says that the product is no longer sold; empty if none does."""
    for sentence in _SENTENCES.split(text):
        plain = sentence.strip(_EDGES)
        over = plain in words.GONE_TITLES or plain.endswith(words.GONE)
        if over and not any(part in plain for part in words.OF_A_PART):
            return plain
    return ""


def _survey(page: Page) -> _Said:
    said = _Said()
    body = page.root.find("body")
    root = page.root if body is None else body
    main = next(iter(root.iter("h1")), None)
    way = set() if main is None else {main, *main.iterancestors()}
    others, heading, first = False, None if main is not None else 0, ""
    for order, node in enumerate(_shown(root, way)):
        if node is main:
            heading = order
        if heading is not None and order > heading + _NEAR and said.length > _SHORT:
            break
        text = _text(node)
        if node.tag in _HEADINGS and (headed := text_of(node)):
            others = others or any(phrase in _plain(headed) for phrase in words.OTHERS)
            if node.tag == "h1":
                said.headings.append(headed)
            first = first or headed
        if others:
            continue
        said.length += len(text)
        if 1 < len(text) <= _LONGEST and (heading is None or order <= heading + _NEAR):
            said.texts.append(_plain(text))
        said.buyable = said.buyable or _sells(node, text)
    if not said.headings and first:
        said.headings.append(first)
    return said


def _shown(root: Element, way: Collection[Element]) -> Iterator[Element]:
    """Elements that a reader sees, without navigation, boxes of others and forms for his own words.

    Args:
        root: where to begin.
        way: elements that are walked through whatever their names say.
    """
    stack = [root]
    while stack:
        node = stack.pop()
        tag = node.tag
        if not isinstance(tag, str) or tag in _SKIPPED:
            continue
        if node not in way and (tag in _OUTSIDE or (tag == "form" and _takes_words(node))):
            continue
        if node.attrib and node not in way and (hints_of(node).others or _is_hidden(node)):
            continue
        yield node
        stack.extend(reversed(node))


def _is_hidden(node: Element) -> bool:
    return (
        node.get("hidden") is not None
        or node.get("aria-hidden") == "true"
        or bool(_HIDDEN.search(node.get("class") or ""))
        or bool(_NOT_SHOWN.search(node.get("style") or ""))
    )


def _takes_words(form: Element) -> bool:
    """Whether a form is for reviews, questions or newsletters: these ask for robots, too."""
    fields = [(entry.get("type") or "").lower() for entry in form.iter("input")]
    if "password" in fields:
        return False
    return next(form.iter("textarea"), None) is not None or not _FIELDS.isdisjoint(fields)


def _text(node: Element) -> str:
    """The element's own text; with that of the words marked up in it, where there is no more."""
    if not len(node):
        return " ".join((node.text or "").split())
    if len(node) <= 4 and all(child.tag in _INLINE and not len(child) for child in node):
        return " ".join("".join(node.itertext()).split())
    own = (node.text or "") + "".join([child.tail or "" for child in node])
    return " ".join(own.split())


def _sells(node: Element, text: str) -> bool:
    if node.tag not in _CONTROLS or not is_buy_button(text or node.get("value") or ""):
        return False
    off = node.get("disabled") is not None or node.get("aria-disabled") == "true"
    return not off and "disabled" not in (node.get("class") or "")


def _plain(text: str) -> str:
    """Text as `wall_words` writes it."""
    return " ".join(text.casefold().replace("\u2019", "'").split())


_WALLS: Final = (*words.ROBOT, *words.COOKIES, *words.LOG_IN)
_OVER: Final = (*words.GONE, *words.GONE_TITLES)
_HEADED: Final[tuple[tuple[Reason, tuple[str, ...], frozenset[str]], ...]] = (
    (
        Reason.WALL,
        _WALLS,
        words.ROBOT_TITLES | words.COOKIE_TITLES | words.LOG_IN_TITLES,
    ),
    (
        Reason.GONE,
        (*words.GONE, *words.NOT_FOUND),
        words.GONE_TITLES | words.NOT_FOUND_TITLES,
    ),
)
