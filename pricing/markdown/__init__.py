"""Clearance: price paths that sell what is left by its exit date for the most it can bring."""

from pricing.markdown.items import ClearanceItems
from pricing.markdown.learning import ClearanceHistory, Prior
from pricing.markdown.limits import MarkdownLimits
from pricing.markdown.plan import Effort, MarkdownPlan, plan
from pricing.markdown.replan import ClearanceState, Replan, replan
from pricing.markdown.scenarios import Risk, Scenarios

__all__ = [
    "ClearanceHistory",
    "ClearanceItems",
    "ClearanceState",
    "Effort",
    "MarkdownLimits",
    "MarkdownPlan",
    "Prior",
    "Replan",
    "Risk",
    "Scenarios",
    "plan",
    "replan",
]
