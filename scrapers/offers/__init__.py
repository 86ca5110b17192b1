"""From an extracted offer to what is kept, held or told."""
