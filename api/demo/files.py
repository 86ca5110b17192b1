"""The demo market as a shop would have it: CSV files, and rivals with pages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from api.demo.shops import ShopProduct
from pricing.money import Money, Rounding
from simulations.demo_market.market import DemoMarket
from storage.imports import Kind

IMPORT_ORDER: Final[tuple[Kind, ...]] = ("markets", "products", "costs", "sales", "stock")
"""Products and markets come first: the other files speak of them."""


def write_files(market: DemoMarket, folder: Path) -> dict[Kind, Path]:
    """Write one CSV a kind, as `pricewright import` takes them; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[Kind, Path] = {}
    for kind in IMPORT_ORDER:
        frame: pd.DataFrame = getattr(market, kind)
        paths[kind] = folder / f"{kind}.csv"
        frame.to_csv(paths[kind], index=False)
    return paths


def shelves(rivals: pd.DataFrame, shop: str) -> list[ShopProduct]:
    """What one rival shop sells.

    Args:
        rivals: as `simulations.demo_market.rivals.rival_offers` makes it.
        shop: the rival's name.
    """
    offers = rivals[rivals["shop"] == shop].to_dict("records")
    return [
        ShopProduct(
            article=f"a{number:04d}",
            title=offer["title"],
            category=offer["category"],
            price=Money.parse(f"{offer['price']:.4f}", offer["currency"], Rounding.HALF_UP),
            brand=offer["brand"] or None,
            gtin=offer["gtin"] or None,
            in_stock=offer["availability"] == "in_stock",
        )
        for number, offer in enumerate(offers, 1)
    ]
