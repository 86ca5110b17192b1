"""Products: a search, and one product in a market with why its price is what it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import numpy as np
from babel.numbers import get_currency_symbol
from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from api.console.charts import Axis, Chart, Mark, Series
from api.console.formats import NONE
from api.console.language import N_
from api.console.page import Group, Page
from api.console.problem_pages import page_router
from api.console.reasons import limit_name, told
from api.console.tables import Column, Tone, question_of, rows_document
from api.console.visit import Visit, Visiting
from api.jobs.product_view import (
    all_markets,
    price_times,
    search_products,
    view_demand,
    view_product,
)
from api.routes.dependencies import Running
from api.routes.keys import SkuInPath
from models.refusals import Missing
from pricing.currencies import decimals
from pricing.deciding.decisions import Action
from pricing.deciding.guardrails import Limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from api.jobs.product_view import DemandView, ProductView
    from models.arrays import FloatArray
    from pricing.money import Money

router = page_router()
PAGE = Page(
    name="products",
    title=N_("Products"),
    router=router,
    path="/products",
    group=Group.PRICING,
    order=20,
    key="p",
    icon="product",
)

_STATUSES: Final = {
    "ok": N_("its own sales say how demand reacts"),
    "price_never_moved": N_("its price never moved, so its category speaks for it"),
    "positive_elasticity": N_("its sales rose with the price, so its category speaks for it"),
    "implausible_level": N_("the level of the curve is not carried by sales"),
}
_ACTIONS: Final = {
    Action.CHANGE: N_("changes"),
    Action.KEEP: N_("stays, being the best"),
    Action.HOLD: N_("is held"),
}

Sku = Annotated[str, Query(min_length=1, max_length=256)]
Market = Annotated[str | None, Query(min_length=1, max_length=256)]


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to a price."""

    title: str
    lines: Sequence[str]
    tone: Tone = "quiet"


@router.get("/products")
def show_products(visit: Visiting) -> HTMLResponse:
    """The search."""
    return visit.page("products/page.html", columns=_columns(visit))


@router.get("/product-rows")
def product_rows(visit: Visiting, service: Running, request: Request) -> Response:
    """The products that the table asks for."""
    question = question_of(request, _columns(visit))
    found = search_products(
        service.engine,
        question.search,
        category=question.filters.get("category", ""),
        by=question.sort or "sku",  # type: ignore[arg-type]
        descending=question.descending,
        offset=question.offset,
        limit=question.size,
    )
    rows = [
        {
            "id": product.sku,
            "href": visit.url(f"/console/products/{quote(product.sku, safe='')}"),
            "sku": product.sku,
            "title": product.title,
            "category": product.category,
            "brand": product.brand or "",
        }
        for product in found.products
    ]
    return visit.json(rows_document(question, rows, found.total))


@router.get("/product-charts/prices")
def price_chart(visit: Visiting, service: Running, sku: Sku, market: Market = None) -> Response:
    """Our price and theirs over time, on the market's clocks."""
    times = price_times(service.engine, sku, _place(visit, service, market), now=visit.now)
    zone, scale = ZoneInfo(times.market.time_zone), 10 ** decimals(times.market.currency)
    since, now = times.record.since, visit.now
    ours: list[tuple[str, float | None]] = []
    for change in times.changes:
        at = max(change.published_at, since)
        price = None if change.price is None else change.price.minor / scale
        if ours and at == since:
            ours.clear()  # a later price was in force by then
        ours.append((_local(at, zone), price))
    if ours:
        ours.append((_local(now, zone), ours[-1][1]))
    series = [Series(visit.say("Our price"), ours, "step", "ours")]
    spans = times.record.spans
    for (site, url), rows in spans.groupby(["site", "url"], sort=True):
        alone = len(set(spans.loc[spans["site"] == site, "url"])) == 1
        points: list[tuple[str, float | None]] = []
        for span in rows.to_dict("records"):
            start, end = (_local(span[name].tz_localize("UTC"), zone) for name in ("start", "end"))
            asked = float(str(span["price"]))  # NaN where a look gave none
            points += [(at, asked if math.isfinite(asked) else None) for at in (start, end)]
        series.append(Series(str(site) if alone else f"{site} {url}", points, "line", "theirs"))
    return visit.json(
        Chart(
            Axis(visit.say("Time in %(zone)s", zone=times.market.time_zone), kind="time"),
            _money_axis(visit, visit.say("Price"), times.market.currency),
            series,
        )
    )


@router.get("/product-charts/units")
def units_chart(visit: Visiting, service: Running, sku: Sku, market: Market = None) -> Response:
    """What was sold in each period."""
    times = price_times(service.engine, sku, _place(visit, service, market), now=visit.now)
    begins = times.units["period_start"].dt.strftime("%Y-%m-%dT00:00").tolist()
    units: list[float] = times.units["units"].to_numpy(dtype=np.float64).tolist()
    points = list(zip(begins, units, strict=True))
    return visit.json(
        Chart(
            Axis(visit.say("Beginning of the period"), kind="time"),
            Axis(visit.say("Units sold"), digits=0),
            [Series(visit.say("Units sold"), points, "bars", "expected")],
        )
    )


