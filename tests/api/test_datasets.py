"""What a profile promises about a data set is kept."""

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from pycanon.anonymity import k_anonymity, l_diversity
from sqlalchemy import Engine

from api import fieldwork
from api.comparing import compare_data
from api.database import writing
from api.datasets import finer_copies, free_texts, release
from api.errors import ReleaseRefused
from api.mixing import mix
from api.recording import _record
from api.register import is_superseded, mark_of, release_id, releases_of
from api.synthetic import synthetic_respondents
from api.withdrawals import withdraw
from surveys import draw_assignment, load, load_files, read_release

ROOT = Path(__file__).parents[2]
EVERY_TYPE = load(Path(__file__).parent / "definitions" / "every_type")
SHIPPED = load(ROOT / "surveys" / "definitions" / "social_credit")
CONSENTS = dict.fromkeys(("participate", "adult", "opinions", "publication"), True)


def changed(survey, *replacements):
    """The same survey in English with other text in its questionnaire or study."""
    files = {name: text for name, text in survey.files.items() if name[-3:] != ".po"}
    languages = f"languages: [{', '.join(survey.languages)}]"
    for old, new in [(languages, "languages: [en]"), *replacements]:
        assert any(old in text for text in files.values()), old
        files = {name: text.replace(old, new, 1) for name, text in files.items()}
    return load_files(survey.name, files)


def fill(engine: Engine, submission, survey, people) -> None:
    """Publish a survey and store answers, each with what else differs."""
    fieldwork.publish(engine, survey)
    fieldwork.open_survey(
        engine, survey.name, accept_draft_translations=True, synthetic=True
    )
    with writing(engine) as connection:
        for answers, differences in people:
            assignment = draw_assignment(survey.questionnaire)
            one = submission(
                survey=survey.name,
                questionnaire_version=survey.version,
                body=json.dumps({"assignment": assignment, "answers": answers}),
                **{"consents": CONSENTS} | differences,
            )
            assert _record(connection, one) == "recorded"
    mix(engine, survey.name, minimum=1)


def alike(n_responses: int, *approvals: str):
    """People who differ only in one answer; 20 agree to publication."""
    for number in range(n_responses):
        answers = {
            "country": "DE",
            "age": 42,
            "approval": approvals[number % len(approvals)],
            "why": "I am Li Wei",
            "remark": "of Canary Row",
        }
        yield answers, {"consents": CONSENTS | {"publication": number < 20}}


def invented(n_responses: int):
    """People of five countries; the last can withdraw."""
    chance = random.Random(5)
    for number, person in enumerate(synthetic_respondents(SHIPPED, n_responses, 5)):
        approvals = ["strongly_approve", "somewhat_approve", "refused"]
        answers = {
            "country": person.country,
            **person.demography,
            "residence": chance.choice(["big_city", "suburb", "town", "village"]),
            "side": chance.choice(["citizenship_much", "middle", "dont_know", None]),
            "approval": chance.choices(approvals, [92, 4, 4])[0],
        }
        code = "c" * 64 if number == n_responses - 1 else None
        yield answers, {"language": person.language, "withdrawal_hash": code}


RECODED = changed(
    SHIPPED,
    (
        "sensitive: [side,",
        "recodings: {age_group: {a18_44: [a18_29, a30_44],"
        " a45_plus: [a45_59, a60_plus]}}\nsensitive: [side,",
    ),
    ("gender, education,", "gender, education, language,"),
)


@pytest.mark.parametrize(
    ("profile", "left_out", "n_responses"),
    [
        ("internal", [], 24),
        ("scientific", ["why", "remark", "older"], 20),
        ("open", ["why", "remark", "older"], 20),
    ],
)
def test_free_text_and_finer_copies_are_for_the_owner_of_the_study_only(
    engine, submission, tmp_path, profile, left_out, n_responses
):
    fill(engine, submission, EVERY_TYPE, alike(24, "approve", "disapprove"))
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


