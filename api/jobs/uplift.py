"""Measure a promotion after the fact from the stored sales history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from sqlalchemy.engine import Engine

from models.arrays import BoolArray
from models.campaigns.kpis import campaign_kpis
from models.campaigns.uplift import Method, Uplift, measure_uplift
from models.errors import InvalidPanel, InvalidSpec
from pricing.promotions.promotion import Products
from storage.database import reading
from storage.errors import PromotionNotFound
from storage.products.markets import list_markets
from storage.products.product_frame import product_frame
from storage.products.sales import read_sales, sales_window
from storage.promotions.monitor import PromotionFigures, figures_of
from storage.promotions.versions import read_promotion


@dataclass(frozen=True, slots=True)
class PromotionQuestion:
    """Which promotion, and what to hold it against.

    Attributes:
        start: first day.
        end: last day.
        skus: products that had it; then other products of the category are the controls.
        markets: markets that had it; then other markets are the controls.
        category: products counted; all where None.
        within: markets counted; all where empty.
        method: how what would have been is found.
        seed: of the simulated paths.
    """

    start: date
    end: date
    skus: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    category: str | None = None
    within: tuple[str, ...] = ()
    method: Method = Method.AUTO
    seed: int = 1

    def __post_init__(self) -> None:
        if bool(self.skus) == bool(self.markets):
            raise InvalidSpec(
                "name the products or the markets that had the promotion, one of them"
            )
        if self.end < self.start:
            raise InvalidSpec(f"the promotion ends ({self.end}) before it starts ({self.start})")


def question_of(
    engine: Engine,
    name: str,
    *,
    category: str | None = None,
    method: Method = Method.AUTO,
    seed: int = 1,
) -> tuple[PromotionQuestion, tuple[str, ...]]:
    """What to ask of a stored promotion, and notes on what the answer leaves out.

    Its products are held against the others of their categories; a promotion of everything in
    some markets is held against the other markets.

    Args:
        engine: the database.
        name: the promotion's id.
        category: products counted; all where None.
        method: how what would have been is found.
        seed: of the simulated paths.

    Raises:
        PromotionNotFound: there is no such promotion.
        InvalidSpec: it has no first moment, or nothing is left to hold it against.
    """
    with reading(engine) as conn:
        stored = read_promotion(conn, name)
        window = sales_window(conn)
        catalogue = product_frame(conn, None)
        codes = tuple(item.code for item in list_markets(conn))
    if window is None:
        raise InvalidPanel("there are no sales; import some with `pricewright import sales FILE`")
    if stored.starts_at is None:
        raise InvalidSpec(f"promotion {name!r} has no first moment; give --from and --to")
    zone = ZoneInfo(stored.terms.time_zone)
    start = stored.starts_at.astimezone(zone).date()
    end = window[1]
    if stored.ends_at is not None:
        end = (stored.ends_at - timedelta(microseconds=1)).astimezone(zone).date()
    terms = stored.terms.promotion
    chosen, audience = terms.products, terms.for_
    had = _had(catalogue, chosen)
    skus = tuple(catalogue.loc[had, "sku"].tolist())
    markets = audience.markets
    everything, everywhere = len(skus) == len(catalogue), set(markets) >= set(codes) or not markets
    notes = []
    if chosen.collections or chosen.shops or chosen.full_price_only:
        notes.append("collections, shops and marks-down are not in the sales: all products count")
    if any((audience.tiers, audience.segments, audience.customers, audience.lifecycle)):
        notes.append("only some customers could have it; the lift is over all of them")
    if not skus:
        raise InvalidSpec(f"no product that is stored belongs to promotion {name!r}")
    if everything and everywhere:
        raise InvalidSpec(
            f"promotion {name!r} was on every product in every market: there is nothing to hold "
            "it against; give products by --sku or markets by --market"
        )
    question = PromotionQuestion(
        start=start,
        end=end,
        skus=() if everything else skus,
        markets=markets if everything else (),
        category=category,
        within=() if everything else markets,
        method=method,
        seed=seed,
    )
    return question, tuple(notes)


def _had(catalogue: pd.DataFrame, chosen: Products) -> BoolArray:
    """(p,) which products a promotion names; all where it names none."""
    had = np.ones(len(catalogue), dtype=np.bool_)
    for column, wanted, excepted in (
        ("sku", chosen.skus, chosen.except_skus),
        ("category", chosen.categories, chosen.except_categories),
        ("brand", chosen.brands, chosen.except_brands),
    ):
        values = catalogue[column].astype("object")
        if wanted:
            had &= values.isin(wanted).to_numpy(np.bool_)
        had &= ~values.isin(excepted).to_numpy(np.bool_)
    return had


def figures(engine: Engine, name: str, now: datetime) -> tuple[PromotionFigures, str] | None:
    """What the till knows of a promotion, and its currency; None where it is not stored."""
    with reading(engine) as conn:
        try:
            stored = read_promotion(conn, name)
        except PromotionNotFound:
            return None
        return figures_of(conn, stored, at=now), stored.terms.currency


def measure(engine: Engine, question: PromotionQuestion) -> dict[str, Uplift]:
    """Lift of units and of revenue, and of margin where costs are known.

    A period counts as one with the promotion if any of its days was.

    Raises:
        InvalidPanel: there are no sales, or no unit has all periods.
        InvalidSpec, NotIdentified: as `models.campaigns.uplift.measure_uplift`.
    """
    with reading(engine) as conn:
        sales = read_sales(conn, category=question.category)
    if question.within:
        sales = sales[sales["market"].isin(question.within)]
    if sales.empty:
        raise InvalidPanel("there are no sales; import some with `pricewright import sales FILE`")
    unit = "sku" if question.skus else "market"
    treated = question.skus or question.markets
    if question.skus and question.category is None:
        own = set(sales.loc[sales["sku"].isin(treated), "category"])
        beside = sales["category"].isin(own)
        # A promotion of whole categories is held against the other categories.
        if set(sales.loc[beside, "sku"]) > set(treated):
            sales = sales[beside]
    sold = set(sales[unit])
    unsold = [name for name in treated if name not in sold]
    treated = tuple(name for name in treated if name in sold)
    if not treated:
        raise InvalidPanel(f"there are no sales of {unit} {', '.join(unsold[:5])}")
    sales = sales.assign(
        revenue=(sales["units"] * sales["price"]).fillna(0.0),
        margin=(sales["units"] * (sales["price"] - sales["cost"])).clip(lower=0.0),
    )
    days = np.diff(np.unique(sales["period_start"].to_numpy("datetime64[D]")).astype(np.int64))
    length = int(days.min()) if days.size else 1
    answers = {}
    for outcome in ("units", "revenue", "margin"):
        known = sales[sales[outcome].notna()]
        complete, there = _complete(known, unit, outcome, treated)
        if not there:
            continue
        answers[outcome] = measure_uplift(
            complete,
            unit=unit,
            period="period_start",
            outcome=outcome,
            treated=there,
            start=pd.Timestamp(question.start) - pd.Timedelta(days=length - 1),
            end=pd.Timestamp(question.end),
            method=question.method,
            rng=np.random.default_rng(question.seed),
        )
    if not answers:
        named = ", ".join(map(str, treated[:5]))
        raise InvalidPanel(f"{unit} {named} does not have sales in every period")
    return answers


def _complete(
    sales: pd.DataFrame, unit: str, outcome: str, treated: Sequence[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Sums a unit and period, of units that are there in every period; and the treated of them."""
    summed = sales.groupby([unit, "period_start"], as_index=False, observed=True)[outcome].sum()
    periods = summed["period_start"].nunique()
    counts = summed.groupby(unit)[outcome].transform("size")
    whole = summed[counts == periods]
    there = set(whole[unit])
    return whole, tuple(name for name in treated if name in there)


