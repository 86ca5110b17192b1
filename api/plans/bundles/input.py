"""From the document of a bundle plan to the columns of the planner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from api.plans.bundles.schema import BundlesIn, EndingIn
from api.plans.errors import PlanInputInvalid
from api.plans.files import amounts_placed, parsed, read_plan_file
from models.arrays import FloatArray, IntArray
from models.customers.baskets import Baskets
from models.refusals import within
from pricing.bundles.candidates import bundle_evidence, candidate_sets
from pricing.bundles.problem import MOST_PRODUCTS, SHARES, BundleProblem
from pricing.bundles.subsets import subsets
from pricing.bundles.valuations import (
    draws_of_utilities,
    segments_of_draws,
    values_of_sets,
)
from pricing.catalogue import UNKNOWN
from pricing.currencies import decimals
from pricing.money import Money
from pricing.price_points import EndingRule, PriceEnding
from simulations.scenarios.bundle_outlook import BundleDoubt

_DRAWN_CELLS = 100_000
"""Customers times sets simulated in a future, at most, unless one a segment makes more."""
_PLANNED_SEGMENTS = 240
"""A plan for more segments takes longer than what their differences are worth."""


@dataclass(frozen=True, slots=True, eq=False)
class BundleQuestion:
    """What is to be planned.

    Attributes:
        given: the document.
        problem: products, segments, candidates and limits; prices and costs with tax.
        payers: by set, who else pays how many ten-thousandths of its discount.
        evidence: why sets are candidates; None where they were named, or all are.
        doubt: what is not known.
        planned: customers planned for by segment.
    """

    given: BundlesIn
    problem: BundleProblem
    payers: Mapping[int, Mapping[str, int]]
    evidence: pd.DataFrame | None
    doubt: BundleDoubt
    planned: int


def read_bundle_question(document: Mapping[str, Any]) -> BundleQuestion:
    """What a document asks.

    Raises:
        PlanInputInvalid, InvalidBundles, InvalidSpec, InvalidScenario: names the field and the fix.
    """
    given = parsed(document, BundlesIn)
    with amounts_placed(given):
        return _Reader(given).question()


def segments_of_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Segments of a CSV with the columns `name` and `size`; every other column is a product."""
    return [
        {
            **{key: row[key] for key in ("name", "size") if key in row},
            "pays": {key: value for key, value in row.items() if key not in ("name", "size")},
        }
        for row in rows
    ]


def receipts_of_file(path: Path) -> list[list[str]]:
    """The items of each order of a CSV with the columns `order` and `sku`.

    Raises:
        PlanInputInvalid: it cannot be read, or a column is missing.
    """
    document = read_plan_file(path, "lines")
    rows = document.value.get("lines", [])
    receipts: dict[str, list[str]] = {}
    for number, row in enumerate(rows):
        if "order" not in row or "sku" not in row:
            line = document.line(("lines", number))
            raise PlanInputInvalid("needs the columns order and sku", source=str(path), line=line)
        receipts.setdefault(row["order"], []).append(row["sku"])
    if not receipts:
        problem = "holds no lines of orders; give a .csv of order,sku"
        raise PlanInputInvalid(problem, source=str(path))
    return list(receipts.values())


