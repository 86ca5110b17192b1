"""Promotion calendars: document, job, answer."""
