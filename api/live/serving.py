"""Prices, the hot path: a thin ASGI layer in front of FastAPI, answering from memory.

It costs a fraction of a FastAPI endpoint and touches no database. Its OpenAPI entry is in
`prices_openapi.py`, tested against the real answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, NoReturn
from urllib.parse import parse_qsl
from zlib import crc32

import anyio
import msgspec

from api.access.principal import PRINCIPAL
from api.access.scope import require_all_categories, require_markets
from api.errors import MarketRequired, MethodNotAllowed, NoPriceBook, http_answer
from api.http.bodies import unreadable_in_body
from api.http.request_log import request_id_of
from api.http.wire import MoneyDocument
from api.personal_prices import notice_of, tiers_forbidden
from models.refusals import Invalid, Missing, Refusal, place_of
from pricing.documents import refuse_repeated_keys
from pricing.errors import UnreadablePart
from pricing.price_book import PUBLIC
from storage.errors import NoPriceForMarket, UnknownProduct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from api.access.principal import Principal
    from api.live.draft_prices import DraftPrices
    from api.live.snapshot import LivePrices, Serving, Snapshot

PREFIX: Final = "/v1/prices"
MAX_SKUS: Final = 1000
MAX_SKU_LENGTH: Final = 256

_ONE: Final = PREFIX + "/"
_BATCH: Final = PREFIX + ":batch"
_ENCODE: Final = msgspec.json.Encoder().encode
_JSON: Final = (b"content-type", b"application/json")


class PriceDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """One price, the book it is from, and whether a newer book could exist unseen.

    Attributes:
        notice: text that the market's law wants beside a member's price, word for word; left out
            where none is needed.
        draft: the draft of a test key, whose prices these would be; left out elsewhere.
    """

    sku: str
    market: str
    tier: str
    price: MoneyDocument
    price_book: int
    published_at: str
    stale: bool
    notice: str = ""
    draft: int | None = None


class SkuPrice(msgspec.Struct, frozen=True):
    """One price of a batch."""

    sku: str
    price: MoneyDocument


class BatchDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """Prices of several products, in the order asked for, and the SKUs that have none.

    Attributes:
        notice: text that the market's law wants beside members' prices, word for word; left out
            where none is needed.
        draft: the draft of a test key, whose prices these would be; left out elsewhere.
    """

    market: str
    tier: str
    price_book: int
    published_at: str
    stale: bool
    prices: list[SkuPrice]
    missing: list[str]
    notice: str = ""
    draft: int | None = None


_Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SKU_LENGTH)]


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The SKUs to price in one market and tier."""

    skus: Annotated[list[_Sku], msgspec.Meta(min_length=1, max_length=MAX_SKUS)]
    market: str | None = None
    tier: str = PUBLIC


_DECODE: Final = msgspec.json.Decoder(BatchRequest).decode
_KEYS: Final = tuple(f'"{name}"'.encode() for name in BatchRequest.__struct_fields__)


class PriceServing:
    """ASGI middleware that answers `/v1/prices/{sku}` and `/v1/prices:batch` itself."""

    def __init__(self, app: ASGIApp, live: LivePrices, drafts: DraftPrices, max_age: int) -> None:
        """Stand in front of an application.

        Args:
            app: what answers every other path.
            live: the price book in memory.
            drafts: what test keys see.
            max_age: seconds that a client may keep a price.
        """
        self._app = app
        self._live = live
        self._drafts = drafts
        # Only a public price is the same for everybody; a shared cache must not keep a member's.
        self._cache_public = f"public, max-age={max_age}".encode()
        self._cache_private = f"private, max-age={max_age}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        path = _path(scope) if scope["type"] == "http" else ""
        if not path.startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        try:
            if path.startswith(_ONE) and len(path) > len(_ONE):
                _require_method(scope, "GET", "HEAD")
                await self._one(scope, send, path[len(_ONE) :], _asking(scope))
            elif path == _BATCH:
                _require_method(scope, "POST")
                await self._batch(await _body(receive), send, _asking(scope))
            elif path.startswith(_ONE) or path == PREFIX:
                raise Missing(f"name a SKU: {PREFIX}/{{sku}}; the paths are at /docs")
            else:
                await self._app(scope, receive, send)
        except Refusal as refusal:
            await _refuse(refusal, scope, send)

    async def _serving(self, who: Principal | None) -> Serving:
        """The live prices, from memory; of a test key's draft those that it would bring.

        Raises:
            DatabaseUnavailable: the draft cannot be read.
        """
        if who is None or who.draft_id is None:
            return self._live.serving
        return await anyio.to_thread.run_sync(self._drafts.serving_for, who)

    async def _one(self, scope: Scope, send: Send, sku: str, who: Principal | None) -> None:
        query = _query(scope["query_string"])
        tier = query.get("tier", PUBLIC)
        serving = await self._serving(who)
        snapshot = _snapshot(serving)
        market = _market(snapshot, query.get("market"))
        require_markets(who, (market,))
        notice = _notice(serving, market, tier)
        row = snapshot.book.row(sku, market, tier)
        if row < 0:
            _explain_missing(snapshot, sku, market, tier)
        stale = serving.stale
        # The book names every price in it and a URL names one price, so this is a strong validator.
        marks = f"{'-stale' if stale else ''}{f'-{crc32(notice.encode()):x}' if notice else ''}"
        etag = f'"{snapshot.etag}{marks}"'.encode()
        kept = self._cache_public if tier == PUBLIC else self._cache_private
        headers = [
            (b"etag", etag),
            (b"cache-control", kept if snapshot.draft is None else b"no-store"),
        ]
        if _matches(scope["headers"], etag):
            await _send(send, 304, headers)
            return
        body = _ENCODE(
            PriceDocument(
                sku=sku,
                market=market,
                tier=tier,
                price=MoneyDocument.of(snapshot.book.entry(row).price),
                price_book=snapshot.book.version,
                published_at=snapshot.published_at,
                stale=stale,
                notice=notice,
                draft=snapshot.draft,
            )
        )
        headers += _JSON, (b"content-length", str(len(body)).encode())
        await _send(send, 200, headers, b"" if scope["method"] == "HEAD" else body)

    async def _batch(self, raw: bytes, send: Send, who: Principal | None) -> None:
        request = _decoded(raw)
        serving = await self._serving(who)
        snapshot = _snapshot(serving)
        market = _market(snapshot, request.market)
        require_markets(who, (market,))
        if market not in snapshot.book.markets:
            raise _unknown_market(snapshot, market)
        notice = _notice(serving, market, request.tier)
        found = snapshot.prices(request.skus, market, request.tier)
        body = _ENCODE(
            BatchDocument(
                market=market,
                tier=request.tier,
                price_book=snapshot.book.version,
                published_at=snapshot.published_at,
                stale=serving.stale,
                prices=[
                    SkuPrice(sku, MoneyDocument.of(price))
                    for sku, price in zip(request.skus, found, strict=True)
                    if price is not None
                ],
                missing=[
                    sku for sku, price in zip(request.skus, found, strict=True) if price is None
                ],
                notice=notice,
                draft=snapshot.draft,
            )
        )
        length = (b"content-length", str(len(body)).encode())
        await _send(send, 200, [_JSON, length, (b"cache-control", b"no-store")], body)


