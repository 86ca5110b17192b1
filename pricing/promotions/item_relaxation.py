"""The item lane where it is too wide for one joint search: a bound, good claims, often the best.

Lagrangian relaxation: that a unit joins one promotion only is lifted, and joining costs a price
instead. Then every counting promotion makes its best claim by itself, and the prices of all units
with the values of all claims bound what can be saved. Prices rise where claims overlap and fall
where nobody claims (subgradient steps, Polyak 1969, halved when the bound does not come down; the
least bound found counts). Good claims are picked promotion by promotion. Then a joint search
closes the gap: a state is dropped once it has lost more against the bound than the claims have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf

from pricing.promotions.claim_shapes import Finder, Picks, Row, finder, look_ahead
from pricing.promotions.gap_search import Around, Turn, least_loss
from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_options import Number, Option, Plan, Step
from pricing.promotions.item_search import to_claims
from pricing.promotions.problem import Problem

_ROUNDS = 32
_PICK_EVERY = 10
_FIRST_STEP = 1.5
_PATIENCE = 2
_CLOSABLE = 0.025
"""A gap above this share of what the claims save is not closed within a cart's usual steps."""

_AMPLE = 20_000
"""With more steps than this any gap is worth a search."""

_AFLOAT = 1e-6
_NO_OPTION = Option(0, 0, 0, (), ())


@dataclass(slots=True)
class Player:
    """A counting promotion by itself.

    Attributes:
        lines: that may join.
        units: of these lines in the order of the plan, each with its moves.
        final: weighed final gain per digit.
        finder: of its best claim.
        value, picks: that claim at the present prices.
    """

    index: int
    base: int
    lines: frozenset[int]
    units: list[Row]
    final: list[Number]
    finder: Finder
    value: Number = 0
    picks: Sequence[tuple[int, Option]] = ()