COPIES = """
      - {type: text, name: copied, label: Copied}
      - {type: calculate, name: shout, calculation: "concat(${copied}, '!')"}
      - {type: calculate, name: louder, calculation: "concat(${shout}, '!')"}
      - {type: integer, name: born, label: Year of birth}
      - {type: calculate, name: years, calculation: "2026 - ${born}"}
      - {type: calculate, name: band, calculation: "if(${years} > 40, 'old', 'young')"}
      - {type: calculate, name: stratum, calculation: "concat(${years}, 'x')"}
      - {type: calculate, name: unrelated, calculation: "1 + 1"}
"""


def test_what_tells_as_much_as_free_text_or_a_quasi_identifier_is_found():
    survey = changed(
        EVERY_TYPE,
        ("pages:\n", "pages:\n  - name: extra\n    questions:" + COPIES),
        ("quasi_identifiers: [country, age]", "quasi_identifiers: [country, band]"),
    )
    assert free_texts(survey.questionnaire) == (
        *("copied", "shout", "louder"),
        *("why", "remark"),
    )
    assert finer_copies(survey) == ("born", "years", "stratum")


@pytest.mark.parametrize("profile", ["scientific", "open"])
def test_k_and_l_are_what_others_count(engine, submission, tmp_path, profile):
    fill(engine, submission, RECODED, invented(300))
    facts = release(engine, "social_credit", tmp_path / "release", profile)["parallax"]
    data = read_release(tmp_path / "release")
    quasi, sensitive = facts["quasi_identifiers"], facts["sensitive"]
    assert "language" in quasi
    k, n_different = k_anonymity(data.responses, quasi), []
    missing = {each.name: each.missing_codes for each in data.variables}
    for name in sensitive:
        cells = data.responses[name]
        answered = data.responses[~cells.isin(missing[name])]
        if len(answered):
            rows = answered.reset_index(drop=True)
            n_different.append(l_diversity(rows, quasi, [name]))
    assert (facts["k"], facts["l"]) == (k, min(n_different))
    assert (k >= 5, facts["l"] >= 1) == (True, True)
    if profile == "open":
        assert (k >= 10, facts["l"] >= 2) == (True, True)
    hidden = (data.responses[quasi] == "suppressed").sum()
    assert hidden.to_dict() == facts["suppressed_cells"]
    assert hidden["residence"] >= hidden["education"] > hidden["country"]


def test_recodings_reach_the_data_the_codebook_and_the_margins(
    engine, submission, tmp_path
):
    fill(engine, submission, RECODED, invented(300))
    folders = {profile: tmp_path / profile for profile in ("internal", "scientific")}
    facts = {
        profile: release(engine, "social_credit", folder, profile)["parallax"]
        for profile, folder in folders.items()
    }
    groups = {"a18_44": ["a18_29", "a30_44"], "a45_plus": ["a45_59", "a60_plus"]}
    merged = {"age_group": groups}
    assert [each["recoded"] for each in facts.values()] == [{}, merged]
    full, coarse = map(read_release, folders.values())
    (variable,) = [each for each in coarse.variables if each.name == "age_group"]
    labels = {value.name: value.labels["en"] for value in variable.values}
    assert labels["a18_44"] == "18 to 29 years / 30 to 44 years"
    assert {"a18_29", "a30_44"}.isdisjoint(
        [*labels, *coarse.responses["age_group"], *coarse.population["age_group"]]
    )
    assert facts["scientific"]["margins_left_out"] == [["education"]]
    assert facts["scientific"]["margins"] == [["age_group", "gender"]]
    before, after = (
        data.population.dropna(subset="age_group").groupby("country")["population"]
        for data in (full, coarse)
    )
    pd.testing.assert_series_equal(before.sum(), after.sum())
    assert len(after) == len(before)
    assert coarse.population["education"].isna().all()
    asked = {"outcome": "approval", "share_of": ["strongly_approve"], "by": "country"}
    result = compare_data(folders["scientific"], **asked)
    assert "age_group x gender" in str(result)


