"""What calibrated weights take away from the variance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.totals import Codes, Floats, Influence, crossed, influence_totals


@dataclass(frozen=True, eq=False)
class Calibration:
    """The margins that weights were fitted to.

    Attributes
    ----------
    cells : tuple of integers, each of shape (n_respondents,)
        For each margin, the cell of each respondent, numbered from 0.
    weights : floats, shape (n_respondents,)
        Weights of the regression whose residuals the variance is made of.
    """

    cells: tuple[Codes, ...]
    weights: Floats

    def explained(
        self, influence: Sequence[Influence], weights: Floats
    ) -> list[Influence]:
        """Parts of the influence values that the margins explain, with minus signs.

        Added to the influence, they leave the residuals of its regression on the
        margins.

        Parameters
        ----------
        influence : sequence of Influence
        weights : floats, shape (n_respondents,)
            Calibrated weights.
        """
        ratio = self.weights / weights
        unweighted = [part._replace(values=part.values * ratio) for part in influence]
        moments = [
            influence_totals(unweighted, cells, int(cells.max()) + 1)
            for cells in self.cells
        ]
        return [
            Influence(cells, weights, -coefficients)
            for cells, coefficients in zip(
                self.cells, self._regression(moments), strict=True
            )
        ]

    def _regression(self, moments: Sequence[Floats]) -> list[Floats]:
        """Coefficients of the weighted regression on the indicators of all cells.

        Parameters
        ----------
        moments : for each margin, floats of shape (n_cells, n_estimates)
            Weighted sums of the dependent variables by cell.
        """
        margins = list(zip(self.cells, map(len, moments), strict=True))
        gram = np.block(
            [
                [crossed(a, b, self.weights, (m, n)) for b, n in margins]
                for a, m in margins
            ]
        )
        # Margins share at least their sum, so the system is singular by construction;
        # scaled to unit diagonal, its true zeros are far below 1e-10.
        scale = 1 / np.sqrt(np.diag(gram))
        inverse = np.linalg.pinv(
            gram * np.outer(scale, scale), rcond=1e-10, hermitian=True
        )
        solution = scale[:, None] * (inverse @ (scale[:, None] * np.vstack(moments)))
        return np.split(solution, np.cumsum([n for _, n in margins])[:-1])
