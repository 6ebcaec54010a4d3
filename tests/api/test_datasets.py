"""What a profile promises about a data set is kept."""

import json
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine

from api import fieldwork
from api.database import writing
from api.datasets import free_texts, release
from api.errors import ReleaseRefused
from api.mixing import mix
from api.recording import _record
from surveys import draw_assignment, load, load_files, read_release

EVERY_TYPE = load(Path(__file__).parent / "definitions" / "every_type")
COPY = """
      - {type: text, name: copied, label: Copied}
      - {type: calculate, name: shout, calculation: "concat(${copied}, '!')"}
      - {type: calculate, name: louder, calculation: "concat(${shout}, '!')"}
"""


def fill(engine: Engine, submission, survey, n_responses: int) -> None:
    """Publish a survey and store responses that are alike but for one answer."""
    fieldwork.publish(engine, survey)
    fieldwork.open_survey(
        engine, survey.name, accept_draft_translations=True, synthetic=True
    )
    for number in range(n_responses):
        answers = {
            "country": "DE",
            "age": 42,
            "approval": ("approve", "disapprove")[number % 2],
            "why": "I am Li Wei",
            "remark": "of Canary Row",
        }
        body = {
            "assignment": draw_assignment(survey.questionnaire),
            "answers": answers,
        }
        one = submission(
            survey=survey.name,
            questionnaire_version=survey.version,
            body=json.dumps(body),
            consents={
                **dict.fromkeys(("participate", "adult", "opinions"), True),
                "publication": number < 20,
            },
        )
        with writing(engine) as connection:
            assert _record(connection, one) == "recorded"
    mix(engine, survey.name, minimum=1)


@pytest.mark.parametrize(
    ("profile", "left_out", "n_responses"),
    [
        ("internal", [], 24),
        ("scientific", ["why", "remark"], 20),
        ("open", ["why", "remark"], 20),
    ],
)
def test_free_text_is_for_the_owner_of_the_study_only(
    engine, submission, tmp_path, profile, left_out, n_responses
):
    fill(engine, submission, EVERY_TYPE, 24)
    package = release(engine, "every_type", tmp_path / "release", profile)
    facts = package["parallax"]
    assert facts["left_out"] == left_out
    data = read_release(tmp_path / "release")
    assert len(data.responses) == facts["n_responses"] == n_responses
    assert set(left_out).isdisjoint(data.responses.columns)
    fields = package["resources"][0]["schema"]["fields"]
    assert [field["name"] for field in fields] == list(data.responses.columns)
    written = pd.read_parquet(tmp_path / "release" / "responses.parquet").to_csv()
    assert ("Canary Row" in written) == (profile == "internal")


def test_what_is_calculated_from_free_text_is_left_out_with_it():
    files = dict(EVERY_TYPE.files)
    files = {name: files[name] for name in files if not name.endswith(".po")}
    page = "pages:\n  - name: extra\n    questions:" + COPY
    asked = files["questionnaire.yaml"].replace("pages:\n", page)
    asked = asked.replace("languages: [en, zh-Hans, ar]", "languages: [en]")
    survey = load_files("every_type", {**files, "questionnaire.yaml": asked})
    assert free_texts(survey.questionnaire) == (
        *("copied", "shout", "louder"),
        *("why", "remark"),
    )


def test_a_profile_that_cannot_be_reached_is_refused(engine, submission, tmp_path):
    fill(engine, submission, EVERY_TYPE, 4)
    with pytest.raises(ReleaseRefused, match="has 4 mixed responses for profile open"):
        release(engine, "every_type", tmp_path / "release", "open")
    assert not (tmp_path / "release").exists()
