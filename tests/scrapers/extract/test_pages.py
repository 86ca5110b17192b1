"""Saved page in, expected offer out: one folder a case under `tests/scrapers/pages`.

`page.html` is a page written for the purpose; `expected.json` names its address, the currency that
the site is known to sell in (if any), and the fields to be found. A null `price` is a refusal.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.extract import Offer, PageHints, Reason, Refusal, extract_offer

PAGES = Path(__file__).parents[1] / "pages"
CASES = sorted(folder.name for folder in PAGES.iterdir() if folder.is_dir())
URL = "https://shop.example/product/1"


@pytest.mark.parametrize("case", CASES)
def test_the_page_gives_the_expected_offer(case: str) -> None:
    expected = json.loads((PAGES / case / "expected.json").read_text("utf-8"))
    body = (PAGES / case / "page.html").read_bytes()
    url = expected.pop("url", URL)
    hints = PageHints(
        expected.pop("site_currency", None),
        expected.pop("content_type", ""),
        expected.pop("selectors", {}),
    )
    read = extract_offer(body, url, hints)
    found: dict[str, object] = {"price": None}
    if isinstance(read, Offer):
        found = {
            "price": str(read.price),
            "list_price": None if read.list_price is None else str(read.list_price),
            "currency": read.currency,
            "source": read.source.value,
            "neighbouring": read.neighbouring,
            **terms_of(read),
        }
    else:
        found["reason"] = read.reason.value
    for name in ("title", "brand", "gtin", "mpn", "sku", "image", "availability", "condition",
                 "variant", "seller"):  # fmt: skip
        found[name] = getattr(read.facts, name)
    assert {name: found.get(name) for name in expected} == expected


def terms_of(offer: Offer) -> dict[str, object]:
    terms = offer.terms
    measure = terms.unit_price
    return {
        "shipping": None if terms.shipping is None else str(terms.shipping),
        "valid_until": None if terms.valid_until is None else terms.valid_until.isoformat(),
        "promotion": terms.promotion,
        "unit_price": None
        if measure is None
        else f"{measure.amount}/{measure.quantity} {measure.unit}",
    }


def test_agreeing_sources_are_more_certain_than_one_and_contradicting_ones_less() -> None:
    def page(data: str, shown: str) -> bytes:
        return (
            '<html><head><script type="application/ld+json">{"@type": "Product", "name": "Kettle",'
            f'"offers": {{"price": "{data}", "priceCurrency": "EUR"}}}}</script></head><body>'
            f'<h1>Kettle</h1><span class="price">€{shown}</span></body></html>'
        ).encode()

    agreed = extract_offer(page("20.00", "20.00"), URL)
    alone = extract_offer(page("20.00", ""), URL)
    contradicted = extract_offer(page("20.00", "35.00"), URL)
    assert isinstance(agreed, Offer)
    assert isinstance(alone, Offer)
    assert isinstance(contradicted, Offer)
    assert 1.0 > agreed.confidence > alone.confidence > contradicted.confidence > 0.0
    assert [evidence.source for evidence in agreed.evidence] == ["json-ld", "markup"]


@given(st.binary(max_size=2000))
def test_bytes_of_any_kind_end_in_an_offer_or_a_refusal(body: bytes) -> None:
    read = extract_offer(b"<html><body>" + body, URL, PageHints("EUR", "text/html"))
    assert isinstance(read, Offer | Refusal)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["@type", "@id", "@graph", "offers", "price", "name", "hasVariant", "url"]),
        inner | st.sampled_from(["Product", "AggregateOffer", "12.50"]),
        max_size=4,
    ),
    max_leaves=20,
))  # fmt: skip
def test_json_ld_of_any_shape_ends_in_an_offer_or_a_refusal(data: object) -> None:
    script = json.dumps(data).replace("<", "\\u003c")
    body = f'<html><script type="application/ld+json">{script}</script></html>'
    read = extract_offer(body.encode(), URL)
    if isinstance(read, Offer):
        assert read.price > Decimal(0)


def test_bytes_that_are_no_page_are_refused_as_such() -> None:
    read = extract_offer(b"\x89PNG\r\n\x1a\n" + bytes(1000), URL)
    assert isinstance(read, Refusal)
    assert read.reason is Reason.NOT_HTML
