"""A survey is published, opened once and for all, followed and closed."""

import json
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, insert, select, text, update

from api import fieldwork
from api.database import writing
from api.errors import FieldworkError, UnknownSurvey
from api.mixing import mix
from api.models import Draft, PublishedSurvey, Response
from api.recording import Submission, _record
from api.weeks import today, week_of
from surveys import Survey, load_files, responses_to_frame

Make = Callable[..., Submission]

QUESTIONNAIRE = """\
title: Opinions
languages: [en, de]
choices:
  answers:
    - {name: approve, label: I approve}
    - {name: reject, label: I reject}
pages:
  - name: first
    questions:
      - {type: select_one answers, name: approval, label: Do you approve?}
      - {type: select_multiple answers, name: both, label: What else?}
"""
STUDY = """\
version: "1"
asked_by: An institute
purpose: A test
contact: Nobody
data_location: Here
risk: Little
debrief: Thank you
minutes: 1
tier: T0
countries: [CN, DE, GB]
withdrawal_weeks: 4
retention_months: 12
disclosure:
  data_collection_strategy: x
  sponsor_and_conductor: x
  measurement_tools: x
  population: x
  sample_generation: x
  probability_sample: false
  modes_and_languages: x
  dates: x
  sample_sizes_and_precision: x
  weighting: x
  processing_and_quality: x
  limitations: x
"""
GERMAN = {
    "title": ("Opinions", "Meinungen"),
    "approval.label": ("Do you approve?", "Stimmen Sie zu?"),
    "both.label": ("What else?", "Was noch?"),
    "choices.answers.approve.label": ("I approve", "Ich stimme zu"),
    "choices.answers.reject.label": ("I reject", "Ich lehne ab"),
    "study.asked_by": ("An institute", "Ein Institut"),
    "study.purpose": ("A test", "Ein Test"),
    "study.contact": ("Nobody", "Niemand"),
    "study.data_location": ("Here", "Hier"),
    "study.risk": ("Little", "Wenig"),
    "study.debrief": ("Thank you", "Danke"),
}
POPULATION = "country,population,source,year,status\n"


def survey_of(*, draft: bool = True, **replaced: str) -> Survey:
    """A small survey with texts of its study replaced."""
    study = STUDY
    for old, new in replaced.items():
        study = study.replace(f"{old}: ", f"{old}: {new} #")
    header = "draft" if draft else "adjudicated"
    catalog = (
        'msgid ""\nmsgstr ""\n"Language: de\\n"\n'
        '"Content-Type: text/plain; charset=UTF-8\\n"\n'
        f'"X-Translation-Status: {header}\\n"\n'
    )
    for context, (english, german) in GERMAN.items():
        english = replaced.get(context.removeprefix("study."), english)
        catalog += f'\nmsgctxt "{context}"\nmsgid "{english}"\nmsgstr "{german}"\n'
    files = {
        "questionnaire.yaml": QUESTIONNAIRE,
        "study.yaml": study,
        "population.csv": POPULATION,
        "de.po": catalog,
    }
    return load_files("views", files)


def test_what_was_published_is_loaded_as_it_was(engine: Engine) -> None:
    survey = survey_of()
    fieldwork.publish(engine, survey)
    loaded = fieldwork.load_published(engine, "views")
    assert (loaded.version, loaded.files) == (survey.version, survey.files)
    assert fieldwork.load_published(engine, "views") is loaded
    assert fieldwork.status(engine, "views").state == "draft"
    rows = fieldwork.list_surveys(engine)
    assert json.loads(json.dumps(rows)) == rows
    assert [(row["name"], row["version"], row["tier"]) for row in rows] == [
        ("views", survey.version, "T0")
    ]


def test_a_draft_is_published_again_and_an_open_survey_is_not(engine: Engine) -> None:
    fieldwork.publish(engine, survey_of())
    fieldwork.load_published(engine, "views")
    second = survey_of(asked_by="Another institute")
    fieldwork.publish(engine, second)
    assert fieldwork.load_published(engine, "views").version == second.version
    fieldwork.open_survey(
        engine, "views", accept_draft_translations=True, synthetic=True
    )
    fieldwork.publish(engine, second)  # the same is no change
    for other in (survey_of(), survey_of(tier="T1"), survey_of(draft=False)):
        with pytest.raises(FieldworkError, match="is open and cannot change"):
            fieldwork.publish(engine, other)
    status = fieldwork.status(engine, "views")
    assert (status.version, status.tier, status.state) == (second.version, "T0", "open")


