"""The same numbers from an engine's totals as from the respondents themselves."""

from itertools import product

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analysis
from analysis import (
    SurveyDesign,
    cluster_totals,
    compare,
    correlation,
    engine,
    independence_test,
    mean,
    merge_totals,
    open_parquet,
    population_variance,
    proportion,
    quantile,
    rake,
    ratio,
    regress,
    total,
)
from analysis.errors import DesignError, EstimationError, UnknownColumn

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


def held(table, columns=FEW, moments=MANY, **options):
    """Design of a table that names the columns of all estimates beforehand."""
    return SurveyDesign(table, **options).holding(columns, moments=moments)


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
    design = held(table, **DESIGNS[name])
    check_verbs(design, SurveyDesign(people, **DESIGNS[name]))


def test_totals_are_few(people):
    # 50 copies of everyone are the same groups.
    crowd = pd.concat([people] * 50)
    columns = ["approval", "country"]
    options = DESIGNS["complex"]
    design = held(on_duckdb(crowd), columns, (), **options)
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
        whole = SurveyDesign(people, **options)
        check_verbs(held(table, **options), whole)
        check_verbs(SurveyDesign(table, **options), whole)
    finally:
        connection.disconnect()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Spark's own, of the libraries it runs on
def test_spark_gives_the_same(people, spark, tmp_path):
    people.to_parquet(tmp_path / "people.parquet", index=False)
    table = ibis.pyspark.connect(spark).read_parquet(tmp_path / "people.parquet")
    options = DESIGNS["complex"]
    whole = SurveyDesign(people, **options)
    check_verbs(held(table, **options), whole)
    check_same(
        proportion(SurveyDesign(table, **options), "approval", by="country"),
        proportion(whole, "approval", by="country"),
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
            held(table, **DESIGNS[name]),
            SurveyDesign(people, **DESIGNS[name]),
        )
    )
    # Regressions and raking stop once they are near enough: 1e-12 is not theirs.
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9)
    np.testing.assert_allclose(ours.std_errors, theirs.std_errors, rtol=1e-8)


ON_A_TABLE = {
    "mean": lambda d: mean(d, "trust", by=["country", "age_group"], where="urban"),
    "total": lambda d: total(d, "long_list", where="urban"),
    "share": lambda d: proportion(d, "approval", by="country", where="urban"),
    "ratio": lambda d: ratio(d, "trust", "long_list", by="country"),
    "quantile": lambda d: quantile(d, "trust", [0.2, 0.5], by="country"),
    "variance": lambda d: population_variance(d, "trust", by="country"),
    "correlation": lambda d: correlation(d, "trust", "long_list", where="urban"),
    "linear": regression("linear", "trust ~ country + long_list + np.log(trust + 9)"),
    "logit": regression("logit", "aware ~ country * urban + np.exp(long_list)"),
    "ordinal": lambda d: analysis.ordinal(d, "items ~ country", where="urban"),
    "multinomial": lambda d: analysis.multinomial(d, "age_group ~ country"),
    "margins": lambda d: analysis.predictive_margins(
        regress(d, "aware ~ country + urban", "logit"), "country"
    ),
    "composition": lambda d: analysis.decompose(d, "trust", "urban", by="country"),
    "list": lambda d: analysis.list_experiment(d, "items", "long_list", by="country"),
    "list and question": lambda d: analysis.sensitivity_bias(
        d, "direct", "items", "long_list", by="country"
    ),
    "floor and ceiling": lambda d: analysis.extreme_counts(
        d, "items", "long_list", n_items=4
    ),
}
"""One call of every verb that takes a design and names columns."""


@pytest.mark.parametrize(
    ("name", "verb"), [*product(["complex", "no clusters"], ON_A_TABLE)]
)
def test_a_design_may_stand_on_a_table(name, verb, table, people):
    ours, theirs = (
        ON_A_TABLE[verb](SurveyDesign(rows, **DESIGNS[name]))
        for rows in (table, people)
    )
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.std_errors, theirs.std_errors, rtol=1e-8)
    assert str(ours) == str(theirs)


TESTS_ON_A_TABLE = {
    "independence": lambda d: independence_test(d, "approval", "country"),
    "goodness of fit": lambda d: analysis.goodness_of_fit_test(
        d, "country", {"CN": 2, "DE": 1, "GB": 1, "US": 1}, where="urban"
    ),
    "t": lambda d: analysis.t_test(d, "trust", by="urban"),
    "t, paired": lambda d: analysis.t_test(d, "trust", paired_with="long_list"),
    "ranks": lambda d: analysis.rank_test(d, "trust", "country", where="urban"),
    "list": lambda d: analysis.check_list(d, "items", "long_list", n_items=4),
}


@pytest.mark.parametrize("verb", TESTS_ON_A_TABLE)
def test_tests_on_a_table_give_the_same(verb, table, people):
    ours, theirs = (
        TESTS_ON_A_TABLE[verb](SurveyDesign(rows, **DESIGNS["complex"]))
        for rows in (table, people)
    )
    assert ours.p_value == pytest.approx(theirs.p_value, rel=1e-8)
    assert ours.n_respondents == theirs.n_respondents


