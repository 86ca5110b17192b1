"""The item lane where it is too wide for one joint search: a bound, good claims, often the best.

Lagrangian relaxation: that a unit joins one promotion only is lifted, and joining costs a price
instead. Then every counting promotion makes its best claim by itself, and the prices of all units
with the values of all claims bound what can be saved. Prices rise where claims overlap. Good claims
are picked promotion by promotion. Where bound and claims differ by little, a joint search closes
the gap: a state is dropped once it has lost more against the bound than the claims have.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, inf

from pricing.promotions.gap_search import Turn, least_loss
from pricing.promotions.item_benefits import Claim
from pricing.promotions.item_options import Number, Option, Plan, Step
from pricing.promotions.item_search import to_claims
from pricing.promotions.machines import NEVER
from pricing.promotions.problem import Problem

_ROUNDS = 6
_AFLOAT = 1e-6
_NO_OPTION = Option(0, 0, 0, (), ())


@dataclass(slots=True)
class Player:
    """A counting promotion by itself.

    Attributes:
        units: its lines unit by unit, in the order of the plan, each with its moves.
        final: weighed final gain per digit.
        ahead: per unit and digit, the most that it can still gain at the present prices; one
            entry more than digits, `NEVER`, for the move that does not exist.
    """

    index: int
    base: int
    units: list[tuple[int, list[tuple[Step, Option]]]]
    final: list[Number]
    ahead: list[list[Number]]

    def look_ahead(self, prices: dict[int, Number]) -> Number:
        """The value of the best claim when joining costs a price; fills `ahead`."""
        after: list[Number] = [*self.final, NEVER]
        ahead = [after]
        for line, moves in reversed(self.units):
            price = prices[line]
            best = after
            for step, _ in moves:
                best = [
                    stay if stay >= (join := gain - price + after[there]) else join
                    for stay, there, gain in zip(best, step.follows, step.gains, strict=False)
                ]
                best.append(NEVER)
            ahead.append(best)
            after = best
        ahead.reverse()
        self.ahead = ahead
        return max(0, after[0])

    def picks(self, prices: dict[int, Number]) -> list[tuple[int, Option]]:
        """(line, option) of each unit in the claim that `look_ahead` found."""
        digit = 0
        found = []
        for place, (line, moves) in enumerate(self.units):
            here, after = self.ahead[place][digit], self.ahead[place + 1]
            if here <= after[digit]:
                continue
            price = prices[line]
            for step, option in moves:
                there = step.follows[digit]
                if there >= 0 and step.gains[digit] - price + after[there] >= here:
                    found.append((line, option))
                    digit = there
                    break
        return found


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
            steps: transitions that may be looked at to close the gap.
        """
        self.problem = problem
        self.plan = plan
        self.steps = 0
        self.bound: Number = inf
        self.gain: Number = -1
        self.claims: dict[int, Claim] = {}
        self._quantity = {s.line: problem.view.quantity[s.line] for s in plan.stages}
        self._soft: dict[int, Number] = {}
        for stage in plan.stages:
            self._soft[stage.line] = max((o.gain for o in stage.options if not o.steps), default=0)
        self._players = self._gather()
        self._prices = dict(self._soft)
        self._values: list[Number] = []
        self._find_prices()
        if self.gain < self.bound - _AFLOAT:
            self._close(steps)

    def _gather(self) -> list[Player]:
        finals = {base: final for stage in self.plan.stages for base, _, final in stage.closing}
        players: dict[int, Player] = {}
        for stage in self.plan.stages:
            moves: dict[int, list[tuple[Step, Option]]] = {}
            for option in stage.options:
                for step in option.steps:
                    moves.setdefault(step.base, []).append((step, option))
            for base, own in moves.items():
                player = players.get(base)
                if player is None:
                    index = own[0][1].parts[0][0]
                    player = Player(index, base, [], list(finals[base]), [])
                    players[base] = player
                player.units += [(stage.line, own)] * self._quantity[stage.line]
        return sorted(players.values(), key=lambda player: player.index)

    def _find_prices(self) -> None:
        """Raise prices where claims overlap, lower them where nobody claims."""
        self._values = [player.look_ahead(self._prices) for player in self._players]
        # Prices only rise: what is worth nothing at the lowest is worth nothing at all.
        self._players = [p for p, v in zip(self._players, self._values, strict=True) if v > 0]
        self._values = [value for value in self._values if value > 0]
        best_prices = self._prices
        stale = 0
        for turn in range(_ROUNDS):
            bound = self.plan.settled_gain + sum(self._values)
            bound += sum(self._prices[line] * q for line, q in self._quantity.items())
            stale += 1
            if bound < self.bound:
                self.bound, best_prices, stale = bound, dict(self._prices), 0
            if turn == 0:
                self._pick_claims()
            if self.gain >= self.bound - _AFLOAT:
                return
            if stale > 2 or self.bound - self.gain < 0.01 * self.gain:
                break
            over = self._overlaps()
            if not over:
                break
            step = (bound - self.gain) / sum(count * count for count in over.values())
            for line, count in over.items():
                price = self._prices[line] + step * count
                # Sixteenths add up without rounding.
                self._prices[line] = max(self._soft[line], floor(price * 16) / 16)
            for place, player in enumerate(self._players):
                if any(line in over for line, _ in player.units):
                    self._values[place] = player.look_ahead(self._prices)
        self._prices = best_prices
        self._values = [player.look_ahead(self._prices) for player in self._players]
        self._pick_claims()

    def _overlaps(self) -> dict[int, int]:
        """Per line, units claimed beyond those there are; below zero where the price may fall."""
        taken = dict.fromkeys(self._quantity, 0)
        for player in self._players:
            for line, _ in player.picks(self._prices):
                taken[line] += 1
            self.steps += 2 * len(player.units)
        over = {}
        for line, count in taken.items():
            more = count - self._quantity[line]
            if more > 0 or (more < 0 and self._prices[line] > self._soft[line]):
                over[line] = more
        return over

    def _pick_claims(self) -> None:
        """Claims that do not overlap: promotions one by one, the most valuable first."""
        left = dict(self._quantity)
        marks = 0
        joined: list[tuple[int, Option]] = []
        by_value = sorted(
            range(len(self._players)), key=lambda i: (-self._values[i], self._players[i].index)
        )
        for place in by_value:
            if self._values[place] <= _AFLOAT:
                break
            player = self._players[place]
            own = player.units[0][1][0][1]
            if marks & own.barred:
                continue
            room = dict(left)
            units = []
            for line, moves in player.units:
                if room[line] > 0:
                    room[line] -= 1
                    units.append((line, moves))
            alone = Player(player.index, player.base, units, player.final, [])
            if alone.look_ahead(self._soft) > _AFLOAT:
                marks |= own.marks
                picks = alone.picks(self._soft)
                joined += picks
                for line, _ in picks:
                    left[line] -= 1
            self.steps += 2 * len(units)
        self._keep(joined, left, marks)

    def _keep(self, joined: list[tuple[int, Option]], left: dict[int, int], marks: int) -> None:
        """Fill up with what counts nothing; keep the claims if they are the best so far."""
        view = self.problem.view
        fresh = {line: iter(view.units_of(line)) for line in self._quantity}
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
            self.claims = to_claims(self.plan, view, sorted(taken, key=lambda t: t[0]))

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
        turns = self._turns()
        found = least_loss(turns, self.bound - self.gain + _AFLOAT, steps)
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
            self.claims = to_claims(self.plan, self.problem.view, taken)
        if found.complete:
            self.gain = self.bound

    def _turns(self) -> list[Turn]:
        """What the joint search needs to know of each unit."""
        alive = {player.base for player in self._players}
        by_line: dict[int, list[Player]] = {}
        for player in self._players:
            for line in {line for line, _ in player.units}:
                by_line.setdefault(line, []).append(player)
        place = {player.base: 0 for player in self._players}
        turns = []
        for stage in self.plan.stages:
            own = by_line.get(stage.line, [])
            options = tuple(o for o in stage.options if all(s.base in alive for s in o.steps))
            for unit in self.problem.view.units_of(stage.line):
                around = [
                    (p.base, len(p.final), p.ahead[place[p.base]], p.ahead[place[p.base] + 1])
                    for p in own
                ]
                turns.append(Turn(unit, options, around, self._prices[stage.line], ()))
                for player in own:
                    place[player.base] += 1
            turns[-1].closing = tuple(
                (base, size) for base, size, _ in stage.closing if base in alive
            )
        return turns
