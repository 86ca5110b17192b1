"""Frames as other people have them: a fish market, a cereal panel, a scanner panel of 11 juices.

Names, scales and gaps differ; what can not be read is refused with the column and the fix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.choice.logit import fit_logit
from models.cross.cross_price import fit_cross
from models.errors import InvalidPanel, InvalidSpec, NotIdentified
from models.estimators.elasticity import fit
from models.estimators.instruments import fit_iv


def fish() -> pd.DataFrame:
    """111 days of a market, a storm as instrument, weekdays by name."""
    rng = np.random.default_rng(0)
    n = 111
    table = pd.DataFrame(
        {
            "date": np.arange(911202, 911202 + n),
            "wd": np.array(["Mon", "Tue", "Wed", "Thu", "Fri"])[np.arange(n) % 5],
            "stormy": rng.integers(0, 2, n),
        }
    )
    table["lprice"] = 0.6 * table["stormy"] + rng.normal(0, 0.2, n)
    table["quan"] = 8.5 - table["lprice"] + rng.normal(0, 0.2, n)
    return table.assign(price=np.exp(table["lprice"]), qty=np.exp(table["quan"]))


SIMPLE = "quan ~ 1 [lprice ~ stormy]"
NO_FRAME: Any = {"qty": [1.0]}


def renamed(names: dict[str, Any]) -> pd.DataFrame:
    return fish().rename(columns=names)


@pytest.mark.parametrize(
    "asked",
    [
        lambda: fit_iv(fish(), "np.log(qty) ~ 1 [np.log(price) ~ stormy]"),
        lambda: fit_iv(fish().sample(frac=1, random_state=1), SIMPLE),
        lambda: fit_iv(fish().astype({"lprice": object, "stormy": object}), SIMPLE),
        lambda: fit_iv(fish().convert_dtypes(), SIMPLE),
        lambda: fit_iv(fish().assign(stormy=lambda f: f["stormy"] == 1), SIMPLE),
        lambda: fit_iv(fish().assign(z=1.0), "quan ~ 1 [lprice ~ z + stormy]"),
        lambda: fit_iv(
            fish().assign(z=lambda f: 2 * f["stormy"]), "quan ~ 1 [lprice ~ stormy + z]"
        ),
        lambda: fit_iv(
            renamed({"quan": 0, "lprice": 1, "stormy": 2}),
            dependent=0,  # type: ignore[arg-type]
            endogenous=1,  # type: ignore[arg-type]
            instruments=[2],  # type: ignore[list-item]
        ),
        lambda: fit_iv(fish(), SIMPLE, errors="HC1"),
    ],
)
def test_the_fish_market_in_many_shapes_has_one_answer(asked: Callable[[], Any]) -> None:
    assert asked().elasticity == pytest.approx(fit_iv(fish(), SIMPLE).elasticity, rel=1e-9)


def test_names_of_weekdays_become_dummies_however_they_are_held() -> None:
    plain = fit_iv(fish(), "quan ~ C(wd) [lprice ~ stormy]").elasticity
    text = fit_iv(fish(), "quan ~ wd [lprice ~ stormy]").elasticity
    kinds = fit_iv(fish().astype({"wd": "category"}), "quan ~ wd [lprice ~ stormy]").elasticity
    columns = fit_iv(
        fish(), dependent="quan", endogenous="lprice", exogenous=["wd"], instruments=["stormy"]
    ).elasticity
    assert text == kinds == columns == pytest.approx(plain)


def test_columns_with_blanks_numbers_or_boxed_values_are_read() -> None:
    usual = fit(fish(), units="qty").elasticity
    spaced = renamed({"qty": "units sold", "price": "price (USD)"})
    assert fit(spaced, units="units sold", price="price (USD)").elasticity == usual
    formula = "np.log(`units sold`) ~ np.log(`price (USD)`)"
    assert fit(spaced, formula, price="price (USD)").elasticity == pytest.approx(usual)
    numbered = renamed({"qty": 0, "price": 1})
    assert fit(numbered, units=0, price=1).elasticity == usual
    assert fit(fish().astype({"price": object}), units="qty").elasticity == usual


def cereal() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    parts = []
    for market in range(60):
        sugar, shifter = rng.integers(0, 20, 12), rng.normal(size=12)
        price = 0.12 + 0.02 * shifter + 0.005 * rng.normal(size=12)
        utility = -1.0 - 10.0 * price + 0.02 * sugar + rng.normal(0, 0.2, 12)
        share = np.exp(utility) / (1 + np.exp(utility).sum())
        parts.append(
            pd.DataFrame(
                {
                    "market_ids": f"C{market // 2}Q{market % 2}",
                    "brand_ids": np.arange(12),
                    "shares": share,
                    "prices": price,
                    "sugar": sugar,
                    "mushy": np.arange(12) % 2,
                    "z": shifter,
                }
            )
        )
    return pd.concat(parts)  # The index repeats, as after any concat.


NAMES: dict[str, Any] = {
    "market": "market_ids",
    "share": "shares",
    "price": "prices",
    "product": "brand_ids",
}
LOGIT = "shares ~ sugar [prices ~ z]"


def test_the_cereal_panel_with_formula_columns_nests_and_one_market() -> None:
    by_formula = fit_logit(cereal(), LOGIT + " | brand_ids", **NAMES)
    assert by_formula.price_coefficient == pytest.approx(-10.0, abs=1.5)
    by_columns = fit_logit(
        cereal(), characteristics=["sugar"], instruments=["z"], effects=["brand_ids"], **NAMES
    )
    assert by_columns.price_coefficient == pytest.approx(by_formula.price_coefficient)
    assert by_formula.elasticities("C0Q1").shape == (12, 12)
    mixed = cereal().assign(other=np.random.default_rng(2).normal(size=720))
    nested = fit_logit(mixed, "shares ~ sugar [prices ~ z + other]", nest="mushy", **NAMES)
    assert np.isfinite(nested.nesting)
    one = cereal().query("market_ids == 'C0Q0'")
    assert np.isfinite(fit_logit(one, LOGIT, **NAMES).price_coefficient)


def scanner() -> pd.DataFrame:
    """Eleven products; every row holds all prices, as `bayesm::orangeJuice` has them."""
    rng = np.random.default_rng(3)
    index = pd.MultiIndex.from_product([range(6), range(60), range(1, 12)])
    table = index.to_frame(index=False, name=["store", "week", "brand"])
    prices = np.exp(rng.normal(0, 0.2, (360, 11))) * 0.05
    for i in range(11):
        table[f"price{i + 1}"] = np.repeat(prices[:, i], 11)
    brand = table["brand"].to_numpy() - 1
    logs, row = np.log(prices), np.arange(len(table)) // 11
    table["logmove"] = (
        4 - 2 * logs[row, brand] + 0.8 * logs[row, (brand + 1) % 11] + rng.normal(0, 0.2, len(row))
    )
    return table.assign(move=np.exp(table["logmove"]), deal=rng.integers(0, 2, len(table)))


WIDE: dict[object, str] = {i: f"price{i}" for i in range(1, 12)}
KEYS: dict[str, Any] = {"product": "brand", "place": "store", "period": "week"}


def test_the_scanner_panel_with_gaps_text_names_and_logarithms() -> None:
    whole = fit_cross(scanner(), units="move", price=WIDE, controls=["deal"], **KEYS).matrix()
    assert np.diagonal(whole).mean() == pytest.approx(-2.0, abs=0.1)
    assert whole.loc[1, 2] == pytest.approx(0.8, abs=0.15)
    holes = scanner().sample(frac=0.8, random_state=1)
    assert np.diagonal(fit_cross(holes, units="move", price=WIDE, **KEYS).matrix()).mean() < -1.8
    logs = scanner().assign(**{name: lambda f, n=name: np.log(f[n]) for name in WIDE.values()})
    found = fit_cross(logs, units="logmove", price=WIDE, in_logs=True, controls=["deal"], **KEYS)
    np.testing.assert_allclose(found.matrix(), whole, rtol=1e-9)
    text = scanner().assign(brand=lambda f: f["brand"].map("b{}".format).astype("category"))
    by_text: dict[object, str] = {f"b{i}": name for i, name in WIDE.items()}
    named = fit_cross(text, units="move", price=by_text, controls=["deal"], **KEYS).matrix()
    assert named.loc["b1", "b2"] == pytest.approx(whole.loc[1, 2])
    one = fit(
        scanner().query("brand == 1"),
        "logmove ~ log(price1) + log(price2) + deal | store",
        price="price1",
    )
    assert one.elasticity == pytest.approx(-2.0, abs=0.3)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        (
            lambda: fit_iv(fish().assign(z=1.0), "quan ~ 1 [lprice ~ z]"),
            NotIdentified,
            "left out z",
        ),
        (lambda: fit_iv(fish(), SIMPLE, errors="HC9"), InvalidSpec, "'hc1'"),
        (lambda: fit_iv(fish().head(0), SIMPLE), InvalidPanel, "the frame is empty"),
        (lambda: fit_iv(fish().astype({"lprice": str}), SIMPLE), InvalidPanel, "to_numeric"),
        (lambda: fit_iv(NO_FRAME, SIMPLE), InvalidPanel, "DataFrame is wanted"),
        (lambda: fit(NO_FRAME), InvalidPanel, "DataFrame is wanted"),
        (
            lambda: fit(fish().astype({"price": str}), units="qty"),
            InvalidPanel,
            "'price' must hold",
        ),
        (
            lambda: fit_logit(cereal().assign(shares=0.0), LOGIT, **NAMES),
            InvalidPanel,
            "drop products that did not sell",
        ),
        (
            lambda: fit_logit(cereal().assign(shares="1"), LOGIT, **NAMES),
            InvalidPanel,
            "'shares' must hold numbers",
        ),
        (
            lambda: fit_logit(pd.concat([cereal(), cereal().head(1)]), LOGIT, **NAMES),
            InvalidPanel,
            "1 rows repeat",
        ),
        (
            lambda: fit_logit(cereal().assign(market_ids=None), LOGIT, **NAMES),
            InvalidPanel,
            "'market_ids' is missing in 720 rows",
        ),
        (
            lambda: fit_cross(
                scanner().assign(deal="S"), units="move", price=WIDE, controls=["deal"], **KEYS
            ),
            InvalidPanel,
            "get_dummies",
        ),
    ],
)
def test_what_can_not_be_read_is_refused_with_the_column(
    asked: Callable[[], Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        asked()
