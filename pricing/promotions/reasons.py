"""Why a promotion does not apply, as data with a sentence."""

from __future__ import annotations

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """One reason.

    Attributes:
        code: stable name, such as `expired` or `spend_short`.
        text: the same for a person, in plain English.
        missing: minor units or units that are short, where something is short.
        blocked_by: promotions that stand in the way.
    """

    code: str
    text: str
    missing: int = 0
    blocked_by: tuple[str, ...] = ()
