"""What becomes of prices that can hardly be right: held, let go by another route, told of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from pricing.events.competitors import (
    CompetitorPriceChanged,
    HeldPriceReopened,
    HeldPriceSettled,
)
from pricing.events.event import Amount
from scrapers.plausibility import confirms, implausible
from scrapers.sites import Site
from storage.competitors.offers import ObservedOffer, StoredOffer, latest_offers
from storage.competitors.quarantine import (
    HeldOffer,
    drop_outdated,
    dropped_by_people,
    held_offers,
    hold,
    hold_again,
    keep_from_others,
    read_held,
    settle,
)
from storage.errors import AlreadyDecided
from storage.events.store import record

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Change = tuple[ObservedOffer, ObservedOffer]
"""What was believed of a page before, and what is believed now."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A batch of offers, sorted.

    Attributes:
        believed: to be stored.
        held: how many were put into quarantine.
        released: earlier observations of other pages that count from now on.
    """

    believed: list[ObservedOffer]
    held: int
    released: list[Change]


class Doubts:
    """Judges the offers of one crawl."""

    def __init__(self, site: Site, crawl_id: int, usual_shipping: Collection[Decimal]) -> None:
        self._site = site
        self._crawl_id = crawl_id
        self._shipping = usual_shipping
        self._moves: dict[tuple[int, str], set[str]] = defaultdict(set)

    def judge(
        self, conn: Connection, batch: Sequence[ObservedOffer], before: Mapping[str, StoredOffer]
    ) -> Judged:
        """Hold back what can hardly be right, and let go what is seen by another route.

        Args:
            conn: a transaction that writes.
            batch: offers of different pages.
            before: what was believed last of their pages, by URL.
        """
        urls = [offer.url for offer in batch]
        waiting = held_offers(conn, site=self._site.name)
        of_page = {held.url: held for held in waiting}
        for offer in batch:
            if offer.url in before and before[offer.url].offer.price != offer.price:
                self._moves[offer.price.minor, offer.price.currency].add(offer.url)
        believed: list[ObservedOffer] = []
        doubted: list[tuple[ObservedOffer, str]] = []
        for offer in batch:
            reason = self._reason(offer, before)
            earlier = of_page.get(offer.url)
            if (
                reason
                and earlier is not None
                and confirms(offer, earlier.offer)
                and self._release(conn, earlier, offer)
            ):
                reason = ""
            if reason:
                doubted.append((offer, reason))
            else:
                believed.append(offer)
        held = self._hold(conn, doubted, of_page)
        released = self._release_others(conn, believed, waiting) if believed else []
        if believed:
            at = max(offer.observed_at for offer in believed)
            drop_outdated(conn, self._site.name, set(urls) & {o.url for o in believed}, at=at)
        return Judged(believed, held, released)

    def _reason(self, offer: ObservedOffer, before: Mapping[str, StoredOffer]) -> str:
        old = before.get(offer.url)
        return implausible(
            offer,
            None if old is None else old.offer,
            largest_jump=self._site.largest_jump,
            moved_alike=self._moves[offer.price.minor, offer.price.currency] - {offer.url},
            usual_shipping=self._shipping,
        )

    def _hold(
        self,
        conn: Connection,
        doubted: Sequence[tuple[ObservedOffer, str]],
        of_page: Mapping[str, HeldOffer],
    ) -> int:
        """Put into quarantine what is not there yet and what nobody has dropped from it."""
        if not doubted:
            return 0
        dropped = dropped_by_people(conn, self._site.name, [offer.url for offer, _ in doubted])
        count = 0
        for offer, reason in doubted:
            earlier = of_page.get(offer.url)
            if dropped.get(offer.url) == offer.price:
                continue
            if earlier is None or earlier.offer.price != offer.price:
                hold(conn, self._crawl_id, offer, reason)
                count += 1
        return count

    def _release_others(
        self, conn: Connection, believed: Sequence[ObservedOffer], waiting: Sequence[HeldOffer]
    ) -> list[Change]:
        """Held prices of other pages, and of this page in another site, that are seen here too."""
        urls = [offer.url for offer in believed]
        elsewhere = [h for h in held_offers(conn, urls=urls) if h.site != self._site.name]
        released: list[Change] = []
        for held in (*waiting, *elsewhere):
            mine = held.site == self._site.name
            proof = next(
                (o for o in believed if (o.url != held.url) == mine and confirms(o, held.offer)),
                None,
            )
            if proof is None:
                continue
            old = latest_offers(conn, held.site, urls=[held.url]).get(held.url)
            if not self._release(conn, held, proof):
                continue
            if old is not None and mine:
                released.append((old.offer, held.offer))
            elif old is not None:
                tell_changes(conn, held.site, old.market, [(old.offer, held.offer)])
        return released

    @staticmethod
    def _release(conn: Connection, held: HeldOffer, proof: ObservedOffer) -> bool:
        """Let a held price go; False where somebody else has settled it meanwhile."""
        by = f"another route: {proof.source} of {proof.url}"
        try:
            done = settle(conn, held.quarantine_id, release=True, by=by, at=proof.observed_at)
        except AlreadyDecided:
            return False
        return done.decided_by == by


def settle_held(
    conn: Connection, quarantine_id: int, *, release: bool, by: str, at: datetime
) -> HeldOffer:
    """A person's word on a held price. One that is let go counts, and is told as any change.

    Args:
        conn: a transaction that writes.
        quarantine_id: its number.
        release: let it count, or drop it.
        by: who says so.
        at: now, aware.

    Raises:
        HeldOfferNotFound: no offer in quarantine has this number.
        AlreadyDecided: it was settled otherwise.
    """
    keep_from_others(conn, quarantine_id)
    held = read_held(conn, quarantine_id)
    old = _believed(conn, held) if held.status == "held" else None
    settled = settle(conn, quarantine_id, release=release, by=by, at=at)
    if held.status != "held":
        return settled
    if release and old is not None:
        tell_changes(conn, settled.site, old.market, [(old.offer, settled.offer)])
    done = HeldPriceSettled(
        held=quarantine_id, competitor=held.site, url=held.url,
        price=Amount.of(held.offer.price), released=release,
    )  # fmt: skip
    record(conn, done, at=at, actor=by)
    return settled


def hold_anew(
    conn: Connection, quarantine_id: int, *, by: str, at: datetime, only_of: str | None = None
) -> HeldOffer:
    """Take a person's word on a held price back. What had counted no longer does, and is told so.

    Args:
        conn: a transaction that writes.
        quarantine_id: its number.
        by: who takes it back.
        at: now, aware.
        only_of: only if this person settled it; None for whoever did.

    Raises:
        HeldOfferNotFound: no offer in quarantine has this number.
        NotTakenBack: see `storage.competitors.quarantine.hold_again`.
    """
    settled = hold_again(conn, quarantine_id, only_of=only_of)
    released = settled.status == "released"
    old = _believed(conn, settled)
    if released and old is not None:
        back = replace(old.offer, observed_at=at)
        tell_changes(conn, settled.site, old.market, [(settled.offer, back)])
    undone = HeldPriceReopened(
        held=quarantine_id, competitor=settled.site, url=settled.url,
        price=Amount.of(settled.offer.price), released=released,
        settled_by=settled.decided_by or "",
    )  # fmt: skip
    record(conn, undone, at=at, actor=by)
    return read_held(conn, quarantine_id)


def _believed(conn: Connection, held: HeldOffer) -> StoredOffer | None:
    """What is believed of the page of a held price."""
    return latest_offers(conn, held.site, urls=[held.url]).get(held.url)


def tell_changes(conn: Connection, site: str, market: str, changes: Iterable[Change]) -> int:
    """Record an event for each matched offer whose price moved; how many did.

    Another product or another currency at the same address is no change of a price.
    """
    told = 0
    for old, new in changes:
        if new.sku is None or old.price == new.price:
            continue
        if old.price.currency != new.price.currency or old.sku != new.sku:
            continue
        change = 100.0 * (new.price.minor - old.price.minor) / old.price.minor
        event = CompetitorPriceChanged(
            sku=new.sku,
            market=market,
            competitor=site,
            url=new.url,
            title=new.title,
            old=Amount.of(old.price),
            new=Amount.of(new.price),
            change_pct=round(change, 2),
            observed_at=new.observed_at.isoformat(),
        )
        record(conn, event, at=new.observed_at)
        told += 1
    return told
