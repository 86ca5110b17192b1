"""What the service answers. Prices are the hot path and stand apart; the rest is plain FastAPI."""
