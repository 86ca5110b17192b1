"""A set of promotions compiled once, to evaluate many carts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from pricing.currencies import decimals
from pricing.errors import UnknownCurrency
from pricing.money import Money
from pricing.promotions import windows
from pricing.promotions.amounts import Reader
from pricing.promotions.errors import InvalidPromotion
from pricing.promotions.promotion import AnyPromotion
from pricing.promotions.rules import GIFT, ITEM, LANES, Rule, compile_rule


class Live:
    """What runs at a moment, and until when that stays so.

    Attributes:
        since, until: the span in which nothing starts or ends.
        rules: those that run, in canonical order.
        phases: of the others, by index: phase and the span of it.
    """

    __slots__ = ("phases", "rules", "since", "until")

    def __init__(self, rules: Sequence[Rule], at: datetime) -> None:
        self.rules: list[Rule] = []
        self.phases: dict[int, tuple[windows.Phase, datetime, datetime]] = {}
        spans = []
        for rule in rules:
            phase = rule.window.phase(at)
            spans.append(phase[1:])
            if phase[0] == "live":
                self.rules.append(rule)
            else:
                self.phases[rule.index] = phase
        self.since = max((since for since, _ in spans), default=windows.ALWAYS_FROM)
        self.until = min((until for _, until in spans), default=windows.ALWAYS_UNTIL)


class PromotionSet:
    """Promotions of one currency, checked against each other and indexed.

    The set is a value: evaluating carts does not change it (it remembers which promotions run
    around the last moment asked for, nothing else).

    Attributes:
        currency: of every amount.
        rules: in canonical order: lane, in it terms of sale first, then higher priority, then id.
        scopes: product sets, indexed.
        by_code: index of the rule that a folded code opens.
        time_zone: for windows that name none.
    """

    def __init__(
        self,
        promotions: Iterable[AnyPromotion],
        currency: str,
        time_zone: str = "UTC",
        field: str = "promotions",
    ) -> None:
        """Compile.

        Args:
            promotions: in any order; the order has no effect.
            currency: ISO 4217 code.
            time_zone: IANA name for windows that name none.
            field: path of the list, for errors.

        Raises:
            InvalidPromotion: a promotion, or two of them together, make no sense; names the field.
        """
        try:
            decimals(currency)
        except UnknownCurrency as error:
            raise InvalidPromotion("currency", str(error)) from None
        self.currency = currency
        self.time_zone = time_zone
        read = Reader(currency)
        rules = []
        fields: dict[str, str] = {}
        for i, promotion in enumerate(promotions):
            at = f"{field}[{i}]"
            if promotion.id in fields:
                raise InvalidPromotion(f"{at}.id", f"{promotion.id!r} is used twice")
            fields[promotion.id] = at
            rules.append(compile_rule(promotion, read, time_zone, at))
        self.scopes = read.scopes
        self.rules = sorted(rules, key=lambda r: (r.lane, not r.is_term, *r.rank))
        for index, rule in enumerate(self.rules):
            rule.index = index
        self.by_code: dict[str, int] = {}
        self._index_codes(fields)
        _Combining(self.rules, fields).resolve()
        self._live: Live | None = None

    def live(self, at: datetime) -> Live:
        """What runs at a moment."""
        live = self._live
        if live is None or not live.since <= at < live.until:
            live = self._live = Live(self.rules, at)
        return live

    def rule_of(self, promotion_id: str) -> Rule | None:
        """The rule of a promotion; None if the set has no such id."""
        return next((rule for rule in self.rules if rule.id == promotion_id), None)

    def minor(self, amount: Decimal) -> int:
        """An amount of this set's currency in minor units."""
        return Money.parse(amount, self.currency).minor

    def _index_codes(self, fields: dict[str, str]) -> None:
        for rule in self.rules:
            for code in rule.codes:
                other = self.by_code.setdefault(code, rule.index)
                if other != rule.index:
                    raise InvalidPromotion(
                        f"{fields[rule.id]}.code",
                        f"cannot be told from a code of {self.rules[other].id!r} "
                        "(case, dashes and look-alike characters do not count)",
                    )


