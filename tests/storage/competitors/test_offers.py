from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy.engine import Engine

from pricing.catalogue import UNKNOWN
from pricing.money import Money
from storage.competitors.offers import (
    ObservedOffer,
    append_offers,
    competitor_prices,
    latest_offers,
    offers_of,
)
from storage.competitors.sites import crawls_of, finish_crawl, save_site, start_crawl
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.errors import CrawlNotFound, InvalidRecord, UnknownMarket, UnknownProduct, UnknownSite
from tests.storage.samples import NOW, add_sale, add_shop

HOUR = timedelta(hours=1)


def crawl(
    engine: Engine,
    *offers: ObservedOffer,
    site: str = "rival",
    market: str = "online",
    currency: str = "EUR",
) -> int:
    """One crawl that saw these offers; returns its number."""
    with writing(engine) as conn:
        save_site(
            conn,
            site,
            start_url=f"https://{site}.example/",
            kind="storefront",
            market=market,
            currency=currency,
        )
        number = start_crawl(conn, site, at=NOW)
        append_offers(conn, number, offers)
    return number


def offer(
    url: str, cents: int, *, sku: str | None = "tea-1", at: datetime = NOW, currency: str = "EUR",
    availability: str = "in_stock",
) -> ObservedOffer:  # fmt: skip
    """A sure offer."""
    return ObservedOffer(
        url=url,
        observed_at=at,
        price=Money(cents, currency),
        availability=availability,
        title="Some tea",
        source="json-ld",
        confidence=0.98,
        sku=sku,
        match_method=None if sku is None else "gtin",
        match_score=None if sku is None else 1.0,
    )


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """The shop with a price for black tea online and in Tokyo."""
    add_shop(engine)
    with writing(engine) as conn:
        add_sale(conn, "tea-1", "online", date(2026, 2, 2), 10, 5000)
        add_sale(conn, "tea-1", "tokyo", date(2026, 2, 2), 10, 8000)
        add_sale(conn, "tea-2", "online", date(2026, 2, 2), 10, 6000)
    return engine


def lowest(engine: Engine, *, at: datetime = NOW) -> dict[tuple[str, str], tuple[int, int]]:
    """Lowest price and number of offers by (sku, market)."""
    with reading(engine) as conn:
        catalogue = read_catalogue(conn, at=at)
        found = competitor_prices(conn, catalogue, at=at, max_age=24 * HOUR)
    keys = zip(catalogue.sku.tolist(), catalogue.market.values().tolist(), strict=True)
    values = zip(found.lowest.tolist(), found.offers.tolist(), strict=True)
    return dict(zip(keys, values, strict=True))


def test_an_offer_comes_back_as_it_was_seen(shop: Engine) -> None:
    seen = replace(
        offer("https://rival.example/1", 499),
        list_price=Money(599, "EUR"),
        gtin="4006381333931",
        mpn="T-1",
        site_sku="r1",
        brand="Hill",
    )
    number = crawl(shop, seen)
    with reading(shop) as conn:
        (stored,) = offers_of(conn, "tea-1", "online")
    assert stored.offer == seen
    assert (stored.crawl_id, stored.site, stored.market) == (number, "rival", "online")


def test_a_batch_sent_twice_in_one_crawl_is_stored_once(shop: Engine) -> None:
    batch = [offer("https://rival.example/1", 499), offer("https://rival.example/2", 599, sku=None)]
    number = crawl(shop)
    with writing(shop) as conn:
        assert append_offers(conn, number, batch) == 2
        assert append_offers(conn, number, batch) == 0
        assert append_offers(conn, number, []) == 0


def test_the_latest_offer_of_a_url_is_that_of_the_last_crawl(shop: Engine) -> None:
    crawl(shop, offer("https://rival.example/1", 499), offer("https://rival.example/2", 300))
    crawl(shop, offer("https://rival.example/1", 450))
    with reading(shop) as conn:
        prices = {url: o.offer.price.minor for url, o in latest_offers(conn, "rival").items()}
        assert prices == {"https://rival.example/1": 450, "https://rival.example/2": 300}
        one = latest_offers(conn, "rival", urls=["https://rival.example/2", "https://x.example/"])
        assert list(one) == ["https://rival.example/2"]
        assert latest_offers(conn, "rival", urls=[]) == {}


def test_the_lowest_of_several_sites_counts_once_each(shop: Engine) -> None:
    crawl(shop, offer("https://rival.example/1", 499))
    crawl(shop, offer("https://other.example/1", 479), site="other")
    found = lowest(shop)
    assert found["tea-1", "online"] == (479, 2)
    assert found["tea-1", "tokyo"] == (UNKNOWN, 0)
    assert found["tea-2", "online"] == (UNKNOWN, 0)


