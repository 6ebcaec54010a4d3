"""Tests of the terms of a regression, and of proportional odds."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from analysis.errors import EstimationError, first_few
from analysis.fitting import Model, Regression
from analysis.hypotheses import HypothesisTest, wald_statistic
from analysis.likelihood import Maximum, influence_of, inverse_times, maximize
from analysis.ordinal_regression import Cumulative
from analysis.quadratic_forms import TailMethod, f_tail, upper_tail
from analysis.regression import FAMILIES, OnePredictor
from analysis.totals import Codes, Floats
from analysis.variance import covariance


def term_test(
    fit: Regression,
    term: str | Sequence[str],
    method: Literal["wald", "lrt"] = "wald",
    tail: TailMethod = "integration",
) -> HypothesisTest:
    """Test that every coefficient of a term, or of several, is zero.

    Parameters
    ----------
    fit : Regression
        Made by :func:`regress`, :func:`ordinal` or :func:`multinomial`.
    term : str or list of str
        As in the formula, such as ``"country"`` or ``["country", "country:gender"]``.
    method : {"wald", "lrt"}
        Wald's F test, or Rao and Scott's likelihood ratio test, which also holds when
        the coefficients are far from normal.
    tail : {"integration", "saddlepoint", "satterthwaite"}
        How the distribution of the likelihood ratio is computed; see
        :func:`analysis.quadratic_forms.upper_tail`.

    Returns
    -------
    HypothesisTest
        With "lrt" the statistic is the likelihood ratio over the mean of its
        eigenvalues, R's "working 2logLR".

    Raises
    ------
    EstimationError
        If the model has no such term or the smaller model cannot be fitted.

    Notes
    -----
    The smaller model is fitted to the same respondents as the larger; R's test was
    wrong before survey 4.2 where the smaller model had more. Under the null the
    likelihood ratio is a sum of chi-squared variables, weighted by the eigenvalues of
    ``solve(V0, V)``, with ``V`` the covariance of the term's coefficients under the
    design and ``V0`` under simple random sampling; its denominator has the degrees of
    freedom of the fit. R's default is the saddlepoint approximation.

    References
    ----------
    Lumley and Scott (2014), doi:10.1111/anzs.12065; Rao and Scott (1984),
    doi:10.1214/aos/1176346391. R: ``survey::regTermTest(fit, ~term, method = "Wald"
    or "LRT", lrt.approximation = "integration" or "saddlepoint")``.

    Examples
    --------
    >>> import pandas as pd
    >>> from analysis import SurveyDesign
    >>> from analysis.regression import regress
    >>> frame = pd.DataFrame({"country": ["CN", "DE", "US"] * 4, "trust": range(12)})
    >>> fit = regress(SurveyDesign(frame), "trust ~ country")
    >>> term_test(fit, "country").to_frame().round(3)
          statistic   df  df_denominator  p_value  n_respondents
    test
    F         0.326  2.0             9.0     0.73             12
    """
    model, columns = fit.model, _columns(fit.model, term)
    at = model.likelihood.positions(columns)
    if method == "wald":
        return _wald(
            fit.values.to_numpy()[at],
            fit.covariance.to_numpy()[np.ix_(at, at)],
            fit,
            f"Wald test of {_name(term)}",
        )
    if method != "lrt":
        raise EstimationError(f"method {method!r} is not known; use 'wald' or 'lrt'")
    if len(columns) == model.matrix.matrix.shape[1]:
        raise EstimationError(
            f"{model.matrix.formula!r} without {_name(term)} has no column left to "
            "fit; use method='wald', or a formula with an intercept"
        )
    weights = model.matrix.row_weights(model.design.sample.weights)
    smaller = maximize(
        replace(model.likelihood, matrix=np.delete(model.matrix.matrix, columns, 1)),
        weights,
        np.delete(model.maximum.coefficients, at),
        [name for j, name in enumerate(model.names) if j not in at],
    )
    ratio = 2 * (model.maximum.value - smaller.value)
    inverse = np.linalg.inv(model.maximum.information)[np.ix_(at, at)]
    own = fit.covariance.to_numpy()[np.ix_(at, at)]
    effects = np.linalg.eigvals(np.linalg.solve(inverse, own)).real
    effects = effects[effects > 1e-10 * effects.max()]
    statistic = ratio / effects.mean()
    scaled = effects / effects.mean()
    return HypothesisTest(
        statistic=float(statistic),
        statistic_name="X2",
        df=(float(len(at)), float(fit.df)),
        p_value=upper_tail(statistic, scaled, fit.df, tail) if fit.df > 0 else np.nan,
        n_respondents=fit.n_respondents,
        method=f"Rao-Scott likelihood ratio test of {_name(term)}. {fit.method}",
    )


def proportional_odds_test(
    fit: Regression, term: str | Sequence[str] | None = None
) -> HypothesisTest:
    """Test that slopes are the same at every threshold of an ordinal regression.

    Parameters
    ----------
    fit : Regression
        Made by :func:`ordinal`, with any link.
    term : str or list of str, optional
        Terms of the formula; without it, all of them together.

    Returns
    -------
    HypothesisTest

    Raises
    ------
    EstimationError
        If the fit is not ordinal, has no such term, or the answers above and below a
        threshold cannot be fitted.

    Notes
    -----
    Brant's test with the covariance of the design: one regression with the same link
    for each threshold (the answer is above it or not), the covariance of all their
    slopes together, and Wald's F test that those of a column are equal. Brant's own
    covariance assumes a simple random sample.

    References
    ----------
    Brant (1990), doi:10.2307/2532457. R: ``brant::brant`` for simple random samples.

    Examples
    --------
    >>> import pandas as pd
    >>> from analysis import SurveyDesign
    >>> from analysis.ordinal_regression import ordinal
    >>> frame = pd.DataFrame({"country": ["CN"] * 8 + ["DE"] * 8})
    >>> frame["trust"] = [1, 1, 2, 2, 2, 3, 3, 3] + [1, 1, 1, 1, 2, 2, 3, 3]
    >>> fit = ordinal(SurveyDesign(frame), "trust ~ country")
    >>> proportional_odds_test(fit).to_frame().round(3)
          statistic   df  df_denominator  p_value  n_respondents
    test
    F          0.21  1.0            14.0    0.654             16
    """
    model, ordered = fit.model, fit.model.likelihood
    if not isinstance(ordered, Cumulative):
        raise EstimationError(
            "only an ordinal regression assumes proportional odds; fit one with "
            "ordinal()"
        )
    p, q = ordered.matrix.shape[1], ordered.n_thresholds
    tested = np.arange(p) if term is None else _columns(model, term)
    # The answer is at or below a threshold: predictor ``threshold - x @ slopes``.
    matrix = np.hstack([-ordered.matrix, np.ones((len(ordered.matrix), 1))])
    family = FAMILIES[ordered.link]
    below = [
        OnePredictor(matrix, (ordered.y <= k).astype(float), family) for k in range(q)
    ]

    def refit(k: int, weights: Floats) -> Maximum:
        at, rows = [*range(p), p + k], model.matrix.row_weights(weights)
        try:
            return maximize(
                below[k],
                rows,
                model.maximum.coefficients[at],
                [model.names[j] for j in at],
            )
        except EstimationError as error:
            raise EstimationError(
                f"answers above and below {model.names[p + k]}: {error}"
            ) from None

    def slopes(weights: Floats) -> Floats:
        return np.concatenate(
            [refit(k, weights).coefficients[tested] for k in range(q)]
        )

    sample, influence = model.design.sample, []
    for k, part in enumerate(below):
        at = refit(k, sample.weights)
        mapping = np.zeros((p + 1, q, len(tested)))
        mapping[tested, k, np.arange(len(tested))] = 1
        bread = inverse_times(at.information, mapping.reshape(p + 1, -1))
        scores = partial(part.scores, at.coefficients)
        influence += influence_of(model.matrix.codes, sample.weights, scores, bread)
    # Differences from the slopes at the first threshold.
    differences = np.kron(
        np.column_stack([-np.ones(q - 1), np.eye(q - 1)]), np.eye(len(tested))
    )
    return _wald(
        differences @ slopes(sample.weights),
        differences @ covariance(influence, sample, slopes) @ differences.T,
        fit,
        "Wald test of equal slopes at every threshold"
        + (f" of {_name(term)}" if term else ""),
    )


def _columns(model: Model, term: str | Sequence[str]) -> Codes:
    """Columns of the terms in the model matrix."""
    known = {_order(name): at for name, at in model.matrix.terms.items()}
    columns = []
    for name in [term] if isinstance(term, str) else term:
        if _order(name) not in known:
            raise EstimationError(
                f"{model.matrix.formula!r} has no term {name!r}; "
                f"it has {first_few(model.matrix.terms, 12)}"
            )
        at = known[_order(name)]
        columns.append(np.arange(at.start, at.stop))
    return np.unique(np.concatenate(columns))


def _name(term: str | Sequence[str]) -> str:
    return term if isinstance(term, str) else " and ".join(term)


def _order(term: str) -> str:
    """Name an interaction the same way whatever comes first."""
    return ":".join(sorted(term.split(":")))


def _wald(values: Floats, matrix: Floats, fit: Regression, what: str) -> HypothesisTest:
    statistic, rank = wald_statistic(values, matrix)
    return HypothesisTest(
        statistic=statistic / rank,
        statistic_name="F",
        df=(float(rank), float(fit.df)),
        p_value=f_tail(statistic / rank, rank, fit.df) if fit.df > 0 else np.nan,
        n_respondents=fit.n_respondents,
        method=f"{what}. {fit.method}",
    )