@router.get("/product-charts/demand")
def demand_chart(visit: Visiting, service: Running, sku: Sku, market: Market = None) -> Response:
    """The demand curve with its band, and what was observed."""
    found = _demand(visit, service, sku, market)
    curve = found.response
    observed = [(float(price), float(units)) for price, units in found.observed.T]
    return visit.json(
        Chart(
            _money_axis(visit, visit.say("Price"), found.market.currency),
            Axis(visit.say("Units a period of %(days)s days", days=found.period_days), digits=1),
            [
                Series(
                    visit.say("Expected"),
                    _points(curve.price, curve.units),
                    "line",
                    "ours",
                    _points(curve.price, curve.units_low),
                    _points(curve.price, curve.units_high),
                ),
                Series(visit.say("Sold"), observed, "points", "theirs"),
            ],
            tuple(_prices(visit, found)),
        )
    )


@router.get("/product-charts/profit")
def profit_chart(visit: Visiting, service: Running, sku: Sku, market: Market = None) -> Response:
    """Expected profit over the price, with what is allowed."""
    found = _demand(visit, service, sku, market)
    curve = found.response
    return visit.json(
        Chart(
            _money_axis(visit, visit.say("Price"), found.market.currency),
            _money_axis(visit, visit.say("Profit a period"), found.market.currency),
            [
                Series(
                    visit.say("Expected profit"),
                    _points(curve.price, curve.profit),
                    "line",
                    "expected",
                    _points(curve.price, curve.profit_low),
                    _points(curve.price, curve.profit_high),
                )
            ],
            (*_prices(visit, found), *_allowed(visit, found)),
        )
    )


@router.get("/products/{sku:path}")
def show_product(
    visit: Visiting, service: Running, sku: SkuInPath, market: Market = None
) -> HTMLResponse:
    """One product in a market."""
    code = _place(visit, service, market)
    view = view_product(
        service.engine, sku, code, now=visit.now, offer_max_age=service.settings.offer_max_age
    )
    decision = None if view.stored is None else view.stored.decision
    name = quote(sku, safe="")
    query = urlencode({"sku": sku, "market": code})
    return visit.page(
        "products/product.html",
        view=view,
        decision=decision,
        row=None if view.stored is None else view.stored.row,
        steps=_steps(visit, view),
        reasons=[] if decision is None else [told(visit, reason) for reason in decision.reasons],
        doubts=_doubts(visit, view),
        charts={
            kind: visit.url(f"/console/product-charts/{kind}?{query}")
            for kind in ("prices", "units", "demand", "profit")
        },
        ends=view.expected,
        here_formats=visit.formats.at(view.market.time_zone),
        address=visit.url(f"/console/products/{name}"),
    )


def _columns(visit: Visit) -> tuple[Column, ...]:
    say = visit.say
    return (
        Column("sku", say("Product"), sortable=True, width=150, pinned=True),
        Column("title", say("Title"), sortable=True, width=260),
        Column("category", say("Category"), sortable=True, filter="text", width=150, priority=1),
        Column("brand", say("Brand"), sortable=True, width=120, priority=2),
    )


def _place(visit: Visit, service: Running, market: str | None) -> str:
    if market is not None:
        return market
    markets = all_markets(service.engine)
    if not markets:
        raise Missing(visit.say("There is no market yet; bring products in first."))
    return markets[0].code


def _demand(visit: Visit, service: Running, sku: str, market: str | None) -> DemandView:
    found = view_demand(service.engine, sku, _place(visit, service, market))
    if found is None:
        raise Missing(visit.say("There is no demand curve for this product here."))
    return found


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="minutes")


def _points(x: FloatArray, y: FloatArray) -> list[tuple[float, float | None]]:
    return [
        (at, value if math.isfinite(value) else None)
        for at, value in zip(x.tolist(), y.tolist(), strict=True)
    ]


def _money_axis(visit: Visit, name: str, currency: str) -> Axis:
    symbol = get_currency_symbol(currency, locale=visit.formats.locale)
    return Axis(name, symbol, digits=decimals(currency))


def _major(money: Money) -> float:
    major: float = money.minor / 10.0 ** decimals(money.currency)
    return major


def _prices(visit: Visit, found: DemandView) -> Iterator[Mark]:
    if found.in_force is not None:
        yield Mark(_major(found.in_force), visit.say("in force"), "info")
    if found.decided is not None and found.decided != found.in_force:
        yield Mark(_major(found.decided), visit.say("decided"), "good")


def _allowed(visit: Visit, found: DemandView) -> Iterator[Mark]:
    low, high = float(found.response.price[0]), float(found.response.price[-1])
    lower, upper = found.bounds.lower, found.bounds.upper
    if lower is not None and upper is not None and lower <= upper:
        yield Mark(
            max(_major(lower), low),
            visit.say("allowed"),
            "good",
            min(_major(upper), high),
        )
    for bound, name in (
        (found.bounds.law_lower, visit.say("the law: at least")),
        (found.bounds.law_upper, visit.say("the law: at most")),
    ):
        if bound is not None and low < _major(bound) < high:
            yield Mark(_major(bound), name, "bad")


