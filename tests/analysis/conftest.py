from pathlib import Path

import pandas as pd
import pytest

from analysis import SurveyDesign

DATA = Path(__file__).parent / "data"
APPROVAL = [
    "strongly approve",
    "approve",
    "neither",
    "disapprove",
    "strongly disapprove",
]


@pytest.fixture
def survey():
    frame = pd.read_csv(DATA / "survey.csv")
    return frame.assign(
        approval=pd.Categorical(frame["approval"], APPROVAL),
        # One cluster as a stratum of its own.
        apart=frame["stratum"].where(frame["cluster"] != "CN-1-1", "apart"),
    )


@pytest.fixture
def population():
    return pd.read_csv(DATA / "population.csv")


@pytest.fixture
def design(survey):
    return SurveyDesign(
        survey, weights="design_weight", strata="stratum", clusters="cluster"
    )
