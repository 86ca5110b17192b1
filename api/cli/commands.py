"""The commands by name.

A command's module, and all that it needs, is imported when the command is run, so that
`pricewright --help` waits for no solver.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from api.cli.terminal import fail
from api.errors import answer_to
from models.refusals import Refusal

_INTERRUPTED: Final = 130

_COMMANDS: Final = {
    "demo": ("api.demo.command", "Show everything once, on an embedded database of its own."),
    "import": (
        "api.cli.imports",
        "Bring in products, sales, costs, stock, price limits or markets from a file.",
    ),
    "sites": ("api.cli.sites", "Add competitor shops, list them, bring them into the database."),
    "crawl": ("api.cli.crawling", "Collect competitor prices."),
    "jobs": ("api.cli.jobs", "Ask for jobs, watch, cancel and schedule them."),
    "worker": ("api.cli.worker", "Work on jobs, crawl sites that are due, until stopped."),
    "costs": ("api.cli.costs", "See which costs wait for a confirmation, and say yes to them."),
    "reviews": ("api.cli.reviews", "Decide matches in doubt and prices held back."),
    "market": ("api.cli.market", "Show what competitors did over time; analyse a market."),
    "extract": ("api.cli.extraction", "Read the offers on saved pages."),
    "match": ("api.cli.matching", "Match a file of offers with a file of products."),
    "fit": ("api.cli.fitting", "Fit a demand curve with its uncertainty to every product."),
    "forecast": ("api.cli.forecasting", "Forecast demand for the weeks to come."),
    "diagnose": ("api.cli.diagnosing", "Show the evidence behind one product's demand curve."),
    "uplift": ("api.cli.uplift", "Measure what a promotion changed, after the fact."),
    "reprice": ("api.cli.reprice", "Decide a price for every product under hard limits."),
    "publish": ("api.cli.publish", "Make the prices of a run the live price book."),
    "price-books": ("api.cli.price_books", "List, compare, approve and roll back price books."),
    "freeze": ("api.cli.freezing", "Freeze prices at once; serving goes on."),
    "unfreeze": ("api.cli.unfreezing", "Let prices change again."),
    "explain": ("api.cli.explain", "Show the newest decision on a price, and why."),
    "legal": ("api.cli.legal", "Ask what the law allows, and say under which law a market sells."),
    "what-if": ("api.cli.what_if", "Simulate a category under other prices."),
    "plan": ("api.cli.planning", "Plan clearances, promotions, bundles; with a proof of how good."),
    "promo": ("api.cli.promo", "Write promotions, try them on a cart, let them run; coupon codes."),
    "schema": ("api.cli.schemas", "Print the JSON Schema of a kind of file."),
    "serve": ("api.cli.serve", "Serve live prices over HTTP and deliver alerts."),
    "alerts": ("api.cli.alerts", "See and send what waits in the outbox."),
    "audit": ("api.cli.audit", "See who did what; verify that the record of it is whole."),
    "backup": ("api.cli.backup", "Write the whole database to one file."),
    "restore": ("api.cli.restore", "Bring a backup into a database, of either kind."),
    "keys": ("api.cli.keys", "Make, list, rotate and revoke keys of programs."),
    "people": ("api.cli.people", "Say who may log in, and what they may do."),
    "migrate": ("api.cli.migrate", "Bring the database up to date."),
}
"""Name: the module that has the command's `app`, and its line in the overview."""


class _Later(TyperCommand):
    """A command that is imported when it is run; until then it is a name and a line of help."""

    def __init__(self, name: str, module: str, summary: str) -> None:
        super().__init__(name=name, help=summary)
        self._module = module

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: typer.Context | None = None,  # type: ignore[override]
        **extra: Any,  # noqa: ANN401 - as the base class has it
    ) -> Any:  # noqa: ANN401
        """Import the command and let it read its own arguments."""
        module = importlib.import_module(self._module)
        return typer.main.get_command(module.app).make_context(info_name, args, parent, **extra)


class _Commands(TyperGroup):
    """The group of all commands."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002
        """Their names, in the order of a first use."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ANN401, ARG002
        """One command, not imported yet."""
        known = _COMMANDS.get(cmd_name)
        return None if known is None else _Later(cmd_name, *known)


app = typer.Typer(
    name="pricewright",
    help="Dynamic pricing: collect, estimate, decide, publish, serve.",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _overview() -> None:
    """Dynamic pricing: collect, estimate, decide, publish, serve."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error that the user can mend ends in a message and status 1.

    Args:
        arguments: what follows the program's name; those of this process where None.
    """
    try:
        app(arguments)
    except Refusal as refusal:
        fail(str(refusal))
        sys.exit(answer_to(refusal).exit_status)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:  # typer turns Ctrl-C into this, without a word
            fail("stopped")
        raise
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does: nothing is wrong here.
        sys.stderr.close()
        sys.exit(0)
