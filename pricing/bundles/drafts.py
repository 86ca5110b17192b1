"""Bundles of a plan as promotions in the promotion file's format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pricing.bundles.problem import SHARES, BundleProblem
from pricing.bundles.subsets import names_in
from pricing.money import Money

OURS = "shop"
"""Who pays the part of a discount that nobody else pays."""


def promotion_drafts(
    problem: BundleProblem,
    prices: Mapping[int, int],
    *,
    payers: Mapping[int, Mapping[str, int]] | None = None,
    when: Mapping[str, str] | None = None,
    audience: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Fixed bundles, one a bundle of the plan, as `pricing.promotions` reads them.

    The single prices are not part of them: they go to the price book.

    Args:
        problem: whose products.
        prices: by set, what the bundle asks.
        payers: by set, who else pays how many ten-thousandths of its discount.
        when: `from`, `until` and the like of each promotion.
        audience: `for` of each promotion.
    """
    skus = tuple(problem.sku.tolist())
    drafts: list[dict[str, Any]] = []
    for bundle, price in sorted(prices.items()):
        names = names_in(bundle, skus)
        draft: dict[str, Any] = {
            "id": _unique(f"bundle-{_spelled('-'.join(names))}", drafts),
            "type": "bundle",
            "name": " + ".join(names),
            "price": Money(price, problem.currency).amount,
            "parts": [{"products": {"skus": [name]}} for name in names],
        }
        shares = {name: share for name, share in (payers or {}).get(bundle, {}).items() if share}
        if shares:
            ours = SHARES - sum(shares.values())
            split = {**shares, **({OURS: ours} if ours else {})}
            draft["funding"] = {name: _percent(share) for name, share in split.items()}
        if when:
            draft["when"] = dict(when)
        if audience:
            draft["for"] = dict(audience)
        drafts.append(draft)
    return drafts


def _percent(share: int) -> str:
    return f"{(Decimal(share) / 100).normalize():f}"


def _spelled(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "set"


def _unique(name: str, drafts: list[dict[str, Any]]) -> str:
    taken = {draft["id"] for draft in drafts}
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found
