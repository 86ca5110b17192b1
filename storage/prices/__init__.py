"""Price books, decisions, and what was asked and charged."""
