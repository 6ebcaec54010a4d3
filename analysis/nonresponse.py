"""Respondents who stand for those who did not respond."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.columns import rows_named
from analysis.design import Groups, SurveyDesign, Where
from analysis.errors import WeightingError, first_few
from analysis.margins import crossed_values
from analysis.results import Weighting
from analysis.reweighting import refitted_replicates, spread
from analysis.totals import Codes, Floats, sums

FEW = 20
"""Respondents of a class below which it is worth a note."""

LARGE = 2.0
"""Factor above which it is worth a note."""


def adjust_nonresponse(
    design: SurveyDesign, responded: Where, classes: str | Sequence[str]
) -> SurveyDesign:
    """Let respondents take over the weights of the non-respondents of their class.

    Parameters
    ----------
    design : SurveyDesign
        Everyone who was drawn and is eligible, respondent or not.
    responded : str or array of bool
        Column or truth values: who responded.
    classes : str or list of str
        Columns that make the classes, known of everyone; people alike in what decides
        about responding and in what they answer belong together.

    Returns
    -------
    SurveyDesign
        Of the respondents, with the weights in the column ``nonresponse_weight``.
        ``design.weighting`` compares the classes among respondents and all, and has
        notes on classes with fewer than 20 respondents or a factor above 2.

    Raises
    ------
    WeightingError
        If someone is in no class, or a class has no respondents.

    Notes
    -----
    Variances take the new weights as given: the sample is the respondents, and
    clusters in which nobody responded are no longer in it. Replicate weights are
    adjusted one by one, and so tell how uncertain the factors are. R: weights times
    ``ave(w, class, FUN = sum) / ave(w * responded, class, FUN = sum)``, then
    ``svydesign`` on the respondents.

    References
    ----------
    Little (1986), doi:10.2307/1403140; limits: Kalton and Flores-Cervantes (2003),
    *Journal of Official Statistics* 19, 81-97.

    Examples
    --------
    >>> frame = pd.DataFrame(
    ...     {"region": ["N", "N", "S", "S"], "answered": [True, False, True, True]}
    ... )
    >>> adjusted = adjust_nonresponse(SurveyDesign(frame), "answered", "region")
    >>> adjusted.frame["nonresponse_weight"].tolist()
    [2.0, 1.0, 1.0]
    """
    if design.calibration:
        raise WeightingError(
            f"the weights {design.weights!r} are already fitted to margins; adjust for "
            "nonresponse first, then rake or calibrate"
        )
    answered = design.domain(responded)
    if answered is None:
        raise WeightingError(
            "responded is None; name the true/false column that says who responded"
        )
    names = [classes] if isinstance(classes, str) else list(classes)
    codes, labels = crossed_values(design, names)
    outside = codes < 0
    if outside.any():
        raise WeightingError(
            f"classes {' x '.join(names)!r}: {rows_named(outside)} have no value; "
            "complete them, or make a class of them"
        )

    def fit(weights: Floats) -> Floats:
        drawn = sums(codes, weights, len(labels))
        stayed = sums(codes, weights * answered, len(labels))
        empty = (stayed == 0) & (drawn > 0)
        if empty.any():
            raise WeightingError(
                f"classes {' x '.join(names)!r}: {int(empty.sum())} of {len(labels)} "
                f"have nobody who responded ({first_few(map(_name, labels[empty]))}); "
                "merge them with similar classes"
            )
        factors = np.divide(drawn, stayed, out=np.ones_like(drawn), where=stayed > 0)
        return weights * answered * factors[codes]

    w = design.sample.weights
    new = fit(w)
    replicates = refitted_replicates(design, fit, np.where(answered, new, 1))
    if replicates is not None:
        replicates = replace(replicates, units=replicates.units[answered])
    by_class = [sums(codes, x, len(labels)) for x in (w * answered, w)]
    shares = [totals / totals.sum() for totals in by_class]
    cells = [("all", " x ".join(names), _name(label)) for label in labels]
    everyone = Groups(np.zeros(len(w), np.intp), pd.Index(["all"]))
    before = spread(design, w, everyone)[2]
    adjusted = replace(
        design,
        frame=design.frame.assign(nonresponse_weight=new)[answered],
        weights="nonresponse_weight",
        replicates=replicates,
    )
    respondents = Groups(everyone.codes[answered], everyone.labels)
    low, high, effect = spread(adjusted, adjusted.sample.weights, respondents)
    report = Weighting(
        margins=pd.DataFrame(
            {"before": shares[0], "target": shares[1], "after": shares[1]},
            index=pd.MultiIndex.from_tuples(
                cells, names=["group", "margin", "category"]
            ),
        ),
        weights=(low, high),
        design_effect=effect,
        method=f"adjusted for nonresponse within {' x '.join(names)}: "
        f"{adjusted.n_respondents} of {design.n_respondents} responded",
        design_effect_before=before,
        notes=_notes(adjusted, codes[answered], labels, by_class),
    )
    return replace(adjusted, weighting=report)


def _notes(
    adjusted: SurveyDesign, codes: Codes, labels: pd.Index, by_class: Sequence[Floats]
) -> tuple[str, ...]:
    """Name classes that are small, or in which few responded."""
    n = sums(codes, adjusted.sample.counts, len(labels))
    stayed, drawn = by_class
    return tuple(
        f"class {_name(label)}: {n_class:g} respondents, factor {factor:.2f}"
        for label, n_class, factor in zip(labels, n, drawn / stayed, strict=True)
        if n_class < FEW or factor > LARGE
    )


def _name(label: object) -> str:
    return "/".join(map(str, label)) if isinstance(label, tuple) else str(label)
