"""Errors of the `models` package.

    ModelError
    ├── InvalidPanel        a sales frame that no estimator can read: names the column and the fix
    ├── InvalidSpec         a fit asked for with settings that contradict each other
    ├── InvalidDemand       curve parameters that describe no demand curve
    └── NotIdentified       one regression was asked for, and the data cannot answer it

A series of a panel that cannot be estimated is no error: it gets a status that says why (see
`models.sensitivity.fit` and `models.estimators.elasticity`). `NotIdentified` is for functions that
give a single answer.
"""

from __future__ import annotations


class ModelError(Exception):
    """Anything that `models` refuses."""


class InvalidPanel(ModelError, ValueError):
    """The sales frame lacks a column, or a column holds what it cannot hold."""


class InvalidSpec(ModelError, ValueError):
    """The settings of a fit contradict each other or lie out of range."""


class InvalidDemand(ModelError, ValueError):
    """Arrays that do not describe one demand curve a row."""


class NotIdentified(ModelError, ValueError):
    """The data do not determine what was asked: too few rows, or columns that do not vary."""
