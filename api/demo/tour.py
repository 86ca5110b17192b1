"""The demo: the whole way of a price on a market whose law is known, told step by step."""

from __future__ import annotations

import base64
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import sqlalchemy as sa
from rich.markup import escape

from api.access.first_account import FIRST, make_first_account
from api.cli.crawling import crawl_table, watch
from api.cli.database import database
from api.cli.explain import print_decision
from api.cli.reprice import run_table
from api.cli.terminal import bars, out, utc_now
from api.cli.what_if import what_if_table
from api.demo.files import IMPORT_ORDER, shelves, write_files
from api.demo.promotions import show_promotions
from api.demo.receiver import WebhookReceiver
from api.demo.shops import CompetitorShop, ShopProduct, ShopStyle
from api.demo.truth import score_fit, score_prices
from api.errors import DemoFailed, ServerNotStarted
from api.jobs.fit import fit
from api.jobs.release import release
from api.jobs.release_terms import terms_of
from api.jobs.reprice import RepriceRequest, reprice
from api.jobs.what_if import WhatIfQuestion, ask_what_if
from api.logs import configure_logs
from api.reports.charts import draw_what_if
from api.server import serving
from api.settings import Settings, load_settings
from models.sensitivity.spec import Engine, FitSpec
from pricing.deciding.decide import PricingPolicy
from pricing.deciding.decisions import Decisions
from pricing.money import Rounding
from pricing.rulebook.document import PricingRules
from scrapers.crawling.crawl import run_crawl
from scrapers.outcomes import CrawlReport
from scrapers.sites import Site, dump_sites
from simulations.demo_market.market import (
    COUNTRY,
    CURRENCY,
    DemoMarket,
    MarketSpec,
    generate_market,
)
from simulations.demo_market.rivals import RIVALS
from storage.imports import import_file
from storage.private_files import private_folder

"""The newest week of the demo's history: fixed, so that equal seeds show equal figures."""

_RULES: Final = PricingRules(policy=PricingPolicy(max_changes=400))
_SPEC: Final = FitSpec(country=COUNTRY, engine=Engine.STATSMODELS)
"""One statsmodels regression a series; the batched arithmetic gives the same numbers sooner."""

