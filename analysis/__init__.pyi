from .association import goodness_of_fit_test, independence_test
from .comparison import average, compare, omnibus_test
from .contrasts import contrast
from .design import SurveyDesign
from .disclosure import anonymity, diversity, suppress
from .engine import cluster_totals, merge_totals, open_parquet
from .errors import AnalysisError
from .estimates import mean, proportion, share_of, total
from .fitting import Regression
from .hypotheses import HypothesisTest
from .imputation import Combined, combine
from .location import rank_test, t_test
from .moments import correlation, population_variance
from .multinomial_regression import multinomial
from .nonresponse import adjust_nonresponse
from .ordinal_regression import ordinal
from .predictions import marginal_effects, predict, predictive_margins
from .quantiles import quantile
from .ratios import ratio
from .regression import regress
from .replicates import import_replicates, replicate
from .results import Comparison, Estimate, Weighting
from .scaling import scale_equally, scale_to_population
from .sensitive import (
    ListCheck,
    check_list,
    extreme_counts,
    list_experiment,
    sensitivity_bias,
)
from .standardization import decompose, standardize
from .term_tests import proportional_odds_test, term_test
from .trimming import trim
from .weighting import calibrate, poststratify, rake

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
