"""Promotions by version, codes, quotes, groups, returns, what is used up."""
