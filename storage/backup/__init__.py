"""The whole database in one file, and back from it, on either database."""
