"""In which order the lines of a cart take their turns: few promotions open at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pricing.promotions.machines import Machine
from pricing.promotions.view import CartView

_FEW_STATES = 64


def turn_order(
    view: CartView,
    lines: Sequence[int],
    joins: Mapping[int, Sequence[int]],
    machines: Mapping[int, Machine],
) -> tuple[list[int], dict[int, int], int]:
    """An order of lines that keeps the joint state small.

    A machine is open from its first line to its last. Lines that share machines stand together; of
    a machine that wants dear units first, dear lines come first.

    Args:
        view: the cart.
        lines: those that take turns.
        joins: per machine, the lines that may join it.
        machines: by the same keys.

    Returns:
        The order; the last line of each machine that has any; and the most joint states that can
        be open at once.
    """
    at_line: dict[int, list[int]] = {line: [] for line in lines}
    for index, own in joins.items():
        for line in own:
            at_line[line].append(index)
    by_price = sorted(lines, key=view.dear_rank.__getitem__)
    ordered: list[int] = []
    for component in _components(by_price, at_line, joins):
        sizes = 1
        for index in {index for line in component for index in at_line[line]}:
            sizes *= machines[index].size
        if sizes > _FEW_STATES:
            component = _narrow(component, at_line, joins, machines)  # noqa: PLW2901
        ordered += component
    place = {line: i for i, line in enumerate(ordered)}
    last = {index: max(own, key=place.__getitem__) for index, own in joins.items() if own}
    return ordered, last, _widest(ordered, at_line, last, machines)


def _components(
    lines: Sequence[int], at_line: Mapping[int, Sequence[int]], joins: Mapping[int, Sequence[int]]
) -> list[list[int]]:
    """Lines that hang together by machines, each component in the order given."""
    component: dict[int, int] = {}
    members: list[list[int]] = []
    for start in lines:
        if start in component:
            continue
        number = component[start] = len(members)
        members.append([])
        stack = [start]
        while stack:
            for index in at_line[stack.pop()]:
                for line in joins[index]:
                    if line not in component:
                        component[line] = number
                        stack.append(line)
    for line in lines:
        members[component[line]].append(line)
    return members


def _narrow(
    component: list[int],
    at_line: Mapping[int, Sequence[int]],
    joins: Mapping[int, Sequence[int]],
    machines: Mapping[int, Machine],
) -> list[int]:
    """Next comes the line that opens least and closes most; `component` is dear first."""
    rank = {line: i for i, line in enumerate(component)}
    queues = {
        index: sorted((line for line in joins[index] if line in rank), key=rank.__getitem__)
        for index in {index for line in component for index in at_line[line]}
    }
    left = {index: len(queue) for index, queue in queues.items()}
    opened: set[int] = set()
    ordered = {index for index in queues if machines[index].ordered}
    waiting = list(component)
    done: list[int] = []
    heads = dict.fromkeys(queues, 0)
    sizes = {index: machines[index].size for index in queues}
    while waiting:
        best, best_cost = waiting[0], float("inf")
        for line in waiting:
            cost = 0.0
            for index in at_line[line]:
                if index in ordered and queues[index][heads[index]] != line:
                    break
                # A line of an open machine goes before one that opens another.
                cost += -0.5 if index in opened else sizes[index]
                if left[index] == 1:
                    cost -= sizes[index]
            else:
                if cost < best_cost:
                    best, best_cost = line, cost
        waiting.remove(best)
        done.append(best)
        for index in at_line[best]:
            opened.add(index)
            left[index] -= 1
            if index in ordered:
                heads[index] += 1
    return done


def _widest(
    ordered: Sequence[int],
    at_line: Mapping[int, Sequence[int]],
    last: Mapping[int, int],
    machines: Mapping[int, Machine],
) -> int:
    states, widest = 1, 1
    seen: set[int] = set()
    for line in ordered:
        for index in at_line[line]:
            if index not in seen:
                seen.add(index)
                states *= machines[index].size
        widest = max(widest, states)
        for index in at_line[line]:
            if last[index] == line:
                states //= machines[index].size
    return widest
