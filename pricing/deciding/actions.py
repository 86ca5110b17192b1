"""What a decision does to a price: by itself, for who reads decisions and makes none."""

from __future__ import annotations

from enum import IntEnum


class Action(IntEnum):
    """What a decision does to the price in force."""

    CHANGE = 1
    """A new price."""
    KEEP = 2
    """The price in force is the best of those allowed."""
    HOLD = 3
    """The price in force stays although it may not be the best: a limit forbids the change."""
