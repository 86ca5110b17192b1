"""Who may ask what: the one table, route by route.

A route that does not stand here is not there for anybody: the door answers 404. A test walks the
routes of the application and misses none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from itertools import chain, zip_longest
from typing import Final


class Role(StrEnum):
    """What somebody may do.

    Attributes:
        STOREFRONT: a shop's server: commits quotes, takes returns.
        ANALYST: sees all figures, asks for runs and plans; changes nothing that customers see.
        MANAGER: runs the business: proposes prices, writes promotions, answers reviews.
        APPROVER: says yes to prices that wait, and brings older ones back.
        ADMIN: everything, and lets others in.
        SCRAPER: brings what it saw of competitors.
    """

    STOREFRONT = auto()
    ANALYST = auto()
    MANAGER = auto()
    APPROVER = auto()
    ADMIN = auto()
    SCRAPER = auto()


PEOPLE: Final = frozenset((Role.ANALYST, Role.MANAGER, Role.APPROVER, Role.ADMIN))
"""The roles of people."""
MAY_APPROVE: Final = frozenset((Role.APPROVER, Role.ADMIN))
"""Who may say yes to a draft."""


MAY_SETTLE: Final = frozenset((Role.STOREFRONT, Role.MANAGER, Role.ADMIN))
"""Whose quotes hold their share of every limit, and who commits them and takes returns."""


class Besides(Enum):
    """Who may ask beside those with a role.

    Attributes:
        NOBODY: nobody.
        HOLDER: whoever sends the token of the quote that it is about.
        LOGGED_IN: every person who logged in, whatever their roles; no key and no operator.
        SHOPPER: every key; anybody, unless PRICEWRIGHT_OPEN_PRICES is false.
        ANYBODY: anybody.
    """

    NOBODY = auto()
    HOLDER = auto()
    LOGGED_IN = auto()
    SHOPPER = auto()
    ANYBODY = auto()


class Reach(Enum):
    """What of the shop a request is about, for those whose markets or categories are limited.

    Attributes:
        NOTHING: nothing that belongs to a market or a category.
        NAMED: the market of the query and the product of the path, looked at before the route.
        PART: some markets or products, which the route compares with the scope of who asks.
        WHOLE: the shop as a whole: refused to those with a scope.
    """

    NOTHING = auto()
    NAMED = auto()
    PART = auto()
    WHOLE = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may ask one route.

    Attributes:
        roles: with any of these roles.
        besides: and who else.
        reach: what it is about.
    """

    roles: frozenset[Role]
    besides: Besides = Besides.NOBODY
    reach: Reach = Reach.WHOLE


def _for(*roles: Role, besides: Besides = Besides.NOBODY, reach: Reach = Reach.WHOLE) -> Rule:
    return Rule(frozenset((*roles, Role.ADMIN)), besides, reach)


_S, _A, _M, _P, _C = Role.STOREFRONT, Role.ANALYST, Role.MANAGER, Role.APPROVER, Role.SCRAPER
_PART: Final = Reach.PART

_OPEN: Final = Rule(frozenset(Role), Besides.ANYBODY, Reach.NOTHING)
_PRICES: Final = Rule(frozenset(Role), Besides.SHOPPER, Reach.PART)
_OWN_QUOTE: Final = _for(_S, _A, _M, _P, besides=Besides.HOLDER, reach=_PART)
_SETTLE: Final = Rule(MAY_SETTLE, reach=_PART)
_OWN_SESSION: Final = Rule(frozenset(), Besides.LOGGED_IN, Reach.NOTHING)
_LOOK: Final = _for(_A, _M, _P)
_LOOK_AT_PART: Final = _for(_A, _M, _P, reach=_PART)
_LOOK_AT_NAMED: Final = _for(_A, _M, _P, reach=Reach.NAMED)
_WORK_OUT: Final = _for(_A, _M)
_WORK_OUT_PART: Final = _for(_A, _M, reach=_PART)
_RUN: Final = _for(_M)
_RUN_PART: Final = _for(_M, reach=_PART)
_APPROVE_PART: Final = _for(_P, reach=_PART)
_STOP_PART: Final = _for(_M, _P, reach=_PART)
_BRING_BACK: Final = _for(_M, _P)
_RIVALS: Final = _for(_A, _M, _P, _C)
_RIVALS_NAMED: Final = _for(_A, _M, _P, _C, reach=Reach.NAMED)
_OBSERVE: Final = _for(_M, _C)
_LET_IN: Final = _for()

