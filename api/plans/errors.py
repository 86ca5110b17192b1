"""Errors of plan files.

ApiError                   see `api.errors`
└── PlanInputInvalid       a file of a plan cannot be read; names the place and the fix
"""

from __future__ import annotations

from api.errors import ApiError
from models.refusals import Invalid


class PlanInputInvalid(ApiError, Invalid):
    """The input of a plan cannot be used; `place` leads to it, and the message names the fix."""
