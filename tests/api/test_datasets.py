"""What a profile promises about a data set is kept."""

import hashlib
import json
import os
import random
import subprocess
import sys
from itertools import count
from pathlib import Path

import httpx
import pandas as pd
import pytest
from frictionless import Package
from pycanon.anonymity import k_anonymity, l_diversity
from sqlalchemy import Engine
from typer.testing import CliRunner

from analysis import SurveyDesign, rake
from api import audit, fieldwork
from api.cli import app
from api.comparing import compare_data
from api.database import create_engine_for, migrate, writing
from api.datasets import release
from api.errors import ReleaseRefused
from api.main import create_app
from api.mixing import mix
from api.recording import _record
from api.register import is_superseded, mark_of, release_id, releases_of
from api.robots import interview
from api.roles import finer_copies, free_texts, roles_of
from api.serving import running
from api.settings import Settings
from api.synthetic import synthetic_respondents
from api.withdrawals import withdraw
from api.withholding import PROTECTION, _new_keys
from surveys import ReleaseError, draw_assignment, load, load_files, read_release
from surveys.exports import FORMATS, export

ROOT = Path(__file__).parents[2]
EVERY_TYPE = load(Path(__file__).parent / "definitions" / "every_type")
SHIPPED = load(ROOT / "surveys" / "definitions" / "social_credit")
CONSENTS = dict.fromkeys(("participate", "adult", "opinions", "publication"), True)


def changed(survey, *replacements, name="", **more):
    """The same survey in English with other text, another name or more files."""
    files = {file: text for file, text in survey.files.items() if file[-3:] != ".po"}
    files |= {f"{file}.csv": text for file, text in more.items()}
    languages = f"languages: [{', '.join(survey.languages)}]"
    for old, new in [(languages, "languages: [en]"), *replacements]:
        assert any(old in text for text in files.values()), old
        files = {file: text.replace(old, new, 1) for file, text in files.items()}
    return load_files(name or survey.name, files)


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
    # Weights count as quasi-identifiers, and tell nobody apart.
    assert "calibrated_weight" in data.responses
    assert k_anonymity(data.responses, [*quasi, "calibrated_weight"]) == k
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


def test_weights_fitted_before_cells_were_withheld_stand_for_margins_left_out(
    engine, submission, tmp_path
):
    fill(engine, submission, RECODED, invented(300))
    folders = {profile: tmp_path / profile for profile in PROTECTION}
    facts = {
        profile: release(engine, "social_credit", folder, profile)["parallax"]
        for profile, folder in folders.items()
    }
    data = {profile: read_release(folder) for profile, folder in folders.items()}
    assert "weights" not in facts["internal"]
    assert "calibrated_weight" not in data["internal"].responses
    full = data["internal"].frame()
    full["country"] = full["country"].astype(str)
    raked = rake(SurveyDesign(full), data["internal"].population, missing="keep")
    asked = {"outcome": "approval", "share_of": ["strongly_approve"], "by": "country"}
    for profile in ("scientific", "open"):
        weights = facts[profile]["weights"]
        assert weights["margins"] == [["age_group", "gender"], ["education"]]
        assert weights["countries"] == sorted(SHIPPED.study.countries)
        shown = data[profile].responses.set_index("response_id")
        alike = [shown[name] for name in facts[profile]["quasi_identifiers"]]
        fitted = raked.frame["calibrated_weight"]
        fitted.index = _new_keys(data["internal"].responses["response_id"], profile)
        expected = fitted[shown.index].groupby(alike).transform("mean")
        written = shown["calibrated_weight"].astype(float)
        assert written.to_numpy() == pytest.approx(expected.to_numpy(), rel=5e-3)
        assert written.nunique() > 3
        assert shown["calibrated_weight"].str.len().max() <= 6
        result = compare_data(folders[profile], **asked)
        assert result.weighting.startswith(
            "Weights of the release: raked to age_group x gender, education within"
            " each country before cells were withheld, then averaged"
        )
        readme = (folders[profile] / "README.md").read_text()
        assert f"`calibrated_weight` holds weights: {weights['method']}." in readme
        plain = compare_data(folders[profile], **asked, weighted=False)
        assert plain.weighting == ""
        raked_on = "raked to age_group x gender within" in result.weighting
        assert raked_on == (["age_group", "gender"] in facts[profile]["margins"])
        given = shown["approval"].isin(["strongly_approve", "somewhat_approve"])
        approves = shown["approval"] == "strongly_approve"
        country = shown["country"]
        shares = (written * approves).groupby(country).sum() / (
            written * given
        ).groupby(country).sum()
        if not raked_on:
            values = result.estimate.values
            assert values.to_numpy() == pytest.approx(shares[values.index].to_numpy())


def test_without_a_fit_a_release_says_that_it_has_no_weights(
    engine, submission, tmp_path
):
    people = [(one | {"gender": "man"}, more) for one, more in invented(60)]
    fill(engine, submission, RECODED, people)
    facts = release(engine, "social_credit", tmp_path / "release", "scientific")
    assert facts["parallax"]["weights"] == {
        "method": "none, because these responses cannot be raked to all margins of the"
        " study"
    }
    assert "calibrated_weight" not in read_release(tmp_path / "release").responses
    assert "There are no weights" in (tmp_path / "release" / "README.md").read_text()


