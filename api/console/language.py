"""The languages of the console: which one a visitor reads, and what it calls things.

Messages are written in English where they are used: `_("…")` in a template, `N_("…")` for a
constant of a module. Each page has a catalogue of its own, `locale/zh_Hans/PAGE.po`, beside that of
the frame, so that pages change without one another. Catalogues are read when the service starts;
`make messages` brings them up to date with the sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

COOKIE: Final = "pricewright_language"
"""The cookie with the tag of the language that a visitor has chosen."""


def N_(message: str) -> str:  # noqa: N802  (the customary name of this marker)
    """Mark a message that is translated where it is shown."""
    return message


@dataclass(frozen=True, slots=True)
class Language:
    """A language that the console speaks.

    Attributes:
        tag: its BCP 47 tag, as `lang` in HTML.
        name: what those who speak it call it.
        locale: how it writes numbers, money and times.
        translations: its messages.
    """

    tag: str
    name: str
    locale: Locale
    translations: NullTranslations

    def say(self, message: str, **values: object) -> str:
        """A message in this language, with named values in the places `%(name)s`."""
        said = self.translations.gettext(message)
        return said % values if values else said

    def say_count(self, one: str, many: str, number: int, **values: object) -> str:
        """A message for a number, which is the value `num`."""
        return self.translations.ngettext(one, many, number) % {"num": number, **values}


@cache
def languages() -> Mapping[str, Language]:
    """Every language by its tag; the first is spoken where nothing else is asked for."""
    return {
        "en": Language("en", "English", Locale("en"), NullTranslations()),
        "zh-Hans": Language(
            "zh-Hans", "简体中文", Locale("zh", script="Hans"), _translations("zh_Hans")
        ),
    }


def language_of(request: Request, preferred: str | None) -> Language:
    """The language for a request: chosen by the visitor, set for the shop, or the browser's.

    Args:
        request: of the visitor.
        preferred: tag that the settings name, None to follow the browser.
    """
    known = languages()
    for tag in (request.cookies.get(COOKIE), preferred):
        if tag is not None and tag in known:
            return known[tag]
    for tag in _accepted(request.headers.get("accept-language", "")):
        # Who reads any Chinese is better served by the simplified script than by English.
        for language in known.values():
            if tag.partition("-")[0] == language.locale.language:
                return language
    return known["en"]


def _accepted(header: str) -> list[str]:
    """The tags of an Accept-Language header in lower case, the most wanted first."""
    wanted = []
    for part in header.split(",")[:20]:
        tag, _, parameter = part.strip().lower().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if tag and weight > 0:
            wanted.append((weight, tag))
    return [tag for _, tag in sorted(wanted, key=lambda pair: -pair[0])]


def _translations(name: str) -> NullTranslations:
    """All catalogues of a language as one."""
    merged: NullTranslations | None = None
    for file in sorted((files("api.console") / "locale" / name).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".po"):
            continue
        compiled = BytesIO()
        with file.open("rb") as text:
            write_mo(compiled, read_po(text, locale=name, abort_invalid=True))
        compiled.seek(0)
        catalogue = GNUTranslations(compiled)
        catalogue.add_fallback(merged or NullTranslations())
        merged = catalogue
    return merged or NullTranslations()
