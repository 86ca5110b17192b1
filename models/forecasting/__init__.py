"""Demand ahead: methods, their trial on the past, and life cycles."""
