"""The rules document: what it can say, and how what it cannot mean is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
import yaml

from pricing.deciding.objective import Objective
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.strategies import StrategyKind
from pricing.errors import InvalidStrategy
from pricing.rulebook.document import PricingRules, rules_of
from pricing.solving.relations import RelationKind

RULES = """
objective: {profit: 1, revenue: 0.05, units: 0.1, price_image: 0.2, stock_pressure: 0.1,
            target_cover: 6, switching_cost: 0.5, risk_aversion: 0.5}
guardrails:
  minimum_margin: 0.08
  competitor_band: [0.9, 1.1]
  frozen_windows:
    - {start: 2026-12-20, end: 2026-12-27, market: online}
  require_minimum: true
together:
  max_changes: 200
  max_change_share: 0.2
  revenue_floor: 0.98
  price_index: {Tea: [0.95, 1.05], "*": [0.9, 1.1]}
endings:
  online:
    - {up_to: 10, step: 0.10, endings: [0.05, 0.09]}
    - {step: 1, endings: [0.49, 0.99]}
  tokyo: [{step: 10, endings: [8]}]
strategies:
  - name: follow on tea
    use: follow_competitor
    competitor: teashop
    categories: [Tea]
    index: 0.98
    priority: 20
  - name: Anna
    use: override
    skus: [17]
    price: 12.99
    until: 2026-12-31
relations:
  - name: own jam
    hold: private_label
    skus: [OWN, BRAND]
    least: 0.1
    most: 0.3