_MARKET: Final = "online"
_CUT: Final = Decimal("0.82")
_PATIENCE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What the steps share."""

    engine: sa.Engine
    settings: Settings
    folder: Path
    market: DemoMarket


def give_tour(folder: Path, *, seed: int, port: int, once: bool) -> None:
    """Run the whole demo.

    Args:
        folder: where its files and its own database go; what an earlier demo left there is deleted.
        seed: of the market's chance.
        port: where the service listens; 0 takes a free one.
        once: stop after the last step instead of serving on.

    Raises:
        DemoFailed: a step did not bring what the next one needs.
    """
    started = time.monotonic()
    _clear(folder)
    url = f"sqlite:///{folder / 'pricewright.db'}"
    out.print(
        "The commands below work in a second terminal after\n"
        f"  [cyan]source .venv/bin/activate && export DATABASE_URL={escape(url)}[/]",
    )
    market = _make_market(seed, last_full_week(utc_now().date()))
    with ExitStack() as stack:
        token = secrets.token_urlsafe(24)
        secret = "whsec_" + base64.b64encode(np.random.default_rng().bytes(32)).decode()
        receiver = stack.enter_context(WebhookReceiver(secret))
        settings = load_settings(
            database_url=url,
            port=port,
            webhook_url=receiver.url,
            webhook_secret=secret,
            private_addresses=("127.0.0.1",),
            operators=f"demo:{token}",
            snapshot_poll_seconds=0.2,
            alert_poll_seconds=0.2,
            promotion_poll_seconds=0.2,
            log_level="warning",
        )
        configure_logs(settings.log_format, settings.log_level)
        stage = Stage(stack.enter_context(database(settings)), settings, folder, market)
        _import(stage)
        shops = {
            name: stack.enter_context(_open_shop(name, market, style))
            for name, style in zip(RIVALS, (ShopStyle.STRUCTURED, ShopStyle.PLAIN), strict=True)
        }
        sites = {name: _site(name, shop) for name, shop in shops.items()}
        (folder / "sites.yaml").write_text(dump_sites(sites.values()), encoding="utf-8")
        _crawl(stage, list(sites.values()))
        _fit(stage)
        decisions = _reprice(stage)
        password = make_first_account(stage.engine)
        service = stack.enter_context(_service(settings))
        _look_up(service, decisions)
        sku = _competitor_moves(stage, shops[RIVALS[0]], sites[RIVALS[0]], decisions, receiver)
        _what_if(stage)
        quote = _promotions(stage, service, decisions)
        out.rule()
        out.print(f"done in {time.monotonic() - started:.0f} s. Look around:")
        for line in [*_curls(service, sku, token), quote]:
            out.print(f"  [cyan]{escape(line)}[/]")
        out.print(
            f"The console: [bold]{service}/console[/], name [bold]{FIRST}[/], password "
            f"[bold]{password}[/]; it asks you for one of your own first."
        )
        if not once:
            _stay_up(service)


def last_full_week(today: date) -> date:
    """The Monday of the last week that is over: sales of long ago would move no price today."""
    return today - timedelta(days=today.weekday() + 7)


def _make_market(seed: int, last_week: date) -> DemoMarket:
    _heading(1, "A market whose law we know")
    spec = MarketSpec(last_week=last_week)
    market = generate_market(spec, np.random.default_rng(seed))
    out.print(
        f"{len(market.products)} products in {market.products['category'].nunique()} categories, "
        f"{spec.weeks} weeks of sales in {len(market.markets)} markets, seed {seed}. The shop "
        "raised prices when demand was high: whoever reads prices and sales naively is misled."
    )
    return market


def _import(stage: Stage) -> None:
    paths = write_files(stage.market, stage.folder)
    for kind in IMPORT_ORDER:
        with bars(f"import {kind}") as progress:
            report = import_file(stage.engine, kind, paths[kind], progress=progress.rows)
        out.print(f"  imported {report.rows:>7,} rows of {escape(str(paths[kind]))}")
    _try_next(f"pricewright import sales {paths['sales']} --dry-run")


@contextmanager
def _open_shop(name: str, market: DemoMarket, style: ShopStyle) -> Iterator[CompetitorShop]:
    with CompetitorShop(name, shelves(market.rivals, name), style) as shop:
        yield shop


def _site(name: str, shop: CompetitorShop) -> Site:
    return Site(
        name=name,
        start_url=shop.sitemap_url,
        market=_MARKET,
        currency=CURRENCY,
        product_pattern="/product/",
        allow_private=True,
        delay=0.0,
        concurrency=8,
    )


def _crawl(stage: Stage, sites: list[Site]) -> None:
    _heading(2, "What the competition asks")
    reports = [_crawl_site(stage, site) for site in sites]
    out.print(crawl_table(reports))
    out.print(
        "One shop publishes structured data with GTINs, the other nothing but its markup and "
        "titles in its own words."
    )
    _try_next(f"pricewright crawl --sites {stage.folder / 'sites.yaml'}  (while the demo serves)")


def _crawl_site(stage: Stage, site: Site) -> CrawlReport:
    with bars(f"crawl {site.name}") as progress:
        return run_crawl(site, database_url=stage.settings.database_url, progress=watch(progress))


def _fit(stage: Stage) -> None:
    _heading(3, "How customers react to price")
    with bars("fit") as progress:
        outcome = fit(stage.engine, now=utc_now(), spec=_SPEC, progress=progress)
    score = score_fit(outcome.curves, outcome.fit.evidence, stage.market.law)
    out.print(
        f"{score.curves} demand curves. Against the planted truth:\n"
        f"  this fit        median error [bold]{score.median_error:.3f}[/], "
        f"95 % intervals hold the truth in [bold]{score.coverage:.1%}[/]\n"
        f"  naive regression median error {score.naive_median_error:.3f}, "
        f"intervals hold it in {score.naive_coverage:.1%}"
    )
    for warning in outcome.fit.report.warnings:
        out.print(f"[yellow]note:[/] {escape(warning)}")
    _try_next("pricewright fit --out elasticities.csv")


def _reprice(stage: Stage) -> Decisions:
    _heading(4, "Better prices, inside hard limits")
    with bars("reprice") as progress:
        outcome = reprice(
            stage.engine,
            _RULES,
            RepriceRequest(now=utc_now(), offer_max_age=stage.settings.offer_max_age),
            progress=progress,
        )
    decisions, policy = outcome.decisions, _RULES.policy
    limits = policy.limits
    low, high = limits.competitor_band or (0.0, np.inf)
    out.print(run_table(outcome))
    out.print(
        f"limits: margin at least {limits.minimum_margin:.0%}, change at most "
        f"{limits.maximum_change:.0%}, {low:g} to {high:g} times the lowest rival, price endings, "
        f"at most {policy.max_changes} changes together "
        f"({decisions.solve.method}, {decisions.solve.status}, gap {decisions.solve.gap:.1e})"
    )
    score = score_prices(decisions, stage.market.law)
    out.print(
        f"By the true law the profit of a plain week goes from {score.before:,.0f} to "
        f"{score.after:,.0f} {CURRENCY}: [bold]{score.gain:+.1%}[/]"
    )
    _publish(stage, outcome.run_id, "first light")
    _try_next(f"pricewright explain {decisions.catalogue.sku[0]} --market {_MARKET}")
    return decisions


def _publish(stage: Stage, run_id: int, note: str) -> None:
    """Put prices live as a manager does: inside the change budget, checked, on record."""
    terms = terms_of(stage.settings)
    done = release(stage.engine, run_id, terms, now=utc_now(), by="demo", note=note)
    if done.version is None:
        why = done.draft.reason or "they wait for an approval"
        raise DemoFailed(f"the prices did not go live: {why}")
    out.print(
        f"price book {done.version} is live, draft {done.draft.draft_id} by "
        f"{done.draft.created_by}: {done.report.changes} of {done.report.prices} prices changed"
    )


@contextmanager
def _service(settings: Settings) -> Iterator[str]:
    """The service on its port, or on a free one where that is taken."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(serving(settings))
        except ServerNotStarted as error:
            out.print(f"[yellow]note:[/] {escape(str(error))}; taking a free port instead")
            url = stack.enter_context(serving(settings.model_copy(update={"port": 0})))
        yield url


