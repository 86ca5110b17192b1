"""Release terms as the settings and a person give them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from api.jobs.release import ReleaseTerms
from api.settings import Settings
from pricing.decimal_text import parse_number
from pricing.errors import InvalidLimits
from pricing.releases.change_budget import ChangeBudget
from pricing.releases.staged_release import Band, StagePlan


def budget_of(settings: Settings) -> ChangeBudget:
    """The change budget that this process was started with."""
    return ChangeBudget(
        share_of_products=settings.budget_share_of_products,
        average_change=settings.budget_average_change,
        single_change=settings.budget_single_change,
        revenue_at_risk=settings.budget_revenue_at_risk,
    )


def terms_of(
    settings: Settings,
    *,
    activate_at: datetime | None = None,
    stages: Sequence[float] = (1.0,),
    first_markets: Sequence[str] = (),
    pause: timedelta = timedelta(hours=1),
    keep_together: str = "sku",
    watches: Sequence[str] = (),
    watch_for: timedelta = timedelta(days=7),
) -> ReleaseTerms:
    """How a run may go live.

    Args:
        settings: budget and four eyes.
        activate_at: the earliest time to go live.
        stages: share of products live after each stage.
        first_markets: markets that go first.
        pause: time between two stages.
        keep_together: `sku` or `category`.
        watches: `figure:low:high` or `figure:low:high:readings`; a bound may be left blank.
        watch_for: how long the figures are watched.

    Raises:
        InvalidLimits: a stage or a watch that says nothing.
    """
    if keep_together not in ("sku", "category"):
        raise InvalidLimits(f"keep together {keep_together!r} must be 'sku' or 'category'")
    return ReleaseTerms(
        budget=budget_of(settings),
        four_eyes=settings.four_eyes,
        activate_at=activate_at,
        plan=StagePlan(tuple(stages), tuple(first_markets), pause),
        keep_together=keep_together,
        watches=dict(_watch(text) for text in watches),
        watch_for=watch_for,
    )


def _watch(text: str) -> tuple[str, Band]:
    figure, low, high, readings, *more = (*(part.strip() for part in text.split(":")), "", "", "")
    try:
        band = Band(
            parse_number(low) if low else None,
            parse_number(high) if high else None,
            int(readings) if readings else 2,
        )
    except ValueError:
        raise InvalidLimits(
            f"watch {text!r} must look like conversion:0.9:1.2, or conversion:0.9: for one bound"
        ) from None
    if not figure or any(more):
        raise InvalidLimits(f"watch {text!r} must look like conversion:0.9:1.2")
    return figure, band
