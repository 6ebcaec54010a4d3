"""A survey: questionnaire and study in every language, and the population."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from .questionnaire import Questionnaire
from .study import Study


@dataclass(frozen=True, eq=False)
class Survey:
    """What `load` makes of a folder.

    Attributes
    ----------
    name : str
        The folder's name.
    questionnaires : mapping of language to Questionnaire
        The same structure in each language; English is the first.
    studies : mapping of language to Study
        The same facts, with the texts that respondents read in each language.
    population : pandas.DataFrame
        One row per cell of a margin and country: ``country``, the variables of all
        margins (missing outside the row's own margin), ``population`` in persons,
        ``source``, ``year`` and ``status``.
    draft_languages : frozenset of str
        Languages whose translation still awaits adjudication.
    files : mapping of str to str
        The files that were read, by name, so that they can be stored and read again.
    """

    name: str
    questionnaires: Mapping[str, Questionnaire]
    studies: Mapping[str, Study]
    population: pd.DataFrame = field(repr=False)
    draft_languages: frozenset[str]
    files: Mapping[str, str] = field(repr=False)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages in the order of the questionnaire, English first."""
        return tuple(self.questionnaires)

    @property
    def questionnaire(self) -> Questionnaire:
        """The questionnaire in English, as its author wrote it."""
        return self.questionnaires["en"]

    @property
    def study(self) -> Study:
        """The study in English, as its author wrote it."""
        return self.studies["en"]

    @cached_property
    def version(self) -> str:
        """SHA-256 of `to_json`: another wording in one language is another version."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """All questionnaires and studies as canonical JSON: sorted keys, no spaces."""
        content = {
            "questionnaires": {
                language: questionnaire.model_dump(mode="json")
                for language, questionnaire in self.questionnaires.items()
            },
            "studies": {
                language: study.model_dump(mode="json")
                for language, study in self.studies.items()
            },
        }
        return json.dumps(
            content, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
