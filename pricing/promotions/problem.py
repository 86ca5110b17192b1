"""One cart against one set of promotions: what may apply at all, before anything is combined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pricing.money import Money, Rounding
from pricing.promotions.cart import Cart
from pricing.promotions.codes import fold_code
from pricing.promotions.conditions import (
    limit_refusal,
    quantity_short,
    spend_short,
    time_reason,
)
from pricing.promotions.errors import InvalidCart
from pricing.promotions.item_benefits import Offer
from pricing.promotions.order_benefits import GiftBenefit, ShippingBenefit, SpendBenefit
from pricing.promotions.promotion import Used
from pricing.promotions.promotion_set import PromotionSet
from pricing.promotions.reasons import Reason
from pricing.promotions.rules import ITEM, Rule
from pricing.promotions.terms_of_sale import settle_terms
from pricing.promotions.view import CartView


@dataclass(slots=True)
class Later:
    """An order, coupon or shipping promotion that this cart may have.

    Attributes:
        lines: lines in its scope.
        whole: True if that is every line.
        full_price_only: lines that an item promotion has discounted do not count.
        cap: most that it may take off this cart.
    """

    index: int
    lane: int
    benefit: SpendBenefit | ShippingBenefit
    lines: tuple[int, ...]
    whole: bool
    full_price_only: bool
    cap: int | None


@dataclass(slots=True)
class GiftOffer:
    """A gift promotion that this cart may have."""

    index: int
    benefit: GiftBenefit
    lines: tuple[int, ...]


class Problem:
    """What may apply to a cart.

    Attributes:
        view: the cart in columns.
        rules: all rules of the set.
        offers: item promotions, by index.
        terms: the terms of sale among them, settled.
        discounts: those of the others that may be on a cart with these, by index.
        later: order, coupon and shipping promotions, in canonical order.
        gifts: gift promotions, in canonical order.
        caps: most that a promotion may take off this cart, where that is limited.
        reasons: of the promotions that can not apply, by index.
    """

    __slots__ = (
        "caps",
        "discounts",
        "gifts",
        "later",
        "offers",
        "reasons",
        "rules",
        "terms",
        "used",
        "view",
    )

    def __init__(
        self,
        cart: Cart,
        promotions: PromotionSet,
        used: Mapping[str, Used],
        without: int = 0,
    ) -> None:
        """Find what may apply.

        Args:
            cart: checked.
            promotions: of the cart's currency.
            used: what was used up before, by promotion id.
            without: bits of promotions to leave out.
        """
        if cart.currency != promotions.currency:
            raise InvalidCart(
                "currency", f"{cart.currency}, but the promotions are in {promotions.currency}"
            )
        self.view = CartView(cart, promotions.scopes)
        self.rules = promotions.rules
        self.used = used
        self.offers: dict[int, Offer] = {}
        self.later: list[Later] = []
        self.gifts: list[GiftOffer] = []
        self.caps: dict[int, int] = {}
        self.reasons: dict[int, Reason] = {}
        codes = frozenset(fold_code(code) for code in cart.codes)
        live = promotions.live(cart.at)
        for index, phase in live.phases.items():
            rule = self.rules[index]
            self.reasons[index] = time_reason(*phase, rule.window)
        for rule in live.rules:
            if without >> rule.index & 1:
                continue
            reason = self._refusal(rule, codes) or self._admit(rule)
            if reason is not None:
                self.reasons[rule.index] = reason
        self.terms = settle_terms(self.view, self.rules, self.offers, self.caps)
        self.discounts = {
            index: offer
            for index, offer in self.offers.items()
            if not self.rules[index].is_term and not self.terms.clash >> index & 1
        }

    def _refusal(self, rule: Rule, codes: frozenset[str]) -> Reason | None:
        if rule.codes and not rule.codes & codes:
            return Reason("code_missing", "needs a code")
        if rule.restricted:
            reason = rule.admission.refusal(self.view.cart)
            if reason is not None:
                return reason
        if rule.limited:
            reason = limit_refusal(rule.source.limits, self.used.get(rule.id))
            if reason is not None:
                return reason
        if rule.needs_quantity or rule.needs_spend:
            return self._needs_refusal(rule)
        return None

    def _needs_refusal(self, rule: Rule) -> Reason | None:
        view = self.view
        lines: tuple[int, ...] = view.scope_lines(rule.needs_scope)
        if rule.needs_except is not None:
            offered = set(view.scope_lines(rule.needs_except))
            lines = tuple(line for line in lines if line not in offered)
        short = rule.needs_quantity - sum(view.quantity[line] for line in lines)
        if short > 0:
            return quantity_short(short)
        missing = rule.needs_spend - sum(view.line_total[line] for line in lines)
        return spend_short(missing, view.cart.currency) if missing > 0 else None

    def _admit(self, rule: Rule) -> Reason | None:
        """Take a promotion in; the reason if the cart holds nothing for it."""
        most_units = self._set_caps(rule) if rule.limited else None
        if rule.lane == ITEM:
            return self._admit_item(rule, most_units)
        benefit = rule.later
        if benefit is None:
            return None
        lines = self.view.scope_lines(benefit.scope)
        if not lines:
            return Reason("no_product", "the cart holds none of its products")
        if isinstance(benefit, GiftBenefit):
            self.gifts.append(GiftOffer(rule.index, benefit, lines))
            return None
        if isinstance(benefit, ShippingBenefit) and not self.view.cart.shipping:
            return Reason("no_shipping", "there is no shipping charge")
        whole = len(lines) == len(self.view.lines)
        full_price_only = rule.source.products.full_price_only
        cap = self.caps.get(rule.index)
        self.later.append(Later(rule.index, rule.lane, benefit, lines, whole, full_price_only, cap))
        return None

    def _admit_item(self, rule: Rule, most_units: int | None) -> Reason | None:
        benefit = rule.item
        if rule.group_prices:
            size = self.view.cart.group_sizes.get(rule.id, 0)
            reached = [priced for least, priced in rule.group_prices if least <= size]
            if not reached:
                least = rule.group_prices[0][0]
                return Reason("group_too_small", f"{size} of {least} members", least - size)
            benefit = reached[-1]
        if benefit is None:
            return None
        offer = benefit.offer(self.view, rule.index, most_units)
        if offer is None:
            return Reason("no_product", "the cart holds too few of its products, or at its floor")
        if rule.index in self.caps:
            offer.exact = False
        self.offers[rule.index] = offer
        return None

    def _set_caps(self, rule: Rule) -> int | None:
        used = self.used.get(rule.id)
        cap = rule.cap
        if rule.budget is not None:
            left = rule.budget
            if used is not None:
                spent = Money.parse(used.budget, self.view.cart.currency, Rounding.CEILING)
                left -= spent.minor
            cap = left if cap is None else min(cap, left)
        if cap is not None:
            self.caps[rule.index] = max(0, cap)
        limits, most = rule.source.limits, rule.most_units
        if limits.units is not None:
            left = limits.units - (used.units if used is not None else 0)
            most = left if most is None else min(most, left)
        return most
