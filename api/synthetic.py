"""Synthetic respondents for the demo: invented attitudes, answered through real forms.

Nothing here is an estimate of anything. The shares are made up so that each tool has
something to find: a gap between countries, an online sample that is too young and too
educated, direct approval that is higher than honest approval where criticism has a
price, and arms that move opinion.
"""

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from surveys.loading import Survey

from .robots import Control

LEANING = {"CN": 0.75, "DE": -0.6, "GB": -0.3, "IT": -0.1, "US": -0.4}
"""Mean latent attitude to social credit systems: invented."""

GUARDED = {"CN": 0.7}
"""How far a direct answer lies above the honest one: invented."""

ARM_SHIFT = {"information_benefits": 0.25, "information_costs": -0.6}
LANGUAGES = {"CN": "zh-Hans", "DE": "de", "IT": "it", "GB": "en", "US": "en"}
AGES = {"a18_29": 1.6, "a30_44": 1.3, "a45_59": 0.9, "a60_plus": 0.5}
EDUCATION = {"low": 0.6, "middle": 1.0, "high": 1.5}
"""How much likelier each group is to take part than its population share."""

CUTS = (1.1, 0.35, -0.25, -1.0)
"""Where a latent attitude falls on a five-point scale, from approval to disapproval."""

WEIGHT_OF_ATTITUDE = {
    "side": 1.0,
    "approval": 1.0,
    "approval_after": 1.0,
    "data": 0.6,
    "reward": 0.5,
    "penalty": 0.8,
    "fairness": 0.8,
    "trust_government": 0.6,
    "trust_companies": 0.3,
    "privacy": -0.5,
}


@dataclass
class SyntheticRespondent:
    """One invented person who answers a survey in one language."""

    country: str
    demography: Mapping[str, str]
    attitude: float
    scales: Mapping[str, Sequence[str]]
    generator: random.Random

    @property
    def language(self) -> str:
        """The language the person answers in."""
        return LANGUAGES[self.country]

    def choose(self, control: Control) -> Sequence[str]:
        """Answer one control; now and then skip it or say "don't know"."""
        chance = self.generator.random()
        if control.name == "country":
            return [self.country]
        if control.name in self.demography:
            return [self.demography[control.name]]
        if chance < 0.02:
            return []
        if control.name == "approval_list":
            return [self._count(len(control.options))]
        if chance < 0.05 and "dont_know" in control.options:
            return ["dont_know"]
        scale = self.scales.get(control.name)
        if scale is not None and len(scale) == 5:
            return [scale[self._position(control.name)]]
        options = [o for o in control.options if o not in {"", "dont_know", "refused"}]
        return [self.generator.choice(options)] if options else []

    def _position(self, variable: str) -> int:
        battery = variable.rpartition("_")[0]
        weight = WEIGHT_OF_ATTITUDE.get(variable, WEIGHT_OF_ATTITUDE.get(battery, 0.0))
        latent = weight * self.attitude + self.generator.gauss(0, 0.5)
        if variable in {"approval", "approval_after"}:
            latent += GUARDED.get(self.country, 0.0)
        return sum(latent < cut for cut in CUTS)

    def _count(self, n_options: int) -> str:
        """Of five options, 0 to 4, the sensitive item is not on the list."""
        cash = self.generator.random() < 0.6
        others = [not cash, *(self.generator.random() < 0.45 for _ in range(2))]
        approves = n_options > 5 and self.attitude > CUTS[1]
        return str(sum([cash, *others, approves]))


def synthetic_respondents(
    survey: Survey, count: int, seed: int
) -> list[SyntheticRespondent]:
    """Invent respondents in equal numbers per country, reproducibly.

    Parameters
    ----------
    survey : Survey
        The shipped survey; its population gives age, gender and education.
    count : int
        How many in all.
    seed : int
        The same seed invents the same people.

    Returns
    -------
    list of SyntheticRespondent
    """
    generator = random.Random(seed)
    questionnaire = survey.questionnaire
    scales = {
        variable: tuple(
            choice.name
            for choice in questionnaire.choices_of(question)
            if not choice.missing
        )
        for question in questionnaire.questions
        for variable in question.variables
    }
    countries = [country for country in survey.study.countries if country in LEANING]
    respondents = []
    for first, country in enumerate(countries):
        size = len(range(first, count, len(countries)))
        people = survey.population[survey.population["country"] == country]
        ages = _draw(people, ["age_group", "gender"], AGES, size, generator)
        educations = _draw(people, ["education"], EDUCATION, size, generator)
        for (age_group, gender), (education,) in zip(ages, educations, strict=True):
            older = list(AGES).index(age_group) - 1.5
            attitude = LEANING[country] + 0.15 * older + generator.gauss(0, 0.9)
            respondents.append(
                SyntheticRespondent(
                    country,
                    {"age_group": age_group, "gender": gender, "education": education},
                    attitude,
                    scales,
                    random.Random(generator.getrandbits(64)),
                )
            )
    generator.shuffle(respondents)
    return respondents


def _draw(
    people: pd.DataFrame,
    variables: list[str],
    tilt: Mapping[str, float],
    size: int,
    generator: random.Random,
) -> list[tuple[str, ...]]:
    """Draw cells of a margin, tilted towards those who answer online surveys.

    Systematically, so that no cell of some size is left out.
    """
    cells = people.dropna(subset=variables)
    weights = cells["population"] * cells[variables[0]].map(tilt)
    bounds = (weights.cumsum() / weights.sum()).tolist()
    start = generator.random()
    chosen = [
        tuple(cells[variables].iloc[bisect(bounds, (start + number) / size)])
        for number in range(size)
    ]
    generator.shuffle(chosen)
    return chosen
