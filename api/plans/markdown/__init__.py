"""Clearance plans: document, job, answer."""
