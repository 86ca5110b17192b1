"""Which joint limits conflict, and how little one of them would have to give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from pricing.markdown.errors import InfeasibleClearance
from pricing.markdown.limits import MarkdownLimits

_CLOSE: Final = 1e-4
"""Share of a limit to which its smallest relaxation is found, where it is not a small count."""
MONEY_LIMITS: Final = ("budget", "revenue_floor")
_TIGHTER_IS_LESS: Final = (
    "budget",
    "labels_per_week",
    "average_discount",
    "marked_down_at_once",
    "deviations",
)


def explain_infeasible(
    limits: MarkdownLimits,
    families: tuple[str, ...],
    meetable: Callable[[MarkdownLimits], bool],
    plannable: Callable[[MarkdownLimits], bool],
) -> InfeasibleClearance:
    """The error to raise for limits that no plan holds.

    Args:
        limits: those limits.
        families: names of the limits that are set.
        meetable: whether limits can be met if items may mix their paths (quick, necessary).
        plannable: whether a plan holds them (slow, sure).
    """
    culprits = [name for name in families if meetable(replace(limits, **{name: None}))]
    relaxations: dict[str, float] = {}
    for name in culprits:
        setting = _least_setting(limits, name, meetable, plannable)
        if setting is not None:
            relaxations[name] = setting
    conflicting = tuple(culprits or families)
    message = f"no plan holds these joint limits together: {', '.join(conflicting)}"
    if not relaxations:
        return InfeasibleClearance(
            f"{message}; relaxing one of them alone does not help, relax several", conflicting, {}
        )
    advice = "; or ".join(f"{name} {_worded(name, value)}" for name, value in relaxations.items())
    return InfeasibleClearance(
        f"{message}; the smallest change that helps, each alone: {advice}", conflicting, relaxations
    )


def _worded(name: str, value: float) -> str:
    if name == "average_discount":
        return f"{value:.4f}"
    return f"{value:.0f}" + (" minor units" if name in MONEY_LIMITS else "")


def _least_setting(
    limits: MarkdownLimits,
    name: str,
    meetable: Callable[[MarkdownLimits], bool],
    plannable: Callable[[MarkdownLimits], bool],
) -> float | None:
    """Bisect to the setting of one limit nearest to the present one at which a plan exists."""
    steps = 10_000 if name == "average_discount" else 1
    now = _present(limits, name) * steps
    if name in _TIGHTER_IS_LESS:
        helps, step = (float(steps) if name == "average_discount" else None), 1.0
        tight, far = now, now + max(abs(now), 1.0)
        while not meetable(_with(limits, name, far / steps)):
            if helps is not None and far >= helps:
                return None
            far = far * 2.0 if helps is None else min(far * 2.0, helps)
            if far > 1e15:
                return None
    else:
        helps, step, tight, far = None, -1.0, now, 0.0
    far = _bisect(tight, far, lambda x: meetable(_with(limits, name, x / steps)))

    def holds(setting: float) -> bool:
        return plannable(_with(limits, name, setting / steps))

    # Whole paths may need more than mixtures of them.
    short, step = far, step * max(1.0, round(_CLOSE * abs(far)))
    while not holds(far):
        if (far == 0.0 and step < 0) or abs(far) > 1e15 or far == helps:
            return None
        short, far, step = far, max(far + step, 0.0), step * 4.0
        far = far if helps is None else min(far, helps)
    return _bisect(short, far, holds) / steps


def _bisect(short: float, far: float, enough: Callable[[float], bool]) -> float:
    """The setting nearest to `short` that is enough; `far` is."""
    while abs(far - short) > max(1.0, _CLOSE * abs(far)):
        middle = float(round((short + far) / 2.0))
        if enough(middle):
            far = middle
        else:
            short = middle
    return far


def _present(limits: MarkdownLimits, name: str) -> float:
    setting = getattr(limits, name)
    return float(min(setting.values()) if isinstance(setting, Mapping) else setting)


def _with(limits: MarkdownLimits, name: str, setting: float) -> MarkdownLimits:
    if name == "average_discount":
        return replace(limits, average_discount=min(setting, 1.0))
    present: int | Mapping[str, int] = getattr(limits, name)
    relaxed: dict[str, Any] = {name: round(setting)}
    if isinstance(present, Mapping):
        relaxed = {name: {k: max(v, round(setting)) for k, v in present.items()}}
    return replace(limits, **relaxed)
