"""Why a price is what it is, in sentences: the reasons of a decision, and the limits, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.console.language import N_
from pricing.deciding.decisions import ReasonCode
from pricing.money import Money

if TYPE_CHECKING:
    from api.console.tables import Tone
    from api.console.visit import Visit
    from pricing.deciding.decisions import Reason

LIMITS: Final[Mapping[str, str]] = {
    "cost_floor": N_("never below cost"),
    "minimum_margin": N_("minimum margin"),
    "maximum_change": N_("largest change at once"),
    "competitor_band": N_("distance to competitors"),
    "price_ending": N_("price endings"),
    "change_budget": N_("change budget"),
    "missing_cost": N_("no cost is known"),
    "missing_price": N_("no price is known"),
    "missing_demand": N_("no demand curve"),
    "implausible_demand": N_("demand that does not fall as the price rises"),
    "joint_limit": N_("a limit on many prices together"),
    "relation": N_("a relation between products"),
    "minimum_price": N_("minimum price"),
    "maximum_price": N_("maximum price"),
    "rrp_cap": N_("recommended retail price"),
    "map_floor": N_("minimum advertised price"),
    "change_per_day": N_("largest change a day"),
    "change_per_week": N_("largest change a week"),
    "cadence": N_("time between two changes"),
    "frozen_window": N_("a time without changes"),
    "currency_mismatch": N_("cost in another currency"),
    "stale_inputs": N_("inputs that are too old"),
    "blank_minimum": N_("a minimum price that is blank"),
    "implausible_cost": N_("a cost that cannot be right"),
    "clock_behind": N_("a clock that is behind"),
    "strategy": N_("a rule of yours"),
    "exploration": N_("an experiment with prices"),
    "implausible_offer": N_("a competitor's price that cannot be right"),
    "law": N_("the law"),
    "unconfirmed_cost": N_("a cost that nobody confirmed"),
    "implausible_level": N_("a fitted level that sales do not carry"),
}
"""What limits are called, by their names in the records."""


@dataclass(frozen=True, slots=True)
class Told:
    """A reason for a person.

    Attributes:
        title: what it is about.
        text: the sentence, with its figures.
        tone: good, bad, doubt, info or quiet.
    """

    title: str
    text: str
    tone: Tone


def limit_name(visit: Visit, name: str) -> str:
    """What a limit is called in the visitor's language."""
    return visit.say(LIMITS.get(name, name))


def told(visit: Visit, reason: Reason) -> Told:
    """A reason in the visitor's language."""
    title, tone, sentence = _TOLD[reason.code]
    return Told(visit.say(title), sentence(visit, reason.facts), tone)


_Facts = Mapping[str, str | float | int]


def _money(visit: Visit, facts: _Facts, name: str, currency: str = "") -> str:
    amount, _, own = str(facts[name]).partition(" ")
    return visit.formats.money(Money.parse(amount, own or currency))


def _estimate(visit: Visit, facts: _Facts, name: str, *, signed: bool = False) -> str:
    return visit.formats.estimate(float(facts[name]), str(facts["currency"]), signed=signed)


def _limit(visit: Visit, facts: _Facts, name: str = "limit") -> str:
    said = limit_name(visit, str(facts[name]))
    return f"{said} ({facts['article']})" if facts.get("article") else said


def _gain(visit: Visit, facts: _Facts) -> str:
    if "profit_after" not in facts:
        return visit.say("How much more is not known.")
    after = float(facts["profit_after"]) - float(facts["profit_before"])
    return visit.say(
        "Expected profit a period goes from %(before)s to %(after)s (%(gain)s).",
        before=_estimate(visit, facts, "profit_before"),
        after=_estimate(visit, facts, "profit_after"),
        gain=visit.formats.estimate(after, str(facts["currency"]), signed=True),
    )


def _kept(visit: Visit, facts: _Facts) -> str:
    if "profit" not in facts:
        return visit.say("No other price that is allowed is known to be better.")
    return visit.say(
        "No other price that is allowed earns more than the expected %(profit)s a period.",
        profit=_estimate(visit, facts, "profit"),
    )


def _binds(visit: Visit, facts: _Facts) -> str:
    return visit.say(
        "The best price lies beyond %(bound)s. It is stopped by: %(limit)s.",
        bound=_money(visit, facts, "bound"),
        limit=_limit(visit, facts),
    )


