"""The same numbers from an engine's totals as from the respondents themselves."""

from itertools import product

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import SurveyDesign, compare, engine, mean, proportion, rake, total
from analysis.association import independence_test
from analysis.engine import cluster_totals, collapse, merge_totals, open_parquet
from analysis.errors import DesignError, EstimationError, UnknownColumn
from analysis.moments import correlation, population_variance
from analysis.quantiles import quantile
from analysis.ratios import ratio
from analysis.regression import regress

DESIGNS = {
    "complex": {"weights": "design_weight", "strata": "stratum", "clusters": "cluster"},
    "nested": {
        "weights": "design_weight",
        "strata": ["country", "stratum"],
        "clusters": "psu",
        "nest": True,
    },
    "finite": {
        "weights": "design_weight",
        "strata": "stratum",
        "clusters": "cluster",
        "population_sizes": "n_psu",
    },
    "single": {
        "weights": "design_weight",
        "strata": "apart",
        "clusters": "cluster",
        "single_cluster": "adjust",
    },
    "no strata": {"weights": "design_weight", "clusters": "cluster"},
    "no clusters": {"weights": "rounded", "strata": "country"},
    "simple": {},
}
FEW = ["approval", "country", "age_group", "urban", "aware"]
MANY = ["trust", "long_list"]


@pytest.fixture
def people(survey):
    """Answers as a file holds them: texts, numbers, and gaps in all of them."""
    random = np.random.default_rng(20261124)
    return survey.assign(
        approval=survey["approval"].astype("str").where(survey["approval"].notna()),
        rounded=survey["design_weight"].round(-2) + 100,
        trust=survey["trust"] + random.normal(0, 1e-3, len(survey)),
        age_group=survey["age_group"].mask(random.uniform(size=len(survey)) < 0.05),
    )


@pytest.fixture
def table(people):
    return on_duckdb(people)


def on_arrow(frame):
    return pa.Table.from_pandas(frame, preserve_index=False)


def on_duckdb(frame):
    return ibis.memtable(on_arrow(frame))


def check_same(ours, theirs):
    """Everything that an estimate tells, to 12 digits."""
    pd.testing.assert_index_equal(ours.values.index, theirs.values.index)
    for name in ("values", "covariance", "srs_variances"):
        a, b = (getattr(each, name).to_numpy() for each in (ours, theirs))
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.nanmax(abs(b)))
    pd.testing.assert_series_equal(ours.n_respondents, theirs.n_respondents)
    pd.testing.assert_series_equal(ours.group_df, theirs.group_df)
    pd.testing.assert_series_equal(ours.notes, theirs.notes)
    assert ours.df == theirs.df
    assert ours.method == theirs.method


def check_verbs(design, whole):
    """Compare a design of totals with the one of all respondents."""
    for by in (None, "country", ["country", "age_group"]):
        for where in (None, "urban"):
            for verb, variable in [
                (proportion, "approval"),
                (mean, "aware"),
                (mean, "trust"),
                (total, "long_list"),
            ]:
                check_same(
                    verb(design, variable, by=by, where=where),
                    verb(whole, variable, by=by, where=where),
                )
    ours, theirs = (compare(mean(d, "trust", by="country")) for d in (design, whole))
    np.testing.assert_allclose(ours.p_values, theirs.p_values, rtol=1e-9)
    np.testing.assert_allclose(ours.conf_int(), theirs.conf_int(), rtol=1e-12)
    assert (design.n_respondents, design.n_clusters, design.n_strata) == (
        whole.n_respondents,
        whole.n_clusters,
        whole.n_strata,
    )


@pytest.mark.parametrize("name", DESIGNS)
def test_totals_give_what_the_respondents_give(name, table, people):
    design = collapse(table, FEW, moments=MANY, **DESIGNS[name])
    check_verbs(design, SurveyDesign(people, **DESIGNS[name]))


def test_totals_are_few(people):
    # 50 copies of everyone are the same groups.
    crowd = pd.concat([people] * 50)
    columns = ["approval", "country"]
    options = DESIGNS["complex"]
    design = collapse(on_duckdb(crowd), columns, **options)
    once = people.groupby(["cluster", *columns], dropna=False).ngroups
    assert len(design.frame) == once
    check_same(
        proportion(design, "approval", by="country"),
        proportion(SurveyDesign(crowd, **options), "approval", by="country"),
    )


def test_postgresql_gives_the_same(people, postgresql):
    connection = ibis.connect(postgresql)
    try:
        table = connection.create_table("people", on_arrow(people), temp=True)
        options = DESIGNS["complex"]
        check_verbs(
            collapse(table, FEW, moments=MANY, **options),
            SurveyDesign(people, **options),
        )
    finally:
        connection.disconnect()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Spark's own, of the libraries it runs on
