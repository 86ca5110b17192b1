"""What makes no sense is refused, naming the field."""

from __future__ import annotations

import msgspec
import pytest

from pricing.promotions.cart import Cart, check_cart
from pricing.promotions.codes import fold_code
from pricing.promotions.errors import InvalidCart, InvalidPromotion, PromotionError
from pricing.promotions.file_format import parse_cart, parse_promotions, parse_text
from pricing.promotions.problem import Problem
from tests.pricing.promotions.carts import NOON, cart, line, promotions

PERCENT = {"type": "percent_off", "id": "x", "percent": 10}
SPEND = {"type": "spend_and_save", "id": "x", "spend": 10, "amount": 1}
BUNDLE = {"type": "bundle", "id": "x", "price": 5, "parts": [{"products": {"skus": ["a"]}}]}

PROMOTIONS = [
    # (what, field, part of the message)
    ([{**PERCENT, "percent": 101}], "promotions[0].percent", "at most 100"),
    ([{**PERCENT, "percent": 0}], "promotions[0].percent", "above 0"),
    ([{**PERCENT, "percent": -5}], "promotions[0].percent", "above 0"),
    ([{**PERCENT, "percent": "1.23456"}], "promotions[0].percent", "four decimals"),
    ([{**PERCENT, "percent": "ten"}], "promotions[0].percent", "decimal"),
    ([{**PERCENT, "percent": "NaN"}], "promotions[0].percent", "is no decimal string"),
    ([{"type": "percent_off", "id": "x"}], "promotions[0].percent", "missing"),
    ([{**PERCENT, "discount": 3}], "promotions[0].discount", "is not known"),
    ([{**PERCENT, "type": "percent"}], "promotions[0].type", "percent"),
    ([{**PERCENT, "id": ""}], "promotions[0].id", "empty"),
    ([PERCENT, PERCENT], "promotions[1].id", "twice"),
    ([{"type": "amount_off", "id": "x", "amount": 0}], "promotions[0].amount", "more than zero"),
    ([{"type": "amount_off", "id": "x", "amount": "1.005"}], "promotions[0].amount", "decimals"),
    ([{"type": "amount_off", "id": "x", "amount": -1}], "promotions[0].amount", "zero or more"),
    ([{"type": "special_price", "id": "x"}], "promotions[0].price", "by SKU"),
    ([{"type": "add_on", "id": "x", "price": 1}], "promotions[0].needs", "quantity or a spend"),
    (
        [{"type": "presale", "id": "x", "deposit": 5, "worth": 5}],
        "promotions[0].worth",
        "more than the deposit",
    ),
    ([{"type": "group_buy", "id": "x", "tiers": []}], "promotions[0].tiers", "one step"),
    (
        [{"type": "group_buy", "id": "x", "tiers": [{"size": 1, "price": 1}]}],
        "promotions[0].tiers[0].size",
        "2 or more",
    ),
    (
        [{"type": "quantity_tiers", "id": "x", "tiers": [{"quantity": 2}]}],
        "promotions[0].tiers[0].percent",
        "one of",
    ),
    (
        [
            {
                "type": "quantity_tiers",
                "id": "x",
                "tiers": [{"quantity": 2, "percent": 5}, {"quantity": 2, "percent": 9}],
            }
        ],
        "promotions[0].tiers[1].quantity",
        "more than in the step before",
    ),
    (
        [{"type": "n_for_price", "id": "x", "quantity": 0, "price": 1}],
        "promotions[0].quantity",
        "1 or more",
    ),
    (
        [{"type": "buy_get", "id": "x", "buy": 1, "get": 1, "percent": 10, "price": 1}],
        "promotions[0].price",
        "one of",
    ),
    ([{"type": "buy_get", "id": "x", "buy": 0, "get": 1, "percent": 10}], "promotions[0].buy", "1"),
    ([{**BUNDLE, "parts": []}], "promotions[0].parts", "1 to 8"),
    (
        [{**BUNDLE, "parts": [{"products": {"skus": ["a"]}, "quantity": 9}] * 6}],
        "promotions[0].parts",
        "too many",
    ),
    ([{**BUNDLE, "products": {"skus": ["a"]}}], "promotions[0].products", "in its parts"),
    ([{**BUNDLE, "percent": 5}], "promotions[0].percent", "one of"),
    ([{**SPEND, "percent": 5}], "promotions[0].percent", "one of"),
    ([{**SPEND, "tiers": [{"spend": 1, "amount": 1}]}], "promotions[0].tiers", "not both"),
    ([{**SPEND, "at_most": 2}], "promotions[0].at_most", "every"),
    (
        [{"type": "spend_and_save", "id": "x", "percent": 5, "every": True}],
        "promotions[0].every",
        "one `spend`",
    ),
    ([{"type": "gift", "id": "x", "gifts": []}], "promotions[0].gifts", "one gift"),
    ([{**PERCENT, "when": {"until": "soon"}}], "promotions[0].when.until", "not a time"),
    (
        [{**PERCENT, "when": {"from": "2026-02-01", "until": "2026-01-01"}}],
        "promotions[0].when.until",
        "not after",
    ),
    ([{**PERCENT, "when": {"time_zone": "Mars/Base"}}], "promotions[0].when.time_zone", "IANA"),
    ([{**PERCENT, "when": {"repeat": "FREQ=DAILY"}}], "promotions[0].when.from", "first start"),
    (
        [{**PERCENT, "when": {"from": "2026-01-01", "repeat": "FREQ=SOMETIMES", "lasts": "PT1H"}}],
        "promotions[0].when.repeat",
        "RFC 5545",
    ),
    (
        [{**PERCENT, "when": {"from": "2026-01-01", "repeat": "FREQ=SECONDLY", "lasts": "PT1H"}}],
        "promotions[0].when.repeat",
        "hourly",
    ),
    (
        [{**PERCENT, "when": {"from": "2026-01-01", "repeat": "FREQ=DAILY", "lasts": "2h"}}],
        "promotions[0].when.lasts",
        "duration",
    ),
    ([{**PERCENT, "when": {"lasts": "PT1H"}}], "promotions[0].when.lasts", "without repeat"),
    ([{**PERCENT, "limits": {"uses": 0}}], "promotions[0].limits.uses", "1 or more"),
    ([{**PERCENT, "funding": {"ours": 60}}], "promotions[0].funding", "add up to 100"),
    ([{**PERCENT, "not_with": ["nobody"]}], "promotions[0].not_with[0]", "no promotion"),
    (
        [PERCENT, {**SPEND, "id": "y", "not_with": ["x"], "combines_with": ["x"]}],
        "promotions[1].not_with",
        "combines with 'x' and does not",
    ),
    (
        [{**PERCENT, "combines_with": ["y"]}, {**SPEND, "id": "y", "not_with": ["x"]}],
        "promotions[0].combines_with",
        "'y' is never on a cart with it",
    ),
    (
        [{**SPEND, "id": "x", "requires": ["y"]}, {**SPEND, "id": "y", "requires": ["x"]}],
        "promotions[0].requires",
        "circle: x -> y -> x",
    ),
    (
        [{**PERCENT, "requires": ["y"]}, {**SPEND, "id": "y"}],
        "promotions[0].requires",
        "order lane",
    ),
    ([{**PERCENT, "code": " - "}], "promotions[0].code", "characters"),
    (
        [{**PERCENT, "code": "SAVE10"}, {**SPEND, "id": "y", "code": "save-1o"}],
        "promotions[1].code",
        "look-alike",
    ),
]