@pytest.mark.parametrize(
    ("draft", "options", "message"),
    [
        (True, {"approval": "A 1"}, r"1 of 2 languages are drafts \(de\).*--accept"),
        (False, {}, "needs an approval in CN; open with --approval"),
        (False, {"countries": ["CN"], "approval": ""}, "needs an approval in CN"),
        (False, {"countries": ["DE", "FR"]}, "cannot open in FR; .* CN, DE, GB"),
        (False, {"countries": []}, "cannot open in no country"),
    ],
)
def test_what_is_missing_for_opening_is_named(
    engine: Engine, draft: bool, options: dict[str, object], message: str
) -> None:
    fieldwork.publish(engine, survey_of(draft=draft))
    with pytest.raises(FieldworkError, match=message):
        fieldwork.open_survey(engine, "views", **options)  # type: ignore[arg-type]
    assert fieldwork.status(engine, "views").state == "draft"


@pytest.mark.parametrize("synthetic", [False, True])
def test_texts_still_to_be_written_open_to_invented_respondents_only(
    engine: Engine, synthetic: bool
) -> None:
    fieldwork.publish(engine, survey_of(dates="'[[from when to when]]'"))
    if synthetic:
        drafts = {"accept_draft_translations": True}
        assert fieldwork.open_survey(engine, "views", synthetic=True, **drafts)
        return
    with pytest.raises(FieldworkError) as caught:
        fieldwork.open_survey(engine, "views")
    first, *obstacles = str(caught.value).splitlines()
    assert first == "survey 'views' stays a draft:"
    assert "(study.yaml: disclosure.dates)" in obstacles[0]
    assert ["drafts" in obstacles[1], "an approval in CN" in obstacles[2]] == [True] * 2
    assert fieldwork.status(engine, "views").state == "draft"


@pytest.mark.parametrize(
    ("draft", "options", "countries", "drafts", "synthetic"),
    [
        (False, {"countries": ["GB", "DE"]}, {"DE": "", "GB": ""}, False, False),
        (
            False,
            {"approval": "A 1"},
            {"CN": "A 1", "DE": "", "GB": ""},
            False,
            False,
        ),
        (
            True,
            {"synthetic": True, "accept_draft_translations": True},
            {"CN": "", "DE": "", "GB": ""},
            True,
            True,
        ),
    ],
)
def test_what_was_decided_at_opening_is_kept(
    engine: Engine,
    draft: bool,
    options: dict[str, object],
    countries: dict[str, str],
    drafts: bool,
    synthetic: bool,
) -> None:
    fieldwork.publish(engine, survey_of(draft=draft))
    assert fieldwork.open_survey(engine, "views", **options)  # type: ignore[arg-type]
    for same in (options, {"synthetic": synthetic}):  # nothing else is asked for
        assert not fieldwork.open_survey(engine, "views", **same)  # type: ignore[arg-type]
    status = fieldwork.status(engine, "views")
    assert status.state == "open"
    assert status.countries == countries
    assert status.opened_week == week_of(today())
    assert (status.draft_translations, status.synthetic) == (drafts, synthetic)
    with pytest.raises(FieldworkError, match=r"is open; it opened in week .* cannot"):
        fieldwork.open_survey(
            engine,
            "views",
            countries=["GB"],
            accept_draft_translations=True,
            synthetic=True,
        )
    assert fieldwork.status(engine, "views") == status


def test_a_closed_survey_stays_closed(engine: Engine) -> None:
    fieldwork.publish(engine, survey_of(draft=False))
    with pytest.raises(FieldworkError, match="is not open"):
        fieldwork.close_survey(engine, "views")
    fieldwork.open_survey(engine, "views", countries=["DE"])
    fieldwork.close_survey(engine, "views")
    with pytest.raises(FieldworkError, match=r"is closed; it opened in .* in DE"):
        fieldwork.open_survey(engine, "views", countries=["DE"])