def _held(visit: Visit, facts: _Facts) -> str:
    said = [visit.say("Held by: %(limit)s.", limit=_limit(visit, facts))]
    if "trusted_cost" in facts:
        said.append(
            visit.say(
                "The cost of now is %(cost)s, the one that is trusted %(trusted)s.",
                cost=_money(visit, facts, "cost"),
                trusted=_money(visit, facts, "trusted_cost"),
            )
        )
    if "level" in facts:
        said.append(
            visit.say(
                "The curve says %(level)s units a period; sales were %(usual)s as a rule and "
                "%(best)s at best.",
                level=visit.formats.number(float(facts["level"]), 1),
                usual=visit.formats.number(float(facts["usual"]), 1),
                best=visit.formats.number(float(facts["best"]), 1),
            )
        )
    return " ".join(said)


def _exclude(visit: Visit, facts: _Facts) -> str:
    return visit.say(
        "%(floor)s asks for %(least)s or more, %(cap)s for %(most)s or less.",
        floor=_limit(visit, facts, "floor_limit"),
        least=_money(visit, facts, "at_least"),
        cap=limit_name(visit, str(facts["cap_limit"])),
        most=_money(visit, facts, "at_most"),
    )


def _demand(visit: Visit, facts: _Facts) -> str:
    doubt = float(facts.get("std_error", "nan"))
    known = visit.formats.number(float(facts["elasticity"]), 2)
    if doubt != doubt:  # NaN: the model gives none
        return visit.say(
            "1%% more price changes the units sold by %(elasticity)s%%.", elasticity=known
        )
    return visit.say(
        "1%% more price changes the units sold by %(elasticity)s%%, give or take %(doubt)s.",
        elasticity=known,
        doubt=visit.formats.number(1.96 * doubt, 2),
    )


def _competitor(visit: Visit, facts: _Facts) -> str:
    return visit.language.say_count(
        "%(num)s offer of a competitor, the lowest %(lowest)s.",
        "%(num)s offers of competitors, the lowest %(lowest)s.",
        int(facts["offers"]),
        lowest=_money(visit, facts, "lowest"),
    )


def _on_the_way(visit: Visit, facts: _Facts) -> str:
    return visit.say(
        "It goes to %(level)s, where it must stand by: %(limit)s. For now %(pace)s lets it go "
        "as far as %(step)s.",
        level=_money(visit, facts, "level"),
        limit=_limit(visit, facts),
        pace=limit_name(visit, str(facts["paced_by"])),
        step=_money(visit, facts, "step"),
    )


def _freed(visit: Visit, facts: _Facts) -> str:
    return f"{limit_name(visit, str(facts['limit']))}: {facts['cure']}"


def _breaks(visit: Visit, facts: _Facts) -> str:
    return visit.say("The price in force does not meet: %(limit)s.", limit=_limit(visit, facts))


def _strategy(_visit: Visit, facts: _Facts) -> str:
    return str(facts["path"])


_Sentence = Callable[["Visit", _Facts], str]
_TOLD: Final[Mapping[ReasonCode, tuple[str, Tone, _Sentence]]] = {
    ReasonCode.EXPECTED_GAIN: (N_("What it should bring"), "info", _gain),
    ReasonCode.BEST_PRICE_KEPT: (N_("The price in force is the best"), "good", _kept),
    ReasonCode.LIMIT_BINDS: (N_("A limit stops it"), "info", _binds),
    ReasonCode.HELD: (N_("The price is held"), "doubt", _held),
    ReasonCode.LIMITS_EXCLUDE_EACH_OTHER: (N_("Limits exclude each other"), "bad", _exclude),
    ReasonCode.DEMAND: (N_("How demand reacts"), "quiet", _demand),
    ReasonCode.COMPETITOR: (N_("What competitors ask"), "quiet", _competitor),
    ReasonCode.ON_THE_WAY: (N_("It is on its way"), "info", _on_the_way),
    ReasonCode.FREED_BY: (N_("What frees it"), "doubt", _freed),
    ReasonCode.PRICE_IN_FORCE_BREAKS: (N_("The old price breaks a limit"), "bad", _breaks),
    ReasonCode.STRATEGY: (N_("Your rules"), "quiet", _strategy),
}
