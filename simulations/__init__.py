"""Markets made by a known law, and what-if questions. No input or output, no clock."""