@pytest.mark.parametrize(("entries", "field", "message"), PROMOTIONS)
def test_a_promotion_that_makes_no_sense_is_refused_at_its_field(
    entries: list[dict[str, object]], field: str, message: str
) -> None:
    with pytest.raises(InvalidPromotion) as refused:
        parse_promotions({"currency": "EUR", "promotions": entries})
    assert refused.value.field.startswith(field)
    assert message in str(refused.value)


CARTS = [
    ({"lines": []}, "lines", "empty"),
    ({"lines": [line("a", 1, 0)]}, "lines[0].quantity", "1 or more"),
    ({"lines": [line("a", 1, -3)]}, "lines[0].quantity", "1 or more"),
    ({"lines": [line("a", 1, "two")]}, "lines[0].quantity", "a whole number"),  # type: ignore[arg-type]
    ({"lines": [line("a", -1)]}, "lines[0].price", "zero or more"),
    ({"lines": [line("a", "1.234")]}, "lines[0].price", "decimals"),
    ({"lines": [line("a", 1), line("a", 1)]}, "lines[1].id", "earlier line"),
    ({"lines": [line("a", 10, regular_price=9)]}, "lines[0].regular_price", "below the price"),
    ({"lines": [line("a", 1, floor=-1)]}, "lines[0].floor", "zero or more"),
    ({"lines": [line("a", 1, tax_rate=-1)]}, "lines[0].tax_rate", "from 0"),
    ({"lines": [{"sku": "ghost"}]}, "lines[0].sku", "'ghost' is unknown"),
    ({"lines": [{"quantity": 1}]}, "lines[0].sku", "missing"),
    ({"lines": [{**line("a", 1), "currency": "USD"}]}, "lines[0].currency", "is not known"),
    ({"lines": [line(f"s{i}", 1) for i in range(10_000)]}, "lines", "at most 500"),
    ({"lines": [line("a", 1, 20_000)]}, "lines", "at most 10000"),
    ({"currency": "EURO"}, "", "ISO 4217"),
    ({"shipping": -1}, "shipping", "zero or more"),
    ({"at": "noon"}, "at", "not a time"),
    ({"at": ""}, "at", "give the moment"),
    ({"customer": {"birthday": "May 5"}}, "customer.birthday", "not a date"),
    ({"customer": {"lifecycle": "retired"}}, "customer.lifecycle", "retired"),
]


