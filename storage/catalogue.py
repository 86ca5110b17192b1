"""The catalogue as it stands at a time: prices in force, costs, stock."""

from __future__ import annotations
