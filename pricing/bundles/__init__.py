"""Mixed bundling: which bundles to offer beside single products, and at which prices."""

from pricing.bundles.errors import InfeasibleBundles, InvalidBundles
from pricing.bundles.plan import BundlePlan, Effort, plan_bundles
from pricing.bundles.problem import BundleProblem

__all__ = [
    "BundlePlan",
    "BundleProblem",
    "Effort",
    "InfeasibleBundles",
    "InvalidBundles",
    "plan_bundles",
]
