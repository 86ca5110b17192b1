"""Looks at competitors' pages: prices, and what was no price."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from storage.competitors.crawl_times import crawl_starts, newest_sightings
from storage.competitors.offers import append_offers
from storage.competitors.sightings import sightings
from storage.competitors.sites import finish_crawl, save_site, start_crawl
from storage.database import reading, writing
from storage.errors import UnknownMarket
from tests.api.rival_records import DAY, rival_crawl, rival_offer
from tests.storage.samples import NOW, add_shop


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Black tea at north, seen, blocked, held, and asked in dollars."""
    add_shop(engine)
    rival_crawl(engine, "north", NOW, [rival_offer("tea-1", 499, NOW, listed=599),
                                       rival_offer("cup-1", 900, NOW)])  # fmt: skip
    rival_crawl(engine, "north", NOW + DAY, gaps={"tea-1": "blocked", "cup-1": "listing"})
    rival_crawl(engine, "north", NOW + 2 * DAY, held=[rival_offer("tea-1", 49, NOW + 2 * DAY)])
    dollars = rival_offer("tea-1", 520, NOW + 3 * DAY, currency="USD")
    rival_crawl(engine, "north", NOW + 3 * DAY, [dollars])
    return engine


def test_every_look_is_there_once_and_only_prices_have_a_price(shop: Engine) -> None:
    with reading(shop) as conn:
        found = sightings(conn, "online", since=NOW, skus=["tea-1"]).sort_values("at")
    assert found["state"].tolist() == ["observed", "blocked", "held"]
    assert found["price"].fillna(-1).tolist() == [4.99, -1, -1]
    assert found["list_price"].fillna(-1).tolist() == [5.99, -1, -1]
    assert found["at"].to_numpy()[0] == np.datetime64(NOW.replace(tzinfo=None))
    assert set(found["sku"]) == {"tea-1"}


def test_looks_can_be_chosen_by_category_and_time(shop: Engine) -> None:
    with reading(shop) as conn:
        assert set(sightings(conn, "online", since=NOW, category="cups")["sku"]) == {"cup-1"}
        assert sightings(conn, "online", since=NOW + DAY)["state"].tolist() == ["blocked", "held"]
        assert sightings(conn, "tokyo", since=NOW).empty
        with pytest.raises(UnknownMarket):
            sightings(conn, "moon", since=NOW)


def test_a_page_that_was_never_ours_is_nobodys_gap(shop: Engine) -> None:
    rival_crawl(shop, "north", NOW + 4 * DAY, gaps={"unknown-thing": "gone"})
    with reading(shop) as conn:
        assert "gone" not in set(sightings(conn, "online", since=NOW)["state"])


def test_only_whole_crawls_tell_how_often_a_site_is_looked_at(shop: Engine) -> None:
    with writing(shop) as conn:
        partial = start_crawl(conn, "north", at=NOW + timedelta(hours=1))
        finish_crawl(conn, partial, at=NOW + timedelta(hours=1), status="finished", report={})
        save_site(conn, "new", start_url="https://new.example/", kind="feed", market="online",
                  currency="EUR")  # fmt: skip
        append_offers(conn, partial, [])
    with reading(shop) as conn:
        assert crawl_starts(conn, "online") == {
            "north": tuple(NOW + days * DAY for days in range(4)),
            "new": (),
        }


def test_the_newest_sighting_of_each_product_is_known_by_site(shop: Engine) -> None:
    with reading(shop) as conn:
        assert newest_sightings(conn, "north", since=NOW) == {
            "tea-1": NOW + 3 * DAY,
            "cup-1": NOW,
        }
        assert newest_sightings(conn, "north", since=NOW + DAY) == {"tea-1": NOW + 3 * DAY}
        assert newest_sightings(conn, "nobody", since=NOW) == {}
