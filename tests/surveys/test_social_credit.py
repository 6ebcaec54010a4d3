"""The shipped survey asks what it should, in every language."""

import re
from importlib.resources import files
from itertools import product

import pytest

from surveys import codebook, load

SURVEY = load(files("surveys") / "definitions" / "social_credit")
VARIABLES = {variable.name: variable for variable in codebook(SURVEY)}
LANGUAGES = ("en", "zh-Hans", "de", "it", "fr", "es", "ar")


def question_named(language, name):
    (question,) = [
        each for each in SURVEY.questionnaires[language].questions if each.name == name
    ]
    return question


def test_it_speaks_seven_languages_and_six_of_them_as_drafts():
    assert SURVEY.languages == LANGUAGES
    assert SURVEY.draft_languages == set(LANGUAGES) - {"en"}


def test_it_is_fielded_in_five_countries():
    assert SURVEY.study.countries == ("CN", "DE", "GB", "IT", "US")
    assert SURVEY.study.approval_required == ("CN",)


@pytest.mark.parametrize(
    ("name", "kind", "role"),
    [
        ("country", "nominal", "quasi-identifier"),
        ("age_group", "nominal", "quasi-identifier"),
        ("gender", "nominal", "quasi-identifier"),
        ("education", "nominal", "quasi-identifier"),
        ("residence", "nominal", "quasi-identifier"),
        ("region", "nominal", "quasi-identifier"),
        ("side", "ordinal", "sensitive"),
        ("approval", "ordinal", "sensitive"),
        ("approval_after", "ordinal", "sensitive"),
        ("trust_government", "ordinal", "sensitive"),
        ("trust_companies", "ordinal", ""),
        ("fairness", "ordinal", ""),
        ("heard", "nominal", ""),
        ("experience_loan", "integer", ""),
        ("approval_list", "count", ""),
        ("approval_list_group", "nominal", "assignment"),
        ("approval_list_order", "text", "assignment"),
        ("side_order", "nominal", "assignment"),
        ("arm", "nominal", "assignment"),
    ],
)
def test_variables_are_named_plainly(name, kind, role):
    assert (VARIABLES[name].kind, VARIABLES[name].role) == (kind, role)


@pytest.mark.parametrize(
    ("battery", "items"),
    [
        (
            "data",
            "finances social_media credit_history health purchases taxes legal"
            " associates facial_recognition",
        ),
        ("reward", "bills travel examinations"),
        ("penalty", "plane train school blacklist"),
        ("privacy", "1 2 3 4 5"),
    ],
)
def test_batteries_cover_what_they_should(battery, items):
    expected = [f"{battery}_{item}" for item in items.split()]
    assert list(question_named("en", battery).variables) == expected
    assert {VARIABLES[name].kind for name in expected} == {"ordinal"}


def test_opinion_scales_are_balanced_and_offer_a_way_out():
    for name in ("side", "approval", "approval_after", "fairness", "trust_government"):
        values = VARIABLES[name].values
        assert len([value for value in values if not value.missing]) == 5
        assert {"dont_know", "refused"} < {value.name for value in values}


def test_the_list_experiment_hides_one_item_among_four():
    question = question_named("en", "approval_list")
    assert [item.sensitive for item in question.items].count(True) == 1
    assert len(question.items) == 5


def test_the_experiment_has_three_arms():
    (experiment,) = SURVEY.questionnaire.experiments
    assert [arm.name for arm in experiment.arms] == ["control", "benefits", "costs"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("note", "figures"),
    [
        ("information_benefits", {"3.51"}),
        ("information_costs", {"17.46", "5.47", "3.59"}),
    ],
)
def test_the_figures_are_the_same_in_every_language(language, note, figures):
    label = question_named(language, note).label
    written = set(re.findall(r"\d+[.,٫]\d+", label))
    if language == "zh-Hans":  # counts in ten thousands: 3.51 million is 351万
        counted = {f"{float(figure) * 100:g}" for figure in figures}
        assert set(re.findall(r"(\d+) *万", label)) == counted
    else:
        shown = {float(re.sub("[,٫]", ".", number)) for number in written}
        assert shown == {float(figure) for figure in figures}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_text_is_translated(language):
    english, translated = SURVEY.questionnaires["en"], SURVEY.questionnaires[language]
    assert translated.title != english.title
    for ours, theirs in zip(english.questions, translated.questions, strict=True):
        assert (theirs.name, theirs.kind) == (ours.name, ours.kind)
        assert theirs.label
        assert theirs.label != ours.label
    for field in ("asked_by", "purpose", "risk", "debrief"):
        assert getattr(SURVEY.studies[language], field) != getattr(SURVEY.study, field)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_written_in_their_own_script(language):
    pattern = {"zh-Hans": r"[\u4e00-\u9fff]", "ar": r"[\u0600-\u06ff]"}
    for question in SURVEY.questionnaires[language].questions:
        assert re.search(pattern.get(language, "[A-Za-z]"), question.label)


def test_nothing_is_required_and_every_country_has_regions():
    assert not any(question.required for question in SURVEY.questionnaire.questions)
    regions = SURVEY.questionnaire.choices["region"]
    countries = {choice.columns["country"] for choice in regions if not choice.missing}
    assert countries == set(SURVEY.study.countries)


def test_the_population_covers_both_margins_of_every_country_with_sources():
    population = SURVEY.population
    ages = ["a18_29", "a30_44", "a45_59", "a60_plus"]
    for country, cells in population.groupby("country"):
        crossed = cells.dropna(subset="age_group")
        assert set(zip(crossed["age_group"], crossed["gender"], strict=True)) == set(
            product(ages, ["woman", "man"])
        ), country
        assert set(cells["education"].dropna()) == {"low", "middle", "high"}
    assert population["source"].str.len().min() > 10
    assert population["year"].between(2010, 2026).all()
    assert set(population["status"]) <= {"official", "illustrative"}


@pytest.mark.parametrize("country", SURVEY.study.countries)
def test_both_margins_of_a_country_count_about_the_same_people(country):
    cells = SURVEY.population[SURVEY.population["country"] == country]
    by_age = cells.loc[cells["age_group"].notna(), "population"].sum()
    by_education = cells.loc[cells["education"].notna(), "population"].sum()
    # Different sources and years: within a tenth.
    assert by_education == pytest.approx(by_age, rel=0.1)
