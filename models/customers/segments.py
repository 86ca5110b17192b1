"""Customers in groups: recency, frequency and value; life-cycle stage; price sensitivity; tiers.

Only groups leave this room: `summary` refuses to tell of small ones, and no price is ever made
for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from models.arrays import FloatArray
from models.errors import InvalidPanel, InvalidSpec, NotIdentified
from models.estimators.model_frame import require_columns

STAGES: Final = ("new", "active", "dormant", "lost")
_DORMANT: Final = 2.0
_LOST: Final = 4.0
"""Stages in units of the customer's usual gap between orders: silent for more than two of them is
dormant, for more than four lost."""
_LEAST_GROUP: Final = 20
_ROUNDS: Final = 500


def rfm(lines: pd.DataFrame, *, now: pd.Timestamp, new_days: int = 30) -> pd.DataFrame:
    """Recency, frequency and value of every customer, with quintile scores and life-cycle stage.

    The usual gap is each customer's own mean gap, drawn toward that of all (it counts as two gaps),
    so that a yearly buyer is not lost after two months and a weekly buyer is.

    Args:
        lines: `customer`, `order`, `date`, `revenue`; as `clean_invoices` gives them.
        now: end of what is known; later lines are left out.
        new_days: first order within so many days: new.

    Returns:
        one row a customer: `first`, `last`, `recency_days`, `orders`, `revenue`, `r`, `f`, `m`
        (1 worst to 5 best), `usual_gap_days`, `stage` of `STAGES`.

    Raises:
        InvalidPanel: a column is missing, or no line lies before now.
    """
    require_columns(lines, ["customer", "order", "date", "revenue"])
    known = lines[lines["date"] <= now]
    if known.empty:
        raise InvalidPanel(f"no lines up to {now}")
    people = known.groupby("customer")
    table = pd.DataFrame(
        {
            "first": people["date"].min(),
            "last": people["date"].max(),
            "orders": people["order"].nunique(),
            "revenue": people["revenue"].sum(),
        }
    )
    table["recency_days"] = _days(now - table["last"])
    span = _days(table["last"] - table["first"])
    gaps = table["orders"] - 1
    repeated = gaps > 0
    typical = float(span[repeated].sum() / max(gaps[repeated].sum(), 1)) or 1.0
    table["usual_gap_days"] = (span + 2.0 * typical) / (gaps + 2.0)
    silent = table["recency_days"] / table["usual_gap_days"].clip(lower=1.0)
    age = _days(now - table["first"])
    table["stage"] = np.select(
        [(age <= new_days).to_numpy(), (silent > _LOST).to_numpy(), (silent > _DORMANT).to_numpy()],
        ["new", "lost", "dormant"],
        default="active",
    )
    table["r"] = _quintile(-table["recency_days"])
    table["f"] = _quintile(table["orders"])
    table["m"] = _quintile(table["revenue"])
    return table


def _days(spans: pd.Series) -> pd.Series:
    days: pd.Series = spans.dt.total_seconds() / 86_400.0
    return days


def _quintile(values: pd.Series) -> FloatArray:
    """1 to 5; equal values share a score."""
    rank = values.rank(method="average", pct=True).to_numpy(np.float64)
    return np.asarray(np.clip(np.ceil(rank * 5.0), 1, 5), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class PriceSegments:
    """Latent classes of price sensitivity.

    Attributes:
        elasticity: (k,) of each class, most sensitive first.
        share: (k,) of customers.
        membership: customers by classes, posterior probabilities.
        log_likelihood: of the chosen number of classes.
        bic: Bayesian information criterion by number of classes tried.
    """

    elasticity: FloatArray
    share: FloatArray
    membership: pd.DataFrame
    log_likelihood: float
    bic: Mapping[int, float]


def price_segments(lines: pd.DataFrame, *, most_classes: int = 4, bins: int = 8) -> PriceSegments:
    """Find classes of customers by how their purchases lean to low prices (latent class, EM).

    For every product the price relative to its own mean is known on each day that anybody bought it
    (so that it was on offer). Given how much a customer bought in all, where those purchases fall
    among the relative prices on offer depends on nothing but the class's elasticity:

        chance of price bin b  ∝  exposure of b · exp(elasticity · log relative price of b)

    The exposure of an offer is what its product would have sold that day had prices not mattered:
    its sales, spread over its days as the whole shop's lines were, so that neither a busy season
    nor a popular product is taken for an answer to prices.

    Args:
        lines: `customer`, `sku`, `date`, `units`, `price`.
        most_classes: largest number tried; the best by BIC is taken.
        bins: of relative prices.

    Raises:
        NotIdentified: prices hardly move.
    """
    require_columns(lines, ["customer", "sku", "date", "units", "price"])
    day = lines["date"].dt.normalize()
    offers = lines.assign(day=day).groupby(["sku", "day"])["price"].mean().rename("offer")
    relative = np.log(offers) - np.log(offers).groupby("sku").transform("mean")
    edges = np.unique(np.quantile(relative, np.linspace(0, 1, bins + 1)))
    if len(edges) < 3 or relative.std() < 1e-3:
        raise NotIdentified("prices hardly move: nothing tells customers' sensitivities apart")
    place = np.clip(np.searchsorted(edges, relative, side="right") - 1, 0, len(edges) - 2)
    width = len(edges) - 1
    exposed = _exposure(lines["sku"], day).reindex(relative.index).to_numpy(np.float64)
    exposure: FloatArray = np.bincount(place, exposed, minlength=width).astype(np.float64)
    centre = np.bincount(place, exposed * relative, minlength=width) / np.maximum(exposure, 1e-9)
    where = pd.Series(place, index=relative.index, name="bin")
    bought = lines.assign(day=day).join(where, on=["sku", "day"])
    # A line is one decision, however many units it has.
    counts = bought.pivot_table(
        index="customer", columns="bin", values="units", aggfunc="size", fill_value=0, observed=True
    ).reindex(columns=range(width), fill_value=0)
    n = counts.to_numpy(np.float64)
    tried = {k: _mixture(n, exposure, centre, k) for k in range(1, most_classes + 1)}
    bic = {k: -2.0 * found[0] + (2 * k - 1) * np.log(len(n)) for k, found in tried.items()}
    best = min(bic, key=bic.__getitem__)
    log_likelihood, slope, share, posterior = tried[best]
    order = np.argsort(slope)
    return PriceSegments(
        elasticity=slope[order],
        share=share[order],
        membership=pd.DataFrame(posterior[:, order], index=counts.index),
        log_likelihood=log_likelihood,
        bic=bic,
    )


def _exposure(sku: pd.Series, day: pd.Series) -> pd.Series:
    """Lines of each product and day that its own total and the shop's busy days lead one to expect.

    Busy days are told by the other products as well, each line counting the same.
    """
    busy = day.value_counts()
    offers = pd.DataFrame({"sku": sku, "day": day}).drop_duplicates()
    share = offers["day"].map(busy).astype(np.float64)
    share = share / share.groupby(offers["sku"]).transform("sum")
    expected = share * offers["sku"].map(sku.value_counts())
    return expected.set_axis(pd.MultiIndex.from_frame(offers))


def _mixture(
    n: FloatArray, exposure: FloatArray, x: FloatArray, classes: int
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    """EM of a mixture of one-parameter multinomials; starts are spread evenly, without chance."""
    slope = np.linspace(-4.0, 0.0, classes) if classes > 1 else np.array([-1.0])
    share = np.full(classes, 1.0 / classes)
    total = n.sum(axis=1)
    previous, value = -np.inf, -np.inf
    posterior = np.full((len(n), classes), 1.0 / classes)
    log_exposure = np.log(np.maximum(exposure, 1e-300))
    for _ in range(_ROUNDS):
        log_p = _log_chances(slope, x, log_exposure)
        joint = n @ log_p.T + np.log(share)
        together = special.logsumexp(joint, axis=1)
        value = float(together.sum())
        posterior = np.exp(joint - together[:, None])
        share = np.maximum(posterior.mean(axis=0), 1e-12)
        seen, weight = posterior.T @ (n @ x), posterior.T @ total
        for _ in range(5):
            p = np.exp(_log_chances(slope, x, log_exposure))
            mean = p @ x
            spread = p @ x**2 - mean**2
            step = (seen - weight * mean) / np.maximum(weight * spread, 1e-9)
            slope = slope + np.clip(step, -1.0, 1.0)
        if value - previous < 1e-8 * abs(value):
            break
        previous = value
    return value, slope, share, posterior


def _log_chances(slope: FloatArray, x: FloatArray, log_exposure: FloatArray) -> FloatArray:
    """(k, b) log chance of each price bin in each class."""
    score = slope[:, None] * x + log_exposure
    chances: FloatArray = score - special.logsumexp(score, axis=1, keepdims=True)
    return chances


def tiers(
    lines: pd.DataFrame, thresholds: Mapping[str, float], *, now: pd.Timestamp, days: int = 365
) -> pd.Series:
    """Membership tier of every customer, by revenue of the last `days`.

    Args:
        lines: `customer`, `date`, `revenue`.
        thresholds: tier name to least revenue; one must begin at 0.
        now: end of the window.
        days: its length.

    Raises:
        InvalidSpec: no tier begins at 0.
    """
    if not thresholds or min(thresholds.values()) != 0:
        raise InvalidSpec(f"one tier must begin at 0: {dict(thresholds)}")
    require_columns(lines, ["customer", "date", "revenue"])
    inside = (lines["date"] <= now) & (lines["date"] > now - pd.Timedelta(days=days))
    spent = lines["revenue"].where(inside, 0.0).groupby(lines["customer"]).sum()
    ladder = sorted(thresholds.items(), key=lambda item: item[1])
    place = np.searchsorted([low for _, low in ladder], spent.clip(lower=0.0), side="right") - 1
    names = np.array([name for name, _ in ladder])
    return pd.Series(names[place], index=spent.index, name="tier")


def summary(table: pd.DataFrame, by: str, least: int = _LEAST_GROUP) -> pd.DataFrame:
    """Groups of an `rfm` table: size and means; groups below the least size are not told of.

    Raises:
        InvalidPanel: a column is missing.
    """
    require_columns(table, [by, "recency_days", "orders", "revenue"])
    groups = table.groupby(by, observed=True)
    counted = groups[["recency_days", "orders", "revenue"]].mean()
    counted.insert(0, "customers", groups.size())
    counted["revenue_share"] = groups["revenue"].sum() / table["revenue"].sum()
    return counted[counted["customers"] >= least]
