"""The rules file of a pricing manager, in YAML: what it says, and where it says what cannot be."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Connection

from pricing.deciding.policy import PricingPolicy
from pricing.documents import Document, Form, read_document
from pricing.errors import InvalidStrategy
from pricing.rulebook.document import PricingRules, rules_of
from pricing.rulebook.rule_entries import Entry
from pricing.solving.joint_limits import EVERY_CATEGORY
from storage.products.markets import list_markets
from storage.products.products import categories, product_ids

_MOST_BYTES: Final = 4_000_000


def read_rules(path: Path) -> PricingRules:
    """Read a rules file.

    Raises:
        InvalidStrategy: the file cannot be read, is no YAML, is empty, or says what cannot be
            meant; the message names the line and the field.
    """
    document = _document(path)
    with document.naming():
        return rules_of(document.value)


def lines_of(path: Path | None) -> AbstractContextManager[None]:
    """While the block runs, refusals of entries of a rules file name the file and the line."""
    return nullcontext() if path is None else _document(path).naming()


def policy_of(rules: PricingRules, conn: Connection) -> PricingPolicy:
    """The policy of these rules, with price endings in the coins of the stored markets.

    Raises:
        InvalidStrategy: a market, category or product that is not stored, or endings of no whole
            coins.
    """
    currencies = {market.code: market.currency for market in list_markets(conn)}
    wanted = list(_names(rules))
    skus = {name for kind, name, _ in wanted if kind == "product"}
    known: dict[str, Collection[str]] = {
        "market": currencies,
        "product": product_ids(conn, skus) if skus else {},
        "category": categories(conn),
    }
    for kind, name, place in wanted:
        if name not in known[kind]:
            close = get_close_matches(name, known[kind], 1)
            meant = f"; do you mean {close[0]!r}?" if close else "; check its spelling"
            raise Entry(name, place).refused(f"there is no {kind} {name!r}{meant}")
    endings = {**rules.policy.endings, **rules.endings_in(currencies)}
    return replace(rules.policy, endings=endings)


def _names(rules: PricingRules) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
    """Kind, name and place of everything that the rules speak of by name."""
    policy = rules.policy
    for number, window in enumerate(policy.limits.frozen_windows):
        if window.market:
            yield "market", window.market, ("guardrails", "frozen_windows", number, "market")
    for name in policy.joint.price_index:
        if name != EVERY_CATEGORY:
            yield "category", name, ("together", "price_index", name)
    kinds = (("skus", "product"), ("markets", "market"), ("categories", "category"))
    for section, entries in (
        ("strategies", policy.strategies),
        ("relations", policy.relations),
        ("member_tiers", rules.tiers),
    ):
        for number, entry in enumerate(entries):
            for field, kind in kinds:
                for name in getattr(entry, field, ()):
                    yield kind, name, (section, number, field)


def _document(path: Path) -> Document:
    source = str(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            problem = f"larger than {_MOST_BYTES:,} bytes; split it by market"
            raise InvalidStrategy(problem, source=source)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidStrategy(error.strerror or str(error), source=source) from error
    except UnicodeDecodeError as error:
        raise InvalidStrategy(f"not UTF-8 text ({error.reason})", source=source) from error
    return read_document(text, source, form=Form.YAML, error=InvalidStrategy)