def test_spark_gives_the_same(people, spark, tmp_path):
    people.to_parquet(tmp_path / "people.parquet", index=False)
    table = ibis.pyspark.connect(spark).read_parquet(tmp_path / "people.parquet")
    options = DESIGNS["complex"]
    check_verbs(
        collapse(table, FEW, moments=MANY, **options),
        SurveyDesign(people, **options),
    )


def regression(family, formula):
    return lambda design: regress(design, formula, family)


def raked_share(design, **options):
    margins = [
        pd.DataFrame({"aware": [0.0, 1.0], "population": [40, 60]}),
        pd.DataFrame({"urban": [False, True], "population": [30, 70]}),
    ]
    raked = rake(design, margins, by=None, missing="keep", **options)
    return proportion(raked, "approval", by="country")


SQUARES = {
    "variance": lambda d: population_variance(d, "trust", by="country"),
    "correlation": lambda d: correlation(d, "trust", "long_list", by="country"),
    "linear, continuous": regression("linear", "trust ~ country + long_list"),
}
"""Verbs whose influence values hold squares of what moments are kept of."""
VERBS = {
    **SQUARES,
    "ratio": lambda d: ratio(d, "trust", "long_list", by="country"),
    "quantile of few values": lambda d: quantile(d, "aware", [0.2, 0.5]),
    "linear, categories": regression("linear", "trust ~ country + urban"),
    "logit, categories": regression("logit", "aware ~ country + urban"),
    "poisson, categories": regression("poisson", "aware ~ country * urban"),
    "raked": raked_share,
    "raked, jackknife": lambda d: raked_share(d, variance="jackknife"),
}


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        *product(["complex"], VERBS),
        *product(["no clusters"], sorted(VERBS.keys() - SQUARES.keys())),
    ],
)
def test_other_verbs_give_the_same(name, verb, table, people):
    ours, theirs = (
        VERBS[verb](design)
        for design in (
            collapse(table, FEW, moments=MANY, **DESIGNS[name]),
            SurveyDesign(people, **DESIGNS[name]),
        )
    )
    # Regressions and raking stop once they are near enough: 1e-12 is not theirs.
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9)
    np.testing.assert_allclose(ours.std_errors, theirs.std_errors, rtol=1e-8)


REFUSED = {
    "share": lambda d: proportion(d, "trust"),
    "by": lambda d: mean(d, "aware", by="trust"),
    "quantile": lambda d: quantile(d, "trust"),
    "logit": regression("logit", "aware ~ trust"),
}


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        *product(["complex"], REFUSED),
        *product(["no clusters"], REFUSED | SQUARES),
    ],
)
def test_what_moments_cannot_tell_is_refused(name, verb, table):
    design = collapse(table, FEW, moments=MANY, **DESIGNS[name])
    with pytest.raises(EstimationError, match=r"trust|long_list"):
        (REFUSED | SQUARES)[verb](design)


@pytest.mark.parametrize("name", ["complex", "no clusters"])
def test_tests_give_the_same(name, table, people):
    ours, theirs = (
        independence_test(design, "approval", "country")
        for design in (
            collapse(table, FEW, **DESIGNS[name]),
            SurveyDesign(people, **DESIGNS[name]),
        )
    )
    assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-9)
    assert ours.df == pytest.approx(theirs.df, rel=1e-9)
    assert ours.p_value == pytest.approx(theirs.p_value, rel=1e-9)


@pytest.mark.parametrize("name", ["complex", "no clusters", "simple"])
@given(data=st.data())
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_partitions_merge_to_the_whole(name, data, people):
    seed = data.draw(st.integers(0, 10**6), label="seed")
    n_parts = data.draw(st.integers(1, 5), label="parts")
    part = np.random.default_rng(seed).integers(0, n_parts, len(people))
    units = {k: v for k, v in DESIGNS[name].items() if k != "nest"}
    parts = [
        cluster_totals(on_duckdb(people[part == i]), FEW, **units)
        for i in range(n_parts)
        if (part == i).any()
    ]
    merged = merge_totals(parts)
    whole = cluster_totals(on_duckdb(people), FEW, **units)
    assert len(merged) == len(whole)
    roles = {k: v for k, v in units.items() if k != "weights"}
    ours, theirs = (
        SurveyDesign(totals, weights="sum_of_weights", counts="n_respondents", **roles)
        for totals in (merged, whole)
    )
    check_same(
        proportion(ours, "approval", by="country"),
        proportion(theirs, "approval", by="country"),
    )


def test_totals_survive_a_file(people, tmp_path):
    options = DESIGNS["complex"]
    paths = []
    for country, rows in people.groupby("country"):
        totals = cluster_totals(on_duckdb(rows), FEW, moments=MANY, **options)
        paths.append(tmp_path / f"{country}.parquet")
        totals.to_parquet(paths[-1], index=False)
    merged = merge_totals(pd.read_parquet(path) for path in paths)
    design = SurveyDesign(
        merged,
        weights="sum_of_weights",
        counts="n_respondents",
        strata="stratum",
        clusters="cluster",
    )
    check_verbs(design, SurveyDesign(people, **options))