def test_closing_mixes_the_last_ones_and_deletes_drafts(
    fielded: Engine, submission: Make
) -> None:
    with writing(fielded) as connection:
        for name in ("opinions", "invited"):
            row = {"draft_hash": name, "survey": name, "week": "2026-W48"}
            connection.execute(insert(Draft).values(row | {"sealed": "x"}))
        _record(connection, submission())
    assert fieldwork.close_survey(fielded, "opinions") == 1
    assert fieldwork.close_survey(fielded, "opinions") == 0  # safe after a crash
    with writing(fielded) as connection:
        assert _record(connection, submission()) == "closed"
        assert connection.scalars(select(Draft.survey)).all() == ["invited"]
        assert len(connection.execute(select(Response)).all()) == 1


@pytest.mark.parametrize(
    "verb",
    [
        fieldwork.status,
        fieldwork.load_published,
        fieldwork.open_survey,
        fieldwork.close_survey,
        fieldwork.progress,
    ],
)
def test_an_unknown_survey_is_said_to_be_unknown(
    engine: Engine, verb: Callable[[Engine, str], object]
) -> None:
    with pytest.raises(UnknownSurvey, match="'nothing' is not published"):
        verb(engine, "nothing")


def test_progress_counts_waiting_and_mixed_responses_and_pages(
    fielded: Engine, submission: Make
) -> None:
    with writing(fielded) as connection:
        for country in ("DE", "DE", "GB"):
            _record(connection, submission(country=country))
    mix(fielded, "opinions", minimum=1)
    with writing(fielded) as connection:
        for country in ("GB", None):
            _record(connection, submission(country=country))
        for country, page in (("", "first"), ("DE", "first"), ("DE", "first")):
            fieldwork.count_page(connection, "opinions", country, page)
        fieldwork.count_page(connection, "invited", "DE", "last")
    progress = fieldwork.progress(fielded, "opinions")
    assert json.loads(json.dumps(progress)) == {
        "state": "open",
        "responses": {"": 1, "DE": 2, "GB": 2},
        "waiting": 2,
        "pages": {"first": 3},
    }


def test_records_become_the_rows_of_a_release(
    engine: Engine, submission: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fieldwork, "CHUNK", 3)
    survey = survey_of(draft=False)
    fieldwork.publish(engine, survey)
    fieldwork.open_survey(engine, "views", countries=["DE", "GB"])
    answers = {"approval": "reject", "both": ("approve", "reject")}
    body = json.dumps({"assignment": {}, "answers": answers})
    with writing(engine) as connection:
        for _ in range(7):
            one = submission(
                survey="views", body=body, questionnaire_version=survey.version
            )
            assert _record(connection, one) == "recorded"
    assert list(fieldwork.records(engine, "views")) == []  # until they are mixed
    mix(engine, "views", minimum=7)
    records = list(fieldwork.records(engine, "views"))
    identifiers = [record["response_id"] for record in records]
    assert len(set(identifiers)) == 7
    assert identifiers == sorted(identifiers)
    for record in records:
        assert (record["assignment"], record["answers"]) == ({}, answers)
        assert set(record) == {
            *("response_id", "country", "week", "language", "questionnaire_version"),
            *("consent_version", "consent_language", "consent_hash"),
            *("consent_participate", "consent_adult", "consent_opinions"),
            *("consent_publication", "assignment", "answers"),
        }
    frame = responses_to_frame(survey, records)
    assert frame["approval"].tolist() == ["reject"] * 7
    assert list(fieldwork.records(engine, "nothing")) == []


def test_a_survey_has_one_of_three_states(fielded: Engine) -> None:
    with (
        pytest.raises(Exception, match=r"ck_surveys_state|CHECK"),
        writing(fielded) as connection,
    ):
        connection.execute(update(PublishedSurvey).values(state="paused"))
    with fielded.connect() as connection:
        assert set(connection.scalars(text("SELECT state FROM surveys"))) == {"open"}
