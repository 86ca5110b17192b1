"""Which of our products an offer is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.catalogue import Product
from scrapers.matching import Band, Listing, Matcher, MatchMethod, Pack, pack_of

COLA_CAN = Product("C1", "Fizzo Cola 330 ml", "Drinks", "Fizzo", "4006381333931")
COLA_SIX = Product("C6", "Fizzo Cola 6 x 330 ml", "Drinks", "Fizzo")
COLA_ZERO = Product("Z1", "Fizzo Cola Zero 330 ml", "Drinks", "Fizzo", "96385074")
DRILL_A = Product("D1", "Boltwerk Cordless Drill BX200 18V", "Tools", "Boltwerk")
DRILL_B = Product("D2", "Boltwerk Cordless Drill BX250 18V", "Tools", "Boltwerk")
SHELF = (COLA_CAN, COLA_SIX, COLA_ZERO, DRILL_A, DRILL_B)


def titled(title: str, brand: str | None = None, gtin: str | None = None) -> Listing:
    return Listing(title, title, brand=brand, gtin=gtin)


def matcher(products: Sequence[Product] = SHELF) -> Matcher:
    return Matcher([Listing.of_product(product) for product in products])


def skus(*listings: Listing) -> list[str | None]:
    found = matcher().match_all(listings)
    return [match.sku if match and match.band is Band.ACCEPT else None for match in found]


def test_a_gtin_decides_whatever_the_title_says() -> None:
    (match,) = matcher().match_all([titled("Best soda ever", gtin="04006381333931")])
    assert match is not None
    assert (match.sku, match.method, match.score) == ("C1", MatchMethod.GTIN, 1.0)


def test_a_used_piece_is_never_our_product() -> None:
    used = Listing("u", "Fizzo Cola 330 ml", gtin="4006381333931", used=True)
    assert skus(used) == [None]


def test_another_gtin_forbids_what_the_title_suggests() -> None:
    assert skus(titled("Fizzo Cola 330 ml", "Fizzo", "4006381333948")) == [None]


def test_a_gtin_with_a_wrong_check_digit_counts_as_none() -> None:
    assert skus(titled("Fizzo Cola 330 ml", "Fizzo", "4006381333930")) == ["C1"]


@pytest.mark.parametrize(
    ("title", "sku"),
    [
        ("Fizzo Cola, 330ml", "C1"),
        ("Cola Fizzo 33 cl", "C1"),
        ("FIZZO COLA 0.33 L", "C1"),
        ("Fizzo Cola 6x330ml", "C6"),
        ("Fizzo Cola 330 ml x 6", "C6"),
        ("Fizzo Cola Zero 330 ml", "Z1"),
        ("Fizzo Cola 500 ml", None),
        ("Fizzo Cola 12 x 330 ml", None),
        ("Boltwerk BX250 cordless drill 18V", "D2"),
        ("Boltwerk BX300 cordless drill 18V", None),
        ("Ironmax Cordless Drill BX200 18V", None),
        ("Garden gnome", None),
        ("", None),
    ],
)
def test_a_title_is_our_product_only_if_pack_model_and_brand_agree(
    title: str, sku: str | None
) -> None:
    assert skus(titled(title)) == [sku]


def test_a_stated_brand_outweighs_a_title_that_fits() -> None:
    assert skus(titled("Fizzo Cola 330 ml", "Gulp")) == [None]


def test_two_products_that_fit_alike_leave_the_offer_unmatched() -> None:
    twins = (Product("A", "Oak Table", "Tables"), Product("B", "Oak Table", "Tables"))
    (match,) = matcher(twins).match_all([titled("Oak Table")])
    assert match is not None
    assert match.band is Band.REVIEW


def test_a_product_goes_to_the_offer_that_fits_best() -> None:
    assert skus(titled("Fizzo Cola Drink 330 ml"), titled("Fizzo Cola 330 ml")) == [None, "C1"]


def test_a_product_that_is_taken_goes_to_nobody() -> None:
    offers = [titled("Fizzo Cola 330 ml"), titled("x", gtin="4006381333931")]
    found = matcher().match_all(offers, {"C1"})
    assert all(match is None or match.sku != "C1" for match in found)


def test_a_gtin_that_two_of_our_products_carry_decides_nothing() -> None:
    both = (COLA_CAN, Product("C1B", "Fizzo Cola can", "Drinks", "Fizzo", "4006381333931"))
    assert matcher(both).by_number(titled("x", gtin="4006381333931")) is None


@pytest.mark.parametrize(
    ("text", "pack"),
    [
        ("6 x 330 ml", Pack(1980, "ml")),
        ("330ml x 6", Pack(1980, "ml")),
        ("1,5 L", Pack(1500, "ml")),
        ("500g", Pack(500, "g")),
        ("20 bags", Pack(20, "piece")),
        ("500 g (0.5 kg)", Pack(500, "g")),
        ("500 g and 200 g", None),
        ("65 cm", None),
        ("Chair", None),
    ],
)
def test_a_pack_is_read_from_a_title(text: str, pack: Pack | None) -> None:
    assert pack_of(text) == pack


@given(st.lists(st.sampled_from(SHELF), max_size=8), st.lists(st.text(max_size=30), max_size=4))
def test_no_product_is_ever_given_twice(offered: list[Product], noise: list[str]) -> None:
    listings = [titled(p.title, p.brand, p.gtin) for p in offered] + [titled(t) for t in noise]
    given_out = [match.sku for match in matcher().match_all(listings) if match]
    assert len(given_out) == len(set(given_out))


def test_the_right_product_among_a_thousand_is_found_with_words_in_another_order() -> None:
    rng = np.random.default_rng(5)
    words = ["amber", "basil", "cedar", "dune", "ember", "fjord", "grove", "heath", "iris", "jade"]
    products = [
        Product(
            f"P{i}",
            f"Maker{i % 20} {' '.join(rng.choice(words, 3))} {i} pcs",
            "c",
            f"Maker{i % 20}",
        )
        for i in range(1, 1001)
    ]
    offers = []
    for product in products:
        *name, count, _ = product.title.split()
        offers.append(titled(f"{' '.join(rng.permutation(name))}, {count}pcs"))
    matches = matcher(products).match_all(offers)
    right = sum(m is not None and m.sku == p.sku for m, p in zip(matches, products, strict=True))
    wrong = sum(m is not None and m.sku != p.sku for m, p in zip(matches, products, strict=True))
    assert wrong == 0
    assert right >= 980
