"""The kinds of jobs that there are, by name; a kind's module is imported when it is needed."""

from __future__ import annotations

from typing import Final

from api.work.kinds import Kinds

KINDS: Final = Kinds(
    {
        "backup": "api.jobs.backing_up:BACKUP",
        "crawl": "api.jobs.crawls:CRAWL",
        "decide": "api.jobs.deciding:DECIDE",
        "fit": "api.jobs.estimating:FIT",
        "forecast": "api.jobs.estimating:FORECAST",
        "import": "api.jobs.bringing_in:IMPORT",
        "match": "api.jobs.bringing_in:MATCH",
        "plan": "api.plans.work:PLAN",
        "retention": "api.jobs.forgetting:RETENTION",
        "what-if": "api.jobs.deciding:WHAT_IF",
    },
    "api.jobs.kinds:KINDS",
)