@dataclass(frozen=True, slots=True)
class CampaignData:
    """What only the shop's own files know of a campaign.

    Attributes:
        orders: file of order lines: `order`, `customer`, `date`, `units`, `revenue`, and where
            known `cost`, `coupon`; .csv or .parquet.
        visits: file of `date` and `visits`.
        coupons_issued: for the redemption rate.
        funding: paid by suppliers, in the currency of `revenue`.
    """

    orders: Path
    visits: Path | None = None
    coupons_issued: int | None = None
    funding: float = 0.0


def kpis(question: PromotionQuestion, data: CampaignData) -> pd.DataFrame:
    """Key figures of the campaign's days against as many days before, from files.

    Raises:
        InvalidPanel: a file can not be read, lacks a column, or has no orders in the window.
    """
    return campaign_kpis(
        _dated(data.orders),
        start=pd.Timestamp(question.start),
        end=pd.Timestamp(question.end),
        rng=np.random.default_rng(question.seed),
        visits=None if data.visits is None else _dated(data.visits),
        coupons_issued=data.coupons_issued,
        funding=data.funding,
    )


def _dated(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        return frame.assign(date=pd.to_datetime(frame["date"]))
    except KeyError as error:
        raise InvalidPanel(f"{path} has no column {error}") from error
    except (OSError, ValueError) as error:
        raise InvalidPanel(f"{path} can not be read: {error}") from error
