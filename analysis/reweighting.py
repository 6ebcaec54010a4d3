"""One change of weights, made to the sample and to every replicate."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np

from analysis.design import Groups, SurveyDesign
from analysis.errors import WeightingError
from analysis.stages import Replicates
from analysis.totals import Floats, sums

Fit = Callable[[Floats], Floats]
"""From weights to other weights, both of shape (n_respondents,)."""


def refitted(
    design: SurveyDesign, column: str, fit: Fit, new: Floats, **changes: Any
) -> SurveyDesign:
    """Return the design with other weights, and replicates fitted the same way.

    Parameters
    ----------
    design : SurveyDesign
    column : str
        Where the weights go.
    fit : callable
    new : floats, shape (n_respondents,)
        ``fit`` of the design's weights.
    **changes : Any
        Further fields of the design.
    """
    replicates = refitted_replicates(design, fit, new)
    return design.reweighted(column, new, replicates=replicates, **changes)


def refitted_replicates(
    design: SurveyDesign, fit: Fit, new: Floats
) -> Replicates | None:
    """Replicates fitted the same way; an error says in which it happened."""
    if design.replicates is None:
        return None
    number = count(1)

    def fit_replicate(weights: Floats) -> Floats:
        which = next(number)
        try:
            return fit(weights)
        except WeightingError as error:
            raise type(error)(f"replicate {which}: {error}") from error

    return design.replicates.refitted(fit_replicate, design.sample.weights, new)


def spread(
    design: SurveyDesign, weights: Floats, groups: Groups
) -> tuple[float, float, float]:
    """Smallest and largest weight relative to its group's mean, and design effect.

    Of people: a row that stands for several respondents has their weights together.
    """
    counts, n_groups = design.sample.counts, len(groups.labels)
    codes = groups.codes
    each = weights if counts is None else weights / counts
    people = sums(codes, counts, n_groups)
    relative = (people / sums(codes, weights, n_groups))[codes]
    relative *= each
    low, high = float(relative.min()), float(relative.max())
    relative *= relative
    return low, high, float(np.average(relative, weights=counts))
