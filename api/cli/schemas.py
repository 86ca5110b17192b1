"""`pricewright schema`: JSON Schemas of all files that people write."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from api.cli.terminal import out
from api.plans.bundles.schema import BundlesIn
from api.plans.calendar.schema import PromotionsIn
from api.plans.markdown.schema import MarkdownIn
from pricing.documents.schemas import schema_of
from pricing.law.packs import RulePack
from pricing.promotions.file_format import schema as promotion_schema
from pricing.rulebook.schema import rules_schema
from scrapers.sites import sites_schema

app = typer.Typer(add_completion=False)


class FileKind(StrEnum):
    """A kind of file that people write."""

    PROMOTIONS = "promotions"
    CART = "cart"
    PRICING_RULES = "pricing-rules"
    SITES = "sites"
    RULE_PACK = "rule-pack"
    PLAN_MARKDOWN = "plan-markdown"
    PLAN_PROMOTIONS = "plan-promotions"
    PLAN_BUNDLES = "plan-bundles"


def _rule_pack() -> dict[str, Any]:
    """The records are dataclasses, of which msgspec does not say that they know no other field."""
    described = schema_of(RulePack, "Pricewright rule pack")
    for part in described["$defs"].values():
        if part.get("type") == "object":
            part["additionalProperties"] = False
    return described


_SCHEMAS: Final[dict[FileKind, Callable[[], dict[str, Any]]]] = {
    FileKind.PROMOTIONS: lambda: promotion_schema("promotions"),
    FileKind.CART: lambda: promotion_schema("cart"),
    FileKind.PRICING_RULES: rules_schema,
    FileKind.SITES: sites_schema,
    FileKind.RULE_PACK: _rule_pack,
    FileKind.PLAN_MARKDOWN: lambda: schema_of(MarkdownIn, "Pricewright clearance"),
    FileKind.PLAN_PROMOTIONS: lambda: schema_of(PromotionsIn, "Pricewright promotion calendar"),
    FileKind.PLAN_BUNDLES: lambda: schema_of(BundlesIn, "Pricewright bundle plan"),
}


def schema_of_file(kind: FileKind) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a kind of file."""
    return _SCHEMAS[kind]()


@app.command()
def schema(kind: Annotated[FileKind, typer.Argument(help="The kind of file.")]) -> None:
    """Print the JSON Schema of a file, for editors and for programs that write one."""
    described = json.dumps(schema_of_file(kind), ensure_ascii=False, indent=2)
    out.print(described, markup=False, highlight=False, soft_wrap=True)
