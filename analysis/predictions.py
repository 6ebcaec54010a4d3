"""What a regression predicts: at given values, on average, and how that changes."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from analysis.columns import Groups
from analysis.errors import EstimationError, first_few
from analysis.fitting import Model, Regression
from analysis.intervals import Interval
from analysis.likelihood import influence_of
from analysis.regression import OnePredictor
from analysis.results import Estimate
from analysis.totals import Floats, sums
from analysis.variance import covariance

Covariates = Literal["sampled", "fixed"]

MOST_LEVELS = 12
"""Different values of a numeric variable that are taken as levels unasked."""


def predict(fit: Regression, at: pd.DataFrame) -> Estimate:
    """Expected answer, or probability of each category, at given values.

    Parameters
    ----------
    fit : Regression
    at : DataFrame
        One row for each prediction, with a column for each variable of the formula.

    Returns
    -------
    Estimate
        Index that of ``at``, and category for ordinal and multinomial models.

    Raises
    ------
    EstimationError
        If a variable is missing or has a value that the fit does not know.

    Notes
    -----
    Delta method; the values are given, so only the coefficients are uncertain.
    Intervals of probabilities are symmetric in the logit. R: ``predict(svyglm(...),
    newdata, type = "response", vcov = TRUE)``.

    Examples
    --------
    >>> from analysis import SurveyDesign
    >>> from analysis.regression import regress
    >>> frame = pd.DataFrame({"age": [20, 30, 40, 50], "trust": [2, 5, 4, 7]})
    >>> fit = regress(SurveyDesign(frame), "trust ~ age")
    >>> predict(fit, pd.DataFrame({"age": [25, 45]})).to_frame().round(3)[
    ...     ["estimate", "std_error"]
    ... ]
       estimate  std_error
    0       3.1      0.586
    1       5.9      0.586
    """
    model = fit.model
    if not isinstance(at, pd.DataFrame):
        raise EstimationError(
            f"at is {type(at).__name__}; give a DataFrame with a row for each "
            "prediction: pandas.DataFrame([{'age': 40, 'sex': 'f'}])"
        )
    given = {}
    for name in map(str, model.matrix.variables):
        if name not in at:
            raise EstimationError(f"at has no column {name!r}, which the formula needs")
        _levels(model, name, at[name].unique().tolist())
        given[name] = at[name].astype(model.matrix.variables[name].dtype)
    matrix = model.matrix.columns(pd.DataFrame(given, index=at.index))
    coefficients = model.maximum.coefficients
    values = model.likelihood.predictions(matrix, coefficients)
    gradient = np.vstack(
        [
            model.likelihood.gradients(row[None], coefficients, np.ones(1))
            for row in matrix
        ]
    )
    return _make_estimate(
        fit,
        values.ravel(),
        gradient @ fit.covariance.to_numpy() @ gradient.T,
        [at.index],
        _used_groups(model, None),
        what="predictions",
    )


def predictive_margins(
    fit: Regression,
    variable: str,
    at: Sequence[object] | None = None,
    *,
    covariates: Covariates = "sampled",
) -> Estimate:
    """Average prediction if everyone had each value of a variable in turn.

    With ``variable="country"`` these are the countries' answers compared among people
    alike in everything else that the formula names.

    Parameters
    ----------
    fit : Regression
    variable : str
        A variable of the formula.
    at : sequence, optional
        Values to set; without it every category, or value of a numeric variable that
        has few.
    covariates : {"sampled", "fixed"}
        "sampled": the averages are over the population, of which the respondents'
        other answers are a sample too. "fixed": over exactly these respondents; the
        delta method on the coefficients alone.

    Returns
    -------
    Estimate
        ``by=(variable,)``, so that :func:`compare` takes it; category below for
        ordinal and multinomial models. ``n_respondents`` are those who have the value.

    Raises
    ------
    EstimationError
        If the formula has no such variable, or no such value occurs in the fit.

    Notes
    -----
    Influence values are those of the coefficients times the gradient, plus
    ``w (prediction - average) / sum(w)`` with "sampled". R's ``svypredmeans`` adds
    the variances of the two parts and leaves out their covariance, which vanishes
    only if the model is right; each part equals R's.

    References
    ----------
    Graubard and Korn (1999), doi:10.1111/j.0006-341X.1999.00652.x.
    R: ``survey::svypredmeans(fit without the variable, ~variable)``.

    Examples
    --------
    >>> from analysis import SurveyDesign
    >>> from analysis.regression import regress
    >>> frame = pd.DataFrame(
    ...     {
    ...         "country": ["CN"] * 4 + ["DE"] * 4,
    ...         "age": [20, 30, 40, 50, 40, 50, 60, 70],
    ...         "trust": [3, 5, 4, 7, 2, 3, 5, 4],
    ...     }
    ... )
    >>> fit = regress(SurveyDesign(frame, strata="country"), "trust ~ age + country")
    >>> predictive_margins(fit, "country").to_frame().round(3)[
    ...     ["estimate", "std_error"]
    ... ]
             estimate  std_error
    country
    CN           5.70      0.772
    DE           2.55      0.506
    """
    levels = _levels(fit.model, variable, at)
    everyone = _used_groups(fit.model, None)
    values, matrix = _averages(
        fit,
        [_columns_with(fit.model, variable, level) for level in levels],
        np.eye(len(levels)),
        everyone,
        covariates,
    )
    held = pd.Index(_column(fit.model, variable))
    codes = levels.get_indexer(held)[fit.model.matrix.codes]
    return _make_estimate(
        fit,
        values,
        matrix,
        [levels],
        Groups(np.where(everyone.codes < 0, -1, codes), levels),
        by=(variable,),
        what=f"predictive margins of {variable}",
    )


def marginal_effects(
    fit: Regression,
    variable: str,
    *,
    by: str | None = None,
    covariates: Covariates = "sampled",
) -> Estimate:
    """Average effect of a variable on the expected answer or on each probability.

    Parameters
    ----------
    fit : Regression
    variable : str
        Numeric: the average derivative. Categorical, in the formula as in ``C(wave)``
        too, or numeric with two values: the average difference between each category
        and the first, the reference.
    by : str, optional
        Column of groups, such as the country; averages over the respondents of each.
    covariates : {"sampled", "fixed"}
        As for :func:`predictive_margins`.

    Returns
    -------
    Estimate
        Index (group, category of the variable, category of the answer), as far as
        there are any.

    Raises
    ------
    EstimationError
        If the formula has no such variable.

    Notes
    -----
    Derivatives are central differences over 1e-5 standard deviations, so they hold
    through any formula, such as ``np.log(age)`` or ``age * country``.

    References
    ----------
    Bartus (2005), doi:10.1177/1536867X0500500303; Graubard and Korn (1999),
    doi:10.1111/j.0006-341X.1999.00652.x. R: ``marginaleffects::avg_slopes`` ("fixed").

    Examples
    --------
    >>> from analysis import SurveyDesign
    >>> from analysis.regression import regress
    >>> frame = pd.DataFrame(
    ...     {"age": [20, 30, 40, 50, 60, 70], "owns": [0, 1, 0, 0, 1, 1]}
    ... )
    >>> fit = regress(SurveyDesign(frame), "owns ~ age", "logit")
    >>> marginal_effects(fit, "age").to_frame().round(4)[["estimate", "std_error"]]
         estimate  std_error
    age    0.0128     0.0054
    """
    model = fit.model
    column = _column(model, variable)
    labels: list[pd.Index] = []
    categories = model.matrix.takes_as_category(variable)
    if categories or column.nunique() == 2:
        levels = _levels(model, variable, None)
        settings = list(levels)
        contrasts = np.vstack([-np.ones(len(levels) - 1), np.eye(len(levels) - 1)])
        if categories:
            labels = [levels[1:]]
    else:
        step = 1e-5 * float(column.std())
        settings = [column + step, column - step]
        contrasts = np.array([[1], [-1]]) / (2 * step)
    groups = _used_groups(model, by)
    values, matrix = _averages(
        fit,
        [_columns_with(model, variable, setting) for setting in settings],
        contrasts,
        groups,
        covariates,
    )
    return _make_estimate(
        fit,
        values,
        matrix,
        [groups.labels, *labels] if by else labels,
        groups,
        by=(by,) if by else (),
        what=f"average marginal effect of {variable}",
        interval="t",
        name=variable,
    )


def _averages(
    fit: Regression,
    matrices: list[Floats],
    contrasts: Floats,
    groups: Groups,
    covariates: Covariates,
) -> tuple[Floats, Floats]:
    """Averages by group of contrasts of predictions, and their covariance.

    Parameters
    ----------
    matrices : list of floats, each of shape (n_rows, n_columns)
        One for each setting.
    contrasts : floats, shape (n_settings, n_contrasts)
    groups : Groups
        Of the respondents used.

    Returns
    -------
    values : floats, shape (n_groups * n_contrasts * n_answers,)
    covariance : floats, both ways
    """
    if covariates not in ("sampled", "fixed"):
        raise EstimationError(
            f"covariates {covariates!r} is not known; use 'sampled' or 'fixed'"
        )
    model, n_groups = fit.model, len(groups.labels)
    likelihood, sample = model.likelihood, model.design.sample

    def contrast(coefficients: Floats) -> Floats:
        """Of each row, shape (n_rows, n_contrasts * n_answers)."""
        predicted = [
            likelihood.predictions(matrix, coefficients) for matrix in matrices
        ]
        moved: list[Floats] = list(np.tensordot(contrasts.T, np.array(predicted), 1))
        return np.concatenate(moved, axis=1)

    def shares(weights: Floats) -> Floats:
        """Share of each row in each group, shape (n_groups, n_rows)."""
        own = [np.where(groups.codes == g, weights, 0) for g in range(n_groups)]
        rows = [model.matrix.row_weights(each) for each in own]
        return np.array([row / row.sum() for row in rows])

    def slopes(share: Floats) -> Floats:
        """Gradient of the averages of a group, (n_contrasts * n_answers, k)."""
        each = [likelihood.gradients(m, coefficients, share) for m in matrices]
        moved: list[Floats] = list(np.tensordot(contrasts.T, np.array(each), 1))
        return np.concatenate(moved)

    def evaluate(weights: Floats) -> Floats:
        return (shares(weights) @ contrast(model.refit(weights))).ravel()

    coefficients = model.maximum.coefficients
    each, share = contrast(coefficients), shares(sample.weights)
    averages = share @ each
    gradient = np.vstack([slopes(own) for own in share])
    if covariates == "fixed":
        return averages.ravel(), gradient @ fit.covariance.to_numpy() @ gradient.T
    influence = model.influence(gradient.T)
    size = each.shape[1]
    for g, average in enumerate(averages):
        inside = groups.codes == g
        mapping = np.zeros((size, averages.size))
        mapping[:, g * size : (g + 1) * size] = (
            np.eye(size) / sample.weights[inside].sum()
        )
        own = np.where(inside, model.matrix.codes, -1)
        moves = (each - average).__getitem__
        influence += influence_of(own, sample.weights, moves, mapping)
    return averages.ravel(), covariance(influence, sample, evaluate)


def _used_groups(model: Model, by: str | None) -> Groups:
    """Groups of the respondents used, those that have any."""
    groups = model.design.crossed_groups(by)
    codes = np.where(model.matrix.codes < 0, -1, groups.codes)
    present, numbers = np.unique(codes[codes >= 0], return_inverse=True)
    used = np.full(len(codes), -1)
    used[codes >= 0] = numbers
    return Groups(used, groups.labels[present])


def _column(model: Model, variable: str) -> pd.Series:
    if variable not in model.matrix.variables:
        raise EstimationError(
            f"{model.matrix.formula!r} has no variable {variable!r}; "
            f"it has {first_few(model.matrix.variables, 12)}"
        )
    return model.matrix.variables[variable]


def _levels(model: Model, variable: str, at: Sequence[object] | None) -> pd.Index:
    """Values that a variable is set to."""
    column = _column(model, variable)
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    known = column.cat.categories if categorical else pd.Index(np.unique(column))
    if at is None and not categorical and len(known) > MOST_LEVELS:
        raise EstimationError(
            f"{variable!r} has {len(known)} different values; name some with "
            f"predictive_margins(at=), such as at=[{column.min():g}, {column.max():g}]"
        )
    levels = known if at is None else pd.Index(list(at))
    unknown = levels.difference(known)
    if categorical and len(unknown):
        raise EstimationError(
            f"{variable!r} has no category {first_few(unknown)} in the fit; "
            f"it has {first_few(known, 12)}"
        )
    if not (categorical or pd.api.types.is_any_real_numeric_dtype(levels)):
        raise EstimationError(
            f"{variable!r} is a number in the fit, and at has {first_few(levels)}"
        )
    return levels.rename(variable)


def _columns_with(model: Model, variable: str, values: object) -> Floats:
    """Model matrix with a variable set to one value, or to one for each row."""
    variables = model.matrix.variables
    changed = pd.DataFrame({variable: values}, index=variables.index)
    dtype = variables[variable].dtype
    return model.matrix.columns(
        variables.assign(**{variable: changed[variable].astype(dtype)})
    )


def _make_estimate(
    fit: Regression,
    values: Floats,
    matrix: Floats,
    labels: list[pd.Index],
    groups: Groups,
    *,
    what: str,
    by: tuple[str, ...] = (),
    interval: Interval = "logit",
    name: str = "",
) -> Estimate:
    """Name the numbers: labels in the order of the values, answers last."""
    model, n_groups = fit.model, len(groups.labels)
    if isinstance(model.likelihood, OnePredictor):
        interval = interval if model.likelihood.family.binary else "t"
    else:
        labels = [*labels, model.answers]
    index = labels[0] if labels else pd.Index([name])
    if len(labels) > 1:
        index = pd.MultiIndex.from_product(labels)

    def by_group(respondents: Floats | None) -> pd.Series:
        total = sums(groups.codes, respondents, n_groups)
        return pd.Series(np.repeat(total, len(values) // n_groups), index=index)

    return Estimate(
        values=pd.Series(values, index=index),
        covariance=pd.DataFrame(matrix, index=index, columns=index),
        df=fit.df,
        n_respondents=by_group(model.design.sample.counts).round().astype(int),
        method=f"{what[0].upper()}{what[1:]}. {fit.method}",
        group_df=pd.Series(float(fit.df), index=index),
        srs_variances=pd.Series(np.nan, index=index),
        by=by,
        interval=interval,
        notes=pd.Series("", index=index, dtype=str),
        populations=by_group(model.design.sample.weights),
    )