class Relaxation:
    """Bound and claims for a plan in which every option is one promotion.

    Attributes:
        bound: nothing in the item lane saves more, weighed.
        gain: what the claims save, weighed.
        claims: good claims; the best if `gain` meets `bound`.
        steps: transitions looked at.
    """

    def __init__(self, problem: Problem, plan: Plan, steps: int) -> None:
        """Search.

        Args:
            problem: the cart.
            plan: laid out without `every`.
            steps: transitions that may be looked at.
        """
        self.problem = problem
        self.plan = plan
        self.steps = 0
        self.bound: Number = inf
        self.gain: Number = -1
        self.claims: dict[int, Claim] = {}
        self._lines = [stage.line for stage in plan.stages]
        lines = len(problem.view.lines)
        self._quantity = [0] * lines
        self._soft: list[Number] = [0] * lines
        for stage in plan.stages:
            self._quantity[stage.line] = len(stage.units)
            self._soft[stage.line] = max((o.gain for o in stage.options if not o.steps), default=0)
        self._idle = plan.settled_gain + sum(
            [self._soft[line] * self._quantity[line] for line in self._lines]
        )
        self._players = self._gather()
        self._prices = self._soft
        self._find_prices(steps)
        if self.gain < self.bound - _AFLOAT and (self._near() or steps > _AMPLE):
            self._close(steps - self.steps)

    def _gather(self) -> list[Player]:
        """The counting promotions of the plan that are worth something without competition."""
        finals = {base: final for stage in self.plan.stages for base, _, final in stage.closing}
        units: dict[int, list[Row]] = {}
        for stage in self.plan.stages:
            moves: dict[int, list[tuple[Step, Option]]] = {}
            for option in stage.options:
                for step in option.steps:
                    moves.setdefault(step.base, []).append((step, option))
            for base, own in moves.items():
                units.setdefault(base, []).extend([(stage.line, own)] * self._quantity[stage.line])
        players = []
        for base, rows in units.items():
            index = rows[0][1][0][1].parts[0][0]
            machine = self.problem.offers[index].machine
            shape = None if machine is None else machine.shape
            final = list(finals[base])
            lines = frozenset([line for line, _ in rows])
            player = Player(index, base, lines, rows, final, finder(shape, rows, final))
            self.steps += len(rows)
            # Prices only rise from here: what is worth nothing now is worth nothing at all.
            if self._ask(player, self._soft):
                players.append(player)
        return sorted(players, key=lambda player: player.index)

    def _ask(self, player: Player, prices: Sequence[Number]) -> bool:
        """The best claim of a player at some prices; False if it has none."""
        player.value, player.picks = player.finder.best(prices, None)
        self.steps += len(player.units) // 2 + 2
        return player.value > 0

    def _find_prices(self, steps: int) -> None:
        """Raise prices where claims overlap, lower them where nobody claims."""
        prices = least = self._prices
        size, stale = _FIRST_STEP, 0
        players = self._players
        for turn in range(_ROUNDS):
            bound = self.plan.settled_gain + sum([player.value for player in players])
            bound += sum([prices[line] * self._quantity[line] for line in self._lines])
            if bound < self.bound:
                self.bound, least, stale = bound, prices, 0
            else:
                stale += 1
                if stale >= _PATIENCE:
                    size, stale = size / 2, 0
            if turn % _PICK_EVERY == 0:
                self._pick_claims(prices)
            over = self._overlaps(prices)
            if self.gain >= self.bound - _AFLOAT or not over:
                break
            if self.steps > steps // 2 and (self._near() or self.steps > steps * 5 // 8):
                break
            step = size * (bound - self.gain) / sum([count * count for count in over.values()])
            prices = prices.copy()
            for line, count in over.items():
                # Sixteenths add up without rounding.
                price = floor((prices[line] + step * count) * 16) / 16
                prices[line] = max(self._soft[line], price)
            for player in players:
                if not player.lines.isdisjoint(over):
                    self._ask(player, prices)
        if prices is not least:
            for player in players:
                self._ask(player, least)
        self._prices = least
        self._pick_claims(least)

    def _near(self) -> bool:
        """True if bound and claims are so near that a joint search may close the gap."""
        return self.bound - self.gain <= _CLOSABLE * self.gain

    def _overlaps(self, prices: Sequence[Number]) -> dict[int, int]:
        """Per line, units claimed beyond those there are; below zero where the price may fall."""
        taken = [0] * len(self._quantity)
        for player in self._players:
            for line, _ in player.picks:
                taken[line] += 1
        over = {}
        for line in self._lines:
            more = taken[line] - self._quantity[line]
            if more > 0 or (more < 0 and prices[line] > self._soft[line]):
                over[line] = more
        return over

    def _pick_claims(self, prices: Sequence[Number]) -> None:
        """Claims that do not overlap, the most valuable first: anew, and as they are if they fit.

        Args:
            prices: at which the players were asked.
        """
        by_value = sorted(self._players, key=lambda p: (-p.value, p.index))
        self._pick(by_value, self._quantity.copy(), 0, [], self._idle)
        left = self._quantity.copy()
        marks = 0
        joined: Picks = []
        gain = self._idle
        others = []
        for player in by_value:
            own = player.units[0][1][0][1]
            if player.value <= _AFLOAT or marks & own.barred or not _fits(player.picks, left):
                others.append(player)
                continue
            marks |= own.marks
            gain += player.value
            joined += player.picks
            for line, _ in player.picks:
                gain += prices[line] - self._soft[line]
                left[line] -= 1
        if joined:
            self._pick(others, left, marks, joined, gain)

    def _pick(
        self, players: list[Player], left: list[int], marks: int, joined: Picks, gain: Number
    ) -> None:
        """Let players claim what is left, one by one, and keep the claims if they are better."""
        for player in players:
            own = player.units[0][1][0][1]
            if marks & own.barred:
                continue
            worth, picks = player.finder.best(self._soft, left)
            self.steps += len(player.units) // 2 + 2
            if worth > _AFLOAT:
                marks |= own.marks
                gain += worth
                joined += picks
                for line, _ in picks:
                    left[line] -= 1
        # What is barred can only make it less.
        if gain > self.gain:
            self._keep(joined, left, marks)

    def _keep(self, joined: Picks, left: list[int], marks: int) -> None:
        """Fill up with what counts nothing; keep the claims if they are the best so far."""
        fresh = {stage.line: iter(stage.units) for stage in self.plan.stages}
        taken = [(next(fresh[line]), option) for line, option in joined]
        for stage in self.plan.stages:
            if not left[stage.line]:
                continue
            soft = [o for o in stage.options if not o.steps and not o.barred & marks]
            option = max(soft, key=lambda o: o.gain, default=_NO_OPTION)
            marks |= option.marks
            taken += [(unit, option) for unit in fresh[stage.line]]
        gain = self.plan.settled_gain + self._worth(taken)
        if gain > self.gain:
            self.gain = gain
            self.claims = to_claims(self.plan, sorted(taken, key=lambda t: t[0]))

    def _worth(self, taken: list[tuple[int, Option]]) -> Number:
        """What options save, machines run in the order of the plan."""
        place = {stage.line: turn for turn, stage in enumerate(self.plan.stages)}
        line_of = self.problem.view.line_of
        digits = {player.base: 0 for player in self._players}
        gain: Number = 0
        for _, option in sorted(taken, key=lambda t: place[line_of[t[0]]]):
            gain += option.gain
            for base, _, follows, gains in option.steps:
                digit = digits[base]
                gain += gains[digit]
                digits[base] = follows[digit]
        return gain + sum(player.final[digits[player.base]] for player in self._players)

    def _close(self, steps: int) -> None:
        """Search jointly; where the steps run out, the bound has come down at least."""
        spent = self.steps
        turns = self._turns()
        steps -= self.steps - spent
        gap = self.bound - self.gain + _AFLOAT
        if isinstance(self.gain, int):
            # Whole minor units: to be better is to be better by one.
            gap -= 1
        found = least_loss(turns, gap, steps)
        self.steps += found.steps
        self.bound = self.gain if found.loss is None else self.bound - found.loss
        if found.options is None:
            return
        taken = [
            (turn.unit, option)
            for turn, option in zip(turns, found.options, strict=True)
            if option is not None
        ]
        gain = self.plan.settled_gain + self._worth(taken)
        if gain >= self.gain - _AFLOAT:
            self.gain = max(self.gain, gain)
            self.claims = to_claims(self.plan, taken)
        if found.complete:
            self.gain = self.bound

    def _turns(self) -> list[Turn]:
        """What the joint search needs to know of each unit."""
        alive = {player.base for player in self._players}
        by_line: dict[int, list[Player]] = {}
        ahead = {}
        for player in self._players:
            for line in player.lines:
                by_line.setdefault(line, []).append(player)
            ahead[player.base] = look_ahead(player.units, player.final, self._prices)
            self.steps += len(player.units) * (1 + len(player.final) // 6)
        place = {player.base: 0 for player in self._players}
        turns = []
        for stage in self.plan.stages:
            own = by_line.get(stage.line, [])
            options = tuple(o for o in stage.options if all(s.base in alive for s in o.steps))
            closing = tuple((base, size) for base, size, _ in stage.closing if base in alive)
            units = stage.units
            for unit in units:
                around: list[Around] = []
                for player in own:
                    base = player.base
                    rows, at = ahead[base], place[base]
                    around.append((base, len(player.final), rows[at], rows[at + 1]))
                    place[base] = at + 1
                last = closing if unit == units[-1] else ()
                turns.append(Turn(unit, options, around, self._prices[stage.line], last))
        return turns


def _fits(picks: Sequence[tuple[int, Option]], left: Sequence[int]) -> bool:
    """True if of each line so many units are left."""
    wanted: dict[int, int] = {}
    for line, _ in picks:
        wanted[line] = wanted.get(line, 0) + 1
    return all(left[line] >= count for line, count in wanted.items())
