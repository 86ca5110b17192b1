"""A cart has one answer: `promo evaluate` prints what the service answers to the same cart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from api.cli.commands import main
from api.cli.promo_answers import answer_of, tables
from api.quotes.documents import CartDocument
from pricing.promotions.dry_run import dry_run
from tests.api.promotions_at_hand import cart

Json = dict[str, Any]
AT = "2026-11-11T20:30:00+00:00"
PROMOTIONS: list[Json] = [
    {"id": "ten", "type": "percent_off", "percent": "10", "products": {"skus": ["TEA-1"]}},
    {"id": "coded", "type": "percent_off", "percent": "40", "code": "SPRING"},
    {"id": "much", "type": "spend_and_save", "spend": "500", "amount": "50"},
    {"id": "over", "type": "percent_off", "percent": "5", "when": {"until": "2026-01-01T00:00"}},
]


@pytest.mark.parametrize("codes", [[], ["spring"], ["spring", "NONE"]])
@pytest.mark.parametrize("mode", ["best", "priority"])
def test_the_command_line_prints_what_the_service_answers(
    client: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    codes: list[str], mode: str,
) -> None:  # fmt: skip
    sent = {**cart("TEA-1"), "codes": codes, "shipping": "4.90"}
    terms = [{"promotion": one, "currency": "EUR"} for one in PROMOTIONS]
    asked = {"cart": sent, "terms": terms, "at": AT, "mode": mode}
    answer = client.post("/v1/promotions:try", json=asked)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    assert told["applied"]

    # The same cart as a file, with what the service knew: prices and the market.
    lines = [{**line, "price": priced["price"]["amount"]}
             for line, priced in zip(sent["lines"], told["lines"], strict=True)]  # fmt: skip
    whole = {**sent, "lines": lines, "currency": "EUR", "market": "online", "at": AT}
    (tmp_path / "c.json").write_text(json.dumps(whole), "utf-8")
    file = {"currency": "EUR", "promotions": PROMOTIONS}
    (tmp_path / "p.json").write_text(json.dumps(file), "utf-8")
    with pytest.raises(SystemExit) as left:
        main(["promo", "evaluate", str(tmp_path / "c.json"), "--promotions",
              str(tmp_path / "p.json"), "--mode", mode, "--json"])  # fmt: skip
    assert left.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.pop("price_book") is None
    assert told.pop("price_book") >= 1
    assert printed == told


def evaluated(**more: Any) -> CartDocument:  # noqa: ANN401
    line = {"id": "a", "sku": "a", "price": "620", "quantity": 1, "tax_rate": 13}
    whole = {"currency": "CNY", "at": "2026-11-11T20:30:00+08:00", "lines": [line], **more}
    half = {"id": "eleven", "type": "spend_and_save", "spend": 300, "amount": 30, "every": True}
    return answer_of(dry_run(whole, {"currency": "CNY", "promotions": [half]}))


def test_amounts_are_of_the_currency() -> None:
    answer = msgspec.to_builtins(evaluated())
    assert answer["total"] == {"amount": "560.00", "currency": "CNY"}
    assert answer["applied"][0]["lines"]["a"]["amount"] == "60.00"
    (miss,) = answer["near_misses"]
    assert (miss["spend"]["amount"], miss["saves"]["amount"]) == ("280.00", "30.00")


def test_the_tables_have_a_row_for_each_line_sum_and_reason() -> None:
    found = {title: rows for title, _, rows in tables(evaluated(shipping=8))}
    assert found["Cart"] == (("a", "1", "620.00", "560.00", "eleven -60.00"),)
    assert ("total CNY (cheapest, proven)", "568.00") in found["Sum"]
    assert ("tax contained", "64.42") in found["Sum"]
    assert found["Almost"] == (("eleven", "add 280.00 CNY more to save 30.00"),)
    assert ("tax", "72.80") in dict(tables_of(prices_include_tax=False))["Sum"]


def tables_of(**more: Any) -> list[tuple[str, Any]]:  # noqa: ANN401
    return [(title, rows) for title, _, rows in tables(evaluated(**more))]