RULES: Final[dict[tuple[str, str], Rule]] = {
    # What explains the service and holds nothing of a shop.
    ("GET", "/healthz"): _OPEN,
    ("GET", "/readyz"): _OPEN,
    ("GET", "/docs"): _OPEN,
    ("GET", "/docs/files"): _OPEN,
    ("GET", "/docs/files/{path}"): _OPEN,
    ("GET", "/openapi.json"): _OPEN,
    ("GET", "/problems/{name}"): _OPEN,
    # Prices and carts.
    ("GET", "/v1/prices/{sku}"): _PRICES,
    ("POST", "/v1/prices:batch"): _PRICES,
    ("POST", "/v1/quotes"): _PRICES,
    ("GET", "/v1/quotes/{quote_id}"): _OWN_QUOTE,
    ("GET", "/v1/quotes/{quote_id}/returns"): _OWN_QUOTE,
    ("POST", "/v1/quotes/{quote_id}/cancel"): _for(_S, _M, besides=Besides.HOLDER, reach=_PART),
    ("POST", "/v1/quotes/{quote_id}/commit"): _SETTLE,
    ("POST", "/v1/quotes/{quote_id}/returns"): _SETTLE,
    # Why prices are what they are.
    ("GET", "/v1/decisions/{sku}"): _LOOK_AT_NAMED,
    ("GET", "/v1/price-inputs/{sku}"): _LOOK_AT_NAMED,
    ("GET", "/v1/reference-prices/{sku}"): _for(_S, _A, _M, _P, reach=Reach.NAMED),
    ("GET", "/v1/decision-runs/{run}"): _LOOK_AT_PART,
    ("POST", "/v1/decision-runs"): _WORK_OUT_PART,
    ("GET", "/v1/market-analysis"): _LOOK_AT_NAMED,
    # Price books and their way.
    ("GET", "/v1/price-books"): _LOOK,
    ("GET", "/v1/price-books/live"): _LOOK,
    ("GET", "/v1/price-books/{version}"): _LOOK,
    ("GET", "/v1/price-books/{version}/diff"): _LOOK,
    ("POST", "/v1/price-books/{version}/rollback"): _BRING_BACK,
    ("GET", "/v1/price-book-drafts"): _LOOK_AT_PART,
    ("GET", "/v1/price-book-drafts/{draft}"): _LOOK_AT_PART,
    ("GET", "/v1/price-book-drafts/{draft}/diff"): _LOOK_AT_PART,
    ("POST", "/v1/price-book-drafts"): _RUN_PART,
    ("POST", "/v1/price-book-drafts/{draft}/approve"): _APPROVE_PART,
    ("POST", "/v1/price-book-drafts/{draft}/reject"): _STOP_PART,
    ("GET", "/v1/price-book-drafts/{draft}/amendments"): _LOOK,
    ("POST", "/v1/price-book-drafts/{draft}/amendments"): _RUN,
    ("GET", "/v1/price-book-drafts/{draft}/comments"): _LOOK,
    ("POST", "/v1/price-book-drafts/{draft}/comments"): _LOOK,
    ("GET", "/v1/freezes"): _LOOK,
    ("POST", "/v1/freezes"): _STOP_PART,
    ("DELETE", "/v1/freezes"): _for(_M, _P, reach=Reach.NAMED),
    ("POST", "/v1/figure-readings"): _for(_M, _S),
    ("GET", "/v1/costs/held"): _LOOK_AT_NAMED,
    ("POST", "/v1/costs/confirmations"): _RUN_PART,
    # Competitors.
    ("GET", "/v1/offers/{sku}"): _RIVALS_NAMED,
    ("GET", "/v1/offer-history/{sku}"): _RIVALS_NAMED,
    ("POST", "/v1/observations"): _for(_M, _C, reach=_PART),
    ("GET", "/v1/match-reviews"): _LOOK,
    ("POST", "/v1/match-reviews/{review_id}"): _RUN,
    ("POST", "/v1/match-reviews/{review_id}/undo"): _RUN,
    ("GET", "/v1/quarantine"): _LOOK,
    ("POST", "/v1/quarantine/{quarantine_id}"): _RUN,
    ("POST", "/v1/quarantine/{quarantine_id}/undo"): _RUN,
    ("GET", "/v1/sites"): _RIVALS,
    ("GET", "/v1/sites/{name}"): _RIVALS,
    ("GET", "/v1/sites/{name}/crawls"): _RIVALS,
    ("GET", "/v1/sites/{name}/crawls/{crawl_id}"): _RIVALS,
    ("POST", "/v1/sites"): _RUN,
    ("POST", "/v1/sites/detect"): _RUN,
    ("PUT", "/v1/sites/{name}"): _RUN,
    ("DELETE", "/v1/sites/{name}"): _RUN,
    ("POST", "/v1/sites/{name}/crawls"): _OBSERVE,
    # Promotions. Codes are worth money.
    ("GET", "/v1/promotions"): _LOOK,
    ("GET", "/v1/promotions/{name}"): _LOOK,
    ("GET", "/v1/promotions/{name}/codes"): _LOOK,
    ("GET", "/v1/promotions/{name}/codes.csv"): _RUN,
    ("GET", "/v1/promotions/{name}/groups"): _for(_S, _A, _M, _P),
    ("GET", "/v1/promotions/{name}/groups/{group_id}"): _for(_S, _A, _M, _P),
    ("GET", "/v1/promotions/{name}/history"): _LOOK,
    ("GET", "/v1/promotions/{name}/monitor"): _LOOK,
    ("POST", "/v1/promotions"): _RUN,
    ("POST", "/v1/promotions:try"): _WORK_OUT,
    ("PUT", "/v1/promotions/{name}"): _RUN,
    ("DELETE", "/v1/promotions/{name}"): _RUN,
    ("POST", "/v1/promotions/{name}/schedule"): _RUN,
    ("POST", "/v1/promotions/{name}/withdraw"): _RUN,
    ("POST", "/v1/promotions/{name}/codes"): _RUN,
    ("PUT", "/v1/promotions/{name}/codes.csv"): _RUN,
    # Plans and jobs.
    ("GET", "/v1/plans"): _LOOK,
    ("GET", "/v1/plans/{plan}"): _LOOK,
    ("GET", "/v1/plans/{plan}/document"): _LOOK,
    ("GET", "/v1/plans/{plan}/tracking"): _LOOK,
    ("POST", "/v1/plans"): _WORK_OUT,
    ("POST", "/v1/plans/{plan}/accept"): _RUN,
    ("POST", "/v1/plans/{plan}/amend"): _RUN,
    ("POST", "/v1/plans/{plan}/cancel"): _RUN,
    ("POST", "/v1/plans/{plan}/replan"): _RUN,
    ("GET", "/v1/jobs"): _LOOK,
    ("GET", "/v1/jobs/kinds"): _LOOK,
    ("GET", "/v1/jobs/schedules"): _LOOK,
    ("GET", "/v1/jobs/{job}"): _LOOK,
    ("GET", "/v1/jobs/{job}/log"): _LOOK,
    ("POST", "/v1/jobs"): _RUN,
    ("POST", "/v1/jobs/{job}/cancel"): _RUN,
    ("PUT", "/v1/jobs/schedules/{name}"): _RUN,
    ("DELETE", "/v1/jobs/schedules/{name}"): _RUN,
    # The console. Its files hold nothing of a shop.
    ("GET", "/"): _OPEN,
    ("GET", "/console/static/{digest}/{path}"): _OPEN,
    ("GET", "/console/login"): _OPEN,
    ("POST", "/console/login"): _OPEN,
    ("POST", "/console/logout"): _OWN_SESSION,
    ("GET", "/console/password"): _OWN_SESSION,
    ("POST", "/console/password"): _OWN_SESSION,
    ("GET", "/console"): _LOOK_AT_PART,
    ("GET", "/console/{path}"): _LOOK_AT_PART,
    ("GET", "/console/today"): _LOOK_AT_PART,
    ("GET", "/console/matches"): _LOOK,
    ("GET", "/console/matches/desk"): _LOOK,
    ("POST", "/console/matches/answer"): _RUN,
    ("POST", "/console/matches/undo"): _RUN,
    ("GET", "/console/quarantine"): _LOOK,
    ("GET", "/console/quarantine/desk"): _LOOK,
    ("GET", "/console/quarantine/{quarantine_id}/chart"): _LOOK,
    ("POST", "/console/quarantine/settle"): _RUN,
    ("POST", "/console/quarantine/undo"): _RUN,
    ("GET", "/console/jobs"): _LOOK,
    ("GET", "/console/jobs/list"): _LOOK,
    ("GET", "/console/jobs/{job}"): _LOOK,
    ("GET", "/console/jobs/{job}/state"): _LOOK,
    ("GET", "/console/jobs/{job}/lines"): _LOOK,
    ("POST", "/console/jobs"): _RUN,
    ("POST", "/console/jobs/{job}/cancel"): _RUN,
    ("POST", "/console/jobs/schedules"): _RUN,
    ("POST", "/console/jobs/schedules/{name}/remove"): _RUN,
    ("GET", "/console/keys"): _LET_IN,
    ("POST", "/console/keys"): _LET_IN,
    ("POST", "/console/keys/{key_id}/rotate"): _LET_IN,
    ("POST", "/console/keys/{key_id}/revoke"): _LET_IN,
    ("GET", "/console/audit"): _for(_P),
    ("GET", "/console/audit/list"): _for(_P),
    ("GET", "/console/audit/state"): _for(_P),
    ("GET", "/console/people"): _LET_IN,
    ("POST", "/console/people"): _LET_IN,
    ("GET", "/console/people/{person_id}"): _LET_IN,
    ("POST", "/console/people/{person_id}/roles"): _LET_IN,
    ("POST", "/console/people/{person_id}/password"): _LET_IN,
    ("POST", "/console/people/{person_id}/logout"): _LET_IN,
    ("POST", "/console/people/{person_id}/disable"): _LET_IN,
    ("GET", "/console/products"): _LOOK,
    ("GET", "/console/products/{sku}"): _LOOK,
    ("GET", "/console/product-rows"): _LOOK,
    ("GET", "/console/product-charts/prices"): _LOOK,
    ("GET", "/console/product-charts/units"): _LOOK,
    ("GET", "/console/product-charts/demand"): _LOOK,
    ("GET", "/console/product-charts/profit"): _LOOK,
    ("GET", "/console/drafts"): _LOOK,
    ("GET", "/console/drafts/{draft}"): _LOOK,
    ("GET", "/console/drafts/{draft}/rows"): _LOOK,
    ("GET", "/console/drafts/{draft}/price"): _LOOK,
    ("POST", "/console/drafts/{draft}/comments"): _LOOK,
    ("POST", "/console/drafts/{draft}/amendments"): _RUN,
    ("POST", "/console/drafts/{draft}/approve"): _for(_P),
    ("POST", "/console/drafts/{draft}/reject"): _BRING_BACK,
    ("POST", "/console/drafts/propose"): _RUN,
    ("POST", "/console/drafts/freeze"): _BRING_BACK,
    ("POST", "/console/drafts/unfreeze"): _BRING_BACK,
    ("POST", "/console/drafts/books/{version}/rollback"): _BRING_BACK,
    # Who may ask.
    ("GET", "/console/login/oidc"): _OPEN,
    ("GET", "/console/login/oidc/callback"): _OPEN,
    ("POST", "/v1/session"): _OPEN,
    ("GET", "/v1/session"): _OWN_SESSION,
    ("DELETE", "/v1/session"): _OWN_SESSION,
    ("PUT", "/v1/session/password"): _OWN_SESSION,
    ("GET", "/v1/keys"): _LET_IN,
    ("POST", "/v1/keys"): _LET_IN,
    ("POST", "/v1/keys/{key_id}/rotate"): _LET_IN,
    ("POST", "/v1/keys/{key_id}/revoke"): _LET_IN,
    ("GET", "/v1/people"): _LET_IN,
    ("POST", "/v1/people"): _LET_IN,
    ("PUT", "/v1/people/{person_id}/roles"): _LET_IN,
    ("POST", "/v1/people/{person_id}/password"): _LET_IN,
    ("POST", "/v1/people/{person_id}/disable"): _LET_IN,
    ("DELETE", "/v1/people/{person_id}"): _LET_IN,
}
"""Rules by method and path as the routes spell it. `HEAD` follows its `GET`."""


