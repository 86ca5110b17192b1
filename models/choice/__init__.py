"""Discrete choice on market shares: logit and nested logit."""
