"""Who did what, to what, when: one chain of records that only grows, and can be verified."""
