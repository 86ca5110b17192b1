"""Errors of plan files.

ApiError                   see `api.errors`
└── PlanInputInvalid       a file of a plan cannot be read; names the place and the fix
"""

from __future__ import annotations

from api.errors import ApiError


class PlanInputInvalid(ApiError, ValueError):
    """The input of a plan cannot be used; the message names file, place and fix."""
