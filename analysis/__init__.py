"""What the answers mean: weighted estimates and comparisons with honest uncertainty."""

from analysis.comparison import compare
from analysis.design import SurveyDesign
from analysis.disclosure import anonymity, diversity, suppress
from analysis.errors import AnalysisError
from analysis.estimates import mean, proportion, share_of, total
from analysis.results import Comparison, Estimate, Weighting
from analysis.sensitive import list_experiment, sensitivity_bias
from analysis.weighting import poststratify, rake, scale_to_population

__all__ = [
    "AnalysisError",
    "Comparison",
    "Estimate",
    "SurveyDesign",
    "Weighting",
    "anonymity",
    "compare",
    "diversity",
    "list_experiment",
    "mean",
    "poststratify",
    "proportion",
    "rake",
    "scale_to_population",
    "sensitivity_bias",
    "share_of",
    "suppress",
    "total",
]
