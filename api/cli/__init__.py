"""The command line: each command reads the settings, starts a job and prints what came of it."""

from api.cli.commands import main

__all__ = ["main"]
