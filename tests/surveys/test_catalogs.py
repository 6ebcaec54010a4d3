import pytest

from surveys.errors import AuthoringError

SURVEY = """
title: Tea
languages: [en, de]
pages:
  - name: drinks
    questions:
      - {type: integer, name: cups, label: Cups, hint: A number}
"""
TEXTS = {
    "title": ("Tea", "Tee"),
    "cups.label": ("Cups", "Tassen"),
    "cups.hint": ("A number", "Eine Zahl"),
    "study.asked_by": ("An institute", "Ein Institut"),
    "study.purpose": ("A test", "Ein Test"),
    "study.contact": ("survey@example.org", "survey@example.org"),
    "study.data_location": ("Here", "Hier"),
    "study.risk": ("None", "Keine"),
    "study.debrief": ("Thank you", "Danke"),
}
HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'


def catalog(texts):
    return HEADER + "".join(
        f'\nmsgctxt "{context}"\nmsgid "{english}"\nmsgstr "{german}"\n'
        for context, (english, german) in texts.items()
    )


def test_a_complete_catalog_has_no_strangers(make_survey):
    old = '\n#~ msgctxt "mugs.label"\n#~ msgid "Mugs"\n#~ msgstr "Becher"\n'
    survey = make_survey(SURVEY, de=catalog(TEXTS) + old)
    assert survey.questionnaires["de"].title == "Tee"


@pytest.mark.parametrize(
    ("entry", "where", "what"),
    [
        (
            'msgctxt "cups.hnit"\nmsgid "A number"\nmsgstr "Zahl"\n',
            "cups.hnit",
            "no text has this msgctxt: take the entry out or rename it;"
            " did you mean 'cups.hint'?",
        ),
        (
            'msgctxt "cups.constraint_message"\nmsgid "Less"\nmsgstr "Weniger"\n',
            "cups.constraint_message",
            "no text has this msgctxt: take the entry out or rename it; there are",
        ),
        (
            'msgid "Cups"\nmsgstr "Tassen"\n',
            "",
            "an entry has no msgctxt; say which text it is of",
        ),
    ],
)
def test_an_entry_that_translates_nothing_is_a_mistake(make_survey, entry, where, what):
    with pytest.raises(AuthoringError) as caught:
        make_survey(SURVEY, de=f"{catalog(TEXTS)}\n{entry}")
    (mistake,) = caught.value.mistakes
    assert (mistake.file, mistake.where) == ("de.po", where)
    assert mistake.what.startswith(what)


def test_strangers_are_not_looked_for_where_a_file_cannot_be_read(make_survey):
    with pytest.raises(AuthoringError) as caught:
        make_survey("title: [", de=catalog(TEXTS))
    assert "msgctxt" not in str(caught.value)
