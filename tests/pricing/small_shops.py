"""Shops so small that every set of prices can be tried, and the best of them by trying all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy import sparse, special

from models.arrays import BoolArray, FloatArray, IntArray
from models.demand import DemandContext
from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices, Labels, Market
from pricing.cross_effects import CrossEffects
from pricing.deciding.decide import decide
from pricing.deciding.decisions import Decisions
from pricing.deciding.guardrails import GuardrailLimits, violations
from pricing.deciding.objective import Objective
from pricing.deciding.policy import PricingPolicy
from pricing.price_points import EndingRule, PriceEnding
from pricing.solving.joint_limits import EVERY_CATEGORY, JointTargets
from pricing.solving.relations import Relation, RelationKind
from tests.pricing.catalogues import NOW, catalogue_of

_LOG_SPREAD = 0.1
"""One standard deviation of log units."""


@dataclass(frozen=True, slots=True, eq=False)
class PlantedDemand:
    """Three shapes of demand: constant elasticity, a straight line, an S-curve.

    Attributes:
        shape: (n,) 0, 1 or 2, in this order.
        base: (n,) units at the reference price.
        elasticity: (n,) own-price elasticity there.
        reference: (n,) reference price, major units.
    """

    shape: IntArray
    base: FloatArray
    elasticity: FloatArray
    reference: FloatArray

    def __len__(self) -> int:
        return len(self.shape)

    @property
    def known(self) -> BoolArray:
        """Every row has a curve."""
        return np.ones(len(self), dtype=np.bool_)

    def units(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Expected units at prices (n,) or (n, k); NaN where the price is."""
        assert context is None
        like = (slice(None),) if price.ndim == 1 else (slice(None), None)
        base, slope, shape = self.base[like], self.elasticity[like], self.shape[like]
        ratio = price / self.reference[like]
        line = np.maximum(base * (1.0 + slope * (ratio - 1.0)), 1e-6)
        curve = 2.0 * base * special.expit(2.0 * slope * (ratio - 1.0))
        units: FloatArray = np.choose(shape, [base * ratio**slope, line, curve])
        return units

    def gradient(self, price: FloatArray, context: DemandContext | None = None) -> FloatArray:
        """Derivative by price, as a difference."""
        step = 1e-6 * price
        change = self.units(price + step, context) - self.units(price - step, context)
        slope: FloatArray = change / (2.0 * step)
        return slope

    def interval(
        self, price: FloatArray, level: float = 0.95, context: DemandContext | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Low and high end of expected units."""
        units = self.units(price, context)
        reach = _LOG_SPREAD * float(special.ndtri(0.5 + level / 2.0))
        return units * np.exp(-reach), units * np.exp(reach)

    def price_elasticity(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Elasticity at these prices, and a standard error of it."""
        elasticity: FloatArray = self.gradient(price) * price / self.units(price)
        return elasticity, np.full(price.shape, 0.1)

    def sample(
        self,
        price: FloatArray,
        rng: np.random.Generator,
        draws: int,
        context: DemandContext | None = None,
    ) -> FloatArray:
        """Units under random scales."""
        scale = rng.normal(0.0, _LOG_SPREAD, (draws, *price.shape))
        drawn: FloatArray = self.units(price, context) * np.exp(scale)
        return drawn

    def take(self, rows: IntArray) -> PlantedDemand:
        """Some rows."""
        return PlantedDemand(
            self.shape[rows], self.base[rows], self.elasticity[rows], self.reference[rows]
        )


@dataclass(frozen=True, slots=True, eq=False)
class SmallShop:
    """A question to `decide`, small enough to try every answer."""

    catalogue: Catalogue
    demand: PlantedDemand
    rivals: CompetitorPrices
    policy: PricingPolicy
    cross: CrossEffects | None = None

    def decide(self) -> Decisions:
        """What the product answers."""
        return decide(
            self.catalogue, self.demand, self.rivals, self.policy, decided_at=NOW, cross=self.cross
        )

    def worth(self, prices: IntArray) -> FloatArray:
        """(m,) the objective of m sets of prices (m, n), from its definition."""
        moved, sums = self._moved(prices), np.zeros(len(prices))
        aim, catalogue = self.policy.objective, self.catalogue
        for i in range(len(catalogue)):
            net = prices[:, i] / 100 / (1.0 + catalogue.tax_rate[i])
            units = self._units(prices, i) * moved[:, i]
            earns = aim.profit * (net - catalogue.cost[i] / 100) + aim.revenue * net + aim.units
            wide = (np.exp(_LOG_SPREAD) - np.exp(-_LOG_SPREAD)) / 2.0
            sums += earns * units - aim.risk_aversion * np.abs(earns) * units * wide
            if catalogue.kvi[i] and self.rivals.offers[i] > 0:
                theirs = self.rivals.lowest[i] / 100 / (1.0 + catalogue.tax_rate[i])
                sums -= aim.price_image * self._sold_now()[i] * (net - theirs)
            sums -= aim.switching_cost * (prices[:, i] != catalogue.price[i])
        return sums

    def kept(self, prices: IntArray, slack: float = 1e-9) -> BoolArray:
        """(m,) which sets of prices (m, n) keep all joint limits and relations."""
        kept = np.ones(len(prices), dtype=np.bool_)
        for relation in self.policy.relations:
            kept &= self._related(prices, relation)
        targets, n = self.policy.joint, len(self.catalogue)
        changes = (prices != self.catalogue.price).sum(axis=1)
        if self.policy.max_changes is not None:
            kept &= changes <= self.policy.max_changes
        if targets.max_change_share is not None:
            kept &= changes <= int(targets.max_change_share * n)
        moved = self._moved(prices)
        net = prices / 100 / (1.0 + self.catalogue.tax_rate)
        units = np.stack([self._units(prices, i) for i in range(n)], axis=1) * moved
        before = self._sold_now()
        net_before = self.catalogue.price / 100 / (1.0 + self.catalogue.tax_rate)
        revenue = (net * units).sum(axis=1)
        if targets.revenue_floor is not None:
            floor = targets.revenue_floor * float((net_before * before).sum())
            kept &= revenue >= floor - slack * float((net_before * before).sum())
        if targets.unit_floor is not None:
            floor = targets.unit_floor * float(before.sum())
            kept &= units.sum(axis=1) >= floor - slack * float(before.sum())
        if targets.average_margin is not None:
            profit = ((net - self.catalogue.cost / 100) * units).sum(axis=1)
            kept &= profit >= targets.average_margin * revenue - slack * revenue
        if targets.markdown_money is not None:
            spent = (np.maximum(net_before - net, 0.0) * units).sum(axis=1)
            kept &= spent <= targets.markdown_money + slack * float((net_before * before).sum())
        return kept & self._indices(prices, slack)

    def every(self) -> IntArray:
        """(m, n) every set of prices that hard limits and price endings allow."""
        rule = self.policy.endings["online"]
        rows = []
        for i in range(len(self.catalogue)):
            trial = rule.ladder(2 * int(self.catalogue.price[i]))
            fine = [p for p in trial.tolist() if not self._broken(i, p)]
            rows.append(np.unique(np.array([*fine, self.catalogue.price[i]])))
        grid = np.meshgrid(*rows, indexing="ij")
        return np.stack([axis.ravel() for axis in grid], axis=1)

    def in_order(self) -> bool:
        """Whether the prices in force break no hard limit."""
        return not any(self._broken(i, int(p)) for i, p in enumerate(self.catalogue.price))

    def _broken(self, row: int, price: int) -> bool:
        trial = self.catalogue.price.copy()
        trial[row] = price
        broken = violations(trial, self.catalogue, self.rivals, self.policy.limits, None)
        return bool(broken[row])

    def _units(self, prices: IntArray, row: int) -> FloatArray:
        one = self.demand.take(np.array([row]))
        units: FloatArray = one.units(prices[None, :, row] / 100)[0]
        return units

    def _sold_now(self) -> FloatArray:
        return self.demand.units(self.catalogue.price / 100)

    def _moved(self, prices: IntArray) -> FloatArray:
        if self.cross is None:
            return np.ones(prices.shape)
        moved: FloatArray = (
            1.0 + np.log(prices / self.catalogue.price) @ self.cross.elasticity.toarray().T
        )
        return moved

    def _indices(self, prices: IntArray, slack: float) -> BoolArray:
        kept = np.ones(len(prices), dtype=np.bool_)
        band = self.policy.joint.price_index.get(EVERY_CATEGORY)
        if band is None:
            return kept
        sold = self._sold_now()
        for code in range(len(self.catalogue.category.names)):
            here = (self.catalogue.category.codes == code) & (self.rivals.offers > 0)
            if not here.any():
                continue
            theirs = float((sold * self.rivals.lowest)[here].sum())
            ours = (sold * prices)[:, here].sum(axis=1)
            kept &= (ours <= (band[1] + slack) * theirs) & (ours >= (band[0] - slack) * theirs)
        return kept

    def _related(self, prices: IntArray, relation: Relation) -> BoolArray:
        rows = [int(np.flatnonzero(self.catalogue.sku == sku)[0]) for sku in relation.skus]
        kept = np.ones(len(prices), dtype=np.bool_)
        tiny = 1e-9
        if relation.kind is RelationKind.PRIVATE_LABEL:
            for brand in rows[1:]:
                own, theirs = prices[:, rows[0]], prices[:, brand]
                kept &= own >= (1.0 - relation.most) * theirs * (1 - tiny)
                kept &= own <= (1.0 - relation.least) * theirs * (1 + tiny)
            return kept
        if relation.kind is RelationKind.LADDER:
            for lower, upper in pairwise(rows):
                kept &= prices[:, upper] >= (1.0 + relation.least) * prices[:, lower] * (1 - tiny)
                kept &= prices[:, upper] <= (1.0 + relation.most) * prices[:, lower] * (1 + tiny)
            return kept
        assert relation.kind is RelationKind.PACK_SIZES
        for small, big in pairwise(sorted(rows, key=lambda row: self.catalogue.pack_size[row])):
            ratio = self.catalogue.pack_size[big] / self.catalogue.pack_size[small]
            kept &= prices[:, big] > prices[:, small] * (1 + tiny)
            kept &= prices[:, big] <= ratio * prices[:, small] * (1 + tiny)
        return kept


def joint_shop(rng: np.random.Generator) -> SmallShop:
    """Three or four products under two or three limits in money, units and changes."""
    while True:
        shop = _plain(rng)
        targets = _targets(rng)
        changes = int(rng.integers(1, 4)) if rng.random() < 0.4 else None
        policy = replace(shop.policy, joint=targets, max_changes=changes)
        shop = replace(shop, policy=policy)
        if shop.in_order():
            return shop


def related_shop(rng: np.random.Generator) -> SmallShop:
    """The same with relations that can be kept, cross-price effects, or both."""
    while True:
        shop = _plain(rng)
        n = len(shop.catalogue)
        policy = replace(shop.policy, joint=_targets(rng, changes=False))
        kind = int(rng.integers(0, 3))
        if kind != 1:
            policy = replace(policy, relations=_relations(rng, n))
        shop = replace(shop, policy=policy)
        if kind != 0:
            effects = rng.uniform(-0.1, 0.4, (n, n)) * (rng.random((n, n)) < 0.6)
            np.fill_diagonal(effects, 0.0)
            shop = replace(shop, cross=CrossEffects(sparse.csr_array(effects)))
        alone = replace(shop, policy=replace(policy, joint=JointTargets()))
        if shop.in_order() and alone.kept(alone.every()).any():
            return shop


def _plain(rng: np.random.Generator) -> SmallShop:
    n = int(rng.integers(3, 5))
    price = np.sort(rng.integers(800, 2000, n))
    market = Market("online", "USD", "UTC", tax_rate=float(rng.choice([0.0, 0.19])))
    net = price / (1.0 + market.tax_rate)
    catalogue = replace(
        catalogue_of(
            price.tolist(), (net * rng.uniform(0.35, 0.85, n)).astype(int).tolist(), market=market
        ),
        category=Labels.of(rng.choice(["tea", "jam"], n).tolist()),
        kvi=rng.random(n) < 0.5,
        pack_size=np.sort(rng.integers(100, 230, n)).astype(np.float64) + np.arange(n),
    )
    demand = PlantedDemand(
        shape=rng.integers(0, 3, n),
        base=rng.uniform(5.0, 100.0, n),
        elasticity=rng.uniform(-5.0, -1.2, n),
        reference=price / 100,
    )
    offered = rng.random(n) < 0.6
    lowest = np.where(offered, (price * rng.uniform(0.85, 1.15, n)).astype(np.int64), UNKNOWN)
    rivals = CompetitorPrices(lowest, np.where(offered, 2, 0))
    policy = PricingPolicy(
        limits=GuardrailLimits(
            minimum_margin=0.0,
            maximum_change=float(rng.choice([0.15, 0.25])),
            competitor_band=(0.8, 1.2) if rng.random() < 0.3 else None,
        ),
        objective=Objective(
            revenue=float(rng.choice([0.0, 0.05])),
            units=float(rng.choice([0.0, 0.2])),
            price_image=float(rng.choice([0.0, 0.5])),
            switching_cost=float(rng.choice([0.0, 1.0])),
            risk_aversion=float(rng.choice([0.0, 0.5])),
        ),
        endings={
            "online": EndingRule(
                (PriceEnding(None, int(rng.choice([50, 60])), (int(rng.integers(0, 50)),)),)
            )
        },
        candidates=40,
        gap=float(rng.choice([0.0, 1e-5, 1e-3])),
    )
    return SmallShop(catalogue, demand, rivals, policy)


def _targets(rng: np.random.Generator, *, changes: bool = True) -> JointTargets:
    given: dict[str, object] = {
        "revenue_floor": float(rng.uniform(0.95, 1.05)),
        "unit_floor": float(rng.uniform(0.8, 1.05)),
        "average_margin": float(rng.uniform(0.15, 0.45)),
        "markdown_money": float(rng.uniform(0.0, 60.0)),
        "price_index": {EVERY_CATEGORY: (0.8, float(rng.uniform(1.0, 1.2)))},
        "max_change_share": float(rng.uniform(0.3, 0.9)),
    }
    names = [name for name in given if changes or name != "max_change_share"]
    taken = rng.choice(names, int(rng.integers(1, 4)), replace=False, p=_weights(names))
    return JointTargets(**{str(name): given[str(name)] for name in taken})  # type: ignore[arg-type]


def _weights(names: list[str]) -> FloatArray:
    """Floors on revenue and units are what shops ask for most."""
    weights = np.array([3.0 if name.endswith("floor") else 1.0 for name in names])
    shares: FloatArray = weights / weights.sum()
    return shares


def _relations(rng: np.random.Generator, n: int) -> tuple[Relation, ...]:
    relations = []
    for number in range(int(rng.integers(1, 3))):
        kind = [RelationKind.PRIVATE_LABEL, RelationKind.LADDER, RelationKind.PACK_SIZES][
            int(rng.integers(0, 3))
        ]
        rows = np.sort(rng.choice(n, int(rng.integers(2, n + 1)), replace=False))
        most = 0.5 if kind is RelationKind.PRIVATE_LABEL else 0.6
        skus = tuple(f"P{row}" for row in rows.tolist())
        relations.append(Relation(f"r{number}", kind, skus, least=0.03, most=most))
    return tuple(relations)
