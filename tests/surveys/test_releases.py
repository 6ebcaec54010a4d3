import hashlib
import json
import random
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from surveys import (
    ReleaseError,
    codebook,
    draw_assignment,
    read_release,
    responses_to_frame,
    write_release,
)
from surveys.answers import prune
from surveys.descriptions import CONVENTIONS
from surveys.releases import FILES, facts_of

PROTECTION = {
    "consent_versions": ["abc"],
    "profile": "internal",
    "k": 1,
    "l": 1,
    "suppressed_cells": {"region": 1},
    "synthetic": True,
}


def respond(survey, chance):
    """Invent one response that stays on its path."""
    questionnaire = survey.questionnaire
    assignment = draw_assignment(questionnaire, chance)
    answers = {}
    for question in questionnaire.questions:
        names = [choice.name for choice in questionnaire.choices_of(question)]
        for variable in question.variables:
            answer = chance.choice([*names, None]) if names else chance.randrange(4)
            if question.kind == "select_multiple" and answer:
                answer = (answer,)
            answers[variable] = answer
    context = {**answers, **assignment, "language": "en", "open_countries": "CN DE US"}
    return {
        "response_id": f"{chance.getrandbits(128):032x}",
        "week": f"2026-W{chance.choice([48, 50])}",
        "language": "en",
        "questionnaire_version": survey.version,
        "consent_publication": chance.random() < 0.9,
        "assignment": assignment,
        "answers": prune(questionnaire, context),
    }


@pytest.fixture(scope="module")
def records(shipped):
    chance = random.Random(1)
    return [respond(shipped, chance) for _ in range(60)]


@pytest.fixture
def write(shipped, records, tmp_path):
    def write_to(name="release", **changes):
        given = {
            "responses": responses_to_frame(shipped, records),
            "variables": codebook(shipped),
            "package": facts_of(shipped) | PROTECTION,
            "population": shipped.population,
            "questionnaire": shipped.to_json(),
        } | changes
        folder = tmp_path / name
        write_release(folder, given.pop("responses"), given.pop("variables"), **given)
        return folder

    return write_to


def test_what_is_written_is_read_again(shipped, records, write):
    release = read_release(write())
    coded = responses_to_frame(shipped, records)
    pd.testing.assert_frame_equal(release.responses, coded)
    assert release.variables == codebook(shipped)
    pd.testing.assert_frame_equal(
        release.population, shipped.population, check_dtype=False
    )


def test_the_frame_is_ready_for_analysis(shipped, records, write):
    frame = read_release(write()).frame()
    coded = responses_to_frame(shipped, records)
    assert frame["approval"].cat.ordered
    assert not frame["gender"].cat.ordered
    assert frame["approval"].cat.categories.to_list() == [
        *("strongly_approve", "somewhat_approve", "neither"),
        *("somewhat_disapprove", "strongly_disapprove"),
    ]
    for name in ("approval", "gender", "region"):
        missing = coded[name].isin(
            ["dont_know", "refused", "not_answered", "not_asked"]
        )
        assert 0 < missing.sum() < len(frame)
        assert frame[name].isna().equals(missing)
    assert frame["approval_list"].dtype == float
    assert set(frame["experience_loan"].dropna()) == {0.0, 1.0}


def test_pandas_opens_the_file_and_keeps_kinds_of_missing_apart(write):
    responses = pd.read_parquet(write() / "responses.parquet")
    assert len(responses) == 60
    assert {"not_asked", "not_answered"} <= set(responses["region"])
    assert {"dont_know", "refused"} <= set(responses["approval"])
    assert responses["response_id"].is_monotonic_increasing


def test_the_same_input_gives_the_same_bytes(shipped, records, write):
    first = write("first")
    second = write("second", responses=responses_to_frame(shipped, records[::-1]))
    for file in (*FILES, "datapackage.json"):
        assert (first / file).read_bytes() == (second / file).read_bytes()


def test_the_package_describes_the_folder(shipped, write):
    folder = write()
    package = json.loads((folder / "datapackage.json").read_text())
    facts = package["parallax"]
    assert facts["files"] == {
        file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in FILES
    }
    assert facts["files"]["questionnaire.json"] == facts["questionnaire_version"]
    assert facts["weeks"] == ["2026-W48", "2026-W50"]
    assert facts["n_responses"] == 60
    assert facts["languages"] == list(shipped.languages)
    assert facts["report"]["headline"]["outcome"] == "side"
    assert set(PROTECTION) < set(facts)
    fields = {
        each["name"]: each for each in package["resources"][0]["schema"]["fields"]
    }
    assert fields["approval_list"]["type"] == "integer"
    assert fields["gender"]["categories"][0] == {"value": "woman", "label": "Woman"}
    assert fields["gender"]["missingValues"] == [
        *("refused", "not_answered", "not_asked", "suppressed")
    ]
    lists = fields["approval_list_group"]["description"].split("\n\n")
    assert [each.split(": ")[0] for each in lists] == [
        "Short list",
        "Long list, with the sensitive item",
    ]
    assert ["A social credit system" in each for each in lists] == [False, True]
    assert [each["path"] for each in package["resources"]] == [
        "responses.parquet",
        "population.csv",
    ]


