"""What would have been, by a structural time series: level, and controls as regressors."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.statespace.structural import UnobservedComponents

from models.arrays import BoolArray, FloatArray

_PATHS: Final = 1000
_MOST_CONTROLS: Final = 3


def structural_effect(
    y: FloatArray, controls: FloatArray, before: BoolArray, rng: np.random.Generator
) -> tuple[float, float, FloatArray]:
    """Mean log effect from the start on, its standard deviation, and the expected log path.

    Args:
        y: (t,) log outcome of the treated.
        controls: (t, c) log outcomes of the others; the mean of them, or the three that moved
            most like `y` before, serve as regressors.
        before: (t,) True before the start.
        rng: draws paths from the fitted model; regressors' effects are part of the state, so that
            their uncertainty is in the paths.
    """
    exog = _regressors(y, controls, before)
    start = int(before.sum())
    inside = exog[:start] if exog is not None else None
    outside = exog[start:] if exog is not None else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        model = UnobservedComponents(
            y[:start], level="llevel", exog=inside, mle_regression=exog is None
        )
        fitted = model.fit(disp=0, maxiter=200)
        after = len(y) - start
        forecast = np.asarray(fitted.get_forecast(after, exog=outside).predicted_mean)
        paths = fitted.simulate(
            after,
            anchor="end",
            repetitions=_PATHS,
            exog=outside,
            rng=rng,
        )
    paths = np.asarray(paths).reshape(after, _PATHS)
    effect = float((y[start:] - forecast).mean())
    std = float(paths.mean(axis=0).std(ddof=1))
    expected = np.concatenate([np.asarray(fitted.fittedvalues), forecast])
    # The diffuse start of the filter says nothing of the level.
    unsettled = 1 + (0 if exog is None else exog.shape[1])
    expected[:unsettled] = y[:unsettled]
    return effect, std, expected


def _regressors(y: FloatArray, controls: FloatArray, before: BoolArray) -> FloatArray | None:
    if not controls.shape[1]:
        return None
    centred = controls - controls[before].mean(axis=0)
    if centred.shape[1] <= _MOST_CONTROLS:
        return np.asarray(centred, dtype=np.float64)
    mine = y[before] - y[before].mean()
    likeness = mine @ centred[before] / np.sqrt((centred[before] ** 2).sum(axis=0) + 1e-12)
    nearest = np.argsort(-likeness)[:_MOST_CONTROLS]
    return np.asarray(centred[:, nearest], dtype=np.float64)