MARGINS = """country,tea,population,source,year,status
DE,"yes",6,An office,2026,official
DE,"no",4,An office,2026,official
CN,"yes",7,An office,2026,official
CN,"no",3,An office,2026,official
GB,"yes",8,An office,2026,official
GB,"no",2,An office,2026,official
"""
"""Of how many drink tea: a margin of both versions."""


def two_versions():
    """The questionnaire on tea, and a later version of it."""
    margin = (QUASI, f"margins: [[tea]]\nrecodings: {{age: 50}}\n{QUASI}")
    first = changed(EVERY_TYPE, margin, name="tea", population=MARGINS)
    second = changed(
        first,
        ("name: approval\n", "name: town_is_run\n"),
        ("sensitive: [approval]", "sensitive: [town_is_run]"),
        ("Do you *often* drink tea?", "Do you drink tea often?"),
        (
            "      - type: rank places\n",
            "      - {type: integer, name: years, label: For how many years?}\n"
            "      - type: rank places\n",
        ),
        name="tea_2",
    )
    return first, second


def test_what_one_version_declares_holds_for_all():
    first, second = two_versions()
    second = changed(second, (", age]", "]"), ("recodings: {age: 50}\n", ""))
    renamed = {"approval": "town_is_run", "cups": "mugs"}
    roles = roles_of([first, second], renamed, is_public=True)
    assert roles == (
        ["questionnaire_version", "country", "age"],
        ["town_is_run"],
        ["why", "remark", "older"],
        {"age": 50},
    )
    # The same version fielded twice has no older names.
    again = roles_of([first, first], renamed, is_public=False)
    assert (again.sensitive, again.left_out) == (["approval"], [])


def answering(number):
    """Respondents one after the other: two countries, two ages, answers in turn."""
    turns = {}

    def choose(control):
        options = [value for value in control.options if value]
        if control.name in ("age", "cups", "years"):
            return ["60" if number % 3 == 0 else "20"]
        if control.name == "country":
            return [("DE", "CN")[number % 2]]
        if "." in control.name:
            turn = turns.setdefault(control.name.partition(".")[0], count(1))
            return [str(next(turn))]
        return [options[number % len(options)]] if options else ["Canary Row"]

    return choose


