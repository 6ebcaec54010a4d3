"""Protection of respondents in published data: how alike are those who look alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.errors import DisclosureError, UnknownColumn, first_few
from analysis.totals import Codes


def anonymity(frame: pd.DataFrame, quasi_identifiers: Sequence[str]) -> int:
    """Size of the smallest group of respondents who look alike: k.

    Parameters
    ----------
    frame : DataFrame
        One row per respondent.
    quasi_identifiers : list of str
        Columns that others may know about a person. A missing value is a value of
        its own here.

    Returns
    -------
    int
        k: nobody can be narrowed down to fewer than k respondents. 0 if there are
        no respondents, all of them if nothing identifies.

    References
    ----------
    Sweeney (2002), doi:10.1142/S0218488502001648.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": ["18-29", "18-29", "30+"], "sex": ["f", "f", "m"]})
    >>> anonymity(frame, ["age", "sex"])
    1
    """
    if frame.empty:
        return 0
    return int(np.bincount(_classes(frame, quasi_identifiers)).min())


def diversity(
    frame: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: str
) -> int:
    """Fewest different answers among respondents who look alike: l.

    With l = 1, knowing that somebody took part and answered reveals the answer.

    Parameters
    ----------
    frame, quasi_identifiers
        As for :func:`anonymity`.
    sensitive : str
        Column that must not be found out. A missing value hides nobody: it is not
        counted as an answer.

    Returns
    -------
    int
        l of the groups in which somebody answered; 0 if nobody did.

    Notes
    -----
    This is distinct l-diversity of those who answered. Whoever counts missing values
    as answers finds an l as large or larger.

    References
    ----------
    Machanavajjhala et al. (2007), doi:10.1145/1217299.1217302.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "age": ["18-29"] * 2 + ["30+"] * 3,
    ...         "approval": ["yes", "no", "yes", "yes", None],
    ...     }
    ... )
    >>> diversity(frame, ["age"], "approval")
    1
    """
    classes = _classes(frame, quasi_identifiers)
    counts = _count_answers(classes, _answers(frame, sensitive))
    return int(counts[counts > 0].min()) if counts.any() else 0


def suppress(
    frame: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    k: int,
    *,
    sensitive: Sequence[str] = (),
    l: int = 1,  # noqa: E741, the name of the measure
) -> tuple[pd.DataFrame, pd.Series]:
    """Blank out quasi-identifiers until everybody has k - 1 others who look alike.

    Parameters
    ----------
    frame : DataFrame
    quasi_identifiers : list of str
        Most important first: the last is blanked first.
    k : int
        At least 2.
    sensitive : list of str
        Columns of which those who look alike shall have given at least ``l``
        different answers.
    l : int

    Returns
    -------
    frame : DataFrame
        A copy in which some quasi-identifiers are missing.
    n_suppressed : Series
        Cells blanked in each of them.

    Raises
    ------
    DisclosureError
        If there are fewer than k respondents.

    Notes
    -----
    One variable after the other is blanked for the respondents who are still in a
    group smaller than k or with fewer than l answers, beginning with the least
    important. Should those end up as few themselves, the smallest other groups give up
    the same values, so that the blank ones have company. Only l can stay out of reach,
    if fewer than l different answers were given at all: ask :func:`diversity`.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {"age": ["18-29"] * 2 + ["30+"] * 3, "region": ["N", "N", "N", "N", "S"]}
    ... )
    >>> protected, n_suppressed = suppress(frame, ["age", "region"], k=2)
    >>> n_suppressed.to_dict()
    {'age': 0, 'region': 3}
    """
    names = list(quasi_identifiers)
    _check_columns(frame, names)
    if k < 2 or len(frame) < k:
        raise DisclosureError(
            f"k is {k} for {len(frame)} respondents; it must be at least 2 and at most "
            "their number: publish fewer details, or nothing"
        )
    rule = _Rule(k, l, tuple(_answers(frame, name) for name in sensitive))
    protected = frame.copy(deep=False)
    steps = [([name], [other for other in names if other != name]) for name in names]
    for blanked, others in [*reversed(steps), (names, [])]:
        chosen = _to_blank(protected, blanked, others, rule)
        for name in blanked:
            protected[name] = protected[name].mask(chosen)
    n_suppressed = protected[names].isna().sum() - frame[names].isna().sum()
    return protected, n_suppressed


def average_alike(
    frame: pd.DataFrame,
    quasi_identifiers: Sequence[str],
    numbers: "pd.Series[float]",
    digits: int = 3,
) -> "pd.Series[float]":
    """Give all respondents who look alike the mean of their numbers, rounded.

    Whoever sees the quasi-identifiers can tell nobody apart by such a number: k and l
    stay what they are if it counts as one of them.

    Parameters
    ----------
    frame : DataFrame
        One row per respondent.
    quasi_identifiers : list of str
        Columns as they are published; a missing value is a value of its own.
    numbers : Series
        Weights, one per respondent.
    digits : int
        Significant digits that stay.

    Returns
    -------
    Series
        The sum of the numbers stays, but for the rounding.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": ["18-29", "30+", "18-29", "30+"]})
    >>> average_alike(frame, ["age"], pd.Series([0.5, 1.2344, 1.0, 1.2344])).tolist()
    [0.75, 1.23, 0.75, 1.23]
    """
    classes = _classes(frame, quasi_identifiers)
    means = np.bincount(classes, weights=numbers) / np.bincount(classes)
    rounded = np.array([float(f"{mean:.{digits}g}") for mean in means])
    return pd.Series(rounded[classes], index=frame.index)


def released_weights(facts: Mapping[str, Any]) -> tuple[str | None, str]:
    """Find the weights that a protected release brings for want of its margins.

    Parameters
    ----------
    facts : mapping
        The ``parallax`` block of the release.

    Returns
    -------
    column : str or None
        The weights to begin with. None where weights can be fitted to all margins of
        the study, or where there are none.
    said : str
        Where they come from, in one sentence; empty without a column.

    Notes
    -----
    Standard errors take them as fixed: they do not know that the margins that were
    left out have no sampling error, nor that the weights were fitted and averaged.

    Examples
    --------
    >>> weights = {"variable": "calibrated_weight", "method": "raked to sex"}
    >>> released_weights({"weights": weights, "margins_left_out": [["sex"]]})
    ('calibrated_weight', 'Weights of the release: raked to sex.')
    >>> released_weights({"weights": weights, "margins_left_out": []})
    (None, '')
    """
    weights = facts.get("weights") or {}
    if "variable" not in weights or not facts.get("margins_left_out"):
        return None, ""
    return weights["variable"], f"Weights of the release: {weights['method']}."


@dataclass(frozen=True)
class _Rule:
    """What a group of respondents who look alike has to keep."""

    k: int
    l: int  # noqa: E741, the name of the measure
    answers: tuple[Codes, ...]
    """To each sensitive question, -1 where there is none, shape (n_respondents,)."""

    def holds_in(self, classes: Codes) -> npt.NDArray[np.bool_]:
        """Whether each class is large and diverse enough, shape (n_classes,)."""
        holds = np.bincount(classes) >= self.k
        for answers in self.answers:
            counts = _count_answers(classes, answers)
            holds &= (counts == 0) | (counts >= self.l)
        return holds

    def holds_for(self, rows: Codes) -> bool:
        """Whether these respondents could be one group."""
        return len(rows) >= self.k and all(
            len(given) == 0 or len(given) >= self.l
            for given in (
                np.unique(answers[rows][answers[rows] >= 0]) for answers in self.answers
            )
        )


def _to_blank(
    frame: pd.DataFrame, blanked: list[str], others: list[str], rule: _Rule
) -> npt.NDArray[np.bool_]:
    """Respondents to blank so that all who look alike in the others have company."""
    classes, kin = _classes(frame, [*blanked, *others]), _classes(frame, others)
    chosen = ~rule.holds_in(classes)[classes]
    blank = chosen | frame[blanked].isna().all(axis=1).to_numpy()
    members, families = _members(classes), _members(kin)
    for family in np.unique(kin[chosen]):
        relatives = families[family]
        pool = relatives[blank[relatives]]
        donors = np.unique(classes[relatives[~blank[relatives]]])
        for donor in sorted(donors, key=lambda donor: len(members[donor])):
            if rule.holds_for(pool):
                break
            given = members[donor]
            part, rest = np.split(given, [max(rule.k - len(pool), 0)])
            if rule.holds_for(rest) and rule.holds_for(np.append(pool, part)):
                given = part
            chosen[given] = True
            pool = np.append(pool, given)
    return chosen


def _members(classes: Codes) -> list[Codes]:
    """Rows of each class, in their order."""
    order = np.argsort(classes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(classes))[:-1])


def _answers(frame: pd.DataFrame, sensitive: str) -> Codes:
    """Number the answers; -1 where there is none."""
    _check_columns(frame, [sensitive])
    return pd.factorize(frame[sensitive])[0]


def _count_answers(classes: Codes, answers: Codes) -> Codes:
    """How many different answers each class gave, shape (n_classes,)."""
    n_classes = classes.max(initial=-1) + 1
    given = answers >= 0
    pairs = np.unique(np.stack([classes[given], answers[given]]), axis=1)
    return np.bincount(pairs[0], minlength=n_classes)


def _classes(frame: pd.DataFrame, names: Sequence[str]) -> Codes:
    """Give respondents who look alike the same number, shape (n_respondents,)."""
    _check_columns(frame, names)
    classes = np.zeros(len(frame), dtype=np.intp)
    for name in names:
        codes, labels = pd.factorize(frame[name], use_na_sentinel=False)
        classes, _ = pd.factorize(classes * len(labels) + codes)
    return classes


def _check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    absent = [name for name in names if name not in frame]
    if absent:
        raise UnknownColumn(
            f"the frame has no column {first_few(absent)}; "
            f"it has {first_few(frame.columns, 12)}"
        )
