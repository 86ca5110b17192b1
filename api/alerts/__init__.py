"""Alerts: what was written to the outbox goes out as signed webhooks, at least once."""
