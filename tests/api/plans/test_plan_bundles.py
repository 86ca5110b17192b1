"""`pricewright plan bundles`: a file in, a plan out, drafts that the cart engine takes."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.cli.commands import main
from api.plans.bundles.input import read_bundle_question
from api.plans.errors import PlanInputInvalid
from api.plans.kinds import Acceptance, plan_kind
from api.server import serving
from pricing.bundles.problem import SHARES
from tests.api.conftest import eventually, quick_settings


def kitchen(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Cooks want the pan, others the lid; many would take both for less."""
    products = [
        {"sku": "pan", "price": "40.00", "cost": "12", "brand": "acme"},
        {"sku": "lid", "price": "15.00", "cost": "3", "brand": "zeta"},
        {"sku": "spoon", "price": "6.00", "cost": "1"},
    ]
    segments = [
        {"name": "cooks", "size": 300, "pays": {"pan": "44", "lid": "9", "spoon": "4"}},
        {"name": "students", "size": 200, "pays": {"pan": "25", "lid": "14", "spoon": "5"}},
        {"name": "collectors", "size": 80, "pays": {"pan": "38", "lid": "18", "spoon": "9"}},
        {"name": "gifts", "size": 120, "pays": {"pan": "30", "lid": "12", "spoon": "8"}},
    ]
    return {
        "currency": "EUR",
        "tax_rate": 0.19,
        "time_zone": "Europe/Berlin",
        "market": "online",
        "starts_on": "2027-01-04",
        "ends_on": "2027-02-01",
        "products": products,
        "segments": segments,
        "funding": {"acme": 0.5},
        "search": {"draws": 20, "time_limit": 10, "seed": 3},
        "doubt": {"planned": 1},
        **changes,
    }


def run(tmp_path: Path, document: object, *options: str, output: str = "plan.json") -> Path:
    source = tmp_path / "in.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    target = tmp_path / output
    main(["plan", "bundles", "--input", str(source), "--output", str(target), *options])
    return target


def finished(tmp_path: Path, document: object, *options: str, output: str = "plan.json") -> Path:
    with pytest.raises(SystemExit) as left:
        run(tmp_path, document, *options, output=output)
    assert left.value.code == 0
    return tmp_path / output


