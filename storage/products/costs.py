"""Costs, as far as they can be reckoned with."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from storage.tables import costs

COST_MINOR: Final = sa.case((costs.c.currency.is_(None), costs.c.cost_minor))
"""A cost in minor units of its market's currency; NULL where it was stated in another one: what
counts yens among euros is worse than nothing."""
