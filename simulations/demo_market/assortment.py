"""What the demo shop sells: 12 categories of invented brands, with costs, packs and GTINs.

The categories differ in how strongly demand reacts to price; the levels lie in the range that
meta-analyses of store data report (Bijmolt, van Heerde and Pieters 2005: mean -2.6).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as combinations
from typing import Final

import numpy as np
import pandas as pd

from simulations.errors import InvalidMarket


@dataclass(frozen=True, slots=True)
class Category:
    """One shelf of the shop and how its demand behaves.

    Attributes:
        name: as shown and as stored.
        brands: the first is the market leader.
        variants: kinds of the good.
        packs: (size, unit) on sale.
        unit_cost: cost of the first pack in major units, before brand and product differences.
        elasticity: mean own-price elasticity of the category.
        season: height of the yearly wave in log units.
        peak_week: week of the year (1-52) in which the wave is highest.
        holiday: log effect of a week made of public holidays only.
        gifts: log effect of a week inside the gift season.
    """

    name: str
    brands: tuple[str, ...]
    variants: tuple[str, ...]
    packs: tuple[tuple[int, str], ...]
    unit_cost: float
    elasticity: float
    season: float
    peak_week: int
    holiday: float
    gifts: float


CATEGORIES: Final[tuple[Category, ...]] = (
    Category(
        "Coffee", ("Altamira", "Brenner", "Casa Nera", "Fjordkaffe"),
        ("Espresso Beans", "Filter Ground", "Decaf Ground", "House Blend Beans"),
        ((250, "g"), (500, "g"), (1000, "g")), 3.40, -2.6, 0.10, 50, 0.3, 0.20,
    ),
    Category(
        "Tea", ("Larkhill", "Mistral", "Oolonga", "Penrose"),
        ("Earl Grey", "Green Sencha", "Peppermint", "Rooibos Vanilla", "English Breakfast"),
        ((20, "bags"), (50, "bags"), (100, "bags")), 1.60, -2.1, 0.20, 2, 0.1, 0.15,
    ),
    Category(
        "Chocolate", ("Belcanto", "Cocoril", "Dulcea", "Novarre"),
        ("Dark 70%", "Milk Hazelnut", "White Raspberry", "Sea Salt Caramel"),
        ((100, "g"), (200, "g"), (300, "g")), 1.10, -2.9, 0.12, 50, 0.5, 0.45,
    ),
    Category(
        "Olive Oil", ("Andaluz", "Kalamos", "Oro Verde"),
        ("Extra Virgin", "Extra Virgin Organic", "Mild", "Lemon Infused"),
        ((250, "ml"), (500, "ml"), (750, "ml"), (1000, "ml")), 4.20, -2.3, 0.08, 26, 0.1, 0.10,
    ),
    Category(
        "Pasta Sauce", ("Bottega Rossa", "Nonna Pia", "Solara"),
        ("Basilico", "Arrabbiata", "Pesto Verde", "Four Cheese", "Bolognese"),
        ((190, "g"), (350, "g"), (680, "g")), 1.20, -3.2, 0.05, 6, 0.2, 0.00,
    ),
    Category(
        "Laundry Detergent", ("Aquelle", "Brightly", "Purella"),
        ("Color Liquid", "Universal Powder", "Sensitive Liquid", "Sport Liquid"),
        ((20, "washes"), (40, "washes"), (80, "washes")), 3.60, -3.4, 0.03, 20, 0.0, 0.00,
    ),
    Category(
        "Dishwasher Tabs", ("Clarwell", "Glanz", "Spülfee"),
        ("All in One", "Classic", "Ultra Power", "Eco"),
        ((30, "tabs"), (60, "tabs"), (90, "tabs")), 4.10, -3.6, 0.04, 51, 0.2, 0.05,
    ),
    Category(
        "Shampoo", ("Bergamo", "Lumière", "Silvana", "Verda"),
        ("Repair", "Volume", "Anti-Dandruff", "Color Care"),
        ((250, "ml"), (400, "ml"), (750, "ml")), 2.30, -2.0, 0.05, 28, 0.0, 0.05,
    ),
    Category(
        "Toothpaste", ("Brillo", "Dentaria", "Mintrel"),
        ("Whitening", "Sensitive", "Fresh Mint", "Total Care", "Kids Strawberry"),
        ((75, "ml"), (100, "ml"), (150, "ml")), 1.30, -1.7, 0.02, 10, 0.0, 0.00,
    ),
    Category(
        "Dog Food", ("Fido's Choice", "Pawsome", "Wolfsberg"),
        ("Adult Chicken", "Puppy Lamb", "Senior Beef", "Grain-Free Salmon"),
        ((1, "kg"), (3, "kg"), (12, "kg")), 4.80, -1.9, 0.03, 40, 0.0, 0.10,
    ),
    Category(
        "Batteries", ("Galvanex", "Tesloid", "Voltora"),
        ("AA Alkaline", "AAA Alkaline", "C Alkaline", "9V Alkaline", "CR2032 Lithium"),
        ((4, "pcs"), (8, "pcs"), (20, "pcs")), 2.40, -2.4, 0.10, 51, 0.2, 0.50,
    ),
    Category(
        "Printer Paper", ("Blankwood", "Inkwell", "Papyra"),
        ("A4 80 g", "A4 90 g Premium", "A4 Recycled", "A3 80 g"),
        ((250, "sheets"), (500, "sheets"), (2500, "sheets")), 2.70, -2.8, 0.15, 36, -0.4, -0.10,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assortment:
    """The products of the shop.

    Attributes:
        products: sku, title, category, brand, gtin, mpn, pack_size, pack_unit; one row a product.
        category_of: (p,) index into `CATEGORIES`.
        unit_cost: (p,) cost in major units at the start.
    """

    products: pd.DataFrame
    category_of: np.ndarray[tuple[int], np.dtype[np.int64]]
    unit_cost: np.ndarray[tuple[int], np.dtype[np.float64]]


def stock_the_shelves(products: int, rng: np.random.Generator) -> Assortment:
    """Choose the products of the shop, the categories in turn.

    Args:
        products: how many; at least one per category, at most what the categories can vary.
        rng: source of chance.

    Raises:
        InvalidMarket: too few or too many products.
    """
    shelves = [_choices(category, rng) for category in CATEGORIES]
    shortest = min(map(len, shelves))
    most = shortest * len(CATEGORIES)
    if not len(CATEGORIES) <= products <= most:
        raise InvalidMarket(f"products must lie in {len(CATEGORIES)}..{most}, not {products}")
    rows: list[dict[str, object]] = []
    category_of = np.arange(products) % len(CATEGORIES)
    cost = np.empty(products)
    taken: set[str] = set()
    for i, c in enumerate(category_of):
        category = CATEGORIES[c]
        brand, variant, pack = shelves[c][i // len(CATEGORIES)]
        size, unit = category.packs[pack]
        gtin = _new_gtin(rng, taken)
        rows.append(
            {
                "sku": f"P{i + 1:05d}",
                "title": f"{brand} {category.name} {variant} {size} {unit}",
                "category": category.name,
                "brand": brand,
                "gtin": gtin,
                "mpn": f"{brand[:3].upper()}-{gtin[7:12]}",
                "pack_size": size,
                "pack_unit": unit,
            }
        )
        # A pack of twice the size costs less than twice as much; the leading brand costs more.
        bulk = (size / category.packs[0][0]) ** 0.8
        leader = 1.15 if brand == category.brands[0] else 1.0
        cost[i] = category.unit_cost * bulk * leader * np.exp(rng.normal(0.0, 0.12))
    return Assortment(pd.DataFrame(rows), category_of.astype(np.int64), np.round(cost, 2))


def gtin13(stem: str) -> str:
    """The 13-digit GTIN whose first twelve digits are `stem` (GS1 General Specifications 7.9)."""
    total = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(stem))
    return f"{stem}{-total % 10}"


def _choices(category: Category, rng: np.random.Generator) -> list[tuple[str, str, int]]:
    """Every (brand, variant, pack) of a category in a random order."""
    every = list(combinations(category.brands, category.variants, range(len(category.packs))))
    return [every[i] for i in rng.permutation(len(every))]


def _new_gtin(rng: np.random.Generator, taken: set[str]) -> str:
    """A GTIN not yet taken, in the prefix range 400-439 (never 2xx, which shops give inside)."""
    while True:
        gtin = gtin13(f"{rng.integers(400, 440)}{rng.integers(0, 10**9):09d}")
        if gtin not in taken:
            taken.add(gtin)
            return gtin