def test_a_plan_has_its_certificate_and_what_to_expect(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = json.loads(finished(tmp_path, kitchen()).read_text("utf-8"))
    certificate = answer["certificate"]
    assert certificate["status"] == "optimal"
    assert certificate["value"] == certificate["bound"]
    expected = answer["expected"]
    for name in ("do nothing", "component pricing", "plan"):
        profit = expected[name]["profit"]
        low, mean, high = (float(profit[key]["amount"]) for key in ("low", "mean", "high"))
        assert low <= mean <= high
    lower = answer["if_demand_is_20_percent_lower"]["plan"]["units"]["mean"]
    assert lower == pytest.approx(0.8 * expected["plan"]["units"]["mean"], rel=0.01)
    poorer = answer["if_valuations_are_20_percent_lower"]
    assert float(poorer["value_of_a_plan_made_for_it"]["amount"]) < float(
        certificate["value"]["amount"]
    )
    assert answer["bundles"]
    for row in answer["bundles"]:
        price, parts, cost = (float(row[key]["amount"]) for key in ("price", "parts", "cost"))
        assert cost <= price < parts
        before = ("nothing_of_it", "a_part", "all_of_it")
        kinds = [row[f"buyers_who_bought_{kind}_before"] for kind in before]
        assert sum(kinds) == row["buyers"] > 0
    told = capsys.readouterr().out
    assert "no plan is worth more than" in told
    assert "against component pricing" in told


def test_drafts_are_promotions_that_the_cart_engine_applies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = json.loads(finished(tmp_path, kitchen(), "--most", "1").read_text("utf-8"))
    assert len(answer["bundles"]) == 1
    drafts = answer["promotion_drafts"]
    (draft,) = drafts["promotions"]
    assert sum(float(share) for share in draft.get("funding", {"shop": "100"}).values()) == 100
    (tmp_path / "drafts.json").write_text(json.dumps(drafts), encoding="utf-8")
    prices = {row["sku"]: row["price"]["amount"] for row in answer["prices"]}
    parts = [part["products"]["skus"][0] for part in draft["parts"]]
    cart = {
        "currency": "EUR",
        "at": "2027-01-10T12:00",
        "market": "online",
        "lines": [{"sku": sku, "price": prices[sku]} for sku in parts],
    }
    (tmp_path / "cart.json").write_text(json.dumps(cart), encoding="utf-8")
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(["promo", "evaluate", str(tmp_path / "cart.json"), "--promotions",
              str(tmp_path / "drafts.json"), "--json"])  # fmt: skip
    assert left.value.code == 0
    run_ = json.loads(capsys.readouterr().out)
    assert json.dumps(draft["price"]) in json.dumps(run_)


def test_segments_and_baskets_may_be_tables(tmp_path: Path) -> None:
    terms = {key: value for key, value in kitchen().items() if key != "segments"}
    (tmp_path / "terms.json").write_text(json.dumps(terms), encoding="utf-8")
    (tmp_path / "s.csv").write_text(
        "name,size,pan,lid,spoon\ncooks,300,44,9,4\nstudents,200,25,14,5\n", encoding="utf-8"
    )
    lines = ["order,sku"]
    for order in range(400):
        lines += [f"{order},bag"] if order % 2 else []
        lines += [f"{order},pan", f"{order},lid"] if order % 8 == 0 else [f"{order},spoon"]
    (tmp_path / "b.csv").write_text("\n".join(lines), encoding="utf-8")
    target = tmp_path / "offers.csv"
    with pytest.raises(SystemExit) as left:
        main(["plan", "bundles", "--input", str(tmp_path / "s.csv"), "--output", str(target),
              "--terms", str(tmp_path / "terms.json"),
              "--baskets", str(tmp_path / "b.csv")])  # fmt: skip
    assert left.value.code == 0
    rows = list(csv.DictReader(target.read_text("utf-8").splitlines()))
    assert [row["skus"] for row in rows if row["kind"] == "single"] == ["pan", "lid", "spoon"]
    assert {row["skus"] for row in rows if row["kind"] == "bundle"} <= {"pan;lid"}


def test_brands_pay_for_the_discount_on_their_own_products() -> None:
    question = read_bundle_question(kitchen())
    # Of 40 + 15 the pan is 40: acme pays half of 40 / 55 of the discount, in whole percents.
    assert question.payers[0b011] == {"acme": 3_600}
    assert question.payers[0b110] == {}
    named = kitchen(bundles=[{"skus": ["pan", "lid"], "funding": {"zeta": 0.25}}])
    assert read_bundle_question(named).payers == {0b011: {"zeta": 2_500}}


def test_reservation_prices_may_come_from_respondents_or_from_a_logit() -> None:
    without = {key: value for key, value in kitchen().items() if key != "segments"}
    asked = {"customers": 900, "segments": 2, "pays": [{"pan": 40}, {"pan": 41}, {"lid": 20}]}
    question = read_bundle_question({**without, "respondents": asked})
    assert question.problem.size.tolist() == [600, 300]
    assert question.problem.value[:, 1].tolist() == [4050, 0]
    utility = {"pan": 3.0, "lid": 1.5, "spoon": 1.0}
    logit = {"customers": 500, "segments": 12, "price_coefficient": -0.1, "utility": utility}
    drawn = read_bundle_question({**without, "logit": logit}).problem
    assert drawn.size.sum() == 500
    assert len(drawn.size) <= 12
    with pytest.raises(PlanInputInvalid, match="exactly one of segments, respondents and logit"):
        read_bundle_question({**kitchen(), "logit": logit})


def test_a_plan_that_is_accepted_becomes_drafts_and_dated_prices() -> None:
    kind = plan_kind("bundles")
    document = kitchen()
    found: list[dict[str, Any]] = []
    result = kind.run(document, lambda *_: None, lambda seen: found.append(dict(seen)))
    assert found
    assert float(found[-1]["value"]["amount"]) <= float(result["certificate"]["bound"]["amount"])
    made = kind.accept(document, result, Acceptance(plan=7, starts_on=date(2027, 3, 1)))
    assert len(made.promotions) == len(result["bundles"])
    first = made.promotions[0]["promotion"]
    assert first["id"] == "plan-7-1"
    assert first["when"] == {
        "time_zone": "Europe/Berlin", "from": "2027-03-01T00:00", "until": "2027-03-29T00:00",
    }  # fmt: skip
    assert first["for"] == {"markets": ["online"]}
    changed = [row["sku"] for row in result["prices"] if row["price"] != row["price_now"]]
    assert [row["sku"] for row in made.price_schedule] == changed


def test_a_plan_is_made_again_around_single_prices_set_by_hand() -> None:
    kind = plan_kind("bundles")
    document = kitchen(funding={}, search={"draws": 10, "time_limit": 60})
    result = kind.run(document, lambda *_: None, lambda seen: None)
    assert kind.amend is not None
    pins = {"pins": [{"sku": "pan", "price": "37.50"}], "keep_skus": ["lid"]}
    amended = kind.amend(document, result, pins)
    again = kind.run(amended, lambda *_: None, lambda seen: None)
    assert again["prices"][0]["price"]["amount"] == "37.50"
    assert again["prices"][1]["price"] == result["prices"][1]["price"]
    values = [float(one["certificate"]["value"]["amount"]) for one in (result, again)]
    assert values[1] <= values[0]
    freed = kind.amend(amended, again, {"unpin": [{"sku": "pan"}]})
    assert "most_price" not in freed["products"][0]
    with pytest.raises(PlanInputInvalid, match="'pot' is not in the plan"):
        kind.amend(document, result, {"keep_skus": ["pot"]})


def test_over_http_a_plan_is_made_and_accepted(shop: Engine) -> None:
    document = kitchen(market=None, funding={}, search={"draws": 10, "time_limit": 2})
    settings = quick_settings(shop, operators="ada:an operator's token", work_poll_seconds=0.1)
    headers = {"Authorization": "Bearer an operator's token"}
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
    ):

        def ended(number: int) -> dict[str, Any]:
            def over() -> bool:
                status = client.get(f"/v1/plans/{number}").json()["status"]
                return status not in ("queued", "running")

            assert eventually(over, 120.0)
            found: dict[str, Any] = client.get(f"/v1/plans/{number}").json()
            assert found["status"] == "finished", found["error"]
            return found

        asked = client.post("/v1/plans", json={"kind": "bundles", "document": document})
        assert asked.status_code == 202, asked.text
        first = ended(asked.json()["plan"])
        wrong = client.post(f"/v1/plans/{first['plan']}/amend", json={"keep_skus": ["pot"]})
        assert wrong.status_code == 422
        accepted = client.post(f"/v1/plans/{first['plan']}/accept", json={})
        assert accepted.status_code == 200, accepted.text
        names = accepted.json()["accepted"]["promotions"]
        assert len(names) == len(first["result"]["bundles"])
        draft = client.get(f"/v1/promotions/{names[0]}").json()
        assert draft["phase"] == "draft"
        assert draft["terms"]["promotion"]["type"] == "bundle"