def test_the_same_data_give_the_same_bytes_in_any_process(engine, submission, tmp_path):
    fill(engine, submission, RECODED, invented(60))
    url = engine.url.render_as_string(hide_password=False)
    script = (
        "import sys; from pathlib import Path; from api.datasets import release;"
        "from api.database import create_engine_for; from api.settings import Settings;"
        f"engine = create_engine_for(Settings(database_url={url!r}));"
        "release(engine, 'social_credit', Path(sys.argv[1]), 'open')"
    )
    contents = []
    for seed in ("1", None):
        folder = tmp_path / f"seed{seed}"
        if seed:
            environment = {**os.environ, "PYTHONHASHSEED": seed}
            command = [sys.executable, "-c", script, str(folder)]
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
        else:
            release(engine, "social_credit", folder, "open")
        files = sorted(folder.iterdir())
        contents.append({file.name: file.read_bytes() for file in files})
    assert len(contents[0]) == 5
    assert contents[0] == contents[1]
    (row,) = releases_of(engine, "social_credit")
    assert len(row["folders"]) == 2
    assert row["superseded_by"] == ""


def test_rows_of_two_profiles_cannot_be_joined_and_their_order_says_nothing(
    engine, submission, tmp_path
):
    fill(engine, submission, RECODED, invented(60))
    keys = {}
    for profile in ("internal", "scientific", "open"):
        release(engine, "social_credit", tmp_path / profile, profile)
        data = pd.read_parquet(tmp_path / profile / "responses.parquet")
        keys[profile] = list(data["response_id"])
        assert keys[profile] == sorted(keys[profile])
        assert data["response_id"].str.fullmatch("[0-9a-f]{32}").all()
    assert len(set().union(*keys.values())) == 3 * 60


def test_a_withdrawal_supersedes_what_was_released(engine, submission, tmp_path):
    fill(engine, submission, RECODED, invented(60))
    first, second, again = (tmp_path / name for name in ("first", "second", "again"))
    before = release(engine, "social_credit", first, "scientific")["parallax"]
    release(engine, "social_credit", tmp_path / "other", "open")
    old = {file: hashlib.sha256(file.read_bytes()) for file in first.iterdir()}
    assert not is_superseded(first)
    with writing(engine) as connection:
        withdraw(connection, ["c" * 64])
    after = release(engine, "social_credit", second, "scientific")["parallax"]
    assert (before["n_responses"], after["n_responses"]) == (60, 59)
    assert is_superseded(first)
    assert not is_superseded(second)
    assert not is_superseded(tmp_path / "other")
    rows = {row["release_id"]: row for row in releases_of(engine, "social_credit")}
    assert rows[release_id(first)]["superseded_by"] == release_id(second)
    assert rows[release_id(second)]["superseded_by"] == ""
    assert rows[release_id(tmp_path / "other")]["superseded_by"] == ""
    new = {file: hashlib.sha256(file.read_bytes()) for file in first.iterdir()}
    assert {file: each.digest() for file, each in new.items()} == {
        file: each.digest() for file, each in old.items()
    }
    release(engine, "social_credit", again, "scientific")
    assert release_id(again) == release_id(second)
    assert not is_superseded(second)
    mark = json.loads(mark_of(first).read_text())
    assert mark == {"release": release_id(first), "superseded_by": release_id(second)}


QUASI = "quasi_identifiers: [country, age]"


@pytest.mark.parametrize(
    ("replacement", "people", "profile", "message"),
    [
        (("", ""), (4, "approve"), "open", "has 4 mixed responses for profile open"),
        (("", ""), (20, "approve"), "open", "the same answer to approval: whoever"),
        (("", ""), (20, "approve", "refused"), "open", "same answer to approval: who"),
        ((QUASI, ""), (20, "approve"), "scientific", "names no quasi_identifiers"),
        (("sensitive: [approval]\n", ""), (20, "approve"), "open", "no sensitive"),
        (
            (QUASI, "quasi_identifiers: [approval]"),
            *((20, "approve"), "scientific"),
            "approval cannot be a quasi-identifier and sensitive",
        ),
    ],
)
def test_a_profile_that_cannot_be_reached_is_refused(
    engine, submission, tmp_path, replacement, people, profile, message
):
    survey = changed(EVERY_TYPE, replacement)
    fill(engine, submission, survey, alike(*people))
    with pytest.raises(ReleaseRefused, match=message):
        release(engine, "every_type", tmp_path / "release", profile)
    assert not (tmp_path / "release").exists()
    assert releases_of(engine, "every_type") == []
