"""One crawl of a shop in which nearly everything is wrong, looked at from all sides."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from scrapers.crawling.crawl import run_crawl
from scrapers.manners.settings import LARGEST_RESPONSE, USER_AGENT
from scrapers.outcomes import CrawlProgress, CrawlReport, Outcome
from storage.competitors.offers import ObservedOffer
from storage.competitors.sites import Crawl
from tests.databases import sqlite_engine, url_of
from tests.scrapers.conftest import stock_shelf
from tests.scrapers.crawls import last_crawl, offers_in, site_at
from tests.scrapers.scripted_server import Reply, ScriptedServer, html, redirect

pytestmark = pytest.mark.xdist_group("crawl-trouble")  # one worker: the crawl is made once


def product_page(price: str, name: str = "Thing", extra: str = "") -> Reply:
    data = {
        "@type": "Product",
        "name": name,
        "offers": {"price": price, "priceCurrency": "EUR", "availability": "InStock"},
    }
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    return html(f"<html><head>{script}</head><body><h1>{name}</h1>{extra}</body></html>")


def sitemap(base: str, *paths: str, index: bool = False) -> Reply:
    kind, entry = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "".join(f"<{entry}><loc>{base}{path}</loc></{entry}>" for path in paths)
    namespace = "http://www.sitemaps.org/schemas/sitemap/0.9"
    text = f'<?xml version="1.0"?><{kind} xmlns="{namespace}">{entries}</{kind}>'
    return Reply(text.encode(), 200, {"Content-Type": "application/xml"})


@dataclass(frozen=True)
class Trouble:
    """A crawl of a shop in which nearly everything is wrong."""

    report: CrawlReport
    offers: dict[str, ObservedOffer]
    shop: ScriptedServer
    inside: ScriptedServer
    progress: list[CrawlProgress]
    crawl: Crawl

    def outcome(self, path: str) -> Outcome | None:
        found = [f.outcome for f in self.report.failures if f.url == self.shop.url + path]
        return found[0] if found else None


BOMB = gzip.compress(bytes(8 * LARGEST_RESPONSE))


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    folder = tmp_path_factory.mktemp("trouble")
    broken = '{"@type": "Product", "name": "Pot", "offers": {"price": "9.99", "priceCurrency": '
    with (
        ScriptedServer({"/secret": product_page("1.00")}) as inside,
        ScriptedServer() as shop,
        sqlite_engine(folder) as engine,
    ):
        stock_shelf(engine)
        paths = (
            "/good", "/gone-404", "/gone-410", "/blocked", "/wobbly", "/down", "/malformed",
            "/malformed-but-shown", "/checkout/1", "/to-the-inside", "/to-the-metadata",
            "/meta-refresh", "/wall", "/bomb", "/huge", "/cut-short", "/picture", "/round", "/late",
        )  # fmt: skip
        shop.script |= {
            "/robots.txt": Reply(b"User-agent: *\nDisallow: /checkout\n"),
            "/sitemap.xml": sitemap(shop.url, "/maps/1.xml.gz", "/maps/2.xml", index=True),
            "/maps/1.xml.gz": Reply(gzip.compress(sitemap(shop.url, *paths).body)),
            "/maps/2.xml": sitemap(shop.url, "/good", "/second", "ftp://x", "//elsewhere.example/"),
            "/good": product_page("12.50", "Kestrel Kettle 1.7 l"),
            "/second": product_page("7.00"),
            "/gone-410": html("gone", 410),
            "/blocked": html("who are you?", 403),
            "/wobbly": [html("oops", 500), html("oops", 502), product_page("15.00")],
            "/down": html(product_page("3.00").body.decode(), 500),
            "/malformed": html(f'<script type="application/ld+json">{broken}</script><h1>Pot</h1>'),
            "/malformed-but-shown": html(
                f'<script type="application/ld+json">{broken}</script><h1>Pot</h1>'
                '<div class="product-price">€8.88</div>'
            ),
            "/checkout/1": product_page("1.00"),
            "/to-the-inside": redirect(f"{inside.url}/secret"),
            "/to-the-metadata": redirect("http://169.254.169.254/latest/meta-data/"),
            "/meta-refresh": html(
                f'<meta http-equiv="refresh" content="0;url={inside.url}/secret">'
            ),
            "/wall": html("<h1>One moment</h1><p>Please verify you are human to go on.</p>"),
            "/bomb": Reply(BOMB, 200, {"Content-Encoding": "gzip", "Content-Type": "text/html"}),
            "/huge": Reply(b"<html>" + bytes(LARGEST_RESPONSE + 1)),
            "/cut-short": Reply(b"<html>", 200, {"Content-Encoding": "gzip"}),
            "/picture": Reply(
                b"\x89PNG\r\n\x1a\n" + bytes(100), 200, {"Content-Type": "image/png"}
            ),
            "/round": redirect("/round"),
            "/late": redirect("/landed"),
            "/landed": product_page("21.00"),
        }
        progress: list[CrawlProgress] = []
        report = run_crawl(
            site_at(f"{shop.url}/sitemap.xml"),
            database_url=url_of(engine),
            progress=progress.append,
        )
        yield Trouble(report, offers_in(engine), shop, inside, progress, last_crawl(engine))


def test_good_pages_are_stored_whatever_is_wrong_with_the_others(trouble: Trouble) -> None:
    prices = {path: offer.price.amount for path, offer in trouble.offers.items()}
    assert prices == {
        "/good": "12.50",
        "/second": "7.00",
        "/wobbly": "15.00",
        "/malformed-but-shown": "8.88",
        "/landed": "21.00",
    }


def test_a_sitemap_index_is_followed_and_gzip_files_are_opened(trouble: Trouble) -> None:
    assert trouble.shop.asked["/maps/1.xml.gz"] == 1
    assert trouble.shop.asked["/good"] == 1  # named by both maps, fetched once


def test_a_page_that_fails_twice_and_then_answers_gives_its_price(trouble: Trouble) -> None:
    assert trouble.shop.asked["/wobbly"] == 3


def test_a_page_that_keeps_failing_is_given_up_and_its_price_is_not_believed(
    trouble: Trouble,
) -> None:
    assert trouble.shop.asked["/down"] == 4
    assert trouble.outcome("/down") is Outcome.FAILED


def test_gone_pages_are_no_failures_and_blocked_ones_are(trouble: Trouble) -> None:
    assert trouble.report.outcomes[Outcome.GONE] == 2
    assert trouble.outcome("/gone-404") is None
    assert trouble.outcome("/blocked") is Outcome.BLOCKED


def test_a_wall_is_blocked_and_not_a_page_without_a_price(trouble: Trouble) -> None:
    assert trouble.outcome("/wall") is Outcome.BLOCKED
    details = {f.url: f.detail for f in trouble.report.failures}
    assert "'verify you are human'" in details[f"{trouble.shop.url}/wall"]


def test_malformed_json_ld_never_gives_its_price(trouble: Trouble) -> None:
    assert trouble.outcome("/malformed") is Outcome.MISSING
    assert trouble.offers["/malformed-but-shown"].source == "markup"


def test_what_robots_txt_disallows_is_not_asked_for(trouble: Trouble) -> None:
    assert trouble.shop.asked["/robots.txt"] == 1
    assert trouble.shop.asked["/checkout/1"] == 0
    assert trouble.report.outcomes[Outcome.DISALLOWED] == 1


def test_no_redirect_and_no_meta_refresh_leads_to_another_private_address(
    trouble: Trouble,
) -> None:
    assert trouble.inside.asked.total() == 0
    paths = ("/to-the-inside", "/to-the-metadata", "/meta-refresh")
    assert {trouble.outcome(path) for path in paths} == {Outcome.FORBIDDEN}
    assert trouble.report.outcomes[Outcome.FORBIDDEN] == 3


def test_a_gzip_bomb_and_an_endless_page_end_in_an_error_on_that_page_alone(
    trouble: Trouble,
) -> None:
    assert trouble.outcome("/bomb") is Outcome.FAILED
    assert trouble.outcome("/huge") is Outcome.FAILED
    assert trouble.outcome("/cut-short") in {Outcome.FAILED, Outcome.MISSING}
    assert trouble.outcome("/round") is Outcome.FAILED
    assert trouble.outcome("/picture") is Outcome.MISSING


def test_the_shop_is_told_honestly_who_asks(trouble: Trouble) -> None:
    assert trouble.shop.agents == {USER_AGENT}
    assert USER_AGENT.startswith("Pricewright/")


def test_progress_grows_to_the_totals_of_the_report(trouble: Trouble) -> None:
    last = trouble.progress[-1]
    assert [p.pages for p in trouble.progress] == sorted(p.pages for p in trouble.progress)
    assert (last.pages, last.offers) == (trouble.report.pages, 5)
    assert last.failures == sum(
        n for name, n in trouble.report.outcomes.items() if Outcome(name).failure
    )


def test_the_crawl_is_noted_with_its_totals(trouble: Trouble) -> None:
    assert trouble.crawl.status == "finished"
    assert (trouble.crawl.pages, trouble.crawl.offers) == (trouble.report.pages, 5)
    assert trouble.crawl.failures == trouble.progress[-1].failures
    assert trouble.crawl.finished_at == trouble.report.finished_at