def _doubts(visit: Visit, view: ProductView) -> list[str]:
    doubts = []
    curve = view.curve
    if view.stored is not None and curve is None:
        doubts.append(visit.say("There is no demand curve for it here: its effects are not known."))
    if curve is not None and curve.status[0] != "ok":
        status = str(curve.status[0])
        doubts.append(visit.say("The curve is doubtful: %(why)s.", why=_status(visit, status)))
    old = [seen for seen in view.offers if not seen.fresh]
    if old:
        doubts.append(
            visit.language.say_count(
                "%(num)s offer of a competitor is too old to count.",
                "%(num)s offers of competitors are too old to count.",
                len(old),
            )
        )
    return doubts


def _status(visit: Visit, status: str) -> str:
    return visit.say(_STATUSES[status]) if status in _STATUSES else status.replace("_", " ")


def _steps(visit: Visit, view: ProductView) -> list[Step]:
    """The way to the price, from what was known to what was chosen."""
    stored = view.stored
    if stored is None:
        return []
    say, formats = visit.say, visit.formats.at(view.market.time_zone)
    row, decision, bounds = stored.row, stored.decision, view.bounds
    currency = decision.currency
    known = row.catalogue
    cost = int(known.cost[0])
    minor = 10.0 ** decimals(currency)
    inputs = [
        say("Price in force then: %(price)s.", price=formats.money(decision.previous)),
        say(
            "Unit cost, net of tax: %(cost)s.",
            cost=formats.estimate(cost / minor if cost > 0 else None, currency),
        ),
        say("On stock: %(stock)s.", stock=formats.number(float(known.stock[0]))),
    ]
    demand = [say("There was no curve.")]
    if view.curve is not None:
        curve = view.curve
        demand = [
            say(
                "Fit %(fit)s, by %(method)s, from %(periods)s periods of sales: %(status)s.",
                fit=stored.fit_id,
                method=str(curve.method[0]),
                periods=formats.number(int(curve.n_obs[0])),
                status=_status(visit, str(curve.status[0])),
            )
        ]
    offers = int(row.competitors.offers[0])
    lowest = int(row.competitors.lowest[0])
    rivals = [
        say("No offer counted.")
        if not offers
        else visit.language.say_count(
            "%(num)s offer counted, the lowest %(lowest)s.",
            "%(num)s offers counted, the lowest %(lowest)s.",
            offers,
            lowest=formats.estimate(lowest / minor, currency),
        )
    ]
    limits = []
    if bounds is not None:
        for bound, bit, sentence in (
            (bounds.lower, row.lower_limit[0], N_("At least %(bound)s: %(limit)s.")),
            (bounds.upper, row.upper_limit[0], N_("At most %(bound)s: %(limit)s.")),
        ):
            names = ", ".join(limit_name(visit, name) for name in Limit(int(bit)).names)
            if bound is not None:
                limits.append(say(sentence, bound=formats.money(bound), limit=names or NONE))
    law = [say("It sets no bound here.")]
    if bounds is not None and (bounds.law_lower or bounds.law_upper):
        law = [
            say(
                "From %(lower)s to %(upper)s: %(article)s.",
                lower=formats.money(bounds.law_lower),
                upper=formats.money(bounds.law_upper),
                article=bounds.article,
            )
        ]
    endings = (stored.policy.get("endings") or {}).get(decision.market)
    ending = say("The usual ones of the currency.")
    if isinstance(endings, dict):
        ending = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in endings.items())
    outcome = say(
        "The price %(action)s: %(price)s.",
        action=say(_ACTIONS[decision.action]),
        price=formats.money(decision.price),
    )
    release = []
    if view.draft is not None:
        consents = ", ".join(view.names[item.approved_by] for item in view.draft.approvals)
        release.append(
            say(
                "Draft %(draft)s, proposed by %(person)s, approved by %(approvers)s.",
                draft=view.draft.draft_id,
                person=view.names[view.draft.created_by],
                approvers=consents or say("the change budget"),
            )
        )
    if view.amendment is not None:
        release.append(
            say(
                "%(person)s set it to %(price)s by hand.",
                person=view.names[view.amendment.amended_by],
                price=formats.money(view.amendment.price),
            )
        )
    if view.changes:
        release.append(
            say(
                "In force since %(moment)s, by price book %(version)s.",
                moment=formats.moment(view.changes[-1].published_at),
                version=view.changes[-1].version,
            )
        )
    return [
        Step(say("What was known"), inputs),
        Step(say("What competitors ask"), rivals),
        Step(say("How demand reacts"), demand),
        Step(say("Limits"), limits or [say("None binds.")]),
        Step(say("The law"), law),
        Step(say("Price endings"), [ending]),
        Step(say("The choice"), [outcome]),
        Step(say("How it went live"), release or [say("It is not in force.")]),
    ]
