"""Prices from memory: snapshot, hot path, promotions in force."""