def test_columns_carry_their_labels(write):
    schema = pq.read_schema(write() / "responses.parquet")
    metadata = schema.field("approval").metadata
    assert metadata[b"label"] == b"Approval of a social credit system, asked directly"
    assert metadata[b"question"].startswith(b"How much do you approve")


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_readme_says_what_it_is_and_whether_it_is_invented(
    shipped, write, synthetic
):
    package = facts_of(shipped) | PROTECTION | {"synthetic": synthetic}
    readme = (write(package=package) / "README.md").read_text()
    assert readme.startswith(f"# {shipped.questionnaire.title}\n")
    assert ("Synthetic data" in readme) == synthetic
    assert "There are no weights in the data" in readme


def test_a_cell_that_was_blanked_is_stored_as_suppressed(shipped, records, write):
    responses = responses_to_frame(shipped, records)
    responses.loc[3, "region"] = None
    release = read_release(write(responses=responses))
    assert release.responses.loc[3, "region"] == "suppressed"
    assert release.frame()["region"].isna()[3]


def test_a_folder_with_something_in_it_is_refused(write):
    folder = write()
    before = (folder / "datapackage.json").read_bytes()
    with pytest.raises(ReleaseError, match="not an empty folder"):
        write()
    assert (folder / "datapackage.json").read_bytes() == before


def test_responses_that_do_not_fit_are_refused(shipped, records, write, tmp_path):
    responses = responses_to_frame(shipped, records)
    with pytest.raises(ReleaseError, match="differ in 1 columns: gender"):
        write(responses=responses.drop(columns="gender"))
    for name in ("gender", "approval_list"):
        wrong = responses.copy()
        wrong.loc[:2, name] = "a secret"
        with pytest.raises(ReleaseError, match=f"{name}: 3 of 60 cells") as caught:
            write(responses=wrong)
        assert "a secret" not in str(caught.value)
    with pytest.raises(ReleaseError, match="does not say consent_versions, k, l"):
        write(package=facts_of(shipped))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", FILES)
def test_a_changed_or_missing_file_is_noticed(write, file):
    folder = write()
    path = folder / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ReleaseError, match=f"{file} differs from what was released"):
        read_release(folder)
    path.unlink()
    with pytest.raises(ReleaseError, match=f"{file} is missing"):
        read_release(folder)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\udcff", '{"parallax": {"files": {}}}']
)
def test_a_damaged_package_is_noticed(write, text):
    folder = write()
    path = folder / "datapackage.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ReleaseError, match="cannot be read as a release"):
        read_release(folder)


def test_what_write_release_returns_is_what_is_in_the_file(shipped, tmp_path):
    package = write_release(
        tmp_path / "new" / "deep" / "release",
        responses_to_frame(shipped, []),
        codebook(shipped),
        package=facts_of(shipped) | PROTECTION,
        population=shipped.population,
        questionnaire=shipped.to_json(),
    )
    release = read_release(tmp_path / "new" / "deep" / "release")
    assert release.package == package
    assert package["parallax"]["weeks"] == []
    assert len(release.frame()) == 0


def test_an_empty_folder_is_taken_and_a_file_is_not(write, tmp_path):
    (tmp_path / "empty").mkdir()
    assert len(read_release(write("empty")).responses) == 60
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ReleaseError, match="not an empty folder"):
        write("file")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    ("owner", "function"),
    [
        (pq, "write_table"),
        (pd.DataFrame, "to_csv"),
        (Path, "write_bytes"),
        (json, "dumps"),
        (Path, "rename"),
    ],
)
def test_an_interrupted_write_leaves_nothing(
    shipped, write, tmp_path, monkeypatch, owner, function
):
    questionnaire = shipped.to_json()

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(owner, function, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(questionnaire=questionnaire)
    assert list(tmp_path.iterdir()) == []


def test_namibia_is_a_country_and_not_a_missing_value(shipped, write):
    population = shipped.population.replace({"country": {"CN": "NA"}})
    release = read_release(write(population=population))
    assert release.population["country"].to_list() == population["country"].to_list()


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_release_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReleaseError, match=r"datapackage\.json is missing"):
        read_release(tmp_path / name)


def test_the_readme_says_what_the_columns_of_each_kind_hold(write):
    text = (write() / "README.md").read_text()
    for what, how in CONVENTIONS.items():
        assert f"- {what}: {how}" in text
