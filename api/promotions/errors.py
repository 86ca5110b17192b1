"""Errors of promotions; they belong to the tree in `api.errors`.

ApiError                   see `api.errors`
└── PromotionsConflict     together with others it would sell under cost or break the law
"""

from __future__ import annotations

from api.errors import ApiError
from models.refusals import Conflict


class PromotionsConflict(ApiError, Conflict):
    """It would sell under cost, alone or with another promotion; `conflicts` says where.

    Nothing is sold under its floor in any case: the discount is cut there, and customers get less
    than the promotion says. Change the promotions, or schedule with `accept_conflicts=true`.
    """

    slug = "promotions-conflict"
    title = "Promotions in conflict"
    example = "3 conflicts, the first: 'spring' and 'tea-week' sell TEA-1 under its cost"
