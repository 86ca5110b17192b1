"""sites.yaml: what is read, and what is refused in which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scrapers.errors import InvalidSites, UnknownSite
from scrapers.sites import Site, dump_sites, find_site, load_sites, site_fields, site_from

SITE = Site("rival", "https://shop.example.com/sitemap.xml", "online", "EUR")
LOCAL = Site(
    "local", "http://127.0.0.1:8123/", "store-01", "KWD",
    product_pattern=r"/product/\d+", allow_private=True, delay=0.0, concurrency=2, max_pages=50,
    render=True, wait_for=".price", schedule="daily at 03:00",
)  # fmt: skip


def test_sites_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "sites.yaml"
    path.write_text(dump_sites([SITE, LOCAL]), "utf-8")
    assert load_sites(path) == {"rival": SITE, "local": LOCAL}


def test_a_site_goes_through_plain_data_unchanged() -> None:
    assert site_from(site_fields(LOCAL), "request") == LOCAL


def test_a_pattern_says_which_pages_are_products() -> None:
    assert LOCAL.is_product("http://127.0.0.1:8123/product/7")
    assert not LOCAL.is_product("http://127.0.0.1:8123/category/7")
    assert SITE.is_product("https://shop.example.com/anything")


def test_only_a_private_site_has_a_private_origin() -> None:
    assert LOCAL.private_origin == "127.0.0.1:8123"
    assert SITE.private_origin == ""


GOOD = {
    "name": "a",
    "start_url": "https://shop.example.com/",
    "market": "online",
    "currency": "EUR",
}

# what is changed in a good entry, what the message must name
WRONG: list[tuple[dict[str, object], str]] = [
    ({"name": "Big Shop"}, "name 'Big Shop'"),
    ({"name": 7}, "name 7: must be text"),
    ({"name": ""}, "name ''"),
    ({"start_url": "shop.example.com"}, "start_url"),
    ({"start_url": "ftp://shop.example.com/"}, "start_url"),
    ({"start_url": "http://127.0.0.1:8000/"}, "allow_private: true"),
    ({"market": " "}, "market"),
    ({"currency": "EURO"}, "ISO 4217"),
    ({"kind": "magic"}, "storefront"),
    ({"product_pattern": "("}, "regular expression"),
    ({"product_pattern": 5}, "regular expression"),
    ({"allow_private": "yes"}, "true or false"),
    ({"delay": -1}, "delay"),
    ({"delay": "slow"}, "number of seconds"),
    ({"delay": float("nan")}, "delay"),
    ({"concurrency": 0}, "concurrency"),
    ({"concurrency": True}, "whole number"),
    ({"max_pages": 2.5}, "whole number"),
    ({"colour": "red"}, "unknown field 'colour'"),
    ({"render": "yes"}, "true or false"),
    ({"render": True, "kind": "shopify"}, "storefront and watch"),
    ({"render_seconds": 0}, "render_seconds"),
    ({"wait_for": "p["}, "CSS"),
    ({"schedule": "now and then"}, "daily at 03:00"),
    ({"every": "6 hours"}, "schedule"),
    ({"every": "6h", "schedule": "daily at 03:00"}, "exclude"),
]


@pytest.mark.parametrize(("change", "named"), WRONG)
def test_a_wrong_field_is_refused_by_entry_and_name(change: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidSites) as refused:
        site_from(GOOD | change, "sites.yaml, entry 3")
    assert "sites.yaml, entry 3" in str(refused.value)
    assert named in str(refused.value)


def test_a_refusal_says_which_field_it_is_about() -> None:
    for change, field in (({"delay": -1}, "delay"), ({"delay": "x"}, "delay"), ({"a": 1}, "a")):
        with pytest.raises(InvalidSites) as refused:
            site_from(GOOD | change, "body")
        assert refused.value.field == field


def test_every_is_short_for_a_schedule() -> None:
    assert site_from(GOOD | {"every": "6h"}, "entry 1").schedule == "every 6h"
    assert site_from(GOOD | {"every": None}, "entry 1").schedule is None


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_missing_field_is_named(field: str) -> None:
    entry = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(InvalidSites, match=f"field '{field}' is missing"):
        site_from(entry, "entry 1")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "sites:"),
        ("- a", "sites:"),
        ("sites: {}", "sites:"),
        ("sites: [", "is not YAML"),
        ("sites:\n  - just text", "mapping"),
        ("sites:\n  - !!python/object/apply:os.getpid []", "is not YAML"),
    ],
)
def test_a_file_that_is_no_list_of_sites_is_refused(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "sites.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidSites, match=named):
        load_sites(path)


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sites.yaml"
    path.write_text(dump_sites([SITE, replace(SITE, currency="GBP")]), "utf-8")
    with pytest.raises(InvalidSites, match="a second site is called 'rival'"):
        load_sites(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSites, match=r"none\.yaml is not there; `pricewright sites add URL`"):
        load_sites(tmp_path / "none.yaml")
    with pytest.raises(InvalidSites, match="can not be read"):
        load_sites(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"sites: \xe9")
    with pytest.raises(InvalidSites, match="can not be read"):
        load_sites(tmp_path / "latin.yaml")


def test_an_unknown_site_is_answered_with_the_known_ones() -> None:
    assert find_site({"rival": SITE}, "rival") is SITE
    with pytest.raises(UnknownSite, match="known are: rival"):
        find_site({"rival": SITE}, "other")
