"""Weights fitted to what is known about the population."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.calibration import Calibration
from analysis.design import Groups, SurveyDesign
from analysis.errors import NotConverged, UnknownColumn, WeightingError, first_few
from analysis.results import Weighting
from analysis.totals import Codes, Floats, sums

NOT_MARGINS = ("population", "source", "year", "status", "note")
"""Columns of a margins table that never name a variable."""

NO_ANSWER = "(no answer)"
"""The category of those without an answer, under ``missing="keep"``."""


@dataclass(frozen=True, eq=False)
class Margin:
    """One margin: where each respondent belongs, and how large each cell should be.

    Attributes
    ----------
    name : str
        Variables of the margin, such as "age_group x gender".
    codes : integers, shape (n_respondents,)
        Cell of each respondent.
    cells : list of (group, category)
    groups : integers, shape (n_cells,)
        Number of the group of each cell.
    targets : floats, shape (n_cells,)
        Sum of weights that each cell should have.
    """

    name: str
    codes: Codes
    cells: list[tuple[Any, str]]
    groups: Codes
    targets: Floats


def rake(
    design: SurveyDesign,
    margins: pd.DataFrame | Sequence[pd.DataFrame],
    by: str | None = "country",
    missing: Literal["fail", "keep"] = "fail",
    *,
    tolerance: float = 1e-12,
    max_iterations: int = 1000,
) -> SurveyDesign:
    """Fit the weights to several population margins at once, within each country.

    Parameters
    ----------
    design : SurveyDesign
    margins : DataFrame or list of DataFrame
        Tidy counts: the column ``by``, one column for each variable, and
        ``population``, a count above zero. A row fills the variables of its own
        margin and leaves the others empty; rows that fill the same variables form
        one margin (``age_group`` with ``gender``; ``education``). Columns that the
        design does not have are ignored, as are source, year, status and note.
    by : str, optional
        Column whose groups are fitted separately; None fits all respondents at once.
    missing : {"fail", "keep"}
        Respondents without a value in a variable of a margin are an error, or a
        category of their own, which keeps its design-weighted share while the targets
        share out the rest.
    tolerance : float
        Largest relative miss of any margin that counts as reached.
    max_iterations : int
        Rounds over all margins before giving up.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``calibrated_weight``. Margins are targets as
        shares: every group keeps its sum of weights. ``design.weighting`` tells what
        happened; estimates know that the margins have no sampling error.

    Raises
    ------
    WeightingError
        If margins and respondents do not fit together: which group, margin, category.
    NotConverged
        Naming the group and the margin that is furthest off.

    Notes
    -----
    Variances use the residuals of an unweighted regression on the margins, as R's
    ``rake`` does. R's ``calibrate(calfun = "raking")`` gives the same weights and,
    where design weights differ, slightly other standard errors.

    References
    ----------
    Deming and Stephan (1940), doi:10.1214/aoms/1177731829; variance: Deville and
    Särndal (1992), doi:10.1080/01621459.1992.10475217. R: ``survey::rake``.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": ["young"] * 3 + ["old"], "sex": list("fmfm")})
    >>> margins = pd.DataFrame(
    ...     {
    ...         "age": ["young", "old", None, None],
    ...         "sex": [None, None, "f", "m"],
    ...         "population": [60, 40, 50, 50],
    ...     }
    ... )
    >>> raked = rake(SurveyDesign(frame), margins, by=None)
    >>> raked.frame["calibrated_weight"].round(3).tolist()
    [1.0, 0.4, 1.0, 1.6]
    """
    groups = _whole_groups(design, by)
    fitted = read_margins(design, margins, groups, missing)
    everyone_once = np.ones(design.n_respondents)
    return _fit(
        design, groups, fitted, "raked", everyone_once, tolerance, max_iterations
    )


def poststratify(
    design: SurveyDesign, population: pd.DataFrame, by: str | None = None
) -> SurveyDesign:
    """Fit the weights to one population margin.

    Parameters
    ----------
    design : SurveyDesign
    population : DataFrame
        Tidy counts as for :func:`rake`, all rows filling the same variables.
    by : str, optional
        Column whose groups are fitted separately.

    Returns
    -------
    SurveyDesign
        With the weights in the column ``calibrated_weight``; errors as for
        :func:`rake`.

    References
    ----------
    Holt and Smith (1979), doi:10.2307/2344652. R: ``survey::postStratify``.

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": ["f", "f", "f", "m"]})
    >>> population = pd.DataFrame({"sex": ["f", "m"], "population": [52, 48]})
    >>> design = poststratify(SurveyDesign(frame), population)
    >>> design.frame["calibrated_weight"].round(3).tolist()
    [0.693, 0.693, 0.693, 1.92]
    """
    groups = _whole_groups(design, by)
    fitted = read_margins(design, population, groups, "fail")
    if len(fitted) > 1:
        raise WeightingError(
            f"population has {len(fitted)} margins "
            f"({first_few(margin.name for margin in fitted)}); rake() fits several"
        )
    w = design.sample.weights
    return _fit(design, groups, fitted, "poststratified", w, 1e-12, 1)


def scale_to_population(
    design: SurveyDesign, population: pd.DataFrame | pd.Series, by: str = "country"
) -> SurveyDesign:
    """Scale the weights of each country to the size of its population.

    Needed for whatever pools countries (a share of all people in them) and for
    totals; estimates within countries do not change.

    Parameters
    ----------
    design : SurveyDesign
    population : DataFrame or Series
        Population of each group: a Series indexed by group, or margins as for
        :func:`rake`, of which the first is added up.
    by : str

    Returns
    -------
    SurveyDesign
        With the weights in the column ``population_weight``. Population sizes are
        constants here, as in the population weights of the European Social Survey.

    Raises
    ------
    WeightingError
        If a group has no population.

    Examples
    --------
    >>> frame = pd.DataFrame({"country": ["LI", "LI", "MC"]})
    >>> design = SurveyDesign(frame, strata="country", single_cluster="adjust")
    >>> scaled = scale_to_population(design, pd.Series({"LI": 40, "MC": 39}))
    >>> scaled.frame["population_weight"].tolist()
    [20.0, 20.0, 39.0]
    """
    groups = _whole_groups(design, by)
    if isinstance(population, pd.DataFrame):
        rows = next(iter(_split_margins(design, [population], by).values()))
        population = rows.groupby(by, observed=True)["population"].sum()
    sizes = population.reindex(groups.labels).to_numpy(float)
    unknown = ~(sizes > 0)
    if unknown.any():
        raise WeightingError(
            f"{int(unknown.sum())} of {len(sizes)} groups of {by!r} have no population "
            f"above 0 ({first_few(groups.labels[unknown])}); add them to the table"
        )
    w = design.sample.weights
    factors = sizes / sums(groups.codes, w, len(sizes))
    frame = design.frame.assign(population_weight=w * factors[groups.codes])
    return replace(design, frame=frame, weights="population_weight")


def read_margins(
    design: SurveyDesign,
    margins: pd.DataFrame | Sequence[pd.DataFrame],
    groups: Groups,
    missing: str,
) -> list[Margin]:
    """Match tidy margins with the respondents of a design.

    Raises
    ------
    WeightingError
        Naming the margin, and the respondents, cells or rows that do not fit.
    """
    if missing not in ("fail", "keep"):
        raise WeightingError(f"missing {missing!r} is not known; use 'fail' or 'keep'")
    tables = [margins] if isinstance(margins, pd.DataFrame) else list(margins)
    by = groups.labels.name
    split = _split_margins(design, tables, by)
    if not split or () in split:
        raise WeightingError(
            f"{len(split.get((), []))} rows of the margins fill no variable that the "
            "design has; the margins' columns are "
            + first_few((name for table in tables for name in table), 12)
        )
    return [
        _read_margin(design, names, rows, groups, missing == "keep")
        for names, rows in split.items()
    ]


def _split_margins(
    design: SurveyDesign, tables: Sequence[pd.DataFrame], by: Hashable
) -> dict[tuple[str, ...], pd.DataFrame]:
    """Rows of the margins by the variables that they fill."""
    split: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    for table in tables:
        for needed in ["population"] if by is None else [by, "population"]:
            if needed not in table:
                raise UnknownColumn(
                    f"the margins have no column {needed!r}; "
                    f"they have {first_few(table, 12)}"
                )
        variables = [
            name
            for name in table
            if name in design.frame and name != by and name not in NOT_MARGINS
        ]
        filled = table[variables].notna().to_numpy()
        for pattern in np.unique(filled, axis=0)[::-1]:
            names = tuple(str(name) for name in compress(variables, pattern))
            split.setdefault(names, []).append(table[(filled == pattern).all(axis=1)])
    return {names: pd.concat(rows) for names, rows in split.items()}


def _read_margin(
    design: SurveyDesign,
    names: tuple[str, ...],
    rows: pd.DataFrame,
    groups: Groups,
    keep_missing: bool,
) -> Margin:
    name = " x ".join(names)
    by = groups.labels.name
    labels = [groups.labels[0]] * len(rows) if by is None else rows[by].tolist()
    keys = list(zip(labels, *(rows[column] for column in names), strict=True))
    counts = dict(zip(keys, rows["population"].astype(float), strict=True))
    wrong = [_cell(key) for key, count in counts.items() if not 0 < count < np.inf]
    if wrong or len(counts) < len(keys):
        raise WeightingError(
            f"margin {name!r}: {len(keys) - len(counts)} of {len(keys)} rows repeat a "
            f"cell and {len(wrong)} have no population above 0 ({first_few(wrong)}); "
            "give every cell one positive count"
        )
    answered = design.crossed_groups(names)
    no_answer = answered.codes < 0
    if no_answer.any() and not keep_missing:
        raise WeightingError(
            f"margin {name!r}: {int(no_answer.sum())} of {len(no_answer)} respondents "
            "have no value; complete them, drop them, or use missing='keep'"
        )
    # One more category, the last, for those without an answer.
    n = len(answered.labels) + 1
    crossed = groups.codes * n + np.where(no_answer, n - 1, answered.codes)
    codes, cells = pd.factorize(crossed, sort=True)
    group_of, category_of = cells // n, cells % n
    pairs = list(zip(group_of.tolist(), category_of.tolist(), strict=True))
    categories = [label if len(names) > 1 else (label,) for label in answered.labels]
    observed = {
        (groups.labels[g], *categories[c]): cell
        for cell, (g, c) in enumerate(pairs)
        if c < n - 1
    }
    fielded = set(groups.labels)
    counts = {key: count for key, count in counts.items() if key[0] in fielded}
    without_target = [_cell(key) for key in observed if key not in counts]
    without_people = [_cell(key) for key in counts if key not in observed]
    if without_target or without_people:
        raise WeightingError(
            f"margin {name!r}: {len(without_target)} cells have respondents but no "
            f"target ({first_few(without_target)}), {len(without_people)} have a "
            f"target but no respondents ({first_few(without_people)}); add the "
            "targets, or merge those categories in the margins and in the data"
        )
    weights = sums(codes, design.sample.weights, len(cells))
    whole = sums(group_of, weights, len(groups.labels))
    is_kept = category_of == n - 1
    to_share = whole - sums(group_of[is_kept], weights[is_kept], len(groups.labels))
    targets = weights.copy()
    for key, cell in observed.items():
        targets[cell] = counts[key]
    known = ~is_kept
    sizes = sums(group_of[known], targets[known], len(groups.labels))
    targets[known] *= (to_share / np.where(sizes > 0, sizes, 1))[group_of[known]]
    return Margin(
        name,
        codes,
        [
            (groups.labels[g], NO_ANSWER if c == n - 1 else _cell(categories[c]))
            for g, c in pairs
        ],
        group_of,
        targets,
    )


def _cell(key: Sequence[object]) -> str:
    return "/".join(map(str, key))


def _whole_groups(design: SurveyDesign, by: str | None) -> Groups:
    """Sort every respondent into a group; without ``by`` into one named "all"."""
    if by is None:
        codes, _ = design.crossed_groups(None)
        return Groups(codes, pd.Index(["all"]))
    groups = design.crossed_groups(by)
    outside = groups.codes < 0
    if outside.any():
        raise WeightingError(
            f"{by!r} is missing for {int(outside.sum())} of {len(outside)} "
            "respondents; complete the column or drop them"
        )
    return groups


def _fit(
    design: SurveyDesign,
    groups: Groups,
    margins: list[Margin],
    verb: str,
    regression_weights: Floats,
    tolerance: float,
    max_iterations: int,
) -> SurveyDesign:
    """Rake, and remember what was done and what the variance needs."""
    if design.calibration:
        raise WeightingError(
            f"the weights {design.weights!r} are already fitted to margins; give all "
            "margins in one call to rake()"
        )
    w = design.sample.weights
    new = w * _factors(w, margins, tolerance, max_iterations)
    n_groups = len(groups.labels)
    whole = sums(groups.codes, w, n_groups)
    relative = new / (whole / sums(groups.codes, None, n_groups))[groups.codes]
    rows = [
        pd.DataFrame(
            {
                "group": [group for group, _ in margin.cells],
                "margin": margin.name,
                "category": [category for _, category in margin.cells],
                "before": sums(margin.codes, w, len(margin.cells)),
                "target": margin.targets,
                "after": sums(margin.codes, new, len(margin.cells)),
            }
        )
        .set_index(["group", "margin", "category"])
        .div(whole[margin.groups], axis=0)
        for margin in margins
    ]
    by = groups.labels.name
    report = Weighting(
        margins=pd.concat(rows),
        weights=(float(relative.min()), float(relative.max())),
        design_effect=float(np.mean(relative**2)),
        method=f"{verb} to {', '.join(margin.name for margin in margins)}"
        + ("" if by is None else f" within each {by}"),
    )
    return replace(
        design,
        frame=design.frame.assign(calibrated_weight=new),
        weights="calibrated_weight",
        weighting=report,
        calibration=Calibration(
            tuple(margin.codes for margin in margins), regression_weights
        ),
    )


def _factors(
    w: Floats, margins: list[Margin], tolerance: float, max_iterations: int
) -> Floats:
    """Factors by which raking multiplies the weights, shape (n_respondents,).

    All respondents in the same cell of every margin share one factor, so the rounds
    run over the cross-classification.
    """
    crossed = np.zeros(len(w), dtype=np.intp)
    for margin in margins:
        crossed, _ = pd.factorize(crossed * len(margin.cells) + margin.codes)
    n = int(crossed.max()) + 1
    masses, factors = sums(crossed, w, n), np.ones(n)
    cells = []
    for margin in margins:
        cell = np.empty(n, dtype=np.intp)
        cell[crossed] = margin.codes
        cells.append(cell)
    misses: list[Floats] = []
    for _ in range(max_iterations):
        for margin, cell in zip(margins, cells, strict=True):
            now = sums(cell, masses * factors, len(margin.cells))
            factors *= (margin.targets / now)[cell]
        misses = [
            sums(cell, masses * factors, len(margin.cells)) / margin.targets - 1
            for margin, cell in zip(margins, cells, strict=True)
        ]
        if max(np.abs(miss).max() for miss in misses) <= tolerance:
            return factors[crossed]
    furthest = int(np.argmax([np.abs(miss).max() for miss in misses]))
    margin, miss = margins[furthest], misses[furthest]
    group, category = margin.cells[int(np.argmax(np.abs(miss)))]
    raise NotConverged(
        f"raking did not reach its margins in {max_iterations} rounds; furthest off is "
        f"{margin.name!r} in {group}: category {category} misses its target by "
        f"{100 * miss[np.argmax(np.abs(miss))]:+.3g}%; merge small categories, or drop "
        "a margin that contradicts the others"
    )
