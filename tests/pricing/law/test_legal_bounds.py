"""The law as bounds: what it leaves of a list price, by worked cases, and inside the decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels
from pricing.deciding.decide import PricingPolicy, decide
from pricing.deciding.decisions import Action, Decisions
from pricing.deciding.guardrails import GuardrailLimits, Limit
from pricing.errors import InvalidCatalogue, InvalidPriceHistory
from pricing.law.emergency_cap import NO_CAP
from pricing.law.legal_bounds import NO_FLOOR, Announcements, LegalBounds, legal_bounds
from pricing.law.packs import (
    CapBasis,
    Emergency,
    EmergencyCapRule,
    Perishable,
    PriorBasis,
    PriorPriceRule,
    RulePack,
)
from pricing.law.price_history import NEVER, PriceHistory, instant
from tests.pricing.catalogues import EUROPE, catalogue_of, curves
from tests.pricing.price_rows import BERLIN, history, local

RULE = PriorPriceRule("Article 6a", "https://example.org/6a", days=30)
CAP = EmergencyCapRule("Section 396", "https://example.org/396", share=0.10, basis=CapBasis.LAST)
DAY = local("2026-03-01").date()


def pack(prior: PriorPriceRule | None = RULE, cap: EmergencyCapRule | None = CAP) -> RulePack:
    return RulePack("XX", "Nowhere", DAY, DAY, prior_price=prior, emergency_cap=cap)


def announced(
    starts: str,
    price: int,
    *,
    key: int = 0,
    prior: int = UNKNOWN,
    percent: float = 0.0,
    steps: str | None = None,
    perishable: bool = False,
) -> Announcements:
    """One announcement."""
    return Announcements(
        key=np.array([key]),
        starts=np.array([instant(local(starts))]),
        price=np.array([price]),
        shown_prior=np.array([prior]),
        shown_share=np.array([percent / 100.0]),
        steps_since=np.array([NEVER if steps is None else instant(local(steps))]),
        perishable=np.array([perishable]),
    )


def at(moment: str) -> datetime:
    return local(moment)


def left(
    rows: PriceHistory, told: Announcements, moment: str, prior: PriorPriceRule = RULE
) -> tuple[int, int]:
    bounds = legal_bounds(rows, pack(prior), BERLIN, at=at(moment), announcements=told)
    return int(bounds.lower[0]), int(bounds.upper[0])


PRICES = history(("2026-01-01", 1000), ("2026-03-10", 800))
SALE = announced("2026-03-10", 800, prior=1000, percent=20)
PROGRESSIVE = replace(RULE, progressive=True)


@pytest.mark.parametrize(
    ("moment", "told", "rule", "bounds"),
    [
        # While it stands, the price must make "20 % off 10.00" true, and may not be cut further
        # under the same words, where every cut is a reduction of its own.
        ("2026-03-12", SALE, RULE, (800, 800)),
        ("2026-03-10", SALE, RULE, (800, 800)),
        # A jurisdiction with progressive reductions lets it grow.
        ("2026-03-12", SALE, PROGRESSIVE, (NO_FLOOR, 800)),
        # The words say less than the price: it may rise to what they say.
        ("2026-03-12", announced("2026-03-10", 800, percent=15), RULE, (800, 850)),
        # A reduction without a number must still be one.
        ("2026-03-12", announced("2026-03-10", 800), RULE, (800, 999)),
        # A prior price was shown that never was the lowest: no price makes that true.
        ("2026-03-12", announced("2026-03-10", 800, prior=1001), RULE, (800, 0)),
        # The percentage need not rest on the prior price everywhere.
        (
            "2026-03-12",
            announced("2026-03-10", 800, percent=40),
            replace(RULE, percentage_from_prior=False),
            (800, 999),
        ),
        # Before it starts no price may enter the window that would make it untrue.
        ("2026-03-09 23:59", SALE, RULE, (1000, NO_CAP)),
        ("2026-02-20", announced("2026-03-10", 800, percent=20), RULE, (1000, NO_CAP)),
        ("2026-02-20", announced("2026-03-10", 800, percent=23), RULE, (1039, NO_CAP)),
        ("2026-02-20", announced("2026-03-10", 800), RULE, (801, NO_CAP)),
        # Goods that spoil, where the rule does not cover them.
        (
            "2026-03-12",
            announced("2026-03-10", 800, percent=40, perishable=True),
            replace(RULE, perishable=Perishable.EXEMPT),
            (NO_FLOOR, NO_CAP),
        ),
        (
            "2026-02-20",
            announced("2026-03-10", 800, percent=40, perishable=True),
            replace(RULE, perishable=Perishable.EXEMPT),
            (NO_FLOOR, NO_CAP),
        ),
        # Goods that spoil are measured from the price just before the first cut.
        (
            "2026-03-12",
            announced("2026-03-10", 800, percent=20, perishable=True),
            replace(RULE, perishable=Perishable.BEFORE_REDUCTION),
            (NO_FLOOR, 800),
        ),
        # A further step of a growing reduction keeps its prior price only if nothing rises before.
        (
            "2026-03-12",
            announced("2026-03-20", 600, prior=1000, percent=40, steps="2026-03-10"),
            PROGRESSIVE,
            (NO_FLOOR, 800),
        ),
        # Without that option the step is measured from the first step's price, which it breaks.
        (
            "2026-03-12",
            announced("2026-03-20", 600, prior=800, percent=25, steps="2026-03-10"),
            RULE,
            (800, NO_CAP),
        ),
    ],
)  # fmt: skip
def test_what_an_announcement_leaves_of_the_price(
    moment: str, told: Announcements, rule: PriorPriceRule, bounds: tuple[int, int]
) -> None:
    assert left(PRICES, told, moment, rule) == bounds


def test_a_price_raised_just_before_the_sale_helps_nobody() -> None:
    raised = history(("2026-01-01", 1000), ("2026-03-08", 1250))
    assert left(raised, announced("2026-03-10", 1000, percent=20), "2026-03-10") == (1000, 800)


def test_two_announcements_of_one_product_bind_together_and_transactions_count_where_asked() -> (
    None
):
    both = Announcements(
        **{
            name: np.concatenate([getattr(SALE, name), getattr(later, name)])
            for later in [announced("2026-05-02", 700, percent=10)]
            for name in Announcements.__dataclass_fields__
        }
    )
    assert left(PRICES, both, "2026-03-12") == (800, 800)
    assert left(PRICES, both, "2026-03-09") == (1000, NO_CAP)
    sold = history(("2026-03-05", 900), ("2026-03-06", UNKNOWN))
    bounds = legal_bounds(
        PRICES,
        pack(replace(RULE, days=7, basis=PriorBasis.TRANSACTED)),
        BERLIN,
        at=at("2026-03-12"),
        announcements=announced("2026-03-10", 800, percent=10),
        charged=sold,
    )
    assert (int(bounds.lower[0]), int(bounds.upper[0])) == (800, 810)


def test_an_emergency_caps_what_it_covers_while_it_lasts() -> None:
    rows = PriceHistory.of(
        3,
        key=[0, 1, 2],
        since=[local("2026-01-01")] * 3,
        price=[1000, 2000, 3000],
    )
    water = Emergency("XX", local("2026-03-01"), categories=("water",))
    category = Labels.of(["water", "books", "water"])

    def caps(moment: str) -> LegalBounds:
        return legal_bounds(
            rows, pack(), BERLIN, at=at(moment), emergencies=[water], category=category
        )

    assert caps("2026-03-02").upper.tolist() == [1100, NO_CAP, 3300]
    assert caps("2026-03-02").article.values().tolist() == [
        "XX: Section 396",
        "",
        "XX: Section 396",
    ]
    assert not caps("2026-02-28").any
    assert not caps("2026-04-01").any


def test_the_tighter_of_two_laws_counts_and_both_are_named() -> None:
    bounds = legal_bounds(
        PRICES,
        pack(),
        BERLIN,
        at=at("2026-03-12"),
        announcements=SALE,
        emergencies=[Emergency("XX", local("2026-03-11"))],
    )
    assert (int(bounds.lower[0]), int(bounds.upper[0])) == (800, 800)
    assert bounds.article[0] == "XX: Section 396; XX: Article 6a"
    assert bounds.broken(np.array([801])).all()
    assert not bounds.broken(np.array([800])).any()


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(InvalidPriceHistory, match="same number of rows"):
        LegalBounds(np.zeros(1, np.int64), np.zeros(2, np.int64), Labels.of([""]))
    with pytest.raises(InvalidPriceHistory, match="same rows"):
        replace(SALE, key=np.array([0, 0]))
    with pytest.raises(InvalidPriceHistory, match="1 keys"):
        legal_bounds(
            PRICES,
            pack(replace(RULE, basis=PriorBasis.TRANSACTED)),
            BERLIN,
            at=at("2026-03-12"),
            announcements=SALE,
            charged=PRICES.take(np.array([0, 0])),
        )
    shop = catalogue_of([1000], [400])
    with pytest.raises(InvalidCatalogue, match="legal bounds are for 2 rows"):
        decide(
            shop,
            curves(shop, -2.0),
            CompetitorPrices.none(1),
            PricingPolicy(),
            decided_at=at("2026-03-12"),
            legal=LegalBounds.none(2),
        )


NET = replace(EUROPE, tax_rate=0.0)


def decided(
    shop: Catalogue, lower: list[int], upper: list[int], elasticity: float = -1.2
) -> Decisions:
    return decide(
        shop,
        curves(shop, elasticity),
        CompetitorPrices.none(len(shop)),
        PricingPolicy(limits=GuardrailLimits(competitor_band=None)),
        decided_at=at("2026-03-12"),
        legal=LegalBounds(
            np.array(lower), np.array(upper), Labels.of(["XX: Section 396"] * len(shop))
        ),
    )


def test_the_solver_goes_as_far_as_the_law_lets_it_and_names_the_article() -> None:
    shop = catalogue_of([1000, 1000], [400, 400], market=NET)
    found = decided(shop, [0, 0], [1080, NO_CAP])
    assert found.price[0] <= 1080 < found.price[1]
    binds = [r.wire() for r in found.record(0).reasons if r.code.value == "limit_binds"]
    assert binds == [
        {"code": "limit_binds", "limit": "law", "bound": "10.80 EUR", "article": "XX: Section 396"}
    ]


def test_a_price_that_is_unlawful_must_move_and_one_that_cannot_is_held_with_the_article() -> None:
    shop = catalogue_of([1000, 1000, 1000], [400, 400, 990], market=NET)
    found = decided(shop, [0, 0, 0], [950, 700, 950])
    # A cap of 7.00 is met at once, however far one change may go otherwise.
    assert found.action.tolist() == [Action.CHANGE, Action.CHANGE, Action.HOLD]
    assert found.price[0] <= 950
    assert found.price[1] == 699
    wrong = {"code": "price_in_force_breaks", "limit": "law", "article": "XX: Section 396"}
    assert all(wrong in [r.wire() for r in found.record(row).reasons] for row in (0, 1, 2))
    said = [reason.wire() for reason in found.record(2).reasons]
    assert {"code": "held", "limit": "law", "article": "XX: Section 396"} in said
    against = next(item for item in said if item["code"] == "limits_exclude_each_other")
    assert against["article"] == "XX: Section 396"
    assert (against["cap_limit"], against["floor_limit"]) == ("law", "minimum_margin")
    assert Limit.LAW & int(found.held_by[2])


def test_bounds_are_put_and_taken_by_row() -> None:
    some = LegalBounds(np.array([5, 0]), np.array([9, 7]), Labels.of(["A", "A; B"]))
    whole = LegalBounds.none(4).put(np.array([3, 1]), some)
    assert whole.lower.tolist() == [0, 0, 0, 5]
    assert whole.upper.tolist() == [NO_CAP, 7, NO_CAP, 9]
    assert whole.article.values().tolist() == ["", "A; B", "", "A"]
    again = whole.take(np.array([1])).put(np.array([0]), some.take(np.array([0])))
    assert (again.lower[0], again.upper[0], again.article[0]) == (5, 7, "A; B")