class _Reader:
    """From the records of a document to columns."""

    def __init__(self, given: BundlesIn) -> None:
        self._given = given
        self._skus = [product.sku for product in given.products]
        if len(self._skus) > MOST_PRODUCTS:
            raise PlanInputInvalid(
                f"{len(self._skus)} of them; a plan looks at all sets of at most {MOST_PRODUCTS}, "
                "so plan a family at a time",
                ("products",),
            )
        self._place = {sku: i for i, sku in enumerate(self._skus)}
        self._unit = 10 ** decimals(given.currency)

    def question(self) -> BundleQuestion:
        given = self._given
        names, size, value = self._customers()
        evidence, candidates = self._candidates()
        payers = {int(mask): self._payers(int(mask)) for mask in candidates}
        floors = {self._mask(b.skus): self._minor(b.least_price) for b in given.bundles or []}
        cost = np.array([self._gross(p.cost, math.ceil) for p in given.products], dtype=np.int64)
        price = np.array([self._minor(p.price) for p in given.products], dtype=np.int64)
        least = [
            cost[i] if p.least_price is None else self._minor(p.least_price)
            for i, p in enumerate(given.products)
        ]
        most = [
            max(price[i], least[i]) if p.most_price is None else self._minor(p.most_price)
            for i, p in enumerate(given.products)
        ]
        problem = BundleProblem.of(
            self._skus,
            cost,
            price,
            size,
            value,
            currency=given.currency,
            segment=np.array(names, dtype=np.str_),
            least=np.array(least, dtype=np.int64),
            most=np.array(most, dtype=np.int64),
            candidates=candidates,
            funding=np.array([sum(payers[int(m)].values()) for m in candidates], dtype=np.int64),
            floor=np.array([floors.get(int(m), 0) for m in candidates], dtype=np.int64),
            stock=np.array([UNKNOWN if p.stock is None else p.stock for p in given.products]),
            sell=np.array([p.sell_at_least for p in given.products]),
            clearing=np.array(
                [self._gross(p.clearing, math.floor) for p in given.products], dtype=np.int64
            ),
            most_bundles=given.limits.bundles,
            least_saving=round(given.limits.least_saving * SHARES),
            most_saving=round(given.limits.most_saving * SHARES),
            endings=self._endings(),
        )
        k, doubt = len(size), given.doubt
        return BundleQuestion(
            given=given,
            problem=problem,
            payers=payers,
            evidence=evidence,
            doubt=BundleDoubt(
                size=doubt.size,
                segment=doubt.segment,
                customer=doubt.customer,
                sampled=int(np.clip(_DRAWN_CELLS // problem.value.size, 1, 8)),
            ),
            planned=int(np.clip(_PLANNED_SEGMENTS // k, 1, doubt.planned)),
        )

    def _customers(self) -> tuple[list[str], IntArray, IntArray]:
        """Names, (k,) sizes and (k, 2**n) values of the segments."""
        given = self._given
        if given.segments is None:
            drawn = self._drawn()
            names = [f"segment {j + 1}" for j in range(len(drawn[0]))]
            return names, drawn[0], self._values(drawn[1])
        single = self._table([segment.pays for segment in given.segments])
        value = self._values(single)
        for row, segment in enumerate(given.segments):
            for worth in segment.sets:
                value[row, self._mask(worth.skus)] = self._minor(worth.value)
        every = subsets(len(self._skus))
        for i in range(every.products):
            with_it = every.holding(1 << i)
            value[:, with_it] = np.maximum(value[:, with_it], value[:, with_it ^ (1 << i)])
        size = np.array([segment.size for segment in given.segments], dtype=np.int64)
        return [segment.name for segment in given.segments], size, value

    def _drawn(self) -> tuple[IntArray, FloatArray]:
        """Sizes, and (k, n) values in minor units, of segments of drawn customers."""
        given, rng = self._given, np.random.default_rng(self._given.search.seed)
        if given.respondents is not None:
            asked = given.respondents
            draws = self._table(asked.pays)
            with within("respondents"):
                found = segments_of_draws(
                    draws, asked.customers, segments=min(asked.segments, len(draws)), rng=rng
                )
            return found.size, found.single
        logit = given.logit
        if logit is None:
            raise PlanInputInvalid("give segments, respondents or a logit")
        missing = [sku for sku in self._skus if sku not in logit.utility]
        if missing:
            raise PlanInputInvalid(f"has nothing for {missing[0]!r}", ("logit", "utility"))
        nests = [logit.nest.get(sku, f"alone {sku}") for sku in self._skus]
        with within("logit"):
            draws = self._unit * draws_of_utilities(
                np.array([logit.utility[sku] for sku in self._skus]),
                logit.price_coefficient,
                draws=logit.draws,
                rng=rng,
                nest=np.unique(nests, return_inverse=True)[1],
                sigma=logit.sigma,
                log_price=logit.log_price,
            )
            found = segments_of_draws(
                draws, logit.customers, segments=min(logit.segments, logit.draws), rng=rng
            )
        return found.size, found.single

    def _table(self, rows: list[dict[str, Decimal]]) -> FloatArray:
        """(rows, n) amounts in minor units; 0 where a row names none."""
        table = np.zeros((len(rows), len(self._skus)))
        for i, row in enumerate(rows):
            for sku, amount in row.items():
                table[i, self._place[sku]] = self._minor(amount)
        return table

    def _values(self, single: FloatArray) -> IntArray:
        needs = [p.need or f"alone {p.sku}" for p in self._given.products]
        return values_of_sets(
            np.rint(single),
            {self._mask(factor.skus): factor.factor for factor in self._given.factors},
            nest=np.unique(needs, return_inverse=True)[1],
            overlap=self._given.overlap,
        )

    def _candidates(self) -> tuple[pd.DataFrame | None, IntArray]:
        given, every = self._given, subsets(len(self._skus))
        evidence = None
        count = every.members.sum(axis=1)
        found: IntArray = np.flatnonzero(count >= 2).astype(np.int64)
        if given.bundles is not None:
            masks = [self._mask(bundle.skus) for bundle in given.bundles]
            if len(set(masks)) != len(masks):
                raise PlanInputInvalid("a set stands there twice", ("bundles",))
            found = np.array(sorted(masks), dtype=np.int64)
        elif given.baskets is not None:
            asked = given.baskets
            evidence = bundle_evidence(
                baskets=Baskets.of_receipts(asked.receipts),
                least_support=asked.least_support,
                least_lift=asked.least_lift,
                largest=asked.largest,
                false_discovery_rate=asked.false_discovery_rate,
            )
            found = candidate_sets(evidence, self._skus)
        largest = given.limits.largest
        if largest is not None:
            found = found[count[found] <= largest]
        return evidence, found

    def _payers(self, mask: int) -> dict[str, int]:
        """Who else pays how many ten-thousandths of a set's discount."""
        for bundle in self._given.bundles or []:
            if bundle.funding and self._mask(bundle.skus) == mask:
                return {name: round(share * SHARES) for name, share in bundle.funding.items()}
        inside = [p for i, p in enumerate(self._given.products) if mask >> i & 1]
        whole = sum(float(p.price) for p in inside)
        shares: dict[str, float] = {}
        for product in inside:
            if product.brand in self._given.funding:
                part = float(product.price) / whole * self._given.funding[product.brand]
                shares[product.brand] = shares.get(product.brand, 0.0) + part
        return {name: round(share * 100) * (SHARES // 100) for name, share in shares.items()}

    def _endings(self) -> EndingRule | None:
        endings = self._given.endings
        if endings == "any":
            return None
        if endings == "usual":
            return EndingRule.usual(self._given.currency)
        return EndingRule(tuple(self._ending(one) for one in endings if isinstance(one, EndingIn)))

    def _ending(self, one: EndingIn) -> PriceEnding:
        return PriceEnding(
            None if one.up_to is None else self._minor(one.up_to),
            self._minor(one.step),
            tuple(self._minor(ending) for ending in one.endings),
        )

    def _mask(self, skus: list[str]) -> int:
        return sum(1 << self._place[sku] for sku in skus)

    def _minor(self, amount: Decimal) -> int:
        return Money.parse(amount, self._given.currency).minor

    def _gross(self, amount: Decimal, rounded: Any) -> int:  # noqa: ANN401
        """An amount without tax as it compares with prices, in whole minor units."""
        exact = self._minor(amount) * (1 + Decimal(str(self._given.tax_rate)))
        whole: int = rounded(exact)
        return whole
