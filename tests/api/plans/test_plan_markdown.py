"""`pricewright plan markdown`: a file in, a plan out, and bad input explained."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.cli.commands import main
from api.plans.markdown.schema import MarkdownIn


def game(**changes: object) -> dict[str, Any]:
    """A classroom clearance game as an input file, with a second style beside it."""
    style = {
        "sku": "STYLE",
        "ladder": ["60.00", "54", "48", "36"],
        "demand": 110,
        "response": [1, 1.31, 1.73, 2.81],
        "stock": 2000,
        "first_week": 2,
        "cost": "25",
    }
    other = {**style, "sku": "OTHER", "stock": 2600, "salvage": "5.50"}
    whole = {"currency": "USD", "weeks": 15, "limits": {}}
    of_item = {key: value for key, value in changes.items() if key not in whole}
    of_whole = {key: value for key, value in changes.items() if key in whole}
    return {**whole, **of_whole, "items": [{**style, **of_item}, other]}


def run(tmp_path: Path, document: object, *options: str, output: str = "plan.json") -> Path:
    source = tmp_path / "in.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    target = tmp_path / output
    main(["plan", "markdown", "--input", str(source), "--output", str(target), "--draws", "20",
          *options])  # fmt: skip
    return target


def finished(tmp_path: Path, document: object, *options: str, output: str = "plan.json") -> Path:
    with pytest.raises(SystemExit) as left:
        run(tmp_path, document, *options, output=output)
    assert left.value.code == 0
    return tmp_path / output


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "in.json",
            json.dumps(game(demand=[5, 5]), indent=1),
            "in.json, line 14: items[0].demand: has 2 values, the plan 15 weeks; give one for each",
        ),
        (
            "in.csv",
            "sku,ladder,stock,demand,elasticity\nA,2;1,9,5,-2\nB,2;1,9,5;5,-2\n",
            "in.csv, line 3: items[1].demand: has 2 values, the plan 4 weeks; give one for each",
        ),
        (
            "in.csv",
            "sku,ladder,stock,demand,elastic\nA,2;1,9,5,-2\n",
            "in.csv, line 2: items[0].elastic: is not known, do you mean 'elasticity'",
        ),
        (
            "in.yaml",
            "currency: EUR\nweeks: 4\nitems:\n- {sku: A, ladder: [2], stock: 9,\n   demand: x}\n",
            "in.yaml, line 5: items[0].demand: must be a number or a list, not 'x'",
        ),
    ],
)
def test_a_refusal_names_file_line_field_and_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, says: str
) -> None:
    source = tmp_path / name
    source.write_text(text, encoding="utf-8")
    given = ["--weeks", "4", "--currency", "EUR"] if name.endswith(".csv") else []
    with pytest.raises(SystemExit) as left:
        main(["plan", "markdown", "--input", str(source), "--output", str(tmp_path / "o.json"),
              *given])  # fmt: skip
    assert left.value.code == 1
    assert says in capsys.readouterr().err


def test_a_game_becomes_a_plan_with_its_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = json.loads(finished(tmp_path, game(), "--budget", "20000").read_text("utf-8"))
    certificate = answer["certificate"]
    assert float(certificate["bound"]["amount"]) >= float(certificate["value"]["amount"])
    assert certificate["gap"] <= 1e-5
    assert answer["limits"]["budget"]["used"] <= 20_000_00
    weeks = answer["items"][0]["weeks"]
    prices = [float(week["price"]) for week in weeks]
    assert len(prices) == 15
    assert prices[0] == 60.0
    assert prices == sorted(prices, reverse=True)
    expected = answer["expected"]
    for name in ("do nothing", "current policy", "plan"):
        share = expected[name]["sell_through"]
        assert 0 <= share["low"] <= share["mean"] <= share["high"] <= 1
    lower = answer["if_demand_is_20_percent_lower"]
    assert lower["plan"]["sell_through"]["mean"] < expected["plan"]["sell_through"]["mean"]
    assert float(lower["value_of_a_plan_made_for_it"]["amount"]) < float(
        certificate["value"]["amount"]
    )
    assert "no plan is worth more than" in capsys.readouterr().out


def test_a_table_of_items_becomes_a_table_of_weeks(tmp_path: Path) -> None:
    source = tmp_path / "items.csv"
    source.write_text(
        "sku,market,ladder,demand,elasticity,stock,salvage\n"
        "A,online,12.99;9.99;7.99,10,-2.5,80,1.00\n"
        "B,online,20;15,4;4;5;6,-1.8,40,\n",
        encoding="utf-8",
    )
    target = tmp_path / "plan.csv"
    with pytest.raises(SystemExit) as left:
        main(["plan", "markdown", "--input", str(source), "--output", str(target),
              "--weeks", "4", "--currency", "EUR", "--draws", "20"])  # fmt: skip
    assert left.value.code == 0
    rows = list(csv.DictReader(target.read_text("utf-8").splitlines()))
    assert len(rows) == 8
    assert {row["price"] for row in rows if row["sku"] == "A"} <= {"12.99", "9.99", "7.99"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stock": 0}, "stock is zero"),
        ({"exit_week": 0}, "the exit lies in the past"),
        ({"ladder": []}, "response"),
        ({"ladder": [], "response": []}, "ladder is empty"),
        ({"ladder": ["48", "54", "60", "36"]}, "does not fall"),
        ({"salvage": "40"}, "salvage brings more than the lowest price"),
        ({"target": 1.0, "stock": 90_000}, "no allowed price path sells more than"),
        ({"elasticity": -2}, "either elasticity or response"),
        ({"colour": "red"}, "colour"),
        ({"demand": [1, 2]}, "items[0].demand: has 2 values"),
        ({"stock": "many"}, "items[0].stock"),
        ({"currency": "XXZ"}, "XXZ"),
        ({"ladder": ["60.001", "54", "48", "36"]}, "decimals"),
        ({"limits": {"budget": "100", "revenue_floor": "9000000"}}, "revenue_floor"),
    ],
)
def test_bad_input_is_explained_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        run(tmp_path, game(**changes))
    assert left.value.code == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "line 1: is not JSON"), ("[]", "must be a mapping"), ("{}", "currency: is missing")],
)
def test_a_file_that_is_no_input_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    source = tmp_path / "in.json"
    source.write_text(text, encoding="utf-8")
    for path, expected in ((source, message), (tmp_path / "missing.json", "No such file")):
        with pytest.raises(SystemExit) as left:
            main(["plan", "markdown", "--input", str(path), "--output", str(tmp_path / "o.json")])
        assert left.value.code == 1
        assert expected in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        main(["plan", "markdown", "--input", str(source), "--output", str(tmp_path / "o.xlsx")])
    assert left.value.code == 1


def test_a_document_with_everything_is_continued_from_its_history(tmp_path: Path) -> None:
    document = game(weeks=6, stores={"north": 1, "south": 3}, past_prices=["60"] * 5, max_changes=4)
    document["items"][1]["past_prices"] = ["60", "60", "48", "60", "60"]
    document |= {
        "prior_price": {"days": 30, "progressive": True},
        "cross": [{"sku": "STYLE", "rival": "OTHER", "elasticity": 0.4}],
        "pins": [{"sku": "STYLE", "week": 4, "price": "48"}],
        "history": [
            {"sku": sku, "week": week, "price": "60.00", "units": 30}
            for sku in ("STYLE", "OTHER")
            for week in (1, 2)
        ],
    }
    answer = json.loads(finished(tmp_path, document).read_text("utf-8"))
    assert answer["first_week"] == 3
    style, other = answer["items"]
    assert [week["week"] for week in style["weeks"]] == [3, 4, 5, 6]
    assert style["weeks"][1]["price"] == "48.00"
    # 48 was asked three weeks before the plan: announced, OTHER may fall from its week 4 on.
    assert other["weeks"][0]["price"] == "60.00"
    stores = style["stores"]
    assert stores["north"]["units"] + stores["south"]["units"] == 1940
    assert stores["south"]["units"] > 2 * stores["north"]["units"]
    assert answer["learned"]["items"][0]["demand_factor"] < 0.6
    value, bound = (float(answer["certificate"][name]["amount"]) for name in ("value", "bound"))
    assert value <= bound


def test_a_limit_that_had_to_give_is_named_with_its_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = game(weeks=6, limits={"budget": "100.00"}) | {
        "history": [
            {"sku": sku, "week": week, "price": "54.00", "units": 200}
            for sku in ("STYLE", "OTHER")
            for week in (1, 2)
        ],
    }
    with pytest.raises(SystemExit) as left:
        run(tmp_path, document)
    assert left.value.code == 1
    assert "no plan holds these joint limits together: budget" in capsys.readouterr().err
    answer = json.loads(finished(tmp_path, document | {"relax": True}).read_text("utf-8"))
    gave = answer["limits_that_gave"]["budget"]
    assert gave["asked"] == {"amount": "100.00", "currency": "USD"}
    assert float(gave["kept"]["amount"]) > 200 * 6 * 2
    said = " ".join(capsys.readouterr().out.split())
    assert (
        f"budget can no longer be held at 100.00 USD; the plan keeps to {gave['kept']['amount']}"
        in said
    )
    kept = json.loads(finished(tmp_path, game(weeks=6)).read_text("utf-8"))
    assert kept["limits_that_gave"] == {}


def test_a_season_under_way_is_planned_anew_and_looks_ahead_only_when_asked(
    tmp_path: Path,
) -> None:
    document = game(weeks=8) | {
        "history": [
            {"sku": sku, "week": week, "price": "60.00", "units": units}
            for sku, units in (("STYLE", 200), ("OTHER", 200))
            for week in (1, 2)
        ],
    }

    def method(**asked: object) -> str:
        answer = json.loads(finished(tmp_path, document | asked).read_text("utf-8"))
        return str(answer["certificate"]["method"])

    assert method(look_ahead=64) == "look_ahead"
    assert method() == method(look_ahead=0) != "look_ahead"
    described = msgspec.json.schema(MarkdownIn)["$defs"]["MarkdownIn"]
    assert described["properties"]["look_ahead"]["default"] == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"prior_price": {"days": 30}}, "items[0].past_prices: is missing"),
        ({"pins": [{"sku": "STYLE", "week": 2, "price": "50"}]}, "pins[0].price: 50 is not on"),
        ({"pins": [{"sku": "X", "week": 2, "price": "54"}]}, "pins[0]: no item is 'X'"),
        ({"limits": {"deviations": 3}}, "limits.deviations: counts from the plan"),
        (
            {"history": [{"sku": "STYLE", "week": 1, "price": "60", "units": 3}]},
            "history: week 1 of 'OTHER' in 'all' is missing",
        ),
        ({"cross": [{"sku": "STYLE", "rival": "STYLE", "elasticity": 1}]}, "no rival of itself"),
        ({"time_zone": "Mars"}, "time_zone"),
    ],
)
def test_what_goes_with_a_clearance_is_checked_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        run(tmp_path, game() | more)
    assert left.value.code == 1
    assert message in capsys.readouterr().err
