import random
from importlib.resources import files

import pytest

from surveys import codebook, draw_assignment, responses_to_frame, write_release
from surveys.loading import load, load_files
from surveys.releases import facts_of

WORDS = ("Tea", "=1+1", "+49", "-3", "信用评分", 'a "b", c', "line\nline", "العربية")

STUDY = """
version: "1"
asked_by: An institute
purpose: A test
contact: survey@example.org
data_location: Here
risk: None
debrief: Thank you
minutes: 1
tier: T0
countries: [DE, GB]
withdrawal_weeks: 1
retention_months: 1
disclosure:
  data_collection_strategy: a
  sponsor_and_conductor: b
  measurement_tools: c
  population: d
  sample_generation: e
  probability_sample: false
  modes_and_languages: f
  dates: g
  sample_sizes_and_precision: h
  weighting: i
  processing_and_quality: j
  limitations: k
"""

POPULATION = "country,population,source,year,status\n"


@pytest.fixture
def make_survey():
    """Load a survey from the text of its questionnaire and what else it needs."""

    def make(questionnaire, study="", population=POPULATION, **translations):
        files = {
            "questionnaire.yaml": questionnaire,
            "study.yaml": STUDY + study,
            "population.csv": population,
        }
        files |= {f"{name}.po": text for name, text in translations.items()}
        return load_files("example", files)

    return make


@pytest.fixture(scope="session")
def shipped():
    return load(files("surveys") / "definitions" / "social_credit")


def answer_by_chance(questionnaire, chance):
    given = {}
    for question in questionnaire.questions:
        names = [choice.name for choice in questionnaire.choices_of(question)]
        for name in question.variables:
            if chance.random() < 0.1:
                continue
            if chance.random() < 0.1:
                given[name] = None
            elif question.kind in ("select_one", "likert", "battery"):
                given[name] = chance.choice(names)
            elif question.kind in ("select_multiple", "rank"):
                given[name] = (names[0],)
            elif question.kind in ("text", "calculate"):
                given[name] = chance.choice(WORDS)
            else:
                given[name] = chance.randrange(4)
    return given


def write_by_chance(survey, folder):
    chance = random.Random(7)
    records = [
        {
            "response_id": f"r{chance.getrandbits(64):016x}",
            "week": "2026-W48",
            "language": "en",
            "questionnaire_version": survey.version,
            "consent_publication": True,
            "assignment": draw_assignment(survey.questionnaire, chance),
            "answers": answer_by_chance(survey.questionnaire, chance),
        }
        for _ in range(80)
    ]
    told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    write_release(
        folder,
        responses_to_frame(survey, records),
        codebook(survey),
        package=facts_of(survey) | told | {"suppressed_cells": {}, "synthetic": True},
        population=survey.population,
        questionnaire=survey.to_json(),
    )
    return folder


@pytest.fixture(scope="session")
def release_by_chance():
    """Release a survey with everything that spreadsheets get wrong in its texts."""
    return write_by_chance
