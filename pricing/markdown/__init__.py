"""Clearance: price paths that sell what is left by its exit date for the most it can bring."""

from pricing.markdown.items import ClearanceItems
from pricing.markdown.learning import ClearanceHistory, Prior
from pricing.markdown.limits import MarkdownLimits
from pricing.markdown.plan import Effort, MarkdownPlan, plan
from pricing.markdown.replan import ClearanceState, PlanInForce, Replan, replan
from pricing.markdown.rivals import plan_with_rivals
from pricing.markdown.scenarios import Scenarios
from pricing.solving.risk import Risk

__all__ = [
    "ClearanceHistory",
    "ClearanceItems",
    "ClearanceState",
    "Effort",
    "MarkdownLimits",
    "MarkdownPlan",
    "PlanInForce",
    "Prior",
    "Replan",
    "Risk",
    "Scenarios",
    "plan",
    "plan_with_rivals",
    "replan",
]
