"""What a decision reads, in one go."""
