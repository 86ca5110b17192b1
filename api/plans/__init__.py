"""Plans as files: what a manager hands in, and what comes back to be signed."""
