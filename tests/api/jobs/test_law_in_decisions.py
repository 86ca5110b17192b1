"""The law inside the decision: from what is on record to the price, its reason and the alert."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.jobs.explain import explain_at
from api.jobs.reprice import RepriceRequest, reprice
from api.server import serving
from api.settings import Settings
from pricing.law.packs import Emergency, Finding, Verdict
from pricing.law.reference_price import Announcement
from storage.database import reading, writing
from storage.law.market_rules import declare_emergency, record_reduction, set_market_rules
from tests.api.conftest import BEARER
from tests.api.test_disaster_drills import (
    OPENED,
    PRICES,
    RULES,
    WEEK,
    add_costs,
    add_fit,
    alerts,
    attempt,
    served,
    shop,
)

__all__ = ["shop"]

DAY = timedelta(days=1)
LATER = OPENED + WEEK
LAWFUL = Verdict(lawful=True, findings=(Finding.LAWFUL,), facts={"status": "known"})
CAP = "US-CA: Penal Code § 396(b)"
PRIOR = "EU: Directive 98/6/EC, Article 6a(1) and (2), as read in CJEU C-330/23 (26 September 2024)"


def under(engine: Engine, jurisdiction: str) -> None:
    with writing(engine) as conn:
        set_market_rules(conn, "online", jurisdiction, at=OPENED, by="counsel")


def announce(engine: Engine, sku: str, **told: Any) -> None:  # noqa: ANN401
    with writing(engine) as conn:
        record_reduction(conn, sku, "online", Announcement(**told), LAWFUL, at=OPENED, by="anna")


def reasons(client: httpx.Client, sku: str) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/decisions/{sku}", params={"market": "online"})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["reasons"]
    return found


@pytest.fixture
def dear(shop: Engine) -> Engine:
    """Demand that would have every price as high as the limits allow."""
    add_fit(shop, OPENED + DAY, -1.05)
    return shop


def test_in_an_emergency_prices_stop_at_the_cap_and_say_by_which_article(
    dear: Engine, settings: Settings
) -> None:
    before = served(dear)
    under(dear, "US-CA")
    with writing(dear) as conn:
        declare_emergency(conn, Emergency("US-CA", OPENED + DAY), at=OPENED + DAY, by="counsel")
    assert attempt(dear, LATER) == 2
    after = served(dear)
    assert all(before[sku] < after[sku] <= before[sku] * 1.1 for sku in PRICES)
    assert alerts(dear) == []
    with serving(settings) as url, httpx.Client(base_url=url, headers=BEARER, timeout=60) as client:
        binds = [item for item in reasons(client, "pot") if item["code"] == "limit_binds"]
    assert (binds[0]["limit"], binds[0]["article"]) == ("law", CAP)
    with reading(dear) as conn:
        again = explain_at(conn, "pot", "online", LATER + DAY)
    assert again.replayed is not None
    assert again.replayed.same


def test_without_the_emergency_they_would_rise_beyond_it(dear: Engine) -> None:
    before = served(dear)
    assert attempt(dear, LATER) == 2
    assert all(served(dear)[sku] > before[sku] * 1.1 for sku in PRICES)


def test_a_price_under_an_announcement_stays_true_and_others_go_their_way(dear: Engine) -> None:
    before = served(dear)
    under(dear, "EU")
    # The cup was 10.00 until the first book; it is announced as that much cheaper.
    percent = 100.0 * (1.0 - before["cup"] / PRICES["cup"])
    announce(dear, "cup", starts=OPENED, price=before["cup"], shown_percent=percent)
    assert attempt(dear, LATER) == 2
    after = served(dear)
    assert after["cup"] == before["cup"]
    assert all(after[sku] > before[sku] for sku in PRICES if sku != "cup")
    run = reprice(dear, RULES, RepriceRequest(now=LATER + DAY, offer_max_age=DAY)).decisions
    cup = run.record(run.catalogue.sku.tolist().index("cup"))
    said = [reason.wire() for reason in cup.reasons]
    assert any(item.get("article") == PRIOR for item in said)


def test_a_reduction_to_come_keeps_prices_from_undercutting_it(shop: Engine) -> None:
    """The optimiser would lower the cup below the price from which the sale was announced."""
    before = served(shop)
    under(shop, "EU")
    price = round(before["cup"] * 0.9)
    percent = 100.0 * (1.0 - price / before["cup"])
    announce(shop, "cup", starts=OPENED + 3 * WEEK, price=price, shown_percent=percent)
    assert attempt(shop, LATER) == 2
    after = served(shop)
    assert after["cup"] >= before["cup"]
    assert all(after[sku] < before[sku] for sku in PRICES if sku != "cup")


def test_where_limits_leave_no_lawful_price_it_is_held_and_the_alert_names_the_article(
    shop: Engine,
) -> None:
    before = served(shop)
    under(shop, "EU")
    # Announced far below the price in force: no allowed step leads there.
    announce(shop, "cup", starts=OPENED, price=500, shown_percent=50.0)
    add_costs(shop, OPENED.date() + 6 * DAY, 1.05)
    attempt(shop, LATER)
    assert served(shop)["cup"] == before["cup"]
    (alert,) = alerts(shop)
    assert alert["held"] == {"law": 1}
    assert "no lawful price within the other limits" in alert["why"]
    (example,) = alert["examples"]
    assert example["sku"] == "cup"
    assert {"code": "held", "limit": "law", "article": PRIOR} in example["reasons"]
