"""Margins that weights are fitted to, and what they take away from the variance."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from analysis.totals import Codes, Floats, Influence, sums

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # slow to import; most estimates need none

SINGULAR = 1e-10
"""Relative size below which an eigenvalue counts as zero.

Margins share at least their sum, so their cross products are singular by
construction; scaled to unit diagonal, true zeros are far below this.
"""


SIZE = "population"
"""Name of the margin that says how large each group is."""


@dataclass(frozen=True, eq=False)
class Margin:
    """What is known about the population: sums by cell.

    Attributes
    ----------
    name : str
        Variables of the margin, such as "age_group x gender".
    codes : integers, shape (n_rows,)
        Cell of each row: of each respondent, or of each kind of respondent.
    cells : list of (group, category)
    groups : integers, shape (n_cells,)
        Number of the group of each cell.
    targets : floats, shape (n_cells,)
        What the weights of each cell should add up to; with values, what the products
        of weights and values should.
    values : floats, shape (n_rows,), optional
        An auxiliary number instead of an indicator, as deviation from its known mean.
    means : floats, shape (n_cells,), optional
        With values, that known mean in each group.
    """

    name: str
    codes: Codes
    cells: list[tuple[object, str]]
    groups: Codes
    targets: Floats
    values: Floats | None = None
    means: Floats | None = None

    def totals(self, weights: Floats) -> Floats:
        """Sums that the weights of the rows give, shape (n_cells,)."""
        if self.values is not None:
            weights = weights * self.values
        return sums(self.codes, weights, len(self.cells))


@dataclass(frozen=True, eq=False)
class Calibration:
    """The margins that weights were fitted to.

    Attributes
    ----------
    margins : tuple of Margin
        Over rows: respondents alike in all margins share one.
    rows : integers, shape (n_respondents,)
        Row of each respondent.
    weights : floats, shape (n_respondents,)
        Weights of the regression whose residuals the variance is made of.
    fitted : floats, shape (n_respondents,)
        Weights after the fit.
    clusters : integers, shape (n_respondents,), optional
        Cluster of each respondent, if the fit was made to the means of clusters.
    strata : integers, shape (n_respondents,), optional
        With them residuals are those of a jackknife; see :meth:`residuals`.
    counts : floats, shape (n_respondents,), optional
        Respondents that each stands for; used with strata.
    """

    margins: tuple[Margin, ...]
    rows: Codes
    weights: Floats
    fitted: Floats
    clusters: Codes | None = None
    strata: Codes | None = None
    counts: Floats | None = None

    def residuals(self, influence: Sequence[Influence]) -> list[Influence]:
        """Influence values less what the margins explain of them, as parts.

        The regression on the margins follows every respondent, most in small cells:
        with the leverage *h*. Without the respondent the others of the stratum stand in
        with n / (n − 1) of their weights and give back the part *q* of it, so that the
        residual is the one found over 1 − (h − q) n / (n − 1). With strata, residuals
        are stretched so.

        Parameters
        ----------
        influence : sequence of Influence

        References
        ----------
        Yung and Rao (1996), *Survey Methodology* 22, 23-31; MacKinnon and White (1985),
        doi:10.1016/0304-4076(85)90158-7. R:
        ``hatvalues(lm(y ~ margins, weights = w))``.
        """
        parts = [*influence, *self._explained(influence)]
        left = self._left
        if left is None:
            return parts
        return [part._replace(values=part.values / left) for part in parts]

    def _explained(self, influence: Sequence[Influence]) -> list[Influence]:
        """The fit of the regression on the margins, with minus signs."""
        from scipy.sparse import csr_array

        units, columns = self._regressors
        ratio = self.weights / self.fitted
        moments = np.zeros((columns.shape[1], influence[0].coefficients.shape[1]))
        for codes, values, coefficients in influence:
            inside = codes >= 0
            table = csr_array(
                ((values * ratio)[inside], (units[inside], codes[inside])),
                shape=(columns.shape[0], len(coefficients)),
            )
            moments += (columns.T @ table) @ coefficients
        solution = self._gram.solve(moments)
        if self.clusters is not None:
            return [Influence(units, self.fitted, -(columns @ solution))]
        parts = np.split(
            solution, np.cumsum([len(margin.cells) for margin in self.margins])[:-1]
        )
        return [
            Influence(
                margin.codes[self.rows],
                self.fitted
                if margin.values is None
                else self.fitted * margin.values[self.rows],
                -coefficients,
            )
            for margin, coefficients in zip(self.margins, parts, strict=True)
        ]

    @cached_property
    def _left(self) -> Floats | None:
        """What is left of each residual beside that without its respondent.

        One where the margins fit a respondent exactly, whose residual is zero.
        """
        strata, counts, own = self.strata, self.counts, self.weights
        if strata is None:
            return None
        units, columns = self._regressors
        if self.clusters is not None:
            own = sums(units, own, columns.shape[0])[units]
        left = np.ones(len(own))
        order = np.argsort(strata, kind="stable")
        starts = np.flatnonzero(np.diff(strata[order])) + 1
        for inside in np.split(order, starts):
            n = float(len(inside) if counts is None else counts[inside].sum())
            if n == 1:
                continue
            present, unit = np.unique(units[inside], return_inverse=True)
            x = columns[present]
            solved = self._gram.solve(x.T.toarray())
            mass = sums(unit, self.weights[inside], len(present))
            others = x.T @ (x * mass[:, None])
            leverage = x.multiply(solved.T).sum(axis=1)
            returned = ((others @ solved) * solved).sum(axis=0) / n / leverage
            each = own[inside] if counts is None else own[inside] / counts[inside]
            left[inside] = 1 - (each * leverage[unit] - returned[unit]) * n / (n - 1)
        return np.where(left <= SINGULAR, 1, left)

    @cached_property
    def _regressors(self) -> tuple[Codes, "csr_array"]:
        return regressors(self.margins, self.rows, self.clusters)

    @cached_property
    def _gram(self) -> "Gram":
        units, columns = self._regressors
        return Gram(columns, sums(units, self.weights, columns.shape[0]))


class Gram:
    """Cross products of regressors, ready to solve normal equations with.

    Cells that share no respondent, such as those of different countries, are solved
    apart.
    """

    def __init__(self, columns: "csr_array", weights: Floats) -> None:
        from scipy.sparse.csgraph import connected_components

        products = _cross_products(columns, weights)
        n_parts, part = connected_components(products != 0, directed=False)
        self._parts = []
        for number in range(n_parts):
            index = np.flatnonzero(part == number)
            block = products[np.ix_(index, index)]
            size = np.sqrt(np.diag(block))
            scale = np.divide(1, size, out=np.zeros_like(size), where=size > 0)
            inverse = np.linalg.pinv(
                block * np.outer(scale, scale), rcond=SINGULAR, hermitian=True
            )
            self._parts.append((index, inverse * np.outer(scale, scale)))

    def solve(self, moments: Floats) -> Floats:
        """Coefficients, of the shape of the moments."""
        solution = np.zeros_like(moments)
        for index, inverse in self._parts:
            solution[index] = inverse @ moments[index]
        return solution


def _cross_products(columns: "csr_array", weights: Floats) -> Floats:
    """Weighted cross products of the columns, shape (n_columns, n_columns)."""
    n, p = columns.shape
    each = columns.nnz // n
    if not (np.diff(columns.indptr) == each).all():
        products: Floats = (columns.T @ (columns * weights[:, None])).toarray()
        return products
    # As many entries in each row, one of every margin: margins are crossed in pairs.
    index = columns.indices.reshape(n, each)
    data = columns.data.reshape(n, each)
    total = np.zeros((p, p))
    for i in range(each):
        own = weights * data[:, i]
        for j in range(i, each):
            cells = index[:, i].astype(np.intp) * p + index[:, j]
            table = sums(cells, own * data[:, j], p * p).reshape(p, p)
            total += table if i == j else table + table.T
    return total


def regressors(
    margins: Sequence[Margin], rows: Codes, clusters: Codes | None = None
) -> tuple[Codes, "csr_array"]:
    """All cells of all margins as columns, with the unit of each respondent.

    Units are the rows of the margins; with clusters, clusters and their means.

    Returns
    -------
    units : integers, shape (n_respondents,)
    columns : sparse, shape (n_units, n_cells of all margins)
    """
    from scipy.sparse import csr_array

    sizes = [len(margin.cells) for margin in margins]
    starts = np.cumsum([0, *sizes])
    n_rows = len(margins[0].codes)
    data = [
        np.ones(n_rows) if margin.values is None else margin.values
        for margin in margins
    ]
    index = [m.codes + start for m, start in zip(margins, starts, strict=False)]
    columns = csr_array(
        (
            np.column_stack(data).ravel(),
            np.column_stack(index).ravel(),
            np.arange(n_rows + 1) * len(margins),
        ),
        shape=(n_rows, int(starts[-1])),
    )
    if clusters is None:
        return rows, columns
    n_clusters = int(clusters.max()) + 1
    share = (1 / sums(clusters, None, n_clusters))[clusters]
    means = csr_array((share, (clusters, rows)), shape=(n_clusters, n_rows))
    return clusters, means @ columns
