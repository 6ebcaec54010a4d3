"""What can go wrong in an analysis, as a tree of errors.

AnalysisError
├── UnknownColumn (KeyError)        a column that the frame does not have
├── DesignError (ValueError)        weights, strata or clusters that cannot be right
├── WeightingError (ValueError)     margins and respondents that do not fit together
│   └── NotConverged                raking that did not reach its margins
├── EstimationError (ValueError)    an estimate that cannot be made at all
├── ComparisonError (ValueError)    groups that cannot be compared
└── DisclosureError (ValueError)    a protection that cannot be reached
"""

from collections.abc import Iterable


class AnalysisError(Exception):
    """Base of every error of this package."""


class UnknownColumn(AnalysisError, KeyError):
    """A column that the frame does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


class DesignError(AnalysisError, ValueError):
    """Weights, strata, clusters or population sizes that cannot be right."""


class WeightingError(AnalysisError, ValueError):
    """Margins and respondents that do not fit together."""


class NotConverged(WeightingError):
    """Raking that did not reach its margins."""


class EstimationError(AnalysisError, ValueError):
    """An estimate that cannot be made at all."""


class ComparisonError(AnalysisError, ValueError):
    """Groups that cannot be compared."""


class DisclosureError(AnalysisError, ValueError):
    """A protection that cannot be reached."""


def first_few(items: Iterable[object], limit: int = 5) -> str:
    """Name the first few of many, as error messages do: ``a, b, c, ...``."""
    names = [str(item) for item in items]
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