def _look_up(url: str, decisions: Decisions) -> None:
    _heading(5, "Live prices")
    sku = str(decisions.catalogue.sku[0])
    _wait_until_ready(url)
    answer = httpx.get(f"{url}/v1/prices/{sku}", params={"market": _MARKET})
    answer.raise_for_status()
    out.print(f"GET /v1/prices/{sku}?market={_MARKET}\n  {escape(answer.text)}")
    _try_next(f"open {url}/docs")


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (answer := httpx.get(f"{url}/readyz")).status_code != httpx.codes.OK:
        if time.monotonic() > deadline:
            raise DemoFailed(f"the service does not become ready: {answer.text}")
        time.sleep(0.05)


def _competitor_moves(
    stage: Stage, shop: CompetitorShop, site: Site, decisions: Decisions, receiver: WebhookReceiver
) -> str:
    _heading(6, "A competitor moves")
    sku, product = _pick_rival_product(stage.market, shop, decisions)
    row = int(decisions.catalogue.where(skus=[sku], market=_MARKET)[0])
    print_decision(decisions.record(row))
    cheaper = product.price.times(_CUT, Rounding.HALF_UP)
    shop.set_price(product.article, cheaper)
    out.print(f"\n{site.name} cuts {escape(product.title)}: {product.price} → [bold]{cheaper}[/]")
    told = len(receiver.received)
    out.print(crawl_table([_crawl_site(stage, site)]))
    if not receiver.wait_for(told + 1):
        raise DemoFailed("the alert did not arrive; `pricewright alerts list` says why")
    alert = receiver.received[-1]
    out.print(f"signed webhook received: [bold]{alert.topic}[/] {escape(str(dict(alert.data)))}")
    outcome = reprice(
        stage.engine,
        _RULES,
        RepriceRequest(
            now=utc_now(), offer_max_age=stage.settings.offer_max_age, market=_MARKET, skus=[sku]
        ),
    )
    out.print("\nthe new recommendation:")
    print_decision(outcome.decisions.record(0))
    _try_next("pricewright publish  (to put the new recommendation live)")
    return sku