def test_an_estimate_on_a_table_is_one_query(table, monkeypatch):
    queries = []
    whole = ibis.Table.to_pyarrow
    monkeypatch.setattr(
        ibis.Table, "to_pyarrow", lambda t, **k: queries.append(t) or whole(t, **k)
    )
    design = SurveyDesign(table, **DESIGNS["complex"])
    assert queries == []
    proportion(design, "approval", by="country", where="urban")
    assert len(queries) == 1
    few = design.holding("approval", ["country", "aware"], "urban")
    assert few.holding("approval") is few
    proportion(few, "approval", by="country", where="urban")
    mean(few, "aware")
    assert len(queries) == 2


def test_columns_of_many_values_may_be_moments_from_the_start(table, people):
    options = DESIGNS["complex"]
    design = SurveyDesign(table, moments=["trust", "long_list"], **options)
    whole = SurveyDesign(people, **options)
    formula = "trust ~ long_list + country"
    ours, theirs = regress(design, formula), regress(whole, formula)
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-9)
    np.testing.assert_allclose(ours.std_errors, theirs.std_errors, rtol=1e-8)
    with pytest.raises(EstimationError, match="'trust' holds only moments"):
        proportion(design, "trust")


MARGIN = pd.DataFrame({"urban": [False, True], "population": [30, 70]})
NEED_RESPONDENTS = {
    "rake": lambda d: rake(d, [MARGIN], by=None),
    "poststratify": lambda d: analysis.poststratify(d, MARGIN),
    "standardize": lambda d: analysis.standardize(d, MARGIN),
    "calibrate": lambda d: analysis.calibrate(d, [MARGIN], by=None),
    "trim": lambda d: analysis.trim(d, upper=3.0),
    "nonresponse": lambda d: analysis.adjust_nonresponse(d, "urban", "country"),
    "replicate": lambda d: analysis.replicate(d, "JKn"),
    "import": lambda d: analysis.import_replicates(d, ["trust", "long_list"]),
    "scale": lambda d: analysis.scale_equally(d, by="country"),
}


@pytest.mark.parametrize("verb", NEED_RESPONDENTS)
def test_what_needs_respondents_says_so(verb, table):
    design = SurveyDesign(table, **DESIGNS["complex"])
    with pytest.raises(DesignError, match=r"call it with design\.holding"):
        NEED_RESPONDENTS[verb](design)


@pytest.mark.parametrize(
    "where", [np.array([True, False]), pd.Series([True]), lambda rows: rows]
)
def test_where_on_a_table_is_one_of_its_columns(where, table):
    with pytest.raises(EstimationError, match="derive a true/false column"):
        mean(SurveyDesign(table), "trust", where=where)


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
    design = held(table, **DESIGNS[name])
    with pytest.raises(EstimationError, match=r"trust|long_list"):
        (REFUSED | SQUARES)[verb](design)


@pytest.mark.parametrize("name", ["complex", "no clusters"])
def test_tests_give_the_same(name, table, people):
    ours, theirs = (
        independence_test(design, "approval", "country")
        for design in (
            SurveyDesign(table, **DESIGNS[name]),
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
        design = SurveyDesign(open_parquet(paths), **options)
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
    table = on_duckdb(people.assign(**columns))
    arguments = {"columns": ["approval"], "moments": (), **DESIGNS["complex"]}
    with pytest.raises(error, match=message):
        held(table, **(arguments | options))


def test_a_column_is_held_by_value_or_by_moments(table):
    with pytest.raises(DesignError, match="aware is in columns and in moments"):
        cluster_totals(table, ["aware"], moments=["aware"])


def test_a_table_without_rows_is_refused(people):
    with pytest.raises(DesignError, match="no rows"):
        proportion(SurveyDesign(on_duckdb(people[:0])), "approval")


def test_too_many_groups_are_refused(table, monkeypatch):
    monkeypatch.setattr(engine, "MOST_GROUPS", 100)
    with pytest.raises(DesignError, match="more than 100 groups"):
        proportion(SurveyDesign(table), "trust")


def test_more_groups_than_fit_into_the_engine_are_refused(tmp_path):
    pd.DataFrame({"id": np.arange(400_000) * 7919}).to_parquet(tmp_path / "ids.parquet")
    table = open_parquet(tmp_path / "ids.parquet", memory_limit="12MB")
    with pytest.raises(DesignError, match=r"alike in id for the memory of the engine"):
        proportion(SurveyDesign(table), "id")


def test_only_totals_of_the_same_columns_merge(table):
    totals = cluster_totals(table, ["approval"])
    with pytest.raises(DesignError, match="totals 2 of 2 have the columns country"):
        merge_totals([totals, cluster_totals(table, ["country"])])
    with pytest.raises(DesignError, match="no totals"):
        merge_totals([])
    with pytest.raises(DesignError, match="totals 1 of 1"):
        merge_totals([totals[["approval"]]])
