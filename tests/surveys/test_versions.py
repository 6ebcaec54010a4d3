import pytest

from surveys import (
    ReleaseError,
    draw_assignment,
    read_release,
    responses_to_frame,
    write_release,
)
from surveys.releases import facts_of
from surveys.versions import incompatibilities, merge

QUESTIONNAIRE = """
title: Tea
choices:
  countries:
    - {name: DE, label: Germany}
    - {name: LU, label: Luxembourg}
    - {name: GB, label: United Kingdom}
  scale:
    - {name: good, label: Good}
    - {name: bad, label: Bad}
    - {name: dont_know, label: Don't know, missing: dont_know}
pages:
  - name: you
    questions:
      - {type: select_one countries, name: country, label: Where do you live?}
      - {type: likert scale, name: tea, label: How is tea?}
      - type: list_experiment
        name: upset
        label: How many upset you?
        items:
          - {name: noise, label: Noise}
          - {name: dirt, label: Litter}
          - {name: queues, label: Queues}
          - {name: tax, label: Taxes, sensitive: true}
"""
ADDED = "      - {type: integer, name: cups, label: How many cups?}\n"


@pytest.fixture
def old(make_survey):
    return make_survey(QUESTIONNAIRE)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("How is tea?", "How  is tea?", []),
        (
            "How is tea?",
            "Is tea good?",
            ["tea: the question was worded 'How is tea?' and is worded 'Is tea good?'"],
        ),
        (
            "label: Bad",
            "label: Awful",
            ["tea: the choice bad was worded 'Bad' and is worded 'Awful'"],
        ),
        ("likert scale", "select_one scale", ["tea: was ordinal and is nominal"]),
        (
            "    - {name: bad, label: Bad}\n",
            "    - {name: fair, label: Fair}\n    - {name: bad, label: Bad}\n",
            ["tea: the scale was good, bad and is good, fair, bad"],
        ),
        ("    - {name: GB", "    - {name: FR, label: France}\n    - {name: GB", []),
        (
            "label: Noise",
            "label: Dirt",
            [
                "upset_group: respondents with control were shown something else",
                "upset_group: respondents with treatment were shown something else",
            ],
        ),
    ],
)
def test_changes_of_meaning_are_found_and_others_are_not(
    old, make_survey, before, after, expected
):
    new = make_survey(QUESTIONNAIRE.replace(before, after, 1))
    assert incompatibilities(old, new) == expected
    remaining = incompatibilities(old, new, accepted=["tea"])
    assert remaining == [each for each in expected if "worded" not in each]


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"coffee": "tea"}, "coffee: the older version has no variable of this name"),
        ({"tea": "coffee"}, "tea: the newer version has no variable coffee"),
        ({"country": "tea"}, "country: the older version has a variable tea as well"),
    ],
)
def test_a_renaming_that_does_not_fit_is_named(old, renamed, message):
    (found,) = incompatibilities(old, old, renamed=renamed)
    assert message in found


def respond(survey, identity, **answers):
    return {
        "response_id": identity,
        "week": "2026-W48",
        "language": "en",
        "questionnaire_version": survey.version,
        "consent_publication": True,
        "assignment": draw_assignment(survey.questionnaire),
        "answers": answers,
    }


def test_versions_that_fit_together_become_one_release(old, make_survey, tmp_path):
    text = QUESTIONNAIRE.replace("name: tea,", "name: drink,")
    text = text.replace(
        "    - {name: GB", "    - {name: FR, label: France}\n    - {name: GB"
    )
    new = make_survey(text + ADDED)
    first = responses_to_frame(old, [respond(old, "b", country="GB", tea="good")])
    second = responses_to_frame(
        new,
        [
            respond(new, "a", country="FR", drink="bad", cups=2),
            respond(new, "c", country="DE", drink="dont_know", cups=None),
        ],
    )
    responses, variables = merge(
        [(old, first), (new, second)], renamed={"tea": "drink"}
    )
    told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    write_release(
        tmp_path / "release",
        responses,
        variables,
        package=facts_of(new) | told | {"suppressed_cells": {}, "synthetic": True},
        population=new.population,
        questionnaire=new.to_json(),
    )
    release = read_release(tmp_path / "release")
    read = release.responses
    assert read["response_id"].tolist() == ["a", "b", "c"]
    assert read["drink"].tolist() == ["bad", "good", "dont_know"]
    assert read["cups"].tolist() == ["2", "not_asked", "not_answered"]
    assert read["country"].tolist() == ["FR", "GB", "DE"]
    assert read["questionnaire_version"].nunique() == 2
    (country,) = [each for each in variables if each.name == "country"]
    assert [value.name for value in country.values][:4] == ["DE", "LU", "FR", "GB"]
    assert release.frame()["cups"].isna().tolist() == [False, True, True]


def test_what_only_the_older_version_asked_or_drew_is_kept(old, make_survey):
    new = make_survey(
        QUESTIONNAIRE.partition("      - type: list_experiment")[0].replace(
            "    - {name: LU, label: Luxembourg}\n", ""
        )
        + ADDED
    )
    first = responses_to_frame(old, [respond(old, "a", country="LU", upset=1)])
    second = responses_to_frame(new, [respond(new, "b", country="DE", cups=1)])
    responses, variables = merge([(old, first), (new, second)])
    assert responses["upset"].tolist() == ["1", "not_asked"]
    assert responses["upset_group"].tolist()[1] == "not_asked"
    (group,) = [each for each in variables if each.name == "upset_group"]
    assert group.missing_codes == ("not_asked",)
    (country,) = [each for each in variables if each.name == "country"]
    codes = [value.name for value in country.values]
    assert codes[:3] == ["DE", "GB", "LU"]


def test_names_that_no_version_has_are_refused(old, make_survey):
    new = make_survey(QUESTIONNAIRE + ADDED)
    frames = [(each, responses_to_frame(each, [])) for each in (old, new)]
    with pytest.raises(ReleaseError, match="2 changes") as caught:
        merge(frames, renamed={"coffee": "tea"}, accepted=["cups", "cop"])
    assert "- coffee: no older version has it" in str(caught.value)
    assert "- cop: no version has it" in str(caught.value)
    assert merge(frames, accepted=["cups"])[0].empty


def test_incompatible_versions_are_refused_with_the_list(old, make_survey):
    new = make_survey(QUESTIONNAIRE.replace("likert scale", "select_one scale"))
    frames = [(each, responses_to_frame(each, [])) for each in (old, new)]
    with pytest.raises(ReleaseError) as caught:
        merge(frames)
    assert "1 changes between the versions" in str(caught.value)
    assert f"version {old.version[:12]}: tea: was ordinal" in str(caught.value)