def _pick_rival_product(
    market: DemoMarket, shop: CompetitorShop, decisions: Decisions
) -> tuple[str, ShopProduct]:
    """A product of which this shop has the lowest offer, close enough below for a cut to bite."""
    catalogue, lowest = decisions.catalogue, decisions.competitors.lowest
    sku_of = dict(zip(market.products["gtin"], market.products["sku"], strict=True))
    by_sku = {sku_of[p.gtin]: p for p in shop.products if p.gtin in sku_of and p.in_stock}
    for row in np.argsort(-decisions.profit):
        sku = str(catalogue.sku[row])
        if catalogue.market[int(row)] != _MARKET or sku not in by_sku:
            continue
        product = by_sku[sku]
        ratio = decisions.price[row] / product.price.minor
        if lowest[row] == product.price.minor and 1.05 < ratio < 1.15:
            return sku, product
    raise DemoFailed("no product is priced a little above its lowest rival; try another --seed")


def _what_if(stage: Stage) -> None:
    _heading(7, "What if")
    category = str(stage.market.products["category"].iloc[0])
    question = WhatIfQuestion(changes=(-0.05, 0.0, 0.05))
    answer = ask_what_if(
        stage.engine,
        question,
        _RULES,
        RepriceRequest(
            now=utc_now(),
            offer_max_age=stage.settings.offer_max_age,
            market=_MARKET,
            category=category,
        ),
        rng=np.random.default_rng(1),
    )
    out.print(what_if_table(answer))
    chart = stage.folder / "what-if.png"
    draw_what_if(answer, chart)
    out.print(f"chart: {escape(str(chart))}")
    _try_next(f"pricewright what-if --category {category!r} --chart what-if.svg")


def _promotions(stage: Stage, url: str, decisions: Decisions) -> str:
    _heading(8, "Promotions: what a cart pays, and why")
    catalogue = decisions.catalogue
    # The dearest product: three of it pass every threshold.
    rows = [row for row in np.argsort(-decisions.price) if catalogue.market[int(row)] == _MARKET]
    sku = str(catalogue.sku[rows[0]])
    quote = show_promotions(stage.engine, url, market=_MARKET, sku=sku, now=utc_now())
    _try_next("pricewright promo list")
    return quote


def _curls(url: str, sku: str, token: str) -> list[str]:
    as_operator = f"-H 'Authorization: Bearer {token}'"
    return [
        f"curl '{url}/v1/prices/{sku}?market={_MARKET}'",
        f"curl {as_operator} '{url}/v1/decisions/{sku}?market={_MARKET}'",
        f"curl {as_operator} '{url}/v1/offers/{sku}?market={_MARKET}'",
    ]


def _stay_up(url: str) -> None:
    out.print(
        f"\nserving on [bold]{url}[/] (API at {url}/docs: Authorize with the token above). "
        "Ctrl-C stops."
    )
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("stopped")


def _clear(folder: Path) -> None:
    """Delete what an earlier demo left; only a folder that a demo made."""
    marker = folder / ".pricewright-demo"
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            raise DemoFailed(f"{folder} holds something else; name an empty folder with --folder")
        shutil.rmtree(folder)
    private_folder(folder)
    marker.touch()


def _heading(number: int, title: str) -> None:
    out.print()
    out.rule(f"[bold]{number}. {title}", align="left")


def _try_next(command: str) -> None:
    out.print(f"[dim]try: {escape(command)}[/]")
