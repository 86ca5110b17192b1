"""Promotions: a cart in, exact totals out, and why. Pure; see `evaluate` for the way in."""
