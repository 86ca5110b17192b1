"""Why the others do not apply, what almost did, and the runner-up."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pricing.promotions.best import Effort
from pricing.promotions.cart import Cart, check_cart
from pricing.promotions.conditions import spend_short
from pricing.promotions.evaluate import NOTHING_USED, USUAL_EFFORT, decide_settlement
from pricing.promotions.evaluation import Evaluation, Mode
from pricing.promotions.later_lanes import Settlement, gift_spend, lines_of, spend_off
from pricing.promotions.order_benefits import ShippingBenefit, SpendBenefit
from pricing.promotions.problem import GiftOffer, Later, Problem
from pricing.promotions.promotion import Used
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.reasons import Reason
from pricing.promotions.receipt import write_receipt
from pricing.promotions.rules import COUPON, Rule


class NotApplied(msgspec.Struct, frozen=True):
    """A promotion that does not apply, and why."""

    id: str
    name: str
    reason: Reason


class NearMiss(msgspec.Struct, frozen=True):
    """What a little more in the cart would bring.

    Attributes:
        spend: minor units more of its products to spend; 0 if units are short.
        units: units more of its products; 0 if money is short.
        saves: minor units that it would then take off beyond what it does now, with the cart as
            it is; 0 where that depends on what is added.
        gift: what it would give.
    """

    id: str
    name: str
    spend: int = 0
    units: int = 0
    saves: int = 0
    gift: str = ""


class RunnerUp(msgspec.Struct, frozen=True):
    """The cheapest combination that leaves out one of the discounts applied.

    Never a term of sale: what the cart would cost without it is not what was chosen.

    Attributes:
        total: tax included, as in `Evaluation.total`.
        applied: its promotions.
        without: what it leaves out.
    """

    total: int
    applied: tuple[str, ...]
    without: str


class Explanation(msgspec.Struct, frozen=True):
    """Everything that is not in the evaluation.

    Attributes:
        not_applied: every promotion of the set that is not in `Evaluation.applied`.
        near_misses: promotions that may still be joined, nearest first.
        runner_up: None if nothing is applied.
    """

    not_applied: tuple[NotApplied, ...]
    near_misses: tuple[NearMiss, ...]
    runner_up: RunnerUp | None


def evaluate_and_explain(
    cart: Cart,
    promotions: PromotionSet,
    *,
    mode: Mode = "best",
    used: Mapping[str, Used] = NOTHING_USED,
    effort: Effort = USUAL_EFFORT,
) -> tuple[Evaluation, Explanation]:
    """As `evaluate`, with the explanation.

    It costs about one evaluation more for each promotion applied, because of the runner-up.

    Raises:
        InvalidCart: naming the field.
    """
    check_cart(cart)
    problem = Problem(cart, promotions, used)
    settlement, proven = decide_settlement(problem, mode, effort)
    evaluation = write_receipt(problem, settlement, mode, proven=proven)
    applied = {entry.id for entry in evaluation.applied}
    others = [rule for rule in problem.rules if rule.id not in applied]
    reasons = tuple(
        NotApplied(rule.id, rule.source.name, _reason(problem, settlement, rule)) for rule in others
    )
    runner_up = None
    for entry in evaluation.applied:
        rule = promotions.rule_of(entry.id)
        if rule is None or rule.is_term or not entry.amount:
            continue
        reduced = Problem(cart, promotions, used, without=1 << rule.index)
        second, _ = decide_settlement(reduced, mode, effort)
        answer = write_receipt(reduced, second, mode, proven=False)
        if runner_up is None or answer.total < runner_up.total:
            names = tuple(other.id for other in answer.applied)
            runner_up = RunnerUp(answer.total, names, entry.id)
    return evaluation, Explanation(reasons, _near_misses(problem, settlement), runner_up)


def _reason(problem: Problem, settlement: Settlement, rule: Rule) -> Reason:
    """Why a promotion that is not applied is not."""
    known = problem.reasons.get(rule.index)
    if known is not None:
        return known
    missing = rule.requires & ~settlement.applied
    if missing:
        names = _names(problem, missing)
        return Reason("requires", f"only together with {', '.join(names)}", blocked_by=names)
    clashing = rule.clash & settlement.applied
    if clashing:
        names = _names(problem, clashing)
        return Reason("not_combinable", f"not combinable with {', '.join(names)}", blocked_by=names)
    short = _spend_missing(problem, settlement, rule)
    if short:
        return spend_short(short, problem.view.cart.currency)
    offer = problem.offers.get(rule.index)
    if offer is None:
        return Reason("no_discount", "it would take nothing off: prices are at their floor")
    takers = 0
    lines = set(offer.gains)
    for index, shares in settlement.items.shares.items():
        if not rule.shares >> index & 1 and any(
            problem.view.line_of[u] in lines for u, _ in shares
        ):
            takers |= 1 << index
    if takers:
        names = _names(problem, takers)
        return Reason(
            "units_taken", f"its products are better served by {', '.join(names)}", blocked_by=names
        )
    return Reason("better_without", "the total is lower without it")


def _near_misses(problem: Problem, settlement: Settlement) -> tuple[NearMiss, ...]:
    found = []
    for later in problem.later:
        rule = problem.rules[later.index]
        if rule.clash & settlement.applied or rule.requires & ~settlement.applied:
            continue
        miss = _later_miss(problem, settlement, later, rule)
        if miss is not None:
            found.append(miss)
    for gift in problem.gifts:
        rule = problem.rules[gift.index]
        short = _gift_missing(problem, settlement, gift)
        if short and not rule.clash & settlement.applied:
            sku = gift.benefit.options[0].sku
            found.append(NearMiss(rule.id, rule.source.name, spend=short, gift=sku))
    for rule in problem.rules:
        if rule.clash & settlement.applied:
            continue
        miss = _unit_miss(problem, rule)
        if miss is not None:
            found.append(miss)
    return tuple(sorted(found, key=lambda miss: (miss.spend, miss.units, miss.id)))


def _later_miss(
    problem: Problem, settlement: Settlement, later: Later, rule: Rule
) -> NearMiss | None:
    benefit = later.benefit
    entry = _entry(problem, settlement, later)
    lines = lines_of(later, settlement.items)
    amounts = problem.view.line_total if benefit.before_items else entry
    spent = sum(amounts[line] for line in lines)
    if isinstance(benefit, ShippingBenefit):
        if spent >= benefit.spend:
            return None
        saves = min(settlement.shipping, benefit.off(benefit.spend, problem.view.cart.shipping))
        return NearMiss(rule.id, rule.source.name, spend=benefit.spend - spent, saves=saves)
    upcoming = benefit.next_step(spent)
    if upcoming is None:
        return None
    short, step = upcoming
    now = spend_off(problem, later, lines, entry)
    then = step.off(sum(entry[line] for line in lines))
    if later.cap is not None:
        then = min(then, later.cap)
    if then <= now:
        return None
    return NearMiss(rule.id, rule.source.name, spend=short, saves=then - now)


def _unit_miss(problem: Problem, rule: Rule) -> NearMiss | None:
    reason = problem.reasons.get(rule.index)
    if reason is not None and reason.code in ("quantity_short", "spend_short"):
        if reason.code == "spend_short":
            return NearMiss(rule.id, rule.source.name, spend=reason.missing)
        return NearMiss(rule.id, rule.source.name, units=reason.missing)
    if rule.item is None or (reason is not None and reason.code != "no_product"):
        return None
    units = rule.item.missing(problem.view)
    return NearMiss(rule.id, rule.source.name, units=units) if units else None


def _spend_missing(problem: Problem, settlement: Settlement, rule: Rule) -> int:
    """Minor units short of the first step of a later promotion; 0 if it is reached."""
    for gift in problem.gifts:
        if gift.index == rule.index:
            return _gift_missing(problem, settlement, gift)
    for later in problem.later:
        if later.index != rule.index:
            continue
        benefit = later.benefit
        entry = _entry(problem, settlement, later)
        amounts = problem.view.line_total if benefit.before_items else entry
        spent = sum(amounts[line] for line in lines_of(later, settlement.items))
        if isinstance(benefit, SpendBenefit):
            return max(0, benefit.steps[0].spend - spent)
        return max(0, benefit.spend - spent)
    return 0


def _gift_missing(problem: Problem, settlement: Settlement, gift: GiftOffer) -> int:
    return max(0, gift.benefit.spend - gift_spend(problem, gift, settlement.goods))


def _entry(problem: Problem, settlement: Settlement, later: Later) -> list[int]:
    """What is left per line when the lane of a promotion begins."""
    entry = settlement.items.totals.copy()
    for index, shares in settlement.shares.items():
        if problem.rules[index].lane < min(later.lane, COUPON + 1):
            for line, less in shares:
                entry[line] -= less
    return entry


def _names(problem: Problem, bits: int) -> tuple[str, ...]:
    return tuple(rule.id for rule in problem.rules if bits >> rule.index & 1)