price_tests: {most_share: 0.03}
member_tiers: [{tier: gold, discount: 0.05, categories: [Tea]}]
pareto: {revenue: [0, 0.1], risk_aversion: [0, 1]}
exchange_rates: {EUR: 1, JPY: 0.006}
search: {candidates: 40, time_limit: 10, gap: 0.001}
"""


def read(text: str) -> PricingRules:
    return rules_of(yaml.safe_load(text))


def test_every_section_reaches_the_run() -> None:
    rules = read(RULES)
    policy = rules.policy
    assert policy.objective == Objective(1, 0.05, 0.1, 0.2, 0.1, 6, 0.5, 0.5)
    assert policy.limits.minimum_margin == 0.08
    assert policy.limits.competitor_band == (0.9, 1.1)
    assert policy.limits.frozen_windows[0].start == datetime(2026, 12, 20, tzinfo=UTC)
    assert policy.limits.require_minimum
    assert (policy.max_changes, policy.joint.max_change_share) == (200, 0.2)
    assert policy.joint.price_index == {"Tea": (0.95, 1.05), "*": (0.9, 1.1)}
    assert (policy.candidates, policy.time_limit, policy.gap) == (40, 10.0, 0.001)
    assert policy.exchange_rates == {"EUR": 1.0, "JPY": 0.006}
    follow, override = policy.strategies
    assert (follow.kind, follow.competitor) == (StrategyKind.FOLLOW, "teashop")
    assert (follow.index, follow.categories) == (0.98, ("Tea",))
    assert override.skus == ("17",)
    assert override.until == datetime(2026, 12, 31, tzinfo=UTC)
    assert policy.relations[0].kind is RelationKind.PRIVATE_LABEL
    assert rules.tests is not None
    assert rules.tests.most_share == 0.03
    assert rules.tiers[0].tier == "gold"
    assert rules.pareto == {"revenue": (0.0, 0.1), "risk_aversion": (0.0, 1.0)}
    assert policy.document()["strategies"][1]["until"] == "2026-12-31T00:00:00+00:00"


def test_endings_are_counted_in_the_coins_of_their_market() -> None:
    endings = read(RULES).endings_in({"online": "EUR", "tokyo": "JPY"})
    assert endings["online"].ladder(140)[:4].tolist() == [5, 9, 15, 19]
    assert endings["online"].ladder(1200)[-3:].tolist() == [1099, 1149, 1199]
    assert endings["tokyo"].ladder(40).tolist() == [8, 18, 28, 38]
    with pytest.raises(InvalidStrategy, match=r"endings.tokyo: there is no market"):
        read(RULES).endings_in({"online": "EUR"})
    with pytest.raises(InvalidStrategy, match=r"endings.online\[0\].step: 0.1 is no whole number"):
        read(RULES).endings_in({"online": "JPY", "tokyo": "JPY"})


def test_without_rules_a_run_does_as_it_always_did() -> None:
    assert rules_of({}).policy == PricingPolicy()
    assert rules_of({}).tests is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be a mapping"),
        ("prices: []", "prices: is not known"),
        ("strategy: []", "do you mean 'strategies'"),
        ("strategies: {}", "must be a list"),
        ("strategies: [{name: a}]", r"strategies\[0\].use"),
        ("strategies: [{name: a, use: guess}]", "follow_competitor"),
        ("strategies: [{use: freeze}]", r"strategies\[0\].name"),
        ("strategies: [{name: a, use: freeze, colour: 1}]", r"strategies\[0\].colour"),
        ("strategies: [{name: a, use: cost_plus, markup: lots}]", "markup"),
        ("strategies: [{name: a, use: cost_plus, markup: true}]", "markup"),
        ("strategies: [{name: a, use: cost_plus, markup: -1}]", "markup"),
        ("strategies: [{name: a, use: cost_plus, competitor: b}]", "follows a competitor"),
        ("strategies: [{name: a, use: freeze, until: soon}]", "until"),
        ("strategies: [{name: a, use: freeze, skus: P1}]", "must be a list"),
        ("strategies: [{name: a, use: freeze, priority: high}]", "priority"),
        ("strategies: [{name: a, use: override, skus: [x], price: 3}]", "end"),
        ("strategies: [{name: a, use: override, price: 3, until: 2027-01-01}]", "skus"),
        ("strategies: [{name: a, use: freeze, price: 3}]", "only an override"),
        ("strategies: [{name: a, use: freeze}, {name: a, use: freeze}]", "twice"),
        ("relations: [{name: a, hold: ladder, skus: [x]}]", r"relations\[0\]"),
        ("relations: [{name: a, hold: hands, skus: [x, y]}]", "pack_sizes"),
        ("objective: {profit: 0}", "above zero"),
        ("objective: {profit: .nan}", r"objective.profit: nan is no number"),
        ("objective: {luck: 1}", r"objective.luck: is not known"),
        ("guardrails: {minimum_margin: 2}", "minimum_margin 2"),
        ("guardrails: {competitor_band: 0.9}", "guardrails.competitor_band"),
        ("guardrails: {competitor_band: [1.2, 0.9]}", "low then high"),
        ("guardrails: {require_minimum: maybe}", "true or false"),
        ("guardrails: {map_floor_in: [online]}", "PRICEWRIGHT_MAP_FLOOR_IN"),
        ("guardrails: {frozen_windows: [{start: 2026-12-20}]}", r"frozen_windows\[0\].end"),
        ("guardrails: {enabled: false}", "guardrails.enabled: is not known"),
        ("together: {max_changes: 1.5}", "together.max_changes"),
        ("together: {max_changes: -1}", "max_changes -1"),
        ("together: {revenue_floor: 9}", "revenue_floor 9"),
        ("together: {price_index: {Tea: 1}}", "together.price_index.Tea"),
        ("endings: {online: []}", "endings.online"),
        ("endings: {online: [{step: 1}]}", r"endings.online\[0\].endings: is missing"),
        ("price_tests: {most_share: 0.9}", "most_share 0.9"),
        ("member_tiers: [{tier: gold, discount: -0.1}]", "discount -0.1"),
        ("member_tiers: [{tier: public, discount: 0.1}]", "membership tier"),
        ("pareto: {luck: [1]}", "pareto.luck"),
        ("pareto: {revenue: []}", "pareto.revenue"),
        ("exchange_rates: {EUR: 0}", "exchange_rates"),
        ("exchange_rates: {EUR: one}", "exchange_rates.EUR"),
        ("search: {candidates: 1}", "candidates 1"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_by_place(text: str, message: str) -> None:
    with pytest.raises(InvalidStrategy, match=message):
        read(text)


def test_a_refusal_leads_to_the_field() -> None:
    with pytest.raises(InvalidStrategy) as caught:
        read("guardrails: {minimum_margin: 0.1, maximum_change: 3}")
    assert caught.value.place == ("guardrails", "maximum_change")


OVERRIDE = "strategies: [{name: a, use: override, skus: [x], price: 3, until: 2027-01-01%s}]"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        # No end, no price, no products: what is missing is named, not what the sentence mentions.
        (OVERRIDE.replace(", until: 2027-01-01%s", ""), ("strategies", 0, "until")),
        (OVERRIDE.replace(", price: 3", "") % "", ("strategies", 0, "price")),
        (OVERRIDE.replace(", skus: [x]", "") % "", ("strategies", 0, "skus")),
        (OVERRIDE % ", markup: -1", ("strategies", 0, "markup")),
        (OVERRIDE % ", competitor: b", ("strategies", 0, "competitor")),
        ("strategies: [{name: days, use: cost_plus, days: 2, markup: -1}]",
         ("strategies", 0, "markup")),
        ("relations: [{name: most, hold: ladder, skus: [x], most: 0.2}]", ("relations", 0, "skus")),
        ("relations: [{name: a, hold: ladder, skus: [x, y], across_markets: true}]",
         ("relations", 0, "across_markets")),
        ("guardrails: {frozen_windows: [{start: 2026-12-20, end: 2026-12-01}]}",
         ("guardrails", "frozen_windows", 0, "end")),
        ("objective: {target_cover: 0}", ("objective", "target_cover")),
        ("together: {max_changes: -1}", ("together", "max_changes")),
        ("together: {price_index: {Tea: [0, 1]}}", ("together", "price_index", "Tea")),
        ("exchange_rates: {EUR: 0}", ("exchange_rates",)),
        ("search: {gap: 2}", ("search", "gap")),
        ("price_tests: {draws: 1}", ("price_tests", "draws")),
        ("member_tiers: [{tier: discount, discount: 2}]", ("member_tiers", 0, "discount")),
        ("strategies: [{name: a, use: freeze}, {name: a, use: freeze}]", ("strategies", 1, "name")),
    ],
)  # fmt: skip
def test_what_a_record_refuses_is_placed_at_its_field(
    text: str, place: tuple[str | int, ...]
) -> None:
    with pytest.raises(InvalidStrategy) as caught:
        read(text)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("tier", "place"),
    [
        ("{step: 1, endings: [0.999]}", ("endings", "online", 0, "endings")),
        ("{step: 1, endings: [2]}", ("endings", "online", 0, "endings")),
        ("{step: 0, endings: [2]}", ("endings", "online", 0, "step")),
    ],
)
def test_an_ending_that_cannot_be_is_placed_at_its_field(
    tier: str, place: tuple[str | int, ...]
) -> None:
    with pytest.raises(InvalidStrategy) as caught:
        read(f"endings: {{online: [{tier}]}}").endings_in({"online": "EUR"})
    assert caught.value.place == place


def test_the_policy_of_rules_comes_back_from_storage_as_it_was() -> None:
    rules = read(RULES)
    endings = rules.endings_in({"online": "EUR", "tokyo": "JPY"})
    policy = replace(rules.policy, endings=endings)
    stored = json.loads(json.dumps(policy.document()))
    assert msgspec.convert(stored, PricingPolicy) == policy
