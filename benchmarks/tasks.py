"""The tasks: what each tool does with the sample, from data in memory to the numbers.

A tool reads the sample from a folder and returns the work to be timed, a function
without arguments whose result can be compared with the floor's: estimates, then their
standard errors. Nothing here is timed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.samples import (
    KINDS,
    MARGINS,
    N_CLUSTERS,
    N_STRATA,
    as_frame,
    categories,
    read_arrays,
    targets,
)

Floats = npt.NDArray[np.float64]
Work = Callable[[], Floats]

COUNTRIES, ANSWERS = KINDS["country"], KINDS["approval"]
TOLERANCE = 1e-9
"""Largest relative miss of a margin that counts as raked."""
STEP = 2**16
"""Respondents at a time in the logistic floor."""


def share_floor(folder: Path) -> Work:
    """One weighted bincount to (cluster, country, answer), the rest on that table."""
    frame = as_frame(read_arrays(folder))

    def work() -> Floats:
        cells = frame["cluster"].to_numpy(np.int64) * COUNTRIES
        cells += frame["country"].cat.codes.to_numpy()
        cells *= ANSWERS
        cells += frame["approval"].cat.codes.to_numpy()
        sums = np.bincount(
            cells, frame["weight"].to_numpy(), N_CLUSTERS * COUNTRIES * ANSWERS
        )
        return _shares(sums.reshape(N_CLUSTERS, COUNTRIES, ANSWERS).astype(float))

    return work


def _shares(table: Floats) -> Floats:
    """Shares and their Taylor standard errors from sums of weights."""
    counts = table.sum(axis=0)
    population = counts.sum(axis=1)[:, None]
    shares = counts / population
    moves = (table - shares * table.sum(axis=2)[:, :, None]) / population
    by_stratum = moves.reshape(N_STRATA, -1, COUNTRIES, ANSWERS)
    deviations = by_stratum - by_stratum.mean(axis=1, keepdims=True)
    n = by_stratum.shape[1]
    variances = n / (n - 1) * (deviations**2).sum(axis=(0, 1))
    return np.concatenate([shares.ravel(), np.sqrt(variances).ravel()])


def share_ours(folder: Path) -> Work:
    """Parallax, given a design."""
    from analysis import SurveyDesign

    frame = as_frame(read_arrays(folder))
    design = SurveyDesign(frame, weights="weight", strata="stratum", clusters="cluster")

    return lambda: _estimated(design)


def share_checked(folder: Path) -> Work:
    """Parallax, the making of the design and all its checks included."""
    from analysis import SurveyDesign

    frame = as_frame(read_arrays(folder))
    return lambda: _estimated(
        SurveyDesign(frame, weights="weight", strata="stratum", clusters="cluster")
    )


def _estimated(design: Any) -> Floats:
    from analysis import proportion

    shares = proportion(design, "approval", by="country")
    return np.concatenate([shares.values, shares.std_errors])


def share_svy(folder: Path) -> Work:
    """Run svy, the strongest peer."""
    import polars as pl
    import svy

    data = pl.DataFrame(read_arrays(folder))

    def work() -> Floats:
        design = svy.Design(stratum="stratum", psu="cluster", wgt="weight")
        sample = svy.Sample(data, design)
        shares: Any = sample.estimation.prop("approval", by="country")
        table = shares.to_polars().sort("country", "approval")
        return np.concatenate([table["est"].to_numpy(), table["se"].to_numpy()])

    return work


def share_samplics(folder: Path) -> Work:
    """Run samplics, the predecessor of svy."""
    from samplics import PopParam, TaylorEstimator

    data = read_arrays(folder)

    def work() -> Floats:
        estimator = TaylorEstimator(PopParam.prop)
        estimator.estimate(
            y=data["approval"],
            samp_weight=data["weight"],
            stratum=data["stratum"],
            psu=data["cluster"],
            domain=data["country"],
        )
        results = [estimator.point_est, estimator.stderror]
        return np.array(
            [
                found[country][answer]
                for found in results
                for country in range(COUNTRIES)
                for answer in range(ANSWERS)
            ]
        )

    return work


def share_statsmodels(folder: Path) -> Work:
    """Means of five indicators by weighted least squares, clustered, no strata."""
    import statsmodels.api as sm

    data = read_arrays(folder)

    def work() -> Floats:
        countries = np.eye(COUNTRIES)[data["country"]]
        fits = [
            sm.WLS(data["approval"] == answer, countries, data["weight"]).fit(
                cov_type="cluster", cov_kwds={"groups": data["cluster"]}
            )
            for answer in range(ANSWERS)
        ]
        shares = np.stack([fit.params for fit in fits], axis=1)
        errors = np.stack([fit.bse for fit in fits], axis=1)
        return np.concatenate([shares.ravel(), errors.ravel()])

    return work


COVARIATES = "country + income + gender + urban"


def logit_floor(folder: Path) -> Work:
    """Newton steps whose Gram matrix accumulates over chunks of rows."""
    data = read_arrays(folder)
    y, w, n = data["agrees"], data["weight"], len(data["agrees"])
    strata = np.arange(N_CLUSTERS) // (N_CLUSTERS // N_STRATA)

    def rows(part: slice) -> Floats:
        country = np.eye(COUNTRIES)[data["country"][part], 1:]
        rest = [data[name][part] for name in ("income", "gender", "urban")]
        return np.column_stack([np.ones(len(country)), country, *rest])

    def work() -> Floats:
        beta = np.zeros(COUNTRIES + 3)
        for _ in range(25):
            gram, score = np.zeros((len(beta), len(beta))), np.zeros(len(beta))
            by_cluster = np.zeros((N_CLUSTERS, len(beta)))
            for start in range(0, n, STEP):
                part = slice(start, start + STEP)
                x = rows(part)
                p = 1 / (1 + np.exp(-x @ beta))
                residual = w[part] * (y[part] - p)
                gram += x.T @ (x * (w[part] * p * (1 - p))[:, None])
                score += residual @ x
            step = np.linalg.solve(gram, score)
            beta += step
            if np.abs(step).max() < 1e-10:
                break
        for start in range(0, n, STEP):
            part = slice(start, start + STEP)
            x = rows(part)
            p = 1 / (1 + np.exp(-x @ beta))
            scores = x * (w[part] * (y[part] - p))[:, None]
            for j, column in enumerate(scores.T):
                by_cluster[:, j] += np.bincount(
                    data["cluster"][part], column, N_CLUSTERS
                )
        moves = (by_cluster @ np.linalg.inv(gram)).reshape(N_STRATA, -1, len(beta))
        deviations = moves - moves.mean(axis=1, keepdims=True)
        size = np.bincount(strata)[0]
        variances = size / (size - 1) * (deviations**2).sum(axis=(0, 1))
        return np.concatenate([beta, np.sqrt(variances)])

    return work


def logit_ours(folder: Path) -> Work:
    """Parallax, given a design."""
    from analysis import SurveyDesign
    from analysis.regression import regress

    frame = as_frame(read_arrays(folder))
    design = SurveyDesign(frame, weights="weight", strata="stratum", clusters="cluster")

    def work() -> Floats:
        fit = regress(design, f"agrees ~ {COVARIATES}", family="logit")
        return np.concatenate([fit.values, fit.std_errors])

    return work


def logit_svy(folder: Path) -> Work:
    """Run svy."""
    import polars as pl
    import svy

    data = pl.DataFrame(read_arrays(folder)).with_columns(
        pl.col("agrees", "income", "gender", "urban").cast(pl.Float64)
    )
    design = svy.Design(stratum="stratum", psu="cluster", wgt="weight")
    sample: Any = svy.Sample(data, design)

    def work() -> Floats:
        x = [svy.Cat("country", ref=0), "income", "gender", "urban"]
        fit = sample.glm.fit(y="agrees", x=x, family="binomial")
        return np.array([[row.est, row.se] for row in fit.coefs]).T.ravel()

    return work


def logit_statsmodels(folder: Path) -> Work:
    """Generalised linear model with frequency weights, clustered, no strata."""
    import statsmodels.formula.api as smf
    from statsmodels.genmod.families import Binomial

    frame = as_frame(read_arrays(folder))
    frame = frame.assign(
        gender=frame["gender"].cat.codes, urban=frame["urban"].cat.codes
    )

    def work() -> Floats:
        fit = smf.glm(
            f"agrees ~ {COVARIATES}",
            frame,
            family=Binomial(),
            freq_weights=frame["weight"].to_numpy(),
        ).fit(cov_type="cluster", cov_kwds={"groups": frame["cluster"].to_numpy()})
        order = [0, *range(1, COUNTRIES), -3, -2, -1]
        return np.concatenate([fit.params.iloc[order], fit.bse.iloc[order]])

    return work


def rake_floor(folder: Path) -> Work:
    """Bincount and gather, margin after margin."""
    data = read_arrays(folder)
    codes = {name: data[name].astype(np.int64) for name in MARGINS}

    def work() -> Floats:
        w = data["weight"].copy()
        goals = {name: shares * w.sum() for name, shares in targets().items()}
        while True:
            miss = 0.0
            for name, goal in goals.items():
                factors = goal / np.bincount(codes[name], w)
                miss = max(miss, float(np.abs(1 - 1 / factors).max()))
                w *= factors[codes[name]]
            if miss < TOLERANCE:
                return _raked(w)

    return work


def _raked(weights: Floats) -> Floats:
    return np.asarray(weights[:1000])


def rake_ours(folder: Path) -> Work:
    """Parallax, given a design."""
    from analysis import SurveyDesign, rake

    frame = as_frame(read_arrays(folder))
    design = SurveyDesign(frame, weights="weight", strata="stratum", clusters="cluster")
    margins = [
        pd.DataFrame({name: categories(name), "population": 1e9 * shares})
        for name, shares in targets().items()
    ]

    def work() -> Floats:
        raked = rake(design, margins, by=None, tolerance=TOLERANCE)
        return _raked(raked.sample.weights)

    return work


def rake_svy(folder: Path) -> Work:
    """Run svy."""
    import polars as pl
    import svy

    design = svy.Design(stratum="stratum", psu="cluster", wgt="weight")
    sample: Any = svy.Sample(pl.DataFrame(read_arrays(folder)), design)
    shares = {
        name: dict(enumerate(target.tolist())) for name, target in targets().items()
    }
    total = float(sample.data["weight"].sum())

    def work() -> Floats:
        raked = sample.clone().weighting.rake(
            shares=shares, wgt_name="raked", tol=TOLERANCE
        )
        weights = raked.data["raked"].to_numpy()
        return _raked(weights * (total / weights.sum()))

    return work


def parquet_floor(file: Path) -> Work:
    """Batches of a Parquet file into the same bincount."""
    import pyarrow.parquet as pq

    def work() -> Floats:
        sums = np.zeros(N_CLUSTERS * COUNTRIES * ANSWERS)
        names = ["cluster", "country", "approval", "weight"]
        for batch in pq.ParquetFile(file).iter_batches(2**20, columns=names):
            columns = {name: batch[name].to_numpy() for name in names}
            cells = columns["cluster"].astype(np.int64) * COUNTRIES
            cells += columns["country"]
            cells *= ANSWERS
            cells += columns["approval"]
            sums += np.bincount(cells, columns["weight"], len(sums))
        return _shares(sums.reshape(N_CLUSTERS, COUNTRIES, ANSWERS))

    return work


def parquet_ours(file: Path) -> Work:
    """Parallax on DuckDB, from the file to the standard errors."""
    from analysis import SurveyDesign, open_parquet

    return lambda: _estimated(
        SurveyDesign(
            open_parquet(file), weights="weight", strata="stratum", clusters="cluster"
        )
    )


def compare_ours(folder: Path) -> Work:
    """All of a comparison of ten countries: design, shares, differences."""
    from analysis import SurveyDesign, compare, mean

    frame = as_frame(read_arrays(folder))

    def work() -> Floats:
        design = SurveyDesign(frame, weights="weight", strata="country")
        differences = compare(mean(design, "agrees", by="country"))
        return np.concatenate([differences.values, differences.std_errors])

    return work
