"""What the answers mean: weighted estimates and comparisons with honest uncertainty."""

from analysis.association import goodness_of_fit_test, independence_test
from analysis.comparison import average, compare, omnibus_test
from analysis.contrasts import contrast
from analysis.design import SurveyDesign
from analysis.disclosure import anonymity, diversity, suppress
from analysis.engine import cluster_totals, collapse, merge_totals, open_parquet
from analysis.errors import AnalysisError
from analysis.estimates import mean, proportion, share_of, total
from analysis.fitting import Regression
from analysis.hypotheses import HypothesisTest
from analysis.imputation import Combined, combine
from analysis.location import rank_test, t_test
from analysis.moments import correlation, population_variance
from analysis.multinomial import multinomial
from analysis.nonresponse import adjust_nonresponse
from analysis.ordinal import ordinal
from analysis.predictions import marginal_effects, predict, predictive_margins
from analysis.quantiles import quantile
from analysis.ratios import ratio
from analysis.regression import regress
from analysis.replicates import import_replicates, replicate
from analysis.results import Comparison, Estimate, Weighting
from analysis.scaling import scale_equally, scale_to_population
from analysis.sensitive import (
    ListCheck,
    check_list,
    extreme_counts,
    list_experiment,
    sensitivity_bias,
)
from analysis.standardization import decompose, standardize
from analysis.term_tests import proportional_odds_test, term_test
from analysis.trimming import trim
from analysis.weighting import calibrate, poststratify, rake

__all__ = [
    "AnalysisError",
    "Combined",
    "Comparison",
    "Estimate",
    "HypothesisTest",
    "ListCheck",
    "Regression",
    "SurveyDesign",
    "Weighting",
    "adjust_nonresponse",
    "anonymity",
    "average",
    "calibrate",
    "check_list",
    "cluster_totals",
    "collapse",
    "combine",
    "compare",
    "contrast",
    "correlation",
    "decompose",
    "diversity",
    "extreme_counts",
    "goodness_of_fit_test",
    "import_replicates",
    "independence_test",
    "list_experiment",
    "marginal_effects",
    "mean",
    "merge_totals",
    "multinomial",
    "omnibus_test",
    "open_parquet",
    "ordinal",
    "population_variance",
    "poststratify",
    "predict",
    "predictive_margins",
    "proportion",
    "proportional_odds_test",
    "quantile",
    "rake",
    "rank_test",
    "ratio",
    "regress",
    "replicate",
    "scale_equally",
    "scale_to_population",
    "sensitivity_bias",
    "share_of",
    "standardize",
    "suppress",
    "t_test",
    "term_test",
    "total",
    "trim",
]
