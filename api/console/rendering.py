"""Templates: one environment for each language, with everything escaped."""

from __future__ import annotations

from functools import cache
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from api.console.language import Language, languages
from api.console.static_files import static_path

if TYPE_CHECKING:
    from jinja2.ext import Extension

_EXTENSIONS: Final[list[str | type[Extension]]] = ["jinja2.ext.i18n", "jinja2.ext.do"]


def template_text(language: Language, template: str, **context: object) -> str:
    """What a template says in a language; a name that it misses is an error."""
    return _environment(language.tag).get_template(template).render(context)


def file_name(path: str) -> str:
    """The last part of a path, of this machine or another."""
    return PureWindowsPath(path).name


def attribute_json(value: object) -> Markup:
    """A value as JSON that may stand in an attribute; records become objects."""
    text = msgspec.json.encode(value, enc_hook=str).decode()  # messages come as Markup
    return Markup.escape(text)


@cache
def _environment(tag: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("api.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=_EXTENSIONS,
        auto_reload=False,
    )
    translations = languages()[tag].translations
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals["static_path"] = static_path
    environment.filters["file_name"] = file_name
    environment.filters["attribute_json"] = attribute_json
    return environment
