"""One series at a time by statsmodels: ETS, ARIMA, unobserved components. Slow: the reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Final

import numpy as np
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.statespace.structural import UnobservedComponents

from models.arrays import FloatArray
from models.forecasting.methods import Past, level

_LEAST: Final = 12
_SHIFT: Final = 0.5


def ets(past: Past) -> FloatArray:
    """(s, h) damped additive trend on log units, gaps bridged (ETS does not take them)."""
    return _each(past, _ets)


def arima(past: Past) -> FloatArray:
    """(s, h) ARIMA(1, 1, 1) on log units."""
    return _each(past, _arima)


def unobserved_components(past: Past) -> FloatArray:
    """(s, h) local level on log units with the drivers as regressors."""
    return _each(past, _components)


def _ets(y: FloatArray, _inside: FloatArray, outside: FloatArray) -> FloatArray:
    known = np.isfinite(y)
    bridged = np.interp(np.arange(len(y)), np.flatnonzero(known), y[known])
    model = ETSModel(bridged, error="add", trend="add", damped_trend=True)
    return np.asarray(model.fit(disp=False).forecast(len(outside)))


def _arima(y: FloatArray, _inside: FloatArray, outside: FloatArray) -> FloatArray:
    return np.asarray(ARIMA(y, order=(1, 1, 1)).fit().forecast(len(outside)))


def _components(y: FloatArray, inside: FloatArray, outside: FloatArray) -> FloatArray:
    moves = np.ptp(inside[np.isfinite(y)], axis=0) > 0
    model = UnobservedComponents(y, level="llevel", exog=inside[:, moves] if moves.any() else None)
    fitted = model.fit(disp=0)
    exog = outside[:, moves] if moves.any() else None
    return np.asarray(fitted.forecast(len(outside), exog=exog))


def _each(
    past: Past, one: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
) -> FloatArray:
    forecast = level(past)
    t = past.units.shape[1]
    for i, units in enumerate(past.units):
        if np.isfinite(units).sum() < _LEAST or not np.nan_to_num(units).any():
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                logged = one(np.log(units + _SHIFT), past.drivers[i, :t], past.drivers[i, t:])
            except (np.linalg.LinAlgError, ValueError):
                continue
        if np.isfinite(logged).all():
            forecast[i] = np.maximum(np.exp(np.minimum(logged, 50.0)) - _SHIFT, 0.0)
    return forecast