def _asking(scope: Scope) -> Principal | None:
    """Who asks, as the door found it.

    Raises:
        NotAllowed: they may act for some categories only, which no price book knows.
    """
    who: Principal | None = scope["state"].get(PRINCIPAL)
    require_all_categories(who)
    return who


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _require_method(scope: Scope, *allowed: str) -> None:
    if scope["method"] not in allowed:
        raise MethodNotAllowed(scope["method"], {"allow": ", ".join(allowed)})


def _query(raw: bytes) -> dict[str, str]:
    """The parameters; other ones than ours pass unread, as caches and trackers add them.

    Raises:
        Invalid: one of ours is given twice, or the text is not UTF-8.
    """
    if not raw:
        return {}
    found: dict[str, str] = {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Invalid("is not percent-encoded UTF-8", ("query",)) from None
    for name, value in pairs:
        if name in ("market", "tier"):
            if name in found:
                raise Invalid("is given twice", ("query", name))
            if not value:
                raise Invalid("is empty; leave it out or give a value", ("query", name))
            found[name] = value
    return found


def _decoded(raw: bytes) -> BatchRequest:
    try:
        request = _DECODE(raw)
        # A request has no other keys: one that is repeated is written out twice, or escaped.
        if b"\\" in raw or any(raw.count(key) > 1 for key in _KEYS):
            refuse_repeated_keys(raw.decode())
    except UnreadablePart as error:
        raise unreadable_in_body(error) from None
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise Invalid(reason, ("body", *place_of(place.rstrip("`")))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"is not JSON: {error}", ("body",)) from None
    return request


async def _body(receive: Receive) -> bytes:
    """The whole request body; the door keeps it short."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _snapshot(serving: Serving) -> Snapshot:
    if serving.snapshot is None or len(serving.snapshot.book) == 0:
        raise NoPriceBook("no price book with prices is live; run `pricewright publish`")
    return serving.snapshot


def _market(snapshot: Snapshot, named: str | None) -> str:
    """The market asked for, or the only one that there is."""
    if named is not None:
        return named
    markets = snapshot.book.markets
    if len(markets) == 1:
        return markets[0]
    raise MarketRequired(
        f"name a market; this price book has {', '.join(markets)}", markets=list(markets)
    )


def _notice(serving: Serving, market: str, tier: str) -> str:
    """The text that the law wants beside a price of this tier.

    Raises:
        NoPriceForMarket: the law of the market forbids prices for members.
    """
    pack = None if tier == PUBLIC else serving.personal.get(market)
    if tiers_forbidden(pack):
        raise NoPriceForMarket(f"the law of market {market!r} forbids prices for members")
    return notice_of(pack)


def _explain_missing(snapshot: Snapshot, sku: str, market: str, tier: str) -> NoReturn:
    markets = snapshot.book.markets
    if market not in markets:
        raise _unknown_market(snapshot, market)
    elsewhere = [name for name in markets if snapshot.book.row(sku, name, tier) >= 0]
    if not elsewhere and (tier == PUBLIC or snapshot.book.row(sku, market, PUBLIC) < 0):
        raise UnknownProduct(
            f"no price for SKU {sku!r} in price book {snapshot.book.version}; "
            "SKUs are case-sensitive"
        )
    raise NoPriceForMarket(
        f"SKU {sku!r} has no price in market {market!r}, tier {tier!r}", markets=elsewhere
    )


def _unknown_market(snapshot: Snapshot, market: str) -> NoPriceForMarket:
    return NoPriceForMarket(
        f"market {market!r} has no prices; those that have are listed",
        markets=list(snapshot.book.markets),
    )


def _matches(headers: Iterable[tuple[bytes, bytes]], etag: bytes) -> bool:
    """True if the client already has this answer (RFC 9110, weak comparison)."""
    for name, value in headers:
        if name == b"if-none-match":
            listed = [tag.strip().removeprefix(b"W/") for tag in value.split(b",")]
            return etag in listed or b"*" in listed
    return False


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    answer = http_answer(refusal, instance=scope["path"], request_id=request_id_of(scope))
    body = b"" if scope["method"] == "HEAD" else answer.body
    await _send(send, answer.status, answer.wire_headers(), body)


async def _send(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b""
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
