"""Problems of plans over HTTP; they belong to the tree in `api.errors`.

Problem
├── PlanMissing              404  no plan has this number
└── PlanStepRefused          409  the plan cannot go there from where it is
"""

from __future__ import annotations

from api.errors import Problem


class PlanMissing(Problem):
    """No plan has this number."""

    status = 404
    title = "No such plan"
    example = "there is no plan 99"


class PlanStepRefused(Problem):
    """The plan is in another state: not finished yet, ended, or accepted before."""

    status = 409
    title = "Not from here"
    example = "plan 7 is running; only a finished one is accepted"
