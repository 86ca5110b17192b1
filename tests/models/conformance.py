"""One check that every demand model must pass, whatever stands behind it."""

from __future__ import annotations

import json

import numpy as np

from models.arrays import FloatArray
from models.demand import DemandContext, DemandModel
from models.demand_records import AnyDemand, RecordedDemand, from_record, to_record
from tests.models.planted import PROVENANCE


def assert_is_a_demand_model(model: AnyDemand, price: FloatArray) -> None:
    """Shapes, gradient, interval, draws, rows and records of a model, at prices (n,)."""
    protocol: DemandModel = model
    n = len(protocol)
    assert price.shape == (n,)
    context = DemandContext(np.linspace(-0.2, 0.3, n))
    units = protocol.units(price, context)
    assert units.shape == (n,)
    assert (units > 0).all()
    grid = price[:, None] * np.array([0.9, 1.0, 1.1])
    for method in (protocol.units, protocol.gradient):
        whole = method(grid, context)
        assert whole.shape == grid.shape
        np.testing.assert_allclose(whole[:, 1], method(price, context), rtol=1e-10)
    step = price * 1e-6
    rise = protocol.units(price + step, context) - protocol.units(price - step, context)
    np.testing.assert_allclose(protocol.gradient(price, context), rise / (2 * step), rtol=1e-5)
    elasticity, error = protocol.price_elasticity(price)
    np.testing.assert_allclose(
        elasticity, protocol.gradient(price, context) * price / units, rtol=1e-8
    )
    assert (error >= 0).all()
    low, high = protocol.interval(price, 0.9, context)
    assert (low <= units * (1 + 1e-9)).all()
    assert (units <= high * (1 + 1e-9)).all()
    drawn = protocol.sample(grid, np.random.default_rng(1), 4000, context)
    assert drawn.shape == (4000, *grid.shape)
    inside = (drawn >= protocol.interval(grid, 0.9, context)[0]) & (
        drawn <= protocol.interval(grid, 0.9, context)[1]
    )
    # A share of 4,000 draws has a standard error of 0.005; the delta method adds its own.
    assert (np.abs(inside.mean(axis=0) - 0.9) < 0.03).all()
    part = protocol.take(np.array([n - 1, -1, 0]))
    assert part.known.tolist() == [True, False, True]
    ends = price[[n - 1, 0, 0]]
    np.testing.assert_allclose(
        part.units(ends)[[0, 2]], protocol.units(price)[[n - 1, 0]], rtol=1e-12
    )
    assert np.isnan(part.units(ends)[1])
    keys = np.array([f"S{i}" for i in range(n)])
    record = json.loads(json.dumps(to_record(RecordedDemand(keys, keys, model, PROVENANCE))))
    back = from_record(record)
    assert back.provenance == PROVENANCE
    np.testing.assert_array_equal(back.demand.units(price), protocol.units(price))
    np.testing.assert_array_equal(back.demand.interval(price)[0], protocol.interval(price)[0])
