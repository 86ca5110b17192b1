"""Errors of the `models` package.

    ModelError              a `Refusal`
    ├── InvalidPanel        a sales frame that no estimator can read: names the column and the fix
    ├── InvalidSpec         a fit asked for with settings that contradict each other
    ├── InvalidDemand       curve parameters that describe no demand curve
    └── NotIdentified       one regression was asked for, and the data cannot answer it

A series of a panel that cannot be estimated is no error: it gets a status that says why (see
`models.sensitivity.fit` and `models.estimators.elasticity`). `NotIdentified` is for functions that
give a single answer.
"""

from __future__ import annotations

from models.refusals import Invalid, Refusal


class ModelError(Refusal):
    """Anything that `models` refuses; its sentences name the column or the setting."""

    names_place = True


class InvalidPanel(ModelError, Invalid):
    """The sales frame lacks a column, or a column holds what it cannot hold."""


class InvalidSpec(ModelError, Invalid):
    """The settings of a fit contradict each other or lie out of range."""


class InvalidDemand(ModelError, Invalid):
    """Arrays that do not describe one demand curve a row."""


class NotIdentified(ModelError, Invalid):
    """The data do not determine what was asked: too few rows, or columns that do not vary."""
