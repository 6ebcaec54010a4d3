"""Make survey.csv and population.csv: a synthetic survey with a complex design.

Run from anywhere: ``python tests/analysis/data/make_survey.py``. The files are
committed, so tests and R references read the same numbers whatever numpy draws in
later versions.
"""

from pathlib import Path

import numpy as np
import pandas as pd

APPROVAL = [
    "strongly approve",
    "approve",
    "neither",
    "disapprove",
    "strongly disapprove",
]
LEANING = {"CN": 1.2, "DE": -0.8, "GB": -0.3, "US": 0.0}


def make_survey(seed: int = 20261124) -> pd.DataFrame:
    """Draw clusters within strata within countries, then respondents and answers."""
    random = np.random.default_rng(seed)
    clusters = []
    for country, leaning in LEANING.items():
        for stratum in range(1, 4):
            n_clusters = int(random.integers(3, 7))
            n_population = n_clusters * int(random.integers(3, 9))
            for cluster in range(1, n_clusters + 1):
                n = int(random.integers(7, 17))
                clusters.append(
                    pd.DataFrame(
                        {
                            "country": country,
                            "stratum": f"{country}-{stratum}",
                            "psu": cluster,
                            "n_psu": n_population,
                            "leaning": leaning + random.normal(0, 0.4),
                            "n": n,
                        },
                        index=range(n),
                    )
                )
    frame = pd.concat(clusters, ignore_index=True)
    n = len(frame)
    frame["cluster"] = frame["stratum"] + "-" + frame["psu"].astype(str)
    frame["design_weight"] = (frame["n_psu"] * random.gamma(6, 2, n)).round(3)
    frame["age_group"] = random.choice(["18-34", "35-54", "55+"], n, p=[0.3, 0.4, 0.3])
    frame["gender"] = random.choice(["female", "male"], n, p=[0.55, 0.45])
    higher = 0.25 + 0.2 * (frame["age_group"] == "18-34")
    draw = random.uniform(size=n)
    frame["education"] = np.select(
        [draw < higher, draw < higher + 0.4], ["high", "middle"], "low"
    )
    frame["urban"] = random.uniform(size=n) < 0.6
    score = frame["leaning"] + 0.3 * frame["urban"] + random.logistic(0, 1, n)
    frame["approval"] = pd.cut(
        -score, [-np.inf, -1.5, 0, 0.7, 1.8, np.inf], labels=APPROVAL
    ).astype(object)
    # Nobody in China strongly disapproves: a share of exactly zero.
    extreme = (frame["country"] == "CN") & (frame["approval"] == APPROVAL[-1])
    frame.loc[extreme, "approval"] = APPROVAL[-2]
    frame["trust"] = (5 + 1.5 * score + random.normal(0, 1, n)).clip(0, 10).round(2)
    frame["aware"] = (random.uniform(size=n) < 0.35 + 0.1 * frame["urban"]).astype(
        float
    )
    frame["long_list"] = random.integers(0, 2, n)
    holds = random.uniform(size=n) < 1 / (1 + np.exp(-frame["leaning"] + 0.4))
    frame["items"] = random.binomial(3, 0.4, n) + holds * frame["long_list"]
    frame["direct"] = (holds | (random.uniform(size=n) < 0.15)).astype(float)
    for column, share in {
        "approval": 0.06,
        "trust": 0.04,
        "aware": 0.05,
        "items": 0.03,
    }.items():
        frame.loc[random.uniform(size=n) < share, column] = np.nan
    frame.loc[frame["long_list"] == 1, "direct"] = np.nan
    frame["education_asked"] = frame["education"].mask(random.uniform(size=n) < 0.05)
    return frame.drop(columns=["leaning", "n"])


def make_population(frame: pd.DataFrame, seed: int = 8) -> pd.DataFrame:
    """Invent margins that differ from the sample: age by gender, and education."""
    random = np.random.default_rng(seed)
    tables = []
    for variables in (["age_group", "gender"], ["education"]):
        counts = frame.groupby(["country", *variables])["design_weight"].sum()
        shares = counts * random.uniform(0.7, 1.4, len(counts))
        shares /= shares.groupby("country").transform("sum")
        size = shares.index.get_level_values("country").map(
            {"CN": 1_140_000_000, "DE": 70_000_000, "GB": 55_000_000, "US": 260_000_000}
        )
        tables.append((shares * size).round(-3).rename("population").reset_index())
    columns = ["country", "age_group", "gender", "education", "population"]
    margins = pd.concat(tables)[columns]
    return margins.assign(
        population=margins["population"].astype(int), source="invented"
    )


if __name__ == "__main__":
    here = Path(__file__).parent
    survey = make_survey()
    survey.to_csv(here / "survey.csv", index=False)
    make_population(survey).to_csv(here / "population.csv", index=False)
