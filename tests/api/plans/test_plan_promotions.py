"""`pricewright plan promotions`: a quarter in, a calendar and drafts of promotions out."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from api.cli.commands import main
from api.plans.calendar.input import read_question
from api.plans.calendar.kind import KIND
from pricing.calendar.demand import follow_calendar
from pricing.promotions.file_format import parse_promotions
from simulations.errors import InvalidScenario
from simulations.scenarios.calendar_outlook import CalendarDoubt, calendar_outlook

Change = Callable[[dict[str, Any]], object]


def quarter() -> dict[str, Any]:
    """Three products, three ways to promote them, and one of every rule."""
    return {
        "currency": "EUR",
        "starts_on": "2026-10-05",
        "weeks": 8,
        "time_zone": "Europe/Berlin",
        "market": "online",
        "channels": {"app": 0.4},
        "mechanics": [
            {"name": "20 % flyer", "promotion": {"type": "percent_off", "percent": "20"},
             "features": ["flyer"], "cost": "50", "funding": 0.5, "lift": 1.9},
            {"name": "App 30", "promotion": {"type": "percent_off", "percent": "30"},
             "channel": "app", "features": ["homepage"]},
            {"name": "2 for 1",
             "promotion": {"type": "buy_get", "buy": 1, "get": 1, "percent": "100"},
             "discount": 0.35, "lift": 2.2, "announced": False},
        ],
        "products": [
            {"sku": "TEA", "category": "tea", "price": "4.99", "cost": "2.10", "tax_rate": 0.07,
             "base": [100, 110, 100, 90, 100, 120, 100, 100], "elasticity": -2.4,
             "pull": [0.2, 0.1], "stock": 2500},
            {"sku": "COFFEE", "category": "coffee", "price": "8.99", "cost": "4.50",
             "tax_rate": 0.07, "base": 80, "elasticity": -2.8, "pull": [0.3],
             "weeks_since_promotion": 1},
            {"sku": "CUPS", "category": "home", "price": "12.00", "cost": "5.00", "base": 20,
             "elasticity": -1.9, "min_margin": 0.2},
        ],
        "cross": [{"promoted": "TEA", "affected": "COFFEE", "share": -0.03}],
        "events": [{"weeks": [6], "name": "rival sale", "factor": 0.8, "categories": ["tea"],
                    "forbids": ["2 for 1"]}],
        "limits": {"slots": {"flyer": 1, "homepage": 1}, "budget": "900", "category_share": 1.0},
        "prior_price": {"days": 30},
        "last_year": [{"sku": "TEA", "week": 2, "mechanic": "20 % flyer"}],
        "pins": [{"sku": "CUPS", "week": 1}],
        "search": {"draws": 30},
    }  # fmt: skip


def run(tmp_path: Path, document: object, *options: str, output: str = "plan.json") -> Path:
    source = tmp_path / "in.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    target = tmp_path / output
    main(["plan", "promotions", "--input", str(source), "--output", str(target), *options])
    return target


def finished(tmp_path: Path, document: object, *options: str, output: str = "plan.json") -> Path:
    with pytest.raises(SystemExit) as left:
        run(tmp_path, document, *options, output=output)
    assert left.value.code == 0
    return tmp_path / output


def test_a_quarter_becomes_a_calendar_with_its_certificate_and_drafts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = json.loads(finished(tmp_path, quarter()).read_text("utf-8"))
    certificate = answer["certificate"]
    assert float(certificate["bound"]["amount"]) >= float(certificate["value"]["amount"])
    assert certificate["gap"] <= 0.01
    value = float(certificate["value"]["amount"])
    assert value > float(certificate["value_without_promotions"]["amount"])
    assert float(answer["limits"]["budget"]["used"]["amount"]) <= 900
    weeks = {(row["sku"], row["week"]) for row in answer["calendar"]}
    assert ("CUPS", 1) not in weeks
    # The law: COFFEE was reduced two weeks before, and announced mechanics wait for the window.
    announced = [row["week"] for row in answer["calendar"] if row["mechanic"] != "2 for 1"]
    assert announced
    coffee = [r for r in answer["calendar"] if r["sku"] == "COFFEE" and r["mechanic"] != "2 for 1"]
    assert all(row["week"] > 4 for row in coffee)
    # The format of promotion files reads the drafts.
    parsed, file = parse_promotions(answer["promotion_drafts"])
    assert file.time_zone == "Europe/Berlin"
    assert len(answer["promotion_drafts"]["promotions"]) == len(file.promotions) > 0
    del parsed
    for draft in answer["promotion_drafts"]["promotions"]:
        assert draft["for"]["markets"] == ["online"]
        if draft["name"].startswith("20 % flyer"):
            assert draft["funding"] == {"brand": "50", "shop": "50"}
        if draft["name"].startswith("App 30"):
            assert draft["for"]["channels"] == ["app"]
    for view in (answer["expected"], answer["if_demand_is_20_percent_lower"]):
        for name in ("do nothing", "greedy", "last year", "plan"):
            profit = view[name]["profit"]
            assert float(profit["low"]["amount"]) <= float(profit["mean"]["amount"])
        assert "plan less last year" in view
    assert float(answer["if_demand_is_20_percent_lower"]["plan"]["profit"]["mean"]["amount"]) < (
        float(answer["expected"]["plan"]["profit"]["mean"]["amount"])
    )
    said = capsys.readouterr().out
    assert "no plan is worth more than" in said
    assert "against last year" in said


def test_a_table_of_products_with_the_terms_beside_it_becomes_a_table(tmp_path: Path) -> None:
    table = tmp_path / "products.csv"
    table.write_text(
        "sku,category,price,cost,base,lift,pull,mechanics\n"
        "TEA,tea,4.99,2.10,100,flyer=1.9;tv=1.4,0.2;0.1,\n"
        "CUPS,home,12.00,5.00,20;20;30;20,flyer=2.5;tv=1.1,,flyer\n",
        encoding="utf-8",
    )
    terms = tmp_path / "terms.json"
    mechanics = [
        {"name": "flyer", "promotion": {"type": "percent_off", "percent": 20}},
        {"name": "tv", "promotion": {"type": "amount_off", "amount": "0.50"}},
    ]
    rest = {"currency": "EUR", "starts_on": "2026-10-05", "weeks": 4, "mechanics": mechanics}
    terms.write_text(json.dumps(rest), encoding="utf-8")
    target = tmp_path / "plan.csv"
    with pytest.raises(SystemExit) as left:
        main(["plan", "promotions", "--input", str(table), "--terms", str(terms), "--output",
              str(target), "--draws", "10", "--budget", "500"])  # fmt: skip
    assert left.value.code == 0
    rows = list(csv.DictReader(target.read_text("utf-8").splitlines()))
    assert {row["mechanic"] for row in rows if row["sku"] == "CUPS"} == {"flyer"}
    assert sum(float(row["given_away"]) for row in rows) <= 500


def _set(document: dict[str, Any], place: str, value: object) -> None:
    at: Any = document
    *path, last = place.split(".")
    for part in path:
        at = at[int(part)] if isinstance(at, list) else at[part]
    if isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("weeks", 0, "weeks: must be a whole number >= 1, not 0"),
        ("currency", "XXZ", "currency: "),
        ("starts_on", "soon", "starts_on: "),
        ("time_zone", "Mars/Base", "time_zone: "),
        ("mechanics", [], "mechanics: "),
        (
            "mechanics.0.promotion",
            {"type": "percent_off"},
            "mechanics[0].promotion.percent: is missing",
        ),
        ("mechanics.0.promotion.id", "x", "mechanics[0].promotion.id: is set"),
        ("mechanics.0.channel", "radio", "mechanics[0].channel: 'radio' is not in channels"),
        ("mechanics.0.weeks", [9], "mechanics[0].weeks: week 9 is not from 1 to 8"),
        ("mechanics.2.discount", None, "mechanics[2].discount: is missing"),
        ("products.0.base", [1, 2], "products[0].base: has 2 values, the plan 8 weeks"),
        ("products.0.price", "0", "products[0].price: "),
        ("products.0.lift", {"radio": 2}, "products[0].lift: 'radio' is not known"),
        ("products.0.lift", {"App 30": 0.5}, "products[0].lift.App 30: 0.5 is below 1"),
        ("products.0.elasticity", None, "products[0].lift: nothing is known of 'TEA'"),
        ("products.1.sku", "TEA", "products[1]: 'TEA' stands there twice"),
        ("products.0.colour", "red", "products[0].colour: "),
        ("products.0.price", "4.999", "decimals"),
        ("cross.0.affected", "TEA", "cross[0]: a product has no cross effect on itself"),
        ("events.0.forbids", ["tv"], "events[0].forbids: 'tv' is not known"),
        ("limits.slots", {"tv": 1}, "slots of 'tv'"),
        ("limits.budget", "-1", "limits.budget: "),
        (
            "pins.0",
            {"sku": "CUPS", "week": 1, "mechanic": "tv"},
            "pins[0].mechanic: 'tv' is not known",
        ),
        ("pins.0.week", 12, "pins[0].week: week 12"),
        ("doubt", {"lift": -1}, "standard deviations"),
    ],
)
def test_bad_input_is_explained_naming_the_field_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, value: object, message: str
) -> None:
    document = quarter()
    _set(document, place, value)
    with pytest.raises(SystemExit) as left:
        run(tmp_path, document)
    assert left.value.code == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "plan.json").exists()


def test_pins_that_break_a_limit_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = quarter()
    document["pins"] = [
        {"sku": sku, "week": 6, "mechanic": "20 % flyer"} for sku in ("TEA", "COFFEE")
    ]
    with pytest.raises(SystemExit) as left:
        run(tmp_path, document)
    assert left.value.code == 1
    assert "slots of flyer must be at least 2" in capsys.readouterr().err


def test_the_simulated_calendar_follows_the_law_of_the_plan() -> None:
    """Without any doubt every future is what the plan expects."""
    question = read_question(quarter())
    actions = np.zeros(question.problem.base.shape, dtype=np.int64)
    actions[0, 2], actions[1, 3], actions[0, 5] = 1, 3, 2
    none = CalendarDoubt(0, 0, 0, 0, 0, 0)
    rng = np.random.default_rng(0)
    view = calendar_outlook(question.problem, {"a": actions}, question.paid, none, draws=3, rng=rng)
    course = follow_calendar(question.problem, actions)
    profit = view.of("a", "profit")
    assert profit.low == pytest.approx(profit.high) == pytest.approx(course.profit.sum())
    assert view.of("a", "units").mean == pytest.approx(course.units.sum())
    with pytest.raises(InvalidScenario):
        calendar_outlook(question.problem, {}, question.paid, none, draws=3, rng=rng)


def test_a_promotion_in_one_channel_reaches_only_its_share() -> None:
    question = read_question(quarter())
    problem = question.problem
    tea_app = problem.lift[0, 1]
    full = 0.7**-2.4
    assert tea_app == pytest.approx(1 + 0.4 * (full - 1))
    sold, promoted = 0.6 + 0.4 * full, 0.4 * full
    net = 499 / 1.07
    expected = (promoted * (0.7 * net - 210) + 0.6 * (net - 210)) / sold
    assert problem.promotion_margin[0, 1] == pytest.approx(expected)
    assert problem.discount[0, 1] == pytest.approx(promoted / sold * 0.3 * 499)
    # Brand and shop share the flyer's discount.
    assert problem.promotion_margin[0, 0] == pytest.approx(0.9 * net - 210)


def test_a_week_is_learned_from_once_however_often_a_calendar_is_continued() -> None:
    document = quarter()
    assert KIND.continued is not None

    def expected(document: dict[str, Any]) -> dict[str, Any]:
        base = {p["sku"]: p["base"] for p in document["products"]}
        units = {s: b if isinstance(b, list) else [b] * 8 for s, b in base.items()}
        return {"calendar": [], "weekly_units": units}

    sold = pd.DataFrame({"sku": "COFFEE", "week": [1, 2], "units": [40.0, 40.0]})
    once = KIND.continued(document, expected(document), sold, 2)
    base = once["products"][1]["base"]
    assert base[:2] == [80, 80]
    assert 40 < base[2] < 60
    as_expected = pd.DataFrame({"sku": "COFFEE", "week": [3], "units": [base[2]]})
    twice = KIND.continued(once, expected(once), pd.concat([sold, as_expected]), 3)
    assert twice["products"][1]["base"] == pytest.approx(base)
    assert (once["learned_weeks"], twice["learned_weeks"]) == (2, 3)
