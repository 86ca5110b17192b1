"""The two languages: nothing is left untranslated, and a visitor gets the right one."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from babel.messages import Catalog
from fastapi import Request

from api.console.language import COOKIE, language_of, languages
from tests.api.console.messages import LOCALES, domains, kept, messages_of, path_of

CATALOGUES = [(locale, domain) for locale in LOCALES for domain in domains()]
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def said(catalogue: Catalog) -> dict[str, tuple[str, ...]]:
    """What stands for each message, all plurals of it."""
    return {
        message.id if isinstance(message.id, str) else message.id[0]: (
            tuple(message.string)
            if isinstance(message.string, tuple | list)
            else (message.string or "",)
        )
        for message in catalogue
        if message.id
    }


@pytest.mark.parametrize(("locale", "domain"), CATALOGUES)
def test_catalogues_hold_what_the_sources_say(locale: str, domain: str) -> None:
    assert set(said(kept(locale, domain))) == set(said(messages_of(domain))), "run `make messages`"


@pytest.mark.parametrize(("locale", "domain"), CATALOGUES)
def test_every_message_is_translated_with_its_places(locale: str, domain: str) -> None:
    for message, translations in said(kept(locale, domain)).items():
        for translation in translations:
            assert translation.strip(), f"{path_of(locale, domain)}: {message!r} has no translation"
            assert set(PLACES.findall(translation)) == set(PLACES.findall(message)), message


@pytest.mark.parametrize("locale", LOCALES)
def test_two_catalogues_translate_a_message_alike(locale: str) -> None:
    for one, other in combinations(domains(), 2):
        here, there = said(kept(locale, one)), said(kept(locale, other))
        for message in here.keys() & there.keys():
            assert here[message] == there[message], f"{message!r} in {one} and {other}"


def test_what_is_no_page_has_no_catalogue() -> None:
    for locale in LOCALES:
        expected = {path_of(locale, domain) for domain in domains()}
        assert set(path_of(locale, "frame").parent.iterdir()) == expected


@pytest.mark.parametrize(
    ("cookie", "preferred", "accepted", "tag"),
    [
        ("", None, "", "en"),
        ("", None, "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("", None, "zh-TW", "zh-Hans"),
        ("", None, "fr, de;q=0.9", "en"),
        ("", None, "fr, zh;q=0.4, en;q=0.5", "en"),
        ("", None, "zh;q=0, en", "en"),
        ("", None, "zh;q=what", "en"),
        ("", "zh-Hans", "en", "zh-Hans"),
        ("en", "zh-Hans", "zh", "en"),
        ("zh-Hans", None, "en", "zh-Hans"),
        ("tlh", None, "zh", "zh-Hans"),
    ],
)
def test_the_language_is_the_visitors(
    cookie: str, preferred: str | None, accepted: str, tag: str
) -> None:
    headers = [(b"accept-language", accepted.encode()), (b"cookie", f"{COOKIE}={cookie}".encode())]
    request = Request({"type": "http", "headers": headers})
    assert language_of(request, preferred) is languages()[tag]
