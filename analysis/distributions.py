"""Distribution functions of answers, and the rules by which they are inverted."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, Self

import numpy as np

from analysis.domains import Domains
from analysis.estimates import domain_means
from analysis.totals import Codes, Floats, Influence, OfTotals, Total

Rule = Literal[
    "math",
    "school",
    "shahvaish",
    "hf1",
    "hf2",
    "hf3",
    "hf4",
    "hf5",
    "hf6",
    "hf7",
    "hf8",
    "hf9",
]

PLACES = {
    "hf4": (0, 0),
    "hf5": (1 / 2, 0),
    "hf6": (0, 1),
    "hf7": (1, -1),
    "hf8": (1 / 3, 1 / 3),
    "hf9": (3 / 8, 1 / 4),
}
"""``a, b``: value k stands at ``(W_k - a w_k) / (W_n + b w_n)``, ``W`` the cumulated
weights; between them the line."""

STEPS = ("math", "school", "hf1", "hf2", "hf3")
"""Rules that need no more than the share at or below each value."""

ROUNDING = 1e-12
"""Shares that differ less are equal."""


class Below(NamedTuple):
    """Estimated shares at or below some values.

    Attributes
    ----------
    shares, srs_variances : floats, shape (n_groups, n_quantiles)
    influence : list of Influence
    evaluate : callable
        The shares as a function of weights, in the order (group, quantile).
    """

    shares: Floats
    srs_variances: Floats
    influence: list[Influence]
    evaluate: OfTotals


@dataclass(frozen=True)
class Distribution:
    """Distribution functions of a variable by group, and their inverses.

    Attributes
    ----------
    y : floats, shape (n_respondents,)
    domains : Domains
    rows : tuple of integers
        Respondents of each group in the order of their answers.
    rule : str
    """

    y: Floats
    domains: Domains
    rows: tuple[Codes, ...]
    rule: Rule

    @classmethod
    def of(cls, y: Floats, domains: Domains, rule: Rule) -> Self:
        """Sort the respondents of each group by their answers."""
        order = np.argsort(domains.codes, kind="stable")
        starts = np.searchsorted(
            domains.codes[order], np.arange(len(domains.labels) + 1)
        )
        groups = [order[start:end] for start, end in pairwise(starts)]
        rows = [group[np.argsort(y[group], kind="stable")] for group in groups]
        return cls(y, domains, tuple(rows), rule)

    def values(self, weights: Floats, shares: Floats) -> Floats:
        """Quantiles at shares of shape (n_groups, n_quantiles)."""
        return np.array(
            [
                _inverse(self.rule, self.y[rows], weights[rows], levels)
                for rows, levels in zip(self.rows, shares, strict=True)
            ]
        )

    def below(self, weights: Floats, values: Floats) -> Below:
        """Shares at or below values of shape (n_groups, n_quantiles)."""
        codes, (n_groups, n_quantiles) = self.domains.codes, values.shape
        cells = np.eye(n_groups * n_quantiles).reshape(n_groups, n_quantiles, -1)
        answers = [(self.y <= value[codes]).astype(float) for value in values.T]
        means, influence, srs_variances = zip(
            *(domain_means(weights, answer, self.domains) for answer in answers),
            strict=True,
        )

        def shares(size: Floats, *totals: Floats) -> Floats:
            size = np.where(size > 0, size, np.nan)
            table = np.stack([total / size for total in totals], axis=-1)
            return table.reshape(*size.shape[:-1], -1)

        return Below(
            np.stack(means, axis=1),
            np.stack(srs_variances, axis=1),
            [
                part._replace(coefficients=cells[:, k])
                for k, part in enumerate(influence)
            ],
            OfTotals(
                [Total(codes, answer, n_groups) for answer in (None, *answers)], shares
            ),
        )


def _inverse(rule: Rule, values: Floats, weights: Floats, shares: Floats) -> Floats:
    """Quantiles of sorted values; NaN for shares outside 0 to 1."""
    kept = weights != 0
    values, weights = values[kept], weights[kept]
    n = len(values)
    if n == 0:
        return np.full(len(shares), np.nan)
    if rule == "hf3":
        values, first = np.unique(values, return_index=True)
        weights = np.add.reduceat(weights, first)
    cumulated = np.cumsum(weights)
    if n == 1:
        found = np.full(len(shares), values[0])
    elif rule in PLACES:
        a, b = PLACES[rule]
        places = (cumulated - a * weights) / (cumulated[-1] + b * weights[-1])
        found = np.interp(shares, places, values)
    elif rule == "shahvaish":
        places = (cumulated - weights / 2) / weights.mean() + 0.5
        last = np.searchsorted(places / (n + 1), shares + ROUNDING, side="right") - 1
        found = values[np.maximum(last, 0)]
    else:
        found = _step(rule, values, cumulated / cumulated[-1], shares)
    return np.where((shares >= 0) & (shares <= 1), found, np.nan)


def _step(rule: Rule, values: Floats, cumulated: Floats, shares: Floats) -> Floats:
    """Smallest value with the share at or below it, and what to do if just that."""
    last = len(values) - 1
    place = np.minimum(np.searchsorted(cumulated, shares - ROUNDING), last)
    after = np.minimum(place + 1, last)
    exact = np.abs(cumulated[place] - shares) <= ROUNDING
    if rule in ("school", "hf2"):
        return np.where(exact, (values[place] + values[after]) / 2, values[place])
    if rule == "hf3":
        return np.where(exact & (place % 2 == 0), values[after], values[place])
    return values[place]