@pytest.mark.parametrize(("more", "field", "message"), CARTS)
def test_a_cart_that_cannot_be_priced_is_refused_at_its_field(
    more: dict[str, object], field: str, message: str
) -> None:
    data = {"currency": "EUR", "at": NOON.isoformat(), "lines": [line("a", 1)], **more}
    with pytest.raises(InvalidCart) as refused:
        check_cart(parse_cart(data)[0])
    assert field in refused.value.field
    assert message in str(refused.value)


def test_a_cart_in_another_currency_than_the_promotions_is_refused() -> None:
    with pytest.raises(InvalidCart, match="USD, but the promotions are in EUR"):
        Problem(cart(line("a", 1), currency="USD"), promotions(PERCENT), {})


def test_a_moment_without_offset_is_refused() -> None:
    shopping: Cart = msgspec.structs.replace(cart(line("a", 1)), at=NOON.replace(tzinfo=None))
    with pytest.raises(InvalidCart, match="at: needs a UTC offset"):
        check_cart(shopping)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("save10", "SAVE10"),
        ("SAVE-1O", "SAVE10"),
        (" sa ve l0 ", "SAVE10"),
        ("\u0405\u0410V\u041510", "SAVE10"),  # Cyrillic letters
        ("\uff33\uff21\uff36\uff25\uff11\uff10", "SAVE10"),  # full width
        ("save\u201310", "SAVE10"),  # en dash
    ],
)
def test_look_alike_characters_case_and_dashes_do_not_count_in_codes(typed: str, code: str) -> None:
    assert fold_code(typed) == fold_code(code)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("{", "p.json", "is not JSON"),
        ("a: [", "p.yaml", "is not YAML"),
        ("[" * 100_000, "p.json", "is nested deeper than 100 levels"),
        ("!!python/object/apply:os.system [ls]", "p.yaml", "is not YAML"),
    ],
)
def test_a_document_that_does_not_parse_is_named(text: str, name: str, message: str) -> None:
    with pytest.raises(PromotionError, match=message) as refused:
        parse_text(text, name)
    assert refused.value.source == name


@pytest.mark.parametrize("data", [None, [], "text", {"promotions": 3, "currency": "EUR"}])
def test_a_document_of_another_shape_is_refused(data: object) -> None:
    with pytest.raises(InvalidPromotion):
        parse_promotions(data)
