"""The command line: each command reads the settings, starts a job and prints what came of it."""

from __future__ import annotations

import sys

import typer

from api.cli import alerts, crawling, decisions, demo, fitting, imports, service, what_if
from api.cli.terminal import fail
from api.errors import ApiError
from models.errors import ModelError
from pricing.errors import PricingError
from scrapers.errors import ScraperError
from simulations.errors import SimulationError
from storage.errors import StorageError

app = typer.Typer(
    name="pricewright",
    help="Dynamic pricing: collect, estimate, decide, publish, serve.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module in (imports, crawling, fitting, decisions, what_if, service, alerts, demo):
    module.register(app)

_EXPECTED = (ApiError, ModelError, PricingError, ScraperError, SimulationError, StorageError)


def main() -> None:
    """Run the command line; an error that the user can mend ends in a message and status 1."""
    try:
        app()
    except _EXPECTED as error:
        fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        fail("stopped")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does: nothing is wrong here.
        sys.stderr.close()
        sys.exit(0)
