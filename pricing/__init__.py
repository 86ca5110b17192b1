"""Decisions: pure functions over arrays and frozen records. No input or output, no clock."""
