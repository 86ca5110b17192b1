"""The demo's promotions: one of every kind, on carts from a file, and on a cart at live prices."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import httpx
from rich.markup import escape

from api.cli.terminal import out
from api.errors import DemoFailed
from api.promotions.files import add_promotions, terms_of_file
from pricing.money import Money
from pricing.promotions.evaluate import evaluate
from pricing.promotions.file_format import parse_cart, parse_promotions, parse_text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from pricing.promotions.evaluation import Evaluation

_PATIENCE_SECONDS: Final = 10.0

_AT: Final = "2026-06-01T12:00"
"""When carts are priced that do not say when."""


def example(name: str) -> Any:  # noqa: ANN401  (parsed YAML)
    """The data of an example file of this package: `promotions.yaml` or `carts.yaml`."""
    text = files("api.demo").joinpath(name).read_text(encoding="utf-8")
    return parse_text(text, name)


def receipts() -> list[tuple[str, Evaluation]]:
    """The example carts by name, and what they come to under the example promotions."""
    promotions, file = parse_promotions(example("promotions.yaml"))
    found = []
    for name, data in example("carts.yaml").items():
        whole = {"currency": file.currency, "time_zone": file.time_zone, "at": _AT, **data}
        cart, used = parse_cart(whole)
        found.append((name, evaluate(cart, promotions, mode=file.mode, used=used)))
    return found


def receipt_lines(found: list[tuple[str, Evaluation]]) -> list[str]:
    """One line a cart: what it costs, what is paid, and by which promotions."""
    lines = []
    for name, answer in found:
        before = Money(answer.subtotal + answer.shipping_before, answer.currency).amount
        pays = Money(answer.total, answer.currency).amount
        applied = ", ".join(
            f"{entry.id} -{Money(entry.amount, answer.currency).amount}"
            if entry.amount
            else f"{entry.id} (gift)"
            for entry in answer.applied
        )
        lines.append(f"  {name:<26.26} {before:>7} → {pays:>6}  {applied}")
    return lines


def show_promotions(engine: Engine, url: str, *, market: str, sku: str, now: datetime) -> str:
    """Evaluate the example carts, let the promotions run, and quote a cart at live prices.

    Args:
        engine: the demo's database.
        url: of the running service.
        market: where to quote.
        sku: what to quote, three of it.
        now: the time.

    Returns:
        A command that asks for the same quote.

    Raises:
        DemoFailed: no promotion applied to the quote.
    """
    found = receipts()
    for line in receipt_lines(found):
        out.print(escape(line), highlight=False, soft_wrap=True)
    proven = sum(answer.proven_optimal for _, answer in found)
    out.print(f"{proven} of {len(found)} totals proven to be the cheapest that is permitted.")
    added = add_promotions(
        engine, terms_of_file(example("promotions.yaml")), actor="demo", at=now, activate=True
    )
    running = [stored.name for stored in added if stored.phase(now) == "live"]
    out.print(f"{len(added)} promotions stored, {len(running)} of them live in {escape(market)}:")
    body = f'{{"market": "{market}", "lines": [{{"sku": "{sku}", "quantity": 3}}]}}'
    cart = _quoted(url, body)
    names = ", ".join(entry["id"] for entry in cart["applied"])
    out.print(
        f"POST /v1/quotes, three of {escape(sku)}: {cart['subtotal']['amount']} becomes "
        f"[bold]{cart['total']['amount']}[/] by {escape(names)}"
    )
    return f"curl {url}/v1/quotes -d '{body}'"


def _quoted(url: str, body: str) -> Any:  # noqa: ANN401  (a JSON document)
    """The cart of a quote, as soon as the service knows of the promotions.

    Raises:
        DemoFailed: it is refused, or no promotion applies.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = httpx.post(f"{url}/v1/quotes", content=body)
        if answer.status_code != httpx.codes.CREATED:
            raise DemoFailed(f"the cart was not quoted: {answer.text}")
        cart = answer.json()["cart"]
        if cart["applied"]:
            return cart
        time.sleep(0.05)
    raise DemoFailed("no promotion applies to a cart at live prices")
