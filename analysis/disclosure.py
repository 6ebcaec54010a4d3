"""Protection of respondents in published data: how alike are those who look alike."""

from collections.abc import Sequence

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
    """Fewest different sensitive values among respondents who look alike: l.

    With l = 1, knowing that somebody took part reveals what they answered.

    Parameters
    ----------
    frame, quasi_identifiers
        As for :func:`anonymity`.
    sensitive : str
        Column that must not be found out. A missing value is a value of its own.

    Returns
    -------
    int
        l; 0 if there are no respondents.

    References
    ----------
    Machanavajjhala et al. (2007), doi:10.1145/1217299.1217302.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {
    ...         "age": ["18-29"] * 2 + ["30+"] * 2,
    ...         "approval": ["yes", "no", "yes", "yes"],
    ...     }
    ... )
    >>> diversity(frame, ["age"], "approval")
    1
    """
    classes = _classes(frame, quasi_identifiers)
    _check_columns(frame, [sensitive])
    if frame.empty:
        return 0
    values, _ = pd.factorize(frame[sensitive], use_na_sentinel=False)
    return int(pd.Series(values).groupby(classes).nunique().min())


def suppress(
    frame: pd.DataFrame, quasi_identifiers: Sequence[str], k: int
) -> tuple[pd.DataFrame, pd.Series]:
    """Blank out quasi-identifiers until everybody has k - 1 others who look alike.

    Parameters
    ----------
    frame : DataFrame
    quasi_identifiers : list of str
        Most important first: the last is blanked first.
    k : int
        At least 2.

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
    group smaller than k, beginning with the least important. Should those end up as
    few themselves, the smallest other groups give up the same values, so that the
    blank ones have company.

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
    protected = frame.copy(deep=False)
    steps = [([name], [other for other in names if other != name]) for name in names]
    for blanked, others in [*reversed(steps), (names, [])]:
        chosen = _to_blank(protected, blanked, others, k)
        for name in blanked:
            protected[name] = protected[name].mask(chosen)
    n_suppressed = protected[names].isna().sum() - frame[names].isna().sum()
    return protected, n_suppressed


def _to_blank(
    frame: pd.DataFrame, blanked: list[str], others: list[str], k: int
) -> npt.NDArray[np.bool_]:
    """Respondents to blank so that all who look alike in the others have company."""
    classes, kin = _classes(frame, [*blanked, *others]), _classes(frame, others)
    sizes = np.bincount(classes)
    chosen = sizes[classes] < k
    blank = chosen | frame[blanked].isna().all(axis=1).to_numpy()
    for family in np.unique(kin[chosen]):
        lacking = k - int(np.sum(blank & (kin == family)))
        donors = np.unique(classes[(kin == family) & ~blank])
        for donor in donors[np.argsort(sizes[donors], kind="stable")]:
            if lacking <= 0:
                break
            taken = lacking if sizes[donor] - lacking >= k else sizes[donor]
            chosen[np.flatnonzero(classes == donor)[:taken]] = True
            lacking -= taken
    return chosen


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
