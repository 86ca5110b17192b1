"""What two other shops ask for the same products, and how each of them writes the names."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from models.arrays import FloatArray

RIVALS: Final = ("pennywise", "corner-deals")
"""The first names GTINs in its pages; the second only titles, in its own words."""

_CARRIED: Final = (0.85, 0.70)
_PRICE_LEVEL: Final = (0.98, 1.04)
_IN_STOCK: Final = 0.95
_STRANGERS: Final = 12
"""Products a shop that we do not sell: a matcher must leave them alone."""


def rival_offers(
    products: pd.DataFrame,
    *,
    start_price: FloatArray,
    best_price: FloatArray,
    currency: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Competitor price levels, one row an offer.

    Prices scatter about the middle between our price and the most profitable one: rivals face the
    same customers, so their prices carry some truth about them.

    Args:
        products: sku, title, category, brand, gtin, mpn, pack_size, pack_unit; p rows.
        start_price: (p,) our price, major units.
        best_price: (p,) the most profitable price, major units.
        currency: ISO 4217 code of the offers.
        rng: source of chance.

    Returns:
        shop, sku (ours; `""` for a product that we do not sell), title, category, brand, gtin,
        mpn (`""` where the shop does not say), price (major units), currency, availability
        (`in_stock` or `out_of_stock`); sorted by shop, then our sku.
    """
    middle = np.sqrt(start_price * best_price)
    frames = [_offers_of(shop, products, middle, currency, rng) for shop in range(len(RIVALS))]
    return pd.concat(frames, ignore_index=True)


def _offers_of(
    shop: int,
    products: pd.DataFrame,
    middle: FloatArray,
    currency: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    p = len(products)
    carried = np.flatnonzero(rng.random(p) < _CARRIED[shop])
    level = middle * _PRICE_LEVEL[shop] * np.exp(rng.normal(0.0, 0.06, p))
    ours = products.iloc[carried]
    names_codes = shop == 0
    known = pd.DataFrame(
        {
            "sku": ours["sku"].to_numpy(),
            "title": ours["title"].to_numpy() if names_codes else _own_words(ours),
            "category": ours["category"].to_numpy(),
            "brand": ours["brand"].to_numpy(),
            "gtin": ours["gtin"].to_numpy() if names_codes else "",
            "mpn": ours["mpn"].to_numpy() if names_codes else "",
            "price": np.round(level[carried], 2),
        }
    )
    strangers = _strangers(products, rng)
    offers = pd.concat([known, strangers], ignore_index=True)
    in_stock = rng.random(len(offers)) < _IN_STOCK
    offers.insert(0, "shop", RIVALS[shop])
    return offers.assign(
        currency=currency, availability=np.where(in_stock, "in_stock", "out_of_stock")
    )


def _own_words(products: pd.DataFrame) -> list[str]:
    """Titles in another order and the pack in one word: `Oolonga Green Sencha Tea, 50bags`."""
    titles = []
    for title, brand, category, size, unit in zip(
        products["title"],
        products["brand"],
        products["category"],
        products["pack_size"],
        products["pack_unit"],
        strict=True,
    ):
        variant = title.removeprefix(f"{brand} {category} ").removesuffix(f" {size} {unit}")
        titles.append(f"{brand} {variant} {category}, {size}{unit}")
    return titles


def _strangers(products: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Products like ours from brands that we do not carry."""
    like = products.iloc[
        rng.choice(len(products), size=min(_STRANGERS, len(products)), replace=False)
    ]
    brands = np.array(["Northwind", "Everday", "Maison Claire"])[rng.integers(0, 3, len(like))]
    titles = [
        title.replace(brand, stranger, 1)
        for title, brand, stranger in zip(like["title"], like["brand"], brands, strict=True)
    ]
    return pd.DataFrame(
        {
            "sku": "",
            "title": titles,
            "category": like["category"].to_numpy(),
            "brand": brands,
            "gtin": "",
            "mpn": "",
            "price": np.round(rng.uniform(1.5, 25.0, len(like)), 2),
        }
    )
