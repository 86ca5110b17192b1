"""The messages of the console: those in the sources, and bringing the catalogues up to date.

`make messages` runs this: it adds what is new in the sources to `api/console/locale/`, keeps what
was translated, and takes out what nobody says any more. A message that was changed comes out empty,
never guessed. The tests fail until every message has its translation.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

import api.app  # noqa: F401  (with it, every problem that can be told is known)
from api.console.page import every_page
from api.errors import every_refusal

CONSOLE: Final = Path(__file__).parents[3] / "api" / "console"
LOCALES: Final = ("zh_Hans",)
FRAME: Final = "frame"
_OPTIONS: Final = {"trimmed": "true", "silent": "false", "extensions": "jinja2.ext.do"}
_KEYWORDS: Final[dict[str, Any]] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "N_": None,
    "say": None,
    "say_count": (1, 2),
}
# The history of the tree says when; a date in the file would only make two branches collide.
_NO_DATE: Final = datetime(2026, 1, 1, tzinfo=UTC)
_HEADER: Final = "# Messages in {locale}: {domain}. `make messages` keeps them in step."


def domains() -> list[str]:
    """The frame and the pages: each has a catalogue."""
    return [FRAME, *(page.name for page in every_page())]


def messages_of(domain: str) -> Catalog:
    """The messages that the sources of one catalogue hold, without translations."""
    catalogue = Catalog()
    for file in _sources(domain):
        method = "jinja2.ext:babel_extract" if file.suffix == ".html" else "python"
        with file.open("rb") as source:
            for line, message, _, _ in extract(method, source, _KEYWORDS, options=_OPTIONS):
                catalogue.add(message, locations=[(file.relative_to(CONSOLE).as_posix(), line)])
    if domain == FRAME:
        for refusal in every_refusal().values():
            catalogue.add(refusal.title, locations=[("../errors.py", 1)])
    return catalogue


def kept(locale: str, domain: str) -> Catalog:
    """The catalogue as it is in the tree; empty where there is none yet."""
    path = path_of(locale, domain)
    if not path.exists():
        return Catalog(locale)
    with path.open("rb") as text:
        return read_po(text, locale=locale, abort_invalid=True)


def path_of(locale: str, domain: str) -> Path:
    """Where a catalogue is."""
    return CONSOLE / "locale" / locale / f"{domain}.po"


def bring_up_to_date() -> None:
    """Write every catalogue anew."""
    for locale in LOCALES:
        for domain in domains():
            old = kept(locale, domain)
            new = Catalog(
                locale,
                domain,
                project="Pricewright",
                header_comment=_HEADER.format(locale=locale, domain=domain),
                charset="utf-8",
                fuzzy=False,
                creation_date=_NO_DATE,
                revision_date=_NO_DATE,
            )
            for message in messages_of(domain):
                if message.id:
                    was = old.get(message.id)
                    new.add(message.id, was.string if was else "", flags=message.flags)
            path = path_of(locale, domain)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as text:
                write_po(text, new, sort_output=True, no_location=True, width=100)


def _sources(domain: str) -> Iterator[Path]:
    pages = {page.name for page in every_page()}
    if domain != FRAME:
        yield CONSOLE / "pages" / f"{domain}.py"
        yield from sorted((CONSOLE / "templates" / domain).rglob("*.html"))
        return
    yield from sorted(CONSOLE.glob("*.py"))
    for file in sorted((CONSOLE / "templates").rglob("*.html")):
        if file.relative_to(CONSOLE / "templates").parts[0] not in pages:
            yield file


if __name__ == "__main__":
    bring_up_to_date()
