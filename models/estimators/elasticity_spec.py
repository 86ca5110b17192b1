"""What `models.estimators.elasticity.fit` is asked: one frozen record, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from models.choices import chosen
from models.errors import InvalidSpec
from models.estimators.model_frame import Terms, quoted
from models.estimators.sandwich import Errors, ErrorSpec


class Form(StrEnum):
    """How units answer price."""

    LOG_LOG = "log-log"
    """The same elasticity at every price."""
    SEMI_LOG = "semi-log"
    """log units linear in price: the elasticity grows with the price; reported at the mean."""


class Family(StrEnum):
    """How units scatter around what is expected."""

    NORMAL = "normal"
    """log units scatter evenly: (weighted) least squares."""
    POISSON = "poisson"
    """Counts; with robust errors right whenever the mean is."""
    QUASI_POISSON = "quasi-poisson"
    """Counts whose variance is a multiple of the mean, the multiple estimated."""
    NEGATIVE_BINOMIAL = "negative-binomial"
    """Counts whose variance grows with the square of the mean."""


class Zeros(StrEnum):
    """What becomes of periods without sales, which have no logarithm."""

    DROP = "drop"
    """Left out, and counted."""
    HALF = "half"
    """Everything is log(units + 1/2): for counts, right to order 1 / count²."""


@dataclass(frozen=True, slots=True)
class ElasticitySpec:
    """An own-price regression, for one series or for many.

    Give column names, or a `formula` in place of `units`, `controls` and `effects`.

    Attributes:
        formula: as in `models.estimators.model_frame`, such as
            `log(units) ~ log(price) + deal | store`.
        units, price: columns of what was sold and what was paid.
        controls: terms held constant: columns, or formula terms such as `C(month)`.
        effects: columns whose every value gets a level of its own (store, week).
        by: columns that tell series apart; every series has a regression of its own.
        form, family, zeros: see `Form`, `Family`, `Zeros`.
        in_logs: the columns `units` and `price` hold logarithms already.
        weights: column of weights, inverse to the error variance (weighted least squares).
        time: column of dates or period numbers: needed for `trend`, `harmonics`, `asymmetric`,
            and the order of `hac` errors.
        trend: hold a linear trend constant.
        harmonics: pairs of yearly waves held constant; `time` must hold dates.
        asymmetric: let rises and falls of the price against the period before act by themselves,
            beside the price level.
        threshold: change of log price that customers do not notice, for `asymmetric`.
        errors, cluster, lags: see `models.estimators.sandwich.ErrorSpec`.
        minimum_spare: rows beyond the parameters below which a series is too short.
        minimum_price_std: standard deviation of log price below which it never moved.
        level: of the confidence intervals.
    """

    formula: str | None = None
    units: str = "units"
    price: str = "price"
    controls: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    form: Form = Form.LOG_LOG
    family: Family = Family.NORMAL
    zeros: Zeros = Zeros.DROP
    in_logs: bool = False
    weights: str | None = None
    time: str | None = None
    trend: bool = False
    harmonics: int = 0
    asymmetric: bool = False
    threshold: float = 0.0
    errors: Errors = Errors.HC1
    cluster: str | None = None
    lags: int | None = None
    minimum_spare: int = 3
    minimum_price_std: float = 1e-3
    level: float = 0.95

    def __post_init__(self) -> None:
        # Columns may be numbered rather than named.
        for name in ("controls", "effects", "by"):
            value = getattr(self, name)
            several = (value,) if isinstance(value, (str, int)) else tuple(value)
            object.__setattr__(self, name, tuple(map(str, several)))
        for name in ("units", "price"):
            object.__setattr__(self, name, str(getattr(self, name)))
        for name, kind in (("form", Form), ("family", Family), ("zeros", Zeros)):
            object.__setattr__(self, name, chosen(kind, getattr(self, name), name))
        object.__setattr__(self, "errors", self.error_spec.kind)
        counts = self.family is not Family.NORMAL
        for wrong, message in (
            (
                self.formula is not None and bool(self.controls or self.effects),
                "give controls and effects in the formula, or no formula",
            ),
            (
                self.time is None and (self.trend or self.harmonics > 0 or self.asymmetric),
                "trend, harmonics and asymmetric need `time`, the column of dates",
            ),
            (counts and self.in_logs, f"family {self.family.value!r} needs units, not logarithms"),
            (
                counts and self.weights is not None,
                f"family {self.family.value!r} does not take weights",
            ),
            (
                counts and self.errors is Errors.HAC and self.family is Family.NEGATIVE_BINOMIAL,
                "negative-binomial takes classical, hc1 or cluster errors",
            ),
            (not 0.0 < self.level < 1.0, f"level must lie between 0 and 1, not {self.level}"),
            (not 0 <= self.harmonics <= 6, f"harmonics must lie in 0..6, not {self.harmonics}"),
            (self.threshold < 0.0, f"threshold must not be negative, it is {self.threshold}"),
            (self.minimum_spare < 1, f"minimum_spare must be 1 or more, not {self.minimum_spare}"),
        ):
            if wrong:
                raise InvalidSpec(message)

    @property
    def error_spec(self) -> ErrorSpec:
        """How standard errors are formed."""
        return ErrorSpec(self.errors, self.cluster, self.lags, self.time)

    @property
    def price_term(self) -> str:
        """The price as it enters the regression."""
        raw = self.in_logs or self.form is Form.SEMI_LOG
        return quoted(self.price) if raw else f"log({quoted(self.price)})"

    def terms(self) -> Terms:
        """The regression in terms of a formula; the price among the endogenous ones."""
        if self.formula is not None:
            return self._terms_of_formula(Terms.parsed(self.formula))
        units = quoted(self.units)
        if self.family is Family.NORMAL and not self.in_logs:
            units = f"log({units} + 0.5)" if self.zeros is Zeros.HALF else f"log({units})"
        controls = [text if _is_term(text) else quoted(text) for text in self.controls]
        return Terms(
            dependent=units,
            exogenous=" + ".join(["1", *controls]),
            endogenous=self.price_term,
            effects=self.effects,
        )

    def _terms_of_formula(self, terms: Terms) -> Terms:
        if terms.endogenous:
            raise InvalidSpec(
                "a formula with instruments belongs to models.estimators.instruments.fit_iv, "
                "not here"
            )
        exogenous = [text.strip() for text in terms.exogenous.split("+")]
        if self.price_term not in exogenous:
            raise InvalidSpec(
                f"the formula {self.formula!r} does not have the price as a term "
                f"{self.price_term!r}; name the column by `price`, and say form='semi-log' or "
                "in_logs=True where it enters without log()"
            )
        exogenous.remove(self.price_term)
        return replace(terms, exogenous=" + ".join(exogenous) or "1", endogenous=self.price_term)


def _is_term(text: str) -> bool:
    """True for a formula term such as `C(month)`, `log(cost)`, `a:b`; False for a column's name."""
    return any(sign in text for sign in "(:*") and not text.isidentifier()


def elasticity_spec(spec: ElasticitySpec | str | None, options: dict[str, Any]) -> ElasticitySpec:
    """A spec from a record, a formula or nothing, with options on top.

    Raises:
        InvalidSpec: an option that does not exist, or settings that contradict each other.
    """
    known = set(ElasticitySpec.__slots__)
    unknown = sorted(set(options) - known)
    if unknown:
        raise InvalidSpec(f"no option {unknown[0]!r}; there are {', '.join(sorted(known))}")
    if isinstance(spec, str):
        return ElasticitySpec(formula=spec, **options)
    return replace(spec or ElasticitySpec(), **options)
