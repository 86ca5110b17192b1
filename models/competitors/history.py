"""What is known of a competitor's price between two sightings, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd

from models.competitors.cadence import GRACE
from models.errors import InvalidPanel

OBSERVED: Final = "observed"
"""The one state that has a price."""

UNSEEN: Final = "unseen"
"""Nobody looked for longer than the crawls of the site lie apart."""

STATES: Final = (OBSERVED, "missing", "blocked", "failed", "gone", "held", UNSEEN)
"""Of a page at a time. `held`: the price is in quarantine."""

_COLUMNS: Final = (
    "site", "url", "sku", "at", "state", "price", "list_price", "availability",
)  # fmt: skip
_SAME: Final = ["site", "url", "sku", "state", "price", "list_price", "availability"]


def price_spans(
    sightings: pd.DataFrame, cadence: Mapping[str, timedelta], *, until: datetime
) -> pd.DataFrame:
    """The record of each page as spans of time without overlap: prices, and gaps that say why.

    A sighting holds until the next one, but not longer than one and a half cadences of its site;
    after that the page is `unseen`. What is no price stays no price: a span that is `blocked` has
    none, whatever was asked before and after it.

    Args:
        sightings: one row a sighting: `site`, `url`, `sku`, `at` (datetime64, UTC), `state` (of
            `STATES`), `price`, `list_price` (float, major units, NaN for none), `availability`.
        cadence: time between two looks, by site.
        until: now, aware.

    Returns:
        One row a span, sorted by site, url and start: `site`, `url`, `sku`, `state`, `start`,
        `end` (datetime64, UTC), `price`, `list_price`, `availability`, `sightings` (how many it
        rests on). Neighbours differ in something.

    Raises:
        InvalidPanel: a column is missing, or a site has no cadence.
    """
    absent = [name for name in _COLUMNS if name not in sightings.columns]
    if absent:
        raise InvalidPanel(f"sightings lack the column {absent[0]!r}")
    strange = sorted(set(sightings["site"]) - set(cadence))
    if strange:
        raise InvalidPanel(f"site {strange[0]!r} has no cadence")
    now = pd.Timestamp(until).tz_convert("UTC").tz_localize(None).as_unit("us")
    seen = sightings[list(_COLUMNS)].copy()
    seen["at"] = seen["at"].astype("datetime64[us]")
    seen = seen[seen["at"] <= now].sort_values(["site", "url", "at"], kind="stable")
    seen = seen.reset_index(drop=True)
    priceless = seen["state"] != OBSERVED
    seen.loc[priceless, ["price", "list_price"]] = np.nan
    seen.loc[priceless, "availability"] = ""
    following = seen.groupby(["site", "url"], sort=False)["at"].shift(-1).fillna(now)
    reach = seen["site"].map({site: GRACE * each for site, each in cadence.items()})
    known_until = (seen["at"] + reach.astype("timedelta64[us]")).where(
        lambda end: end < following, following
    )
    held = seen.rename(columns={"at": "start"}).assign(end=known_until, sightings=1)
    dark = held.assign(
        start=known_until, end=following, state=UNSEEN, price=np.nan, list_price=np.nan,
        availability="", sightings=0,
    )[known_until < following]  # fmt: skip
    spans = pd.concat([held, dark]).sort_values(["site", "url", "start"], kind="stable")
    spans = spans[spans["end"] > spans["start"]].reset_index(drop=True)
    return _joined(spans)


def _joined(spans: pd.DataFrame) -> pd.DataFrame:
    """Neighbours that say the same become one."""
    told = spans[_SAME].copy()
    told[["price", "list_price"]] = told[["price", "list_price"]].fillna(-1.0)
    fresh = (told != told.shift()).any(axis=1)
    run = fresh.cumsum()
    grouped = spans.groupby(run, sort=False)
    joined = grouped[[*_SAME, "start"]].first()
    joined["end"] = grouped["end"].last()
    joined["sightings"] = grouped["sightings"].sum()
    # `first` skips missing values: within a run all are alike, so a missing price stays missing.
    order = [
        "site", "url", "sku", "state", "start", "end", "price", "list_price", "availability",
        "sightings",
    ]  # fmt: skip
    return joined[order].reset_index(drop=True)