@pytest.mark.parametrize(
    "unusable",
    [
        pytest.param({"availability": "out_of_stock"}, id="out of stock"),
        pytest.param({"availability": "unknown"}, id="nobody knows whether it can be bought"),
        pytest.param({"sku": None}, id="not matched"),
        pytest.param({"at": NOW - 25 * HOUR}, id="too old"),
        pytest.param({"at": NOW + HOUR}, id="seen after the time in question"),
        pytest.param({"currency": "USD"}, id="in another currency"),
        pytest.param({"sku": "cup-1"}, id="for a product that has no price here"),
    ],
)
def test_an_offer_that_proves_nothing_is_no_competitor_price(
    shop: Engine, unusable: dict[str, object]
) -> None:
    crawl(shop, offer("https://rival.example/1", 499, **unusable))  # type: ignore[arg-type]
    assert set(lowest(shop).values()) == {(UNKNOWN, 0)}


def test_a_competitor_that_sold_out_is_no_longer_the_cheapest(shop: Engine) -> None:
    crawl(shop, offer("https://rival.example/1", 399, at=NOW - 2 * HOUR))
    crawl(shop, offer("https://other.example/1", 479, at=NOW - 2 * HOUR), site="other")
    crawl(shop, offer("https://rival.example/1", 399, availability="out_of_stock", at=NOW - HOUR))
    assert lowest(shop)["tea-1", "online"] == (479, 1)


def test_yens_are_compared_with_yens(shop: Engine) -> None:
    crawl(
        shop,
        offer("https://tokyo.example/1", 780, currency="JPY"),
        site="tokyo-tea",
        market="tokyo",
        currency="JPY",
    )
    assert lowest(shop)["tea-1", "tokyo"] == (780, 1)


def test_a_crawl_is_on_record_from_its_start_to_its_end(shop: Engine) -> None:
    number = crawl(shop, offer("https://rival.example/1", 499))
    with reading(shop) as conn:
        (running,) = crawls_of(conn, "rival")
    assert (running.status, running.finished_at) == ("running", None)
    with writing(shop) as conn:
        finish_crawl(
            conn,
            number,
            at=NOW + HOUR,
            status="finished",
            pages=3,
            offers=1,
            failures=2,
            report={"robots": "obeyed"},
        )
    with reading(shop) as conn:
        (done,) = crawls_of(conn)
    assert (done.status, done.pages, done.offers, done.failures) == ("finished", 3, 1, 2)
    assert done.report == {"robots": "obeyed"}
    assert done.finished_at == NOW + HOUR


def test_what_cannot_be_an_offer_is_refused(shop: Engine) -> None:
    number = crawl(shop)
    good = offer("https://rival.example/1", 499)
    for bad, reason in (
        (replace(good, price=Money(0, "EUR")), "not above zero"),
        (replace(good, list_price=Money(1, "USD")), "two currencies"),
        (replace(good, sku="tea-99"), "tea-99"),
    ):
        with pytest.raises(InvalidRecord, match=reason), writing(shop) as conn:
            append_offers(conn, number, [good, bad])
    with reading(shop) as conn:
        assert latest_offers(conn, "rival") == {}


def test_what_is_not_there_is_named(shop: Engine) -> None:
    with writing(shop) as conn:
        with pytest.raises(UnknownSite, match="nowhere"):
            start_crawl(conn, "nowhere", at=NOW)
        with pytest.raises(CrawlNotFound, match="77"):
            append_offers(conn, 77, [offer("https://rival.example/1", 499)])
        with pytest.raises(CrawlNotFound, match="77"):
            finish_crawl(conn, 77, at=NOW, status="failed")
        with pytest.raises(UnknownProduct, match="tea-99"):
            offers_of(conn, "tea-99", "online")
        with pytest.raises(UnknownMarket, match="moon"):
            offers_of(conn, "tea-1", "moon")


def test_a_site_that_is_saved_again_keeps_its_number(shop: Engine) -> None:
    def save(kind: str) -> int:
        with writing(shop) as conn:
            return save_site(
                conn,
                "r",
                start_url="https://r.example/",
                kind=kind,
                market="online",
                currency="EUR",
            )

    assert save("storefront") == save("feed")


def test_a_competitor_who_is_named_comes_with_its_own_lowest_offer(shop: Engine) -> None:
    crawl(shop, offer("https://rival.example/1", 499), offer("https://rival.example/2", 480))
    crawl(shop, offer("https://dear.example/1", 599), site="dear")
    crawl(shop, offer("https://gone.example/1", 100, availability="out_of_stock"), site="gone")
    with reading(shop) as conn:
        catalogue = read_catalogue(conn, at=NOW)
        found = competitor_prices(
            conn, catalogue, at=NOW, max_age=HOUR, named=("dear", "gone", "rival")
        )
        with pytest.raises(UnknownSite, match="'nobody'; there are: dear, gone, rival"):
            competitor_prices(conn, catalogue, at=NOW, max_age=HOUR, named=("nobody",))
    (tea,) = catalogue.where(skus=["tea-1"], market="online")
    assert int(found.lowest[tea]) == 480
    assert {name: int(found.of(name)[tea]) for name in found.named} == {
        "dear": 599,
        "gone": UNKNOWN,
        "rival": 480,
    }
    assert (found.of("never asked for") == UNKNOWN).all()