def test_parquet_files_are_read_together(people, tmp_path):
    for country, rows in people.groupby("country"):
        rows.to_parquet(tmp_path / f"{country}.parquet", index=False)
    options = DESIGNS["complex"]
    expected = proportion(SurveyDesign(people, **options), "approval", by="country")
    for paths in (tmp_path / "*.parquet", sorted(tmp_path.iterdir())):
        design = collapse(open_parquet(paths), ["approval", "country"], **options)
        check_same(proportion(design, "approval", by="country"), expected)


def test_duckdb_asks_no_network_and_spills_nothing(people, tmp_path):
    people.to_parquet(tmp_path / "people.parquet")
    table = open_parquet(tmp_path / "people.parquet", memory_limit="300MB")
    connection = table.get_backend().con
    names = [
        "autoinstall_known_extensions",
        "autoload_known_extensions",
        "temp_directory",
    ]
    found = [
        connection.execute(f"SELECT current_setting('{name}')").fetchone()[0]
        for name in names
    ]
    assert found == [False, False, ""]
    limit = connection.execute("SELECT current_setting('memory_limit')").fetchone()[0]
    assert limit == "286.1 MiB"
    with pytest.raises(Exception, match="No files found"):
        open_parquet("https://example.org/people.parquet")


REFUSALS = {
    "unknown column": (
        {},
        {"columns": ["aproval"]},
        UnknownColumn,
        "no column 'aproval'; it has country, stratum, psu",
    ),
    "unknown weights": ({}, {"weights": "w"}, UnknownColumn, "no column 'w'"),
    "missing weights": (
        {"design_weight": lambda d: d["design_weight"].where(d.index >= 3)},
        {},
        DesignError,
        "'design_weight': 3 of 615 rows missing or not positive",
    ),
    "weights of zero": (
        {"design_weight": lambda d: d["design_weight"].where(d.index > 0, 0)},
        {},
        DesignError,
        "'design_weight': 1 of 615 rows missing or not positive",
    ),
    "infinite weights": (
        {"design_weight": lambda d: d["design_weight"].where(d.index > 0, np.inf)},
        {},
        DesignError,
        "'design_weight': 1 of 615 rows missing or not positive",
    ),
    "missing strata": (
        {"stratum": lambda d: d["stratum"].where(d.index >= 7)},
        {},
        DesignError,
        "'stratum': missing in 7 of 615 rows",
    ),
    "missing clusters": (
        {"cluster": lambda d: d["cluster"].where(d.index >= 2)},
        {},
        DesignError,
        "'cluster': missing in 2 of 615 rows",
    ),
    "clusters in several strata": (
        {"stratum": lambda d: d["stratum"].where(d.index > 0, "US-3")},
        {},
        DesignError,
        "clusters lie in several strata",
    ),
    "one cluster": ({}, {"strata": "apart"}, DesignError, "one cluster"),
    "moments of text": (
        {},
        {"moments": ["gender"]},
        EstimationError,
        "moments 'gender' is not numeric",
    ),
    "moments and column": (
        {},
        {"moments": ["approval_"], "columns": ["approval_"]},
        DesignError,
        "approval_ is in columns and in moments",
    ),
    "infinite moments": (
        {"trust": lambda d: d["trust"].where(d.index > 0, np.inf)},
        {"moments": ["trust"]},
        EstimationError,
        "'trust': some rows are infinite",
    ),
    "name taken": (
        {"n_respondents": 1},
        {"columns": ["n_respondents"]},
        DesignError,
        "n_respondents is what the totals are called",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name, people):
    columns, options, error, message = REFUSALS[name]
    table = on_duckdb(people.assign(approval_=1.0).assign(**columns))
    arguments = {"columns": ["approval"], **DESIGNS["complex"], **options}
    with pytest.raises(error, match=message):
        collapse(table, **arguments)


def test_a_table_without_rows_is_refused(people):
    with pytest.raises(DesignError, match="no rows"):
        collapse(on_duckdb(people[:0]), ["approval"])


def test_too_many_groups_are_refused(table, monkeypatch):
    monkeypatch.setattr(engine, "MOST_GROUPS", 100)
    with pytest.raises(DesignError, match="more than 100 groups"):
        collapse(table, ["trust"])


def test_only_totals_of_the_same_columns_merge(table):
    totals = cluster_totals(table, ["approval"])
    with pytest.raises(DesignError, match="totals 2 of 2 have the columns country"):
        merge_totals([totals, cluster_totals(table, ["country"])])
    with pytest.raises(DesignError, match="no totals"):
        merge_totals([])
    with pytest.raises(DesignError, match="totals 1 of 1"):
        merge_totals([totals[["approval"]]])
