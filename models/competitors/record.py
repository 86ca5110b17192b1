"""A market's competitors in one view: indices, leaders, promotions, endings, stock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from models.competitors.habits import Endings, Stock, endings, stock
from models.competitors.index import Standing, standing
from models.competitors.lead_lag import Following, lead_lag
from models.competitors.panel import RivalPanel
from models.competitors.promotions import Promotions, find_reductions, promotions


@dataclass(frozen=True, slots=True)
class MarketAnalysis:
    """What the record of a market says of its competitors.

    Attributes:
        since, until: first and last day looked at.
        standings, promotions, endings, stock: one entry a competitor over all categories, then, if
            there are several, one for each category in which it has an offer for a product of ours.
        following: every ordered pair of sellers, we among them, over all categories.
    """

    since: date
    until: date
    standings: tuple[Standing, ...]
    following: tuple[Following, ...]
    promotions: tuple[Promotions, ...]
    endings: tuple[Endings, ...]
    stock: tuple[Stock, ...]


def analyse_market(
    panel: RivalPanel,
    *,
    within: int = 7,
    returns_within: int = 8,
    placebos: int = 999,
    false_discovery_rate: float = 0.05,
    seed: int = 0,
) -> MarketAnalysis:
    """Every figure of the market analysis. Where the data are too few a figure says so.

    Args:
        panel: prices by the day.
        within: days in which a change counts as following (`lead_lag`).
        returns_within: weeks in which a price that dropped must be back (`find_reductions`).
        placebos: how many stand for chance (`lead_lag`).
        false_discovery_rate: share of wrong calls allowed among the pairs called (`lead_lag`).
        seed: of placebos and intervals.

    Raises:
        InvalidSpec: a setting lies out of its range.
    """
    reductions = find_reductions(panel, returns_within=returns_within)
    views: list[tuple[str, str | None]] = [(seller, None) for seller in panel.sellers]
    for seller in panel.sellers if len(set(panel.category.tolist())) > 1 else ():
        offered = panel.category[panel.product[panel.rows(seller)]]
        views += [(seller, category) for category in sorted(set(offered.tolist()))]
    return MarketAnalysis(
        since=panel.days[0].item(),
        until=panel.days[-1].item(),
        standings=tuple(standing(panel, *view) for view in views),
        following=lead_lag(
            panel,
            within=within,
            placebos=placebos,
            false_discovery_rate=false_discovery_rate,
            seed=seed,
        ),
        promotions=tuple(promotions(panel, reductions, *view) for view in views),
        endings=tuple(endings(panel, *view) for view in views),
        stock=tuple(stock(panel, *view) for view in views),
    )
