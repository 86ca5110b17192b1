"""A shop on a busy morning: something of everything that the first page tells."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from api.jobs.release import ReleaseTerms, release
from pricing.events.competitors import CompetitorPriceChanged, CrawlDegraded, CrawlFinding
from pricing.events.event import Amount
from storage.competitors.match_reviews import Proposal, propose
from storage.competitors.sites import crawls_of
from storage.database import writing
from storage.events.store import record
from storage.jobs.queue import NewJob, Worker, claim_job, end_job, submit_job
from storage.prices.decisions import save_run
from storage.tables import fits, imports
from tests.api.rival_records import rival_crawl, rival_offer
from tests.api.shop import EURO_SHOP, PRICES, YEN_STORE, decided, open_shop, publish_prices

DAY = timedelta(days=1)


def busy_morning(engine: Engine, now: datetime, *, title: str = "Their green tea") -> None:
    """New prices since yesterday, a draft, a review, held prices, a failed job, old and bad crawls.

    Args:
        engine: an empty, migrated database.
        now: the time of the morning.
        title: what a competitor calls a product, and files and sites are called after.
    """
    open_shop(engine, at=now - 5 * DAY)
    overnight = {**PRICES, ("TEA-1", "online"): 549, ("TEA-1", "store-01"): 740}
    publish_prices(engine, overnight, at=now - timedelta(hours=6))
    _draft(engine, now)
    _files_and_fit(engine, now, title)
    _rivals(engine, now, title)
    _failed_job(engine, now)


def _draft(engine: Engine, now: datetime) -> None:
    proposed = {key: minor * 3 // 2 for key, minor in PRICES.items()}
    run = decided(proposed, markets=(EURO_SHOP, YEN_STORE), at=now)
    with writing(engine) as conn:
        run_id = save_run(conn, run, policy={}, fit_id=None, created_at=now)
    terms = ReleaseTerms(four_eyes=True)
    release(engine, run_id, terms, now=now - timedelta(hours=1), by="max", note="Spring")


def _files_and_fit(engine: Engine, now: datetime, title: str) -> None:
    with writing(engine) as conn:
        for age, kind in ((9, "products"), (2, "sales"), (1, "costs")):
            conn.execute(
                imports.insert().values(
                    kind=kind, file_name=f"{title}.csv", sha256="0" * 64, rows=12_345, inserted=1,
                    updated=0, unchanged=0, finished_at=now - age * DAY,
                )
            )  # fmt: skip
        conn.execute(
            fits.insert().values(
                created_at=now - 2 * DAY, window_start=(now - 400 * DAY).date(),
                window_end=(now - 9 * DAY).date(), rows=12_345, period_days=7, method="ols",
                software={}, report={"implausible_levels": [{"sku": "TEA-1", "market": "online"}]},
            )
        )  # fmt: skip


def _rivals(engine: Engine, now: datetime, title: str) -> None:
    held = rival_offer("TEA-2", 1, now - timedelta(hours=3), site="north")
    rival_crawl(engine, "north", now - timedelta(hours=3), [rival_offer("TEA-1", 480, now)],
                held=[held])  # fmt: skip
    rival_crawl(engine, "south", now - 9 * DAY)
    (north,) = crawls_of_site(engine, "north")
    with writing(engine) as conn:
        propose(
            conn, "north", [Proposal("https://north.example/9", title, "TEA-2", 0.7, [0.7])], at=now
        )
        less = CrawlFinding(what="yield", usual=40.0, now=1.0, says=f"1 offer, not 40: {title}")
        record(
            conn,
            CrawlDegraded(
                competitor="north", market="online", crawl=north, at=now.isoformat(), failed="",
                findings=(less,),
            ),
            at=now,
        )  # fmt: skip
        record(conn, _rival_price(now), at=now - timedelta(hours=2))
        record(conn, _rival_price(now), at=now - 2 * DAY)


def crawls_of_site(engine: Engine, site: str) -> list[int]:
    with engine.connect() as conn:
        return [crawl.crawl_id for crawl in crawls_of(conn, site)]


def _rival_price(now: datetime) -> CompetitorPriceChanged:
    return CompetitorPriceChanged(
        sku="TEA-1", market="online", competitor="north", url="https://north.example/1",
        title="Their tea", old=Amount(amount="5.20", currency="EUR"),
        new=Amount(amount="4.80", currency="EUR"), change_pct=-7.7, observed_at=now.isoformat(),
    )  # fmt: skip


def _failed_job(engine: Engine, now: datetime) -> None:
    with writing(engine) as conn:
        job = submit_job(conn, NewJob("fit", {}, at=now, by="max"))
        claim_job(conn, Worker("w", "here", 1), at=now, lanes=("compute",), only=job)
        error = {"message": "there are no sales"}
        end_job(conn, job, worker="w", at=now - timedelta(hours=1), status="failed", error=error)