def rule_of(method: str, path: str) -> Rule | None:
    """The rule of a request, by its method and its path; None where nothing answers it."""
    return _found(_GET_FOR.get(method, method), path)


def methods_of(path: str) -> tuple[str, ...]:
    """The methods that a path answers."""
    methods = sorted({"HEAD", *(method for method, _ in RULES)})
    return tuple(method for method in methods if rule_of(method, path) is not None)


_GET_FOR: Final = {"HEAD": "GET"}
# A SKU may hold any letter, and files lie in folders; other parts of a path end at a slash.
_LONG: Final = frozenset(("sku", "path"))
_ANY_HEAD: Final = ""


def _found(method: str, path: str) -> Rule | None:
    if path.endswith("\n"):  # a router's `$` passes over it, and would answer another path's route
        return None
    rule = RULES.get((method, path))
    if rule is not None and "{" not in path:
        return rule
    for head in (_head(path), _ANY_HEAD):
        for pattern, templated in _PATTERNS.get((method, head), ()):
            if pattern.fullmatch(path):
                return templated
    return None


def _head(path: str) -> str:
    """What a path begins with, up to its third slash: `/v1/prices`."""
    return "/".join(path.split("/", 3)[:3])


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    literal = [re.escape(part) for part in parts[::2]]
    varied = [".*" if name in _LONG else "[^/]+" for name in parts[1::2]]
    return re.compile("".join(chain(*zip_longest(literal, varied, fillvalue=""))), re.DOTALL)


def _patterns() -> dict[tuple[str, str], list[tuple[re.Pattern[str], Rule]]]:
    found: dict[tuple[str, str], list[tuple[re.Pattern[str], Rule]]] = {}
    for (method, template), rule in RULES.items():
        if "{" in template:
            head = _head(template)
            listed = found.setdefault((method, _ANY_HEAD if "{" in head else head), [])
            listed.append((_pattern(template), rule))
    return found


_PATTERNS: Final = _patterns()
