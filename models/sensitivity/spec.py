"""What is asked of a fit: one frozen record, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from models.calendar import FESTIVALS
from models.errors import InvalidSpec
from models.sensitivity.shrinkage import Prior

PROMOTION_CONTROLS: Final = ("deal", "feature", "display")
LOGARITHMS: Final = {"competitor": "competitor_price", "traffic": "traffic"}
"""Controls that enter as logarithms, and the panel's column of each."""
CONTROLS: Final = (*PROMOTION_CONTROLS, *LOGARITHMS)
INSTRUMENTS: Final = ("cost", "depth")


class Estimator(StrEnum):
    """How the elasticity of one series is estimated."""

    AUTO = "auto"
    """Two-stage least squares where the first stage is strong, else least squares."""
    OLS = "ols"
    """Least squares with controls: right only where price does not follow demand."""
    TSLS = "2sls"
    """Two-stage least squares where the first stage is strong, else the category's value."""


class Engine(StrEnum):
    """Who does the arithmetic; the numbers are the same to 1e-8."""

    BATCHED = "batched"
    """All series at once as arrays."""
    STATSMODELS = "statsmodels"
    """One statsmodels regression a series: slower, the reference."""


class DemandForm(StrEnum):
    """How units answer the price, and scatter."""

    LOG_LOG = "log-log"
    """The same elasticity at every price; log units scatter evenly."""
    SEMI_LOG = "semi-log"
    """The elasticity grows with the price; log units scatter evenly."""
    POISSON = "poisson"
    """The same elasticity at every price; counts, whose zeros are zeros."""
    NEGATIVE_BINOMIAL = "negative-binomial"
    """The same, where counts scatter more than chance alone."""


BY_SALES: Final = (DemandForm.LOG_LOG, DemandForm.POISSON, DemandForm.NEGATIVE_BINOMIAL)
"""What a fit chooses from by the sales of a series, where nobody names forms."""


@dataclass(frozen=True, slots=True)
class FitSpec:
    """How demand curves are fitted.

    Attributes:
        estimator: see `Estimator`.
        controls: columns held constant, of `deal`, `feature`, `display`, `competitor` (log price
            of rivals) and `traffic` (log of visitors); of the last two, a series or a period that
            does not know it is taken at the mean.
        offset_traffic: units are taken to be proportional to traffic, whose elasticity is then 1
            and not estimated; `traffic` is then no control.
        instruments: what moves the price but not demand, of `cost` (log unit cost) and `depth`
            (log discount from the regular price, planned ahead). Each is used in a series only
            where the data has it.
        country: whose public holidays are held constant; None for none.
        festivals: shopping festivals and moving feasts held constant, names of
            `models.calendar.FESTIVALS`.
        harmonics: pairs of yearly waves; None chooses 2 from a year of history on, 1 from half a
            year on, else 0.
        trend: hold a linear trend constant; None does so from a year of history on.
        minimum_f: first-stage F below which instruments count as weak (Staiger and Stock,
            *Econometrica* 65, 1997: 10).
        minimum_price_std: standard deviation of log price below which a price never moved.
        minimum_spare: periods beyond the number of parameters below which a series is too short
            to stand alone.
        forms: candidates of the form of demand, see `DemandForm`: of several,
            each series takes the one that gives held-out weeks the highest probability. None
            chooses by sales: counts where a series of whole numbers sells fewer than five in most
            periods (Poisson, or the negative binomial where they scatter clearly more), log-log
            elsewhere. Count forms replace least squares, and a control function two-stage least
            squares where instruments are strong.
        pooled: shrink elasticities toward their category.
        prior: of the overall mean elasticity.
        engine: see `Engine`.
        series_at_once: series held in memory as one block.
    """

    estimator: Estimator = Estimator.AUTO
    controls: tuple[str, ...] = PROMOTION_CONTROLS
    offset_traffic: bool = False
    instruments: tuple[str, ...] = INSTRUMENTS
    country: str | None = None
    festivals: tuple[str, ...] = ()
    harmonics: int | None = None
    trend: bool | None = None
    minimum_f: float = 10.0
    minimum_price_std: float = 0.01
    minimum_spare: int = 8
    forms: tuple[DemandForm, ...] | None = None
    pooled: bool = True
    prior: Prior = field(default_factory=Prior)
    engine: Engine = Engine.BATCHED
    series_at_once: int = 500

    def __post_init__(self) -> None:
        for name, kind in (("estimator", Estimator), ("engine", Engine)):
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, kind(value))
            except ValueError:
                raise InvalidSpec(
                    f"{name} {value!r} must be one of {', '.join(repr(k.value) for k in kind)}"
                ) from None
        if self.forms is not None:
            given = tuple(self.forms)
            _refuse_unknown("forms", given, tuple(form.value for form in DemandForm))
            if not given:
                raise InvalidSpec("forms must name one form of demand or more")
            object.__setattr__(self, "forms", tuple(DemandForm(form) for form in given))
        _refuse_unknown("controls", self.controls, CONTROLS)
        if self.offset_traffic and "traffic" in self.controls:
            raise InvalidSpec("traffic is the offset or a control, not both")
        _refuse_unknown("festivals", self.festivals, tuple(FESTIVALS))
        _refuse_unknown("instruments", self.instruments, INSTRUMENTS)
        if self.estimator is Estimator.TSLS and not self.instruments:
            raise InvalidSpec("estimator '2sls' needs instruments; name 'cost' or 'depth', or both")
        for name, low, high in (
            ("harmonics", 0, 6),
            ("minimum_f", 0.0, 1e6),
            ("minimum_price_std", 1e-6, 1.0),
            ("minimum_spare", 1, 1000),
            ("series_at_once", 1, 1_000_000),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidSpec(f"{name} must lie in {low}..{high}, not {value}")

    @property
    def candidates(self) -> tuple[DemandForm, ...]:
        """The forms that a series can have."""
        return BY_SALES if self.forms is None else self.forms


def _refuse_unknown(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [item for item in given if item not in known]
    if unknown or len(set(given)) != len(given):
        raise InvalidSpec(f"{name} {given} must be different names of {', '.join(known)}")
