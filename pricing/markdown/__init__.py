"""Clearance: price paths that sell what is left by its exit date for the most it can bring."""

from pricing.markdown.plan import Effort, MarkdownPlan, plan

__all__ = ["Effort", "MarkdownPlan", "plan"]
