"""Demand fits and cross effects, by version."""
