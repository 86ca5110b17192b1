"""Today: what waits, what changed overnight, how fresh everything is, and the next step."""

from __future__ import annotations

from typing import Final

from fastapi.responses import HTMLResponse

from api.console.language import N_
from api.console.page import Group, Page
from api.console.problem_pages import page_router
from api.console.visit import Visiting
from api.jobs.today import NextStep, read_today
from api.routes.dependencies import Asking, Running

router = page_router()
PAGE = Page(
    name="today",
    title=N_("Today"),
    router=router,
    path="/today",
    group=Group.OVERVIEW,
    order=10,
    key="t",
    icon="today",
)

# What to do, why, and where: the name of a page, or a command.
_STEPS: Final = {
    NextStep.IMPORT_PRODUCTS: (
        N_("Bring in your products"),
        N_("There are none yet. A CSV or Parquet file will do."),
        "pricewright import products FILE",
    ),
    NextStep.IMPORT_SALES: (
        N_("Bring in your sales"),
        N_("How customers react to prices is learned from them."),
        "pricewright import sales FILE",
    ),
    NextStep.FIT: (
        N_("Learn from your sales"),
        N_("Nothing was fitted yet, so no price can be decided."),
        "pricewright fit",
    ),
    NextStep.DECIDE: (
        N_("Decide prices"),
        N_("Nothing goes live by it."),
        "pricewright reprice",
    ),
    NextStep.PUBLISH: (
        N_("Publish the prices that were decided"),
        N_("No price book is in force, so no price is served."),
        "pricewright publish",
    ),
    NextStep.DRAFTS: (
        N_("Look at the prices that wait"),
        N_("They go live once somebody approves them."),
        "drafts",
    ),
    NextStep.JOBS: (
        N_("See why jobs failed"),
        N_("What they were to bring is missing in today's figures."),
        "jobs",
    ),
    NextStep.HELD_OFFERS: (
        N_("Decide on the competitors' prices that are held"),
        N_("They look wrong and count nowhere until somebody says that they are right."),
        "quarantine",
    ),
    NextStep.REVIEWS: (
        N_("Say which matches are right"),
        N_("Competitors' prices of these pairs count only once they are confirmed."),
        "matches",
    ),
    NextStep.CRAWLS: (
        N_("Look after the competitors' sites in doubt"),
        N_("Old or missing prices of theirs are left out of decisions."),
        "#sites",
    ),
    NextStep.NOTHING: (
        N_("Nothing waits for you"),
        N_("Prices are in force, and everything is as it should be."),
        "",
    ),
}

KINDS: Final = {
    "products": N_("Products"),
    "sales": N_("Sales"),
    "stock": N_("Stock"),
    "costs": N_("Costs"),
    "markets": N_("Markets"),
}

STATUSES: Final = {
    "running": N_("running"),
    "finished": N_("finished"),
    "failed": N_("failed"),
}


@router.get("/today")
def show_today(visit: Visiting, service: Running, principal: Asking) -> HTMLResponse:
    """The page; whoever acts in a part of the shop sees what can be told of that part."""
    today = read_today(service.engine, now=visit.now, offer_max_age=service.settings.offer_max_age)
    if principal.everywhere:
        sites = today.sites
    else:
        sites = [site for site in today.sites if site.market in (principal.markets or ())]
    return visit.page(
        "today/page.html",
        today=today,
        sites=sites,
        everything=principal.everywhere,
        step=_STEPS[today.next_step],
        kinds=KINDS,
        statuses=STATUSES,
    )
