"""How fast a shop is crawled with everything, against a bare Scrapy spider that counts pages.

    make bench ARGS=crawl

The same server (static product pages with JSON-LD, made once) in a process of its own, the same
number of requests at a time, the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pricing.catalogue import Market
from scrapers.crawling.crawl import run_crawl
from scrapers.sites import Site
from storage.database import writing
from storage.products.markets import add_markets
from tests.benchmarks.figure import Figure
from tests.databases import sqlite_engine, url_of

PAGES: Final = 5_000
CONCURRENCY: Final = 16

_SERVER: Final = textwrap.dedent(
    """
    import asyncio, json, sys
    pages = int(sys.argv[1])
    filler = "".join(f'<div class="row"><p>Paragraph {n} of the shop.</p></div>' for n in range(80))
    def page(n):
        data = {"@type": "Product", "name": f"Thing {n}", "sku": f"T-{n}", "offers":
                {"price": f"{n % 90 + 1}.99", "priceCurrency": "EUR", "availability": "InStock"}}
        return (f'<html><head><title>Thing {n}</title><script type="application/ld+json">'
                f'{json.dumps(data)}</script></head><body><h1>Thing {n}</h1>'
                f'<p class="price">{n % 90 + 1}.99 EUR</p>{filler}</body></html>').encode()
    def answer(body, kind="text/html", status="200 OK"):
        return (f"HTTP/1.1 {status}\\r\\nContent-Type: {kind}\\r\\nContent-Length: {len(body)}"
                "\\r\\n\\r\\n").encode() + body
    async def serve(reader, writer):
        try:
            while True:
                request = await reader.readuntil(b"\\r\\n\\r\\n")
                path = request.split(b" ", 2)[1].decode()
                writer.write(ANSWERS.get(path, MISSING))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        base = f"http://127.0.0.1:{port}"
        entries = "".join(f"<url><loc>{base}/p/{n}</loc></url>" for n in range(pages))
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        ANSWERS["/sitemap.xml"] = answer(
            f'<?xml version="1.0"?><urlset xmlns="{space}">{entries}</urlset>'.encode(), "text/xml")
        print(base, flush=True)
        await server.serve_forever()
    ANSWERS = {f"/p/{n}": answer(page(n)) for n in range(pages)}
    MISSING = answer(b"", status="404 Not Found")
    asyncio.run(main())
    """
)

_BARE: Final = textwrap.dedent(
    """
    import sys, scrapy
    from scrapy.crawler import AsyncCrawlerProcess
    class Bare(scrapy.Spider):
        name = "bare"
        async def start(self):
            yield scrapy.Request(sys.argv[1] + "/sitemap.xml", callback=self.parse_sitemap)
        def parse_sitemap(self, response):
            for place in response.xpath("//*[local-name()='loc']/text()").getall():
                yield scrapy.Request(place)
        def parse(self, response):
            self.pages = getattr(self, "pages", 0) + 1
    process = AsyncCrawlerProcess({"CONCURRENT_REQUESTS": int(sys.argv[2]),
        "CONCURRENT_REQUESTS_PER_DOMAIN": int(sys.argv[2]), "LOG_LEVEL": "ERROR",
        "COOKIES_ENABLED": False, "TELNETCONSOLE_ENABLED": False, "ROBOTSTXT_OBEY": True,
        "REMOTE_CONTROL_ENABLED": False})
    process.crawl(Bare)
    process.start()
    """
)


def figures(pages: int = PAGES) -> Iterator[Figure]:
    """Pages a second of a first crawl and of a second one, against the bare spider."""
    with _server(pages) as base, tempfile.TemporaryDirectory(prefix="pricewright-bench-") as folder:
        spider = Path(folder) / "bare.py"
        spider.write_text(_BARE, "utf-8")
        start = time.perf_counter()
        subprocess.run([sys.executable, str(spider), base, str(CONCURRENCY)], check=True)
        bare = pages / (time.perf_counter() - start)
        with sqlite_engine(Path(folder)) as engine:
            with writing(engine) as conn:
                add_markets(conn, [Market("online", "EUR")])
            site = Site("bench", f"{base}/sitemap.xml", "online", "EUR", product_pattern="/p/",
                        allow_private=True, delay=0.0, concurrency=CONCURRENCY)  # fmt: skip
            for which in ("first crawl", "second crawl, nothing changed"):
                start = time.perf_counter()
                report = run_crawl(site, database_url=url_of(engine))
                speed = report.offers / (time.perf_counter() - start)
                yield Figure(f"crawl {pages:,} pages, {which}", speed, "pages/s",
                             "a bare Scrapy spider that counts pages", bare,
                             json.dumps(dict(report.outcomes)))  # fmt: skip


@contextmanager
def _server(pages: int) -> Iterator[str]:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(pages)], stdout=subprocess.PIPE, text=True
    )
    try:
        if server.stdout is None:
            raise RuntimeError("the server has no output")
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()
