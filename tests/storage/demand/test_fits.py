from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from sqlalchemy.engine import Engine

from models.demand import FittedCurves
from storage.database import reading, writing
from storage.decision_inputs.catalogue import read_catalogue
from storage.demand.fits import load_fit, save_fit
from storage.errors import FitNotFound, UnknownProduct
from storage.tables import fits
from tests.storage.samples import NOW, add_sale, add_shop, curves_for, rows_in


@pytest.fixture
def curves(engine: Engine) -> FittedCurves:
    """Curves of three series, the last of them without one."""
    add_shop(engine)
    with writing(engine) as conn:
        for sku, market in (("tea-1", "online"), ("tea-1", "tokyo"), ("tea-2", "online")):
            add_sale(conn, sku, market, date(2026, 2, 2), 3, 1000)
        made = curves_for(read_catalogue(conn, at=NOW))
    # The second curve is semi-log.
    exponent = np.array([0.0, 1.0, 0.0])
    return replace(made, demand=replace(made.demand, exponent=exponent))


def test_a_fit_comes_back_to_the_last_bit(engine: Engine, curves: FittedCurves) -> None:
    with writing(engine) as conn:
        number = save_fit(conn, curves, created_at=NOW, report={"rows_dropped": 3})
    with reading(engine) as conn:
        stored = load_fit(conn)
    assert (stored.fit_id, stored.created_at) == (number, NOW)
    assert stored.report == {"rows_dropped": 3}
    found = stored.curves
    assert found.provenance == curves.provenance
    for name in ("sku", "market", "own_elasticity", "own_std_error", "n_obs", "method", "status"):
        np.testing.assert_array_equal(getattr(found, name), getattr(curves, name))
    for name in (
        "reference_price",
        "log_base",
        "elasticity",
        "exponent",
        "covariance",
        "residual_variance",
    ):
        np.testing.assert_array_equal(getattr(found.demand, name), getattr(curves.demand, name))
    assert found.demand.known.tolist() == [True, True, False]


def test_the_newest_fit_is_in_use_and_older_ones_stay(engine: Engine, curves: FittedCurves) -> None:
    with writing(engine) as conn:
        first = save_fit(conn, curves, created_at=NOW)
        second = save_fit(conn, curves.select(np.array([0])), created_at=NOW)
    with reading(engine) as conn:
        assert load_fit(conn).fit_id == second
        assert len(load_fit(conn).curves) == 1
        assert len(load_fit(conn, first).curves) == 3


def test_a_fit_that_is_not_there_says_what_to_do(engine: Engine) -> None:
    with reading(engine) as conn:
        with pytest.raises(FitNotFound, match="pricewright fit"):
            load_fit(conn)
        with pytest.raises(FitNotFound, match="7"):
            load_fit(conn, 7)


def test_a_fit_of_an_unknown_product_leaves_nothing_behind(
    engine: Engine, curves: FittedCurves
) -> None:
    with writing(engine) as conn:
        conn.exec_driver_sql("DELETE FROM sales")
        conn.exec_driver_sql("DELETE FROM products WHERE sku = 'tea-2'")
    with pytest.raises(UnknownProduct, match="tea-2"), writing(engine) as conn:
        save_fit(conn, curves, created_at=NOW)
    with reading(engine) as conn:
        assert rows_in(conn, fits) == 0
