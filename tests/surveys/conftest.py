from importlib.resources import files

import pytest

from surveys.loading import load, load_files

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