class _Combining:
    """Which promotions may meet: `stack`, `combines_with`, `not_with`, `group`, `requires`."""

    def __init__(self, rules: Sequence[Rule], fields: dict[str, str]) -> None:
        self.rules = rules
        self.fields = fields
        self.groups: dict[str, int] = {}
        self.lanes = dict.fromkeys(LANES, 0)
        self.ids: dict[str, int] = {}
        for rule in rules:
            bit = 1 << rule.index
            self.ids[rule.id] = bit
            self.lanes[LANES[rule.lane]] |= bit
            if rule.source.group:
                self.groups[rule.source.group] = self.groups.get(rule.source.group, 0) | bit

    def resolve(self) -> None:
        """Set `clash`, `shares` and `requires` of every rule."""
        joins = [self._bits(r, "combines_with", r.source.combines_with) for r in self.rules]
        apart = [self._bits(r, "not_with", r.source.not_with) for r in self.rules]
        everyone = (1 << len(self.rules)) - 1
        stacking = sum(1 << r.index for r in self.rules if r.source.stack or r.lane == GIFT)
        for rule in self.rules:
            i, own = rule.index, 1 << rule.index
            if joins[i] & apart[i]:
                other = self.rules[(joins[i] & apart[i]).bit_length() - 1].id
                raise InvalidPromotion(
                    f"{self.fields[rule.id]}.not_with", f"combines with {other!r} and does not"
                )
            # Named one by one; `all` and a group may well hold somebody who refuses.
            for name in rule.source.combines_with:
                bit = self.ids.get(name, 0)
                if bit and apart[bit.bit_length() - 1] & own:
                    raise InvalidPromotion(
                        f"{self.fields[rule.id]}.combines_with",
                        f"{name!r} is never on a cart with it, says its `not_with`",
                    )
            refused = apart[i] | sum(1 << j for j, bits in enumerate(apart) if bits & own)
            wanted = joins[i] | sum(1 << j for j, bits in enumerate(joins) if bits & own)
            if rule.source.group:
                refused |= self.groups[rule.source.group]
            together = (stacking if stacking & own else 0) | wanted
            lane = self.lanes[LANES[rule.lane]]
            if rule.lane == ITEM:
                rule.shares = together & lane & ~refused & ~own
            else:
                refused |= lane & ~together
            rule.clash = refused & everyone & ~own
            rule.requires = self._bits(rule, "requires", rule.source.requires)
        self._check_requires()

    def _bits(self, rule: Rule, name: str, names: tuple[str, ...]) -> int:
        bits = 0
        for i, name_of in enumerate(names):
            kind, _, value = name_of.partition(":")
            if name_of == "all":
                found: int | None = (1 << len(self.rules)) - 1
            elif kind == "group":
                found = self.groups.get(value)
            elif kind == "lane":
                found = self.lanes.get(value)
            else:
                found = self.ids.get(name_of)
            if found is None:
                raise InvalidPromotion(
                    f"{self.fields[rule.id]}.{name}[{i}]",
                    f"{name_of!r} is no promotion of this set, nor group:NAME, lane:NAME or all",
                )
            bits |= found
        return bits & ~(1 << rule.index)

    def _check_requires(self) -> None:
        done: set[int] = set()
        for rule in self.rules:
            self._refuse_cycle(rule, [], done)
        for rule in self.rules:
            for other in self.rules:
                if rule.requires >> other.index & 1 and other.lane >= rule.lane:
                    raise InvalidPromotion(
                        f"{self.fields[rule.id]}.requires",
                        f"{other.id!r} runs in the {LANES[other.lane]} lane; only promotions of "
                        f"lanes before {LANES[rule.lane]} can be required",
                    )
                if rule.requires & rule.clash:
                    raise InvalidPromotion(
                        f"{self.fields[rule.id]}.requires", "requires what it cannot be joined with"
                    )

    def _refuse_cycle(self, rule: Rule, path: list[str], done: set[int]) -> None:
        if rule.id in path:
            cycle = " -> ".join([*path[path.index(rule.id) :], rule.id])
            raise InvalidPromotion(f"{self.fields[rule.id]}.requires", f"goes in a circle: {cycle}")
        if rule.index in done:
            return
        for other in self.rules:
            if rule.requires >> other.index & 1:
                self._refuse_cycle(other, [*path, rule.id], done)
        done.add(rule.index)
