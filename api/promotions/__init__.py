"""Promotions as the operator handles them: files, conflicts, trials, watch."""
