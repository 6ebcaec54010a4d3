"""What is still to be written is found in every file of a survey."""

from surveys import load_files
from surveys.checks import find_unwritten
from surveys.schemas import starter


def found_in(survey):
    return [(text.file, text.where) for text in find_unwritten(survey)]


def test_every_text_that_the_starter_leaves_to_its_author_is_found():
    written = starter("mine")
    survey = load_files("mine", written)
    found = found_in(survey)
    marks = written["study.yaml"].count('"[[')
    assert len(found) == len(set(found)) == marks + 1
    assert found[-1] == ("population.csv", "source")
    finished = {
        file: text.replace("[[", "").replace("]]", "") for file, text in written.items()
    }
    assert found_in(load_files("mine", finished)) == []


def test_the_shipped_survey_asks_for_what_it_cannot_know(shipped):
    assert found_in(shipped) == [
        *(("study.yaml", key) for key in ("asked_by", "contact", "data_location")),
        ("study.yaml", "disclosure.sponsor_and_conductor"),
        ("study.yaml", "disclosure.sample_generation"),
        ("study.yaml", "disclosure.processing_and_quality"),
    ]


QUESTIONNAIRE = """
title: Tea [[or coffee?]]
languages: [en, de]
pages:
  - name: first
    questions:
      - {type: text, name: why, label: "Why [[and\\n when]] do you drink [[it]]?"}
"""
GERMAN = """
msgctxt "title"
msgid "Tea [[or coffee?]]"
msgstr "Tee [[oder Kaffee?]]"
msgctxt "why.label"
msgid "Why [[and\\n when]] do you drink [[it]]?"
msgstr "Warum?"
msgctxt "study.risk"
msgid "None"
msgstr "[[Was schaden kann.]]"
"""


def test_questions_and_translations_left_behind_are_found(make_survey):
    german = GERMAN + "".join(
        f'msgctxt "study.{key}"\nmsgid "{text}"\nmsgstr "x"\n'
        for key, text in {
            "asked_by": "An institute",
            "purpose": "A test",
            "contact": "survey@example.org",
            "data_location": "Here",
            "debrief": "Thank you",
        }.items()
    )
    found = find_unwritten(make_survey(QUESTIONNAIRE, de=german))
    assert list(map(str, found)) == [
        "questionnaire.yaml: title: or coffee?",
        "questionnaire.yaml: why.label: and when it",
        "de.po: study.risk: Was schaden kann.",
    ]
