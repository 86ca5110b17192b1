"""Problems of promotions and quotes; they belong to the tree in `api.errors`.

Problem
├── PromotionMissing         404  no promotion has this id
├── QuoteMissing             404  no quote has this id
├── PromotionStepRefused     409  the promotion cannot go there from where it is
├── PromotionsConflict       409  together with others it would sell under cost or break the law
├── QuoteClosed              409  the quote was committed, cancelled, or has expired
├── LimitUsedUp              409  not so much is left of a promotion
├── GroupNotOpen             409  the group takes nobody any more
├── ReturnNotPossible        409  of this order nothing can come back
├── GroupMissing             404  no group has this id
└── IdempotencyKeyReused     422  the key came before with another request
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from api.errors import InvalidRequest, Problem, invalid_field
from pricing.promotions.errors import InvalidCart, InvalidPromotion, PromotionError
from storage.errors import (
    BatchNotFound,
    CodesRefused,
    GroupNotFound,
    PromotionNotFound,
    PromotionRefused,
)


class PromotionMissing(Problem):
    """No promotion has this id, or it has no such batch of codes. Ids are case-sensitive."""

    status = 404
    title = "No such promotion"
    example = "there is no promotion 'spring'"


class QuoteMissing(Problem):
    """No quote has this id."""

    status = 404
    title = "No such quote"
    example = "there is no quote 'q_5fGh'"


class PromotionStepRefused(Problem):
    """The promotion exists or has ended already, or was changed by somebody else meanwhile."""

    status = 409
    title = "Not from here"
    example = "promotion 'spring' has ended; create another one"


class PromotionsConflict(Problem):
    """It would sell under cost, alone or with another promotion; `conflicts` says where.

    Nothing is sold under its floor in any case: the discount is cut there, and customers get less
    than the promotion says. Change the promotions, or schedule with `accept_conflicts=true`.
    """

    status = 409
    title = "Promotions in conflict"
    example = "3 conflicts, the first: 'spring' and 'tea-week' sell TEA-1 under its cost"


class QuoteClosed(Problem):
    """The quote is not open any more; `quote_status` says why. Ask for a new one."""

    status = 409
    title = "Quote closed"
    example = "quote q_5fGh is expired; ask for a new one"


class LimitUsedUp(Problem):
    """The quote reserved nothing, and now not so much is left of a limit. Ask for a new one."""

    status = 409
    title = "Limit used up"
    example = "the limit of promotion 'spring' for all orders is reached"


class GroupNotOpen(Problem):
    """The group that the order would join is settled, or the customer is in it already."""

    status = 409
    title = "Group closed"
    example = "group g_7Hq2 takes nobody any more; open another one"


class GroupMissing(Problem):
    """No group has this id."""

    status = 404
    title = "No such group"
    example = "there is no group 'g_7Hq2'"


class ReturnNotPossible(Problem):
    """The quote was never committed, or its group is still open, or money went back already."""

    status = 409
    title = "Nothing can come back"
    example = "quote q_5fGh is open; only what was ordered comes back"


class IdempotencyKeyReused(Problem):
    """The key came before with another request. Make a new key for each new request."""

    status = 422
    title = "Idempotency key reused"
    example = "idempotency key '7' came before with another request"


def invalid_body(error: PromotionError, at: str = "body") -> InvalidRequest:
    """What the promotion engine refuses, as a problem that names the place in the body."""
    joint = "" if not error.field or error.field.startswith("[") else "."
    return invalid_field(f"{at}{joint}{error.field}", error.problem)


def invalid_codes(error: CodesRefused) -> InvalidRequest:
    """What the making of codes refuses."""
    return invalid_field(f"body.{error.field}", error.problem)


@contextmanager
def refusals(at: str = "body") -> Iterator[None]:
    """Turn what storage and the engine refuse into problems.

    Args:
        at: where in the request the promotion or the cart stands.

    Raises:
        Problem: naming the field, where there is one.
    """
    try:
        yield
    except (InvalidPromotion, InvalidCart) as error:
        raise invalid_body(error, at) from None
    except (PromotionNotFound, BatchNotFound) as error:
        raise PromotionMissing(str(error)) from None
    except GroupNotFound as error:
        raise GroupMissing(str(error)) from None
    except PromotionRefused as error:
        raise PromotionStepRefused(str(error)) from None
    except CodesRefused as error:
        raise invalid_codes(error) from None