def test_versions_answered_on_the_web_become_one_release(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARALLAX_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("PARALLAX_DATABASE_URL", raising=False)
    engine = create_engine_for(Settings())
    migrate(engine)
    first, second = two_versions()
    with running(create_app(Settings())) as url, httpx.Client(timeout=30) as client:
        for survey, n_people in ((first, 26), (second, 22)):
            fieldwork.publish(engine, survey)
            fieldwork.open_survey(
                engine, survey.name, accept_draft_translations=True, synthetic=True
            )
            for number in range(n_people):
                interview(client, f"{url}/s/{survey.name}", answering(number))
            fieldwork.close_survey(engine, survey.name)

    def parallax(*arguments):
        asked = ["release", "tea_2", "--with", "tea", *map(str, arguments)]
        return CliRunner().invoke(app, asked)

    refused = parallax("-o", tmp_path / "refused", "--rename", "approval=town_is_run")
    assert refused.exit_code == 2
    problem = "tea: the question was worded 'Do you *often* drink tea?' and is worded"
    assert "1 changes between the versions" in refused.stderr
    assert f"version {first.version[:12]}: {problem}" in refused.stderr
    assert not (tmp_path / "refused").exists()
    fitting = ("--rename", "approval=town_is_run", "--accept", "tea")
    for profile in PROTECTION:
        folder = tmp_path / profile
        made = parallax("-o", folder, "--profile", profile, *fitting, "--json")
        assert made.exit_code == 0, made.stderr
        facts = json.loads(made.stdout)
        data = read_release(folder)
        responses = data.responses
        assert facts["versions"] == [
            {
                "survey": "tea",
                "questionnaire_version": first.version,
                "n_responses": 26,
                "renamed": {"approval": "town_is_run"},
            },
            {
                "survey": "tea_2",
                "questionnaire_version": second.version,
                "n_responses": 22,
                "renamed": {},
            },
        ]
        assert facts["accepted_changes"] == ["tea"]
        version = responses["questionnaire_version"]
        assert version.value_counts().to_dict() == {
            first.version: 26,
            second.version: 22,
        }
        assert "approval" not in responses
        assert (responses["town_is_run"] == "not_asked").sum() == 0
        asked = responses["years"] != "not_asked"
        assert asked.equals(version == second.version)
        for one in (first, second):
            name = f"questionnaire-{one.version[:12]}.json"
            name = "questionnaire.json" if one is second else name
            stored = (folder / name).read_bytes()
            assert hashlib.sha256(stored).hexdigest() == one.version
            assert facts["files"][name] == one.version
        quasi = facts["quasi_identifiers"]
        assert quasi == ["questionnaire_version", "country", "age"]
        known = [name for name in (*quasi, "calibrated_weight") if name in responses]
        assert len(known) == 3 + (profile != "internal")
        assert facts["k"] == k_anonymity(responses, known)
        assert (facts["suppressed_cells"]["age"] > 0) == (profile != "internal")
        assert facts["k"] >= PROTECTION[profile].k
        missing = data.variables[[*responses].index("town_is_run")].missing_codes
        answered = responses[~responses["town_is_run"].isin(missing)]
        rows = answered.reset_index(drop=True)
        assert facts["l"] == l_diversity(rows, quasi, ["town_is_run"])
        assert facts["l"] >= PROTECTION[profile].l
        readme = (folder / "README.md").read_text()
        assert "as `tea` in 26 of the responses" in readme
        assert "`approval` of `tea` is `town_is_run`" in readme
        left_out = "Left out to protect respondents: `why`, `remark`, `older`."
        assert (left_out in readme) == (profile != "internal")
        report = Package(str(folder / "datapackage.json")).validate()
        assert report.valid, report.flatten(["fieldName", "note"])
        written = [*export(data, tmp_path / f"files-{profile}", list(FORMATS), "en")]
        assert len(written) >= len(FORMATS)
        again = parallax(
            "-o", tmp_path / f"{profile}-2", "--profile", profile, *fitting
        )
        assert "versions: tea, tea_2" in again.stdout
        assert release_id(folder) == release_id(tmp_path / f"{profile}-2")
    with engine.connect() as connection:
        acts = audit.latest(connection, 100)
        audit.verify(connection)
    assert [
        (each["researcher"], each["act"], each["survey"], each["details"]["profile"])
        for each in acts
        if each["act"] == "released"
    ] == [
        ("command line", "released", "tea_2", profile)
        for profile in PROTECTION
        for _ in ("made", "again")
    ]
    stored = tmp_path / "internal" / f"questionnaire-{first.version[:12]}.json"
    stored.write_text("{}")
    with pytest.raises(ReleaseError, match=f"{stored.name} differs"):
        read_release(tmp_path / "internal")
    engine.dispose()


@pytest.mark.parametrize(
    ("step", "profile", "message"),
    [
        ("publish", "internal", "has 0 mixed .* needs 1: open it first"),
        ("open", "internal", "has 0 mixed .* needs 1: mix, or wait for more"),
        ("close", "internal", "has 0 mixed .* needs 1 and is closed, so that no more"),
        ("fill", "scientific", "has 3 mixed responses whose publication is agreed to"),
    ],
)
def test_too_few_responses_are_refused_with_what_can_be_done(
    engine, submission, tmp_path, step, profile, message
):
    silent = {"consents": CONSENTS | {"publication": False}}
    people = [*alike(3, "approve"), *((one, silent) for one, _ in alike(3, "approve"))]
    if step == "publish":
        fieldwork.publish(engine, EVERY_TYPE)
    else:
        fill(engine, submission, EVERY_TYPE, people if step == "fill" else [])
    if step == "close":
        fieldwork.close_survey(engine, "every_type")
    with pytest.raises(ReleaseRefused, match=message):
        release(engine, "every_type", tmp_path / "release", profile)


@pytest.mark.parametrize(
    ("sensitive", "expected"), [("sensitive: [approval]\n", 0), ("", None)]
)
def test_where_nothing_is_sensitive_there_is_no_l(
    engine, submission, tmp_path, sensitive, expected
):
    survey = changed(EVERY_TYPE, ("sensitive: [approval]\n", sensitive))
    fill(engine, submission, survey, alike(6, "refused"))
    facts = release(engine, "every_type", tmp_path / "release", "scientific")
    assert facts["parallax"]["l"] == expected
    assert facts["parallax"]["k"] == 6
    formats = ["codebook", "ddi"]
    written = export(read_release(tmp_path / "release"), tmp_path / "files", formats)
    assert all(path.stat().st_size for path in written)


def test_surveys_that_are_not_versions_of_each_other_are_refused(
    engine, submission, tmp_path
):
    first, second = two_versions()
    fill(engine, submission, first, alike(2, "approve"))
    with pytest.raises(ReleaseRefused, match="tea, tea cannot be one release: each"):
        release(engine, "tea", tmp_path / "release", earlier=["tea"])
    fieldwork.publish(engine, second)
    fieldwork.open_survey(engine, "tea_2", approval="E-1", countries=["DE"])
    with pytest.raises(ReleaseRefused, match="survey 'tea_2' has 0 mixed responses"):
        release(engine, "tea_2", tmp_path / "release", earlier=["tea"])
    with writing(engine) as connection:
        body = {"assignment": draw_assignment(second.questionnaire), "answers": {}}
        one = submission(
            survey="tea_2",
            questionnaire_version=second.version,
            consents=CONSENTS,
            body=json.dumps(body),
        )
        assert _record(connection, one) == "recorded"
    mix(engine, "tea_2", minimum=1)
    with pytest.raises(ReleaseRefused, match="invented respondents never stand beside"):
        release(engine, "tea_2", tmp_path / "release", earlier=["tea"])


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
