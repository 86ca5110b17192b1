"""Choosing prices together: joint limits, relations, cross effects, and the proofs."""
