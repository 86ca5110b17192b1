"""Discrete choice on market shares: logit and nested logit by Berry's inversion.

    log s_j - log s_0 = x_j · beta + alpha · price_j + sigma · log s_(j within its nest) + rest

The shares are inverted to mean utilities (Berry, *RAND Journal* 25, 1994), which makes demand a
linear regression; the price, and the share within the nest, follow demand and want instruments.

    >>> rng = np.random.default_rng(0)
    >>> made = pd.DataFrame({"m": np.repeat(range(300), 4), "p": rng.uniform(1, 3, 1200)})
    >>> u = np.exp(1 - 1.5 * made["p"] + rng.normal(0, 0.3, 1200))
    >>> made["s"] = u / (1 + u.groupby(made["m"]).transform("sum"))
    >>> round(fit_logit(made, share="s", market="m", price="p").price_coefficient, 1)
    -1.5
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from models.arrays import FloatArray, IntArray
from models.choice.demand import LogitDemand
from models.choice.shares import log_share_slopes
from models.errors import InvalidPanel, InvalidSpec
from models.estimators.instruments import IVFit, fit_iv
from models.estimators.k_class import k_class, prepared
from models.estimators.model_frame import (
    Terms,
    codes_of,
    model_frame,
    quoted,
    readable,
    require_columns,
)
from models.estimators.sandwich import Coefficients, Errors, ErrorSpec, errors_of

_DEPENDENT: Final = "log_share_ratio"
_WITHIN: Final = "log_share_within_nest"
_NEST_SIZE: Final = "log_products_in_nest"


@dataclass(frozen=True, slots=True, eq=False)
class LogitFit:
    """A logit or nested logit.

    Attributes:
        coefficients: price first, then the share within the nest (sigma), then the others.
        iv: the instrumented regression with its tests; None where prices were taken as given.
        price_term: the price as it enters utility.
        rows: one row an observation used: market, product, price, share, nest, own_elasticity.
        variance: of mean utilities around what the terms explain.
        warnings: sentences that say what to be wary of.
    """

    coefficients: Coefficients
    iv: IVFit | None
    price_term: str
    rows: pd.DataFrame
    warnings: tuple[str, ...]
    variance: float

    @property
    def price_coefficient(self) -> float:
        """alpha: utility of one more unit of the price term."""
        return float(self.coefficients.estimates[0])

    @property
    def nesting(self) -> float:
        """sigma: 0 is the plain logit, near 1 products of a nest are all but the same."""
        return self.coefficients[_WITHIN] if _WITHIN in self.coefficients.names else 0.0

    @property
    def own_elasticity(self) -> pd.Series:
        """(n,) own-price elasticity of each row of `rows`."""
        return self.rows["own_elasticity"]

    def elasticities(self, market: object) -> pd.DataFrame:
        """Percent change of the row's share when the column's price rises by one percent.

        Raises:
            InvalidSpec: the market was not fitted.
        """
        here = self.rows[self.rows["market"] == market]
        if here.empty:
            raise InvalidSpec(f"there is no market {market!r} in the fit")
        slopes = log_share_slopes(here["share"].to_numpy(), codes_of(here["nest"]), self.nesting)
        by_price = self.price_coefficient * here["price_slope"].to_numpy()
        names = pd.Index(here["product"], name="product")
        return pd.DataFrame(slopes * by_price, index=names, columns=names)

    def demand(self, market: object, *, size: float) -> LogitDemand:
        """The demand for the products of one market, in the order of `rows` there.

        Args:
            market: of the fit; its prices and shares are the reference.
            size: units a period of the whole potential market, the outside good among them.

        Raises:
            InvalidSpec: the market was not fitted, or utility rises with the price, or sigma lies
                outside 0..1: no price may rest on that.
        """
        here = self.rows[self.rows["market"] == market]
        if here.empty:
            raise InvalidSpec(f"there is no market {market!r} in the fit")
        if self.price_coefficient >= 0 or not 0.0 <= self.nesting < 1.0:
            raise InvalidSpec("; ".join(self.warnings[-2:]))
        names = self.coefficients.names
        held = [0, names.index(_WITHIN)] if _WITHIN in names else [0]
        covariance = np.zeros((2, 2))
        covariance[: len(held), : len(held)] = self.coefficients.covariance[np.ix_(held, held)]
        price = here["price"].to_numpy(np.float64)
        return LogitDemand(
            alpha=self.price_coefficient,
            sigma=self.nesting,
            covariance=covariance,
            log_price=self.price_term.startswith("log("),
            price_reference=price,
            share=here["share"].to_numpy(np.float64),
            market=np.zeros(len(here), dtype=np.int64),
            nest=codes_of(here["nest"]),
            size=np.full(len(here), size),
            price_now=price,
            row=np.arange(len(here)),
            variance=self.variance,
        )


def fit_logit(
    frame: pd.DataFrame,
    formula: str | None = None,
    *,
    market: str,
    share: str = "share",
    price: str = "price",
    product: str | None = None,
    characteristics: Sequence[str] = (),
    instruments: Sequence[str] = (),
    nest: str | None = None,
    effects: Sequence[str] = (),
    outside: str | None = None,
    errors: Errors | str = Errors.HC1,
    cluster: str | None = None,
) -> LogitFit:
    """Fit demand to the shares of products in markets.

    Args:
        frame: one row a product and market.
        formula: `share ~ x [price ~ instruments] | effects`, or `share ~ x + price | effects`
            where prices are taken as given; or give columns by name:
        market: column that tells markets (place and period) apart; shares of a market add up to
            less than 1, the rest being the outside good.
        share: column of shares of the whole potential market, in (0, 1).
        price: column of the price; with a formula, the name of the column in it. A term
            `log(price)` in the formula is understood.
        product: column that names products, for `elasticities`; row numbers where None.
        characteristics: what else makes utility; columns or formula terms.
        instruments: what moves the price from outside; see `rival_characteristics` and
            `other_market_prices` in `models.estimators.instruments`. With a nest, the number of
            products in it is added where it varies.
        nest: column of groups of close substitutes.
        effects: columns whose every value has a level of its own (product, brand, week).
        outside: column of the outside good's share, where it is not what the others leave.
        errors: see `models.estimators.sandwich.Errors`.
        cluster: column of the groups of clustered errors.

    Raises:
        InvalidPanel: a column is missing, or shares are not shares.
        InvalidSpec: terms contradict each other.
        NotIdentified: instruments that do not vary.

    Example: see the module, and docs/price-sensitivity.md.
    """
    frame = readable(frame)
    columns = [market, share, *([nest] if nest else []), *([product] if product else [])]
    require_columns(frame, [*columns, price, *([outside] if outside else [])])
    _refuse_unknown(frame, columns, market, product)
    work = _with_utilities(frame.reset_index(drop=True), market, share, nest, outside)
    terms = _terms(formula, price, characteristics, instruments, effects)
    if nest is not None:
        varies = float(np.ptp(work[_NEST_SIZE].to_numpy(np.float64))) > 0
        extra = [_NEST_SIZE] if terms.instruments and varies else []
        terms = Terms(
            terms.dependent,
            terms.exogenous,
            f"{terms.endogenous} + {_WITHIN}",
            " + ".join([*([terms.instruments] if terms.instruments else []), *extra]),
            terms.effects,
        )
    iv: IVFit | None = None
    warnings: list[str] = []
    if terms.instruments:
        iv = fit_iv(work, _written(terms), errors=errors, cluster=cluster)
        coefficients, used, rest = iv.coefficients, iv.row, iv.residuals
        warnings += iv.why
    else:
        coefficients, used, rest = _taken_as_given(
            work, terms, ErrorSpec(errors_of(errors), cluster)
        )
        warnings.append(
            "prices were taken as given: where they follow demand the price coefficient is too "
            "close to zero; give instruments"
        )
    price_term = terms.endogenous.split("+")[0].strip()
    sigma = coefficients[_WITHIN] if nest else 0.0
    if not 0.0 <= sigma < 1.0:
        warnings.append(
            f"sigma is {sigma:.2f}, outside 0..1: these nests do not hold close substitutes"
        )
    if coefficients.estimates[0] >= 0:
        warnings.append(
            "utility rises with the price: no price should rest on this; instrument the price"
        )
    rows = _rows(work.iloc[used], market, product, share, price, nest)
    rows["price_slope"] = 1.0 if price_term.startswith("log(") else rows["price"]
    rows["own_elasticity"] = _own(rows, float(coefficients.estimates[0]), sigma)
    variance = float(rest @ rest) / max(coefficients.freedom, 1.0)
    return LogitFit(coefficients, iv, price_term, rows, tuple(warnings), variance)


def _refuse_unknown(
    frame: pd.DataFrame, columns: Sequence[str], market: str, product: str | None
) -> None:
    """Every row has its market, nest and product, once; shares are numbers."""
    for name in columns:
        if name != columns[1] and (missing := int(frame[name].isna().sum())):
            raise InvalidPanel(f"{name!r} is missing in {missing} rows; every share needs one")
    if not pd.api.types.is_numeric_dtype(frame[columns[1]]):
        raise InvalidPanel(f"{columns[1]!r} must hold numbers, not {frame[columns[1]].dtype}")
    if product is not None and (twice := int(frame.duplicated([market, product]).sum())):
        raise InvalidPanel(
            f"{twice} rows repeat a ({market}, {product}); add their shares up first"
        )


def _with_utilities(
    frame: pd.DataFrame, market: str, share: str, nest: str | None, outside: str | None
) -> pd.DataFrame:
    """The frame with the inverted shares; refuses what can not be shares."""
    shares = frame[share].to_numpy(np.float64, na_value=np.nan)
    if not ((shares > 0) & (shares < 1)).all():
        bad = int((~((shares > 0) & (shares < 1))).sum())
        raise InvalidPanel(
            f"{share!r} must hold shares between 0 and 1; {bad} of {len(frame)} rows do not: drop "
            "products that did not sell, and divide units by the size of the market"
        )
    if outside is not None:
        left = frame[outside].to_numpy(np.float64)
    else:
        left = 1.0 - frame.groupby(market)[share].transform("sum").to_numpy(np.float64)
    if not (left > 0).all():
        worst = frame[market].iloc[int(np.argmin(left))]
        raise InvalidPanel(
            f"the shares of market {worst!r} leave nothing for the outside good; divide units by "
            "the size of the whole market, not by what was sold"
        )
    work = frame.assign(**{_DEPENDENT: np.log(shares) - np.log(left)})
    if nest is not None:
        groups = work.groupby([market, nest])[share]
        work[_WITHIN] = np.log(shares / groups.transform("sum").to_numpy(np.float64))
        work[_NEST_SIZE] = np.log(groups.transform("size").to_numpy(np.float64))
    return work


def _terms(
    formula: str | None,
    price: str,
    characteristics: Sequence[str],
    instruments: Sequence[str],
    effects: Sequence[str],
) -> Terms:
    """The inverted regression; the price among the endogenous terms also where taken as given."""
    if formula is None:
        plain = [text if "(" in text else quoted(text) for text in characteristics]
        return Terms(
            quoted(_DEPENDENT),
            " + ".join(["1", *plain]),
            quoted(price),
            " + ".join(text if "(" in text else quoted(text) for text in instruments),
            tuple([effects] if isinstance(effects, str) else effects),
        )
    if characteristics or instruments or effects:
        raise InvalidSpec("give all terms in the formula, or all as columns")
    terms = Terms.parsed(formula)
    endogenous, exogenous = terms.endogenous, terms.exogenous
    if not endogenous:
        parts = [text.strip() for text in exogenous.split("+")]
        known = [text for text in (quoted(price), f"log({quoted(price)})") if text in parts]
        if not known:
            raise InvalidSpec(
                f"the formula {formula!r} does not have the price {price!r} as a term"
            )
        endogenous = known[0]
        exogenous = " + ".join(text for text in parts if text != endogenous) or "1"
    return Terms(quoted(_DEPENDENT), exogenous, endogenous, terms.instruments, terms.effects)


def _written(terms: Terms) -> str:
    effects = f" | {' + '.join(terms.effects)}" if terms.effects else ""
    bracket = f"[{terms.endogenous} ~ {terms.instruments}]"
    return f"{terms.dependent} ~ {terms.exogenous} {bracket}{effects}"


def _taken_as_given(
    work: pd.DataFrame, terms: Terms, spec: ErrorSpec
) -> tuple[Coefficients, IntArray, FloatArray]:
    """Least squares: every regressor its own instrument; with rows and residuals."""
    own = Terms(terms.dependent, terms.exogenous, terms.endogenous, terms.endogenous, terms.effects)
    rows = model_frame(work, own, spec.columns)
    sample = prepared(rows, spec, None)
    values, covariance, rest = k_class(sample, 0.0, spec)
    return Coefficients(sample.names, values, covariance, float(sample.spare)), rows.row, rest


def _rows(
    used: pd.DataFrame, market: str, product: str | None, share: str, price: str, nest: str | None
) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "market": used[market],
        "product": used[product] if product else used.index,
        "price": used[price].to_numpy(np.float64),
        "share": used[share].to_numpy(np.float64),
        "nest": used[nest] if nest else 0,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _own(rows: pd.DataFrame, alpha: float, sigma: float) -> FloatArray:
    """(n,) own-price elasticities in closed form."""
    share = rows["share"].to_numpy(np.float64)
    within = share / rows.groupby(["market", "nest"])["share"].transform("sum").to_numpy(np.float64)
    slope = (1.0 - sigma * within - (1.0 - sigma) * share) / (1.0 - sigma)
    own: FloatArray = alpha * rows["price_slope"].to_numpy(np.float64) * slope
    return own
