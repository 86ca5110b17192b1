"""A pricing manager's rules: everything that a run is told, in one readable document.

objective, guardrails, together, endings, strategies, relations, price_tests, member_tiers, pareto,
exchange_rates and search are its sections; docs/deciding-prices.md has an example of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from models.refusals import Place
from pricing.currencies import decimals
from pricing.deciding.exploration import ExplorationLimits
from pricing.deciding.guardrails import FrozenWindow, GuardrailLimits
from pricing.deciding.member_tiers import MemberTier
from pricing.deciding.objective import Objective
from pricing.deciding.policy import PricingPolicy
from pricing.errors import InvalidLimits
from pricing.price_points import EndingRule, PriceEnding
from pricing.rulebook.rule_entries import Entry, numbers_of
from pricing.rulebook.strategy_terms import relations_of, strategies_of
from pricing.solving.joint_limits import JointTargets

_Read = Callable[[Entry], Any]

_SECTIONS: Final = (
    "objective",
    "guardrails",
    "together",
    "endings",
    "strategies",
    "relations",
    "price_tests",
    "member_tiers",
    "pareto",
    "exchange_rates",
    "search",
)
WINDOW: Final[Mapping[str, _Read]] = {
    "start": Entry.moment,
    "end": Entry.moment,
    "market": Entry.text,
}


def _said_in_settings(entry: Entry) -> NoReturn:
    raise entry.refused(
        "is no matter of one run; the setting PRICEWRIGHT_MAP_FLOOR_IN names the markets, for list "
        "prices and promotions alike"
    )


GUARDRAILS: Final[Mapping[str, _Read]] = {
    "minimum_margin": Entry.number,
    "maximum_change": Entry.number,
    "competitor_band": lambda entry: None if entry.value in (None, "none") else entry.band(),
    "maximum_change_per_day": Entry.number,
    "maximum_change_per_week": Entry.number,
    "hours_between_changes": Entry.number,
    "frozen_windows": lambda entry: tuple(
        item.record(FrozenWindow, WINDOW, ("start", "end")) for item in entry.items()
    ),
    "map_floor_in": _said_in_settings,
    "require_minimum": Entry.flag,
    "inputs_older_than_days": Entry.number,
    "plausible_cost": Entry.band,
    "plausible_offer": Entry.band,
    "plausible_elasticity": Entry.band,
}
TOGETHER: Final[Mapping[str, _Read]] = {
    "max_changes": Entry.whole,
    "max_change_share": Entry.number,
    "revenue_floor": Entry.number,
    "unit_floor": Entry.number,
    "average_margin": Entry.number,
    "price_index": lambda entry: {name: band.band() for name, band in entry.fields().items()},
    "markdown_money": Entry.number,
}
SEARCH: Final[Mapping[str, _Read]] = {
    "candidates": Entry.whole,
    "time_limit": Entry.number,
    "gap": Entry.number,
    "cross_effects": Entry.flag,
}
_SECTION_OF: Final[Mapping[Place, Place]] = {
    ("max_changes",): ("together",),
    ("exchange_rates",): (),
}
"""Fields of the policy that stand elsewhere than in `search`."""
TESTS: Final[Mapping[str, _Read]] = {
    "most_share": Entry.number,
    "most_cost": Entry.number,
    "least_gain": Entry.number,
    "draws": Entry.whole,
}
TIER: Final[Mapping[str, _Read]] = {
    "tier": Entry.text,
    "discount": Entry.number,
    "categories": Entry.texts,
    "markets": Entry.texts,
    "skus": Entry.texts,
}
ENDING: Final[Mapping[str, _Read]] = {
    "up_to": Entry.number,
    "step": Entry.number,
    "endings": Entry.numbers,
}


@dataclass(frozen=True, slots=True)
class PricingRules:
    """What a rules document says.

    Attributes:
        policy: limits, objective, strategies and relations of a run. Price endings are not in it:
            they need the currency of their market; see `endings_in`.
        endings: price endings by market, amounts in major units.
        tests: how much may be tried; None for no price tests.
        tiers: prices of members.
        pareto: weights to sweep, by field of `Objective`.
        cross_effects: let prices answer to what they do to other products, where that is fitted.
    """

    policy: PricingPolicy = field(default_factory=PricingPolicy)
    endings: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    tests: ExplorationLimits | None = None
    tiers: tuple[MemberTier, ...] = ()
    pareto: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    cross_effects: bool = True

    def endings_in(self, currencies: Mapping[str, str]) -> dict[str, EndingRule]:
        """The price endings by market.

        Args:
            currencies: the currency of each market.

        Raises:
            InvalidStrategy: an amount that is no whole number of the currency's smallest coins, or
                a market that there is not.
        """
        return {
            market: _ending_rule(market, tiers, currencies)
            for market, tiers in self.endings.items()
        }


def rules_of(document: object) -> PricingRules:
    """Read a parsed YAML or JSON document.

    Raises:
        InvalidStrategy: an entry that cannot be meant; its `place` leads there.
    """
    sections = Entry(document).fields(_SECTIONS)

    def section(name: str) -> Entry:
        return sections.get(name, Entry(None, (name,)))

    together = section("together").fields(TOGETHER)
    counted = together.pop("max_changes", None)
    targets = Entry({name: entry.value for name, entry in together.items()}, ("together",))
    policy: dict[str, Any] = {
        "objective": section("objective").record(Objective, numbers_of(Objective)),
        "limits": section("guardrails").record(GuardrailLimits, GUARDRAILS),
        "joint": targets.record(JointTargets, TOGETHER),
        "exchange_rates": {
            name: rate.number() for name, rate in section("exchange_rates").fields().items()
        },
        "strategies": strategies_of(section("strategies")),
        "relations": relations_of(section("relations")),
        "max_changes": None if counted is None else counted.whole(),
    }
    tests = sections.get("price_tests")
    search = section("search").fields(SEARCH)
    cross = search.pop("cross_effects", None)
    given = Entry({name: entry.value for name, entry in search.items()}, ("search",))
    return PricingRules(
        cross_effects=cross is None or cross.flag(),
        policy=_policy({**policy, **given.record(dict, SEARCH)}),
        endings=_endings(section("endings")),
        tests=None if tests is None else tests.record(ExplorationLimits, TESTS),
        tiers=_tiers(section("member_tiers")),
        pareto=_weights(section("pareto")),
    )


def _policy(given: Mapping[str, Any]) -> PricingPolicy:
    """The policy of all sections; what it refuses has its place in one of them."""
    try:
        return PricingPolicy(**given)
    except InvalidLimits as error:
        section = _SECTION_OF.get(error.place[:1], ("search",))
        raise Entry(None, section).of_record(error) from error


def _tiers(entries: Entry) -> tuple[MemberTier, ...]:
    tiers = [entry.record(MemberTier, TIER, ("tier", "discount")) for entry in entries.items()]
    return tuple(tiers)


def _weights(entry: Entry) -> dict[str, tuple[float, ...]]:
    found = entry.fields(numbers_of(Objective))
    for weights in found.values():
        if not weights.items():
            raise weights.refused("must be a list of one or more weights, such as [0, 0.1, 0.3]")
    return {name: weights.numbers() for name, weights in found.items()}


def _endings(entry: Entry) -> dict[str, tuple[Mapping[str, Any], ...]]:
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for market, tiers in entry.fields().items():
        read: list[Mapping[str, Any]] = [
            item.record(dict, ENDING, ("step", "endings")) for item in tiers.items()
        ]
        if not read:
            raise tiers.refused("must be a list of one or more of {up_to, step, endings}")
        found[market] = tuple(read)
    return found


def _ending_rule(
    market: str, tiers: tuple[Mapping[str, Any], ...], currencies: Mapping[str, str]
) -> EndingRule:
    place = Entry(None, ("endings", market))
    if market not in currencies:
        raise place.refused(
            f"there is no market {market!r}; there are {', '.join(sorted(currencies))}"
        )
    scale = int(10 ** decimals(currencies[market]))

    def coins(amount: float, number: int, name: str) -> int:
        minor = round(amount * scale)
        if abs(minor - amount * scale) > 1e-6:
            raise Entry(amount, (*place.place, number, name)).refused(
                f"{amount:g} is no whole number of the smallest coin of its currency"
            )
        return minor

    made = []
    for number, tier in enumerate(tiers):
        up_to = None if tier.get("up_to") is None else coins(tier["up_to"], number, "up_to")
        step = coins(tier["step"], number, "step")
        ends = tuple(coins(amount, number, "endings") for amount in tier["endings"])
        try:
            made.append(PriceEnding(up_to, step, ends))
        except InvalidLimits as error:
            raise Entry(tier, (*place.place, number)).of_record(error) from error
    try:
        return EndingRule(tuple(made))
    except InvalidLimits as error:
        raise place.of_record(error) from error
