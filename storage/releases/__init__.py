"""Drafts, approvals, publishing, freezes, watched figures."""