def test_shares_in_the_document_are_exact_in_the_plan() -> None:
    limits = {"least_saving": 0.05, "most_saving": 0.4, "bundles": 2, "largest": 2}
    problem = read_bundle_question(kitchen(limits=limits)).problem
    assert (problem.least_saving, problem.most_saving) == (500, 4_000)
    assert SHARES == 10_000
    assert problem.candidates.tolist() == [0b011, 0b101, 0b110]
    # 12.00 and 19 % tax is 14.28: what a price is compared with.
    assert problem.cost.tolist() == [1428, 357, 119]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"currency": "XXZ"}, "XXZ"),
        ({"colour": "red"}, "colour"),
        ({"products": []}, "products"),
        ({"segments": []}, "exactly one of"),
        ({"segments": [{"name": "a", "size": 0, "pays": {}}]}, "segments[0].size"),
        ({"segments": [{"name": "a", "size": 1, "pays": {"pot": 1}}]}, "'pot' is not in products"),
        ({"segments": [{"name": "a", "size": 1, "pays": {"pan": "1.001"}}]}, "decimals"),
        ({"factors": [{"skus": ["pan", "pan"], "factor": 1}]}, "stands there twice"),
        ({"factors": [{"skus": ["pan", "lid"], "factor": 11}]}, "factors[0].factor"),
        ({"bundles": [{"skus": ["pan"]}]}, "bundles[0].skus"),
        ({"bundles": [{"skus": ["pan", "lid"], "funding": {"a": 0.7, "b": 0.7}}]}, "more than 1"),
        ({"funding": {"nobody": 0.1}}, "no product has the brand 'nobody'"),
        ({"limits": {"bundles": -1}}, "limits.bundles"),
        ({"limits": {"least_saving": 0.5, "most_saving": 0.1}}, "least_saving"),
        ({"ends_on": "2026-01-01"}, "must lie after starts_on"),
        ({"time_zone": "Mars/Olympus"}, "IANA"),
        ({"endings": [{"step": "1", "endings": ["2"]}]}, "price ending"),
        ({"doubt": {"size": 9}}, "doubt"),
    ],
)
def test_bad_input_is_explained_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        run(tmp_path, kitchen(**changes))
    assert left.value.code == 1
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "plan.json").exists()


def test_limits_that_conflict_are_named_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = kitchen()
    document["products"][0] |= {"sell_at_least": 690, "least_price": "39"}
    document["limits"] = {"most_saving": 0.1}
    with pytest.raises(SystemExit) as left:
        run(tmp_path, document)
    assert left.value.code == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "sell of pan" in told
    assert "the smallest change that helps" in told
