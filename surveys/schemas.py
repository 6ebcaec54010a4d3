"""What helps authors to write the files of a survey: JSON Schemas and a starter."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from pydantic import BaseModel

from .errors import suggest
from .loading import POPULATION, QUESTIONNAIRE, STUDY, load_files
from .questionnaire import QUESTION_TYPES, Questionnaire
from .study import Study

MODELS: Mapping[str, type[BaseModel]] = {QUESTIONNAIRE: Questionnaire, STUDY: Study}

DESCRIPTIONS: Mapping[str, Mapping[str, str]] = {
    "Questionnaire": {
        "title": "The name of the survey, as respondents read it.",
        "languages": "Codes of languages, en first; each other has a file such as"
        " de.po.",
        "experiments": "Random assignments to arms, drawn once for each respondent.",
        "choices": "Lists of choices by name, for questions to use.",
        "pages": "What is asked, screen by screen.",
    },
    "Page": {
        "name": "A name for conditions and files; respondents do not see it.",
        "label": "The heading of the page.",
        "relevant": "The page is shown only if this holds, such as ${tea} = 'yes'.",
        "shuffle": "Pages next to each other with the same word here come in an order"
        " drawn for each respondent.",
        "questions": "Questions, notes and calculations, in order.",
    },
    "Question": {
        "type": "What kind of question, and the list of its choices: select_one"
        " countries.",
        "name": "The variable in the data.",
        "label": "The question, as respondents read it.",
        "hint": "A smaller text below the question.",
        "relevant": "It is asked only if this holds; what it depends on stands on an"
        " earlier page.",
        "constraint": "What an answer must fulfil; . stands for the answer: . >= 18.",
        "constraint_message": "What respondents read when an answer does not fulfil"
        " it.",
        "required": "Accepted as in XLSForm, but nothing has to be answered.",
        "choice_filter": "Only choices for which this holds are offered; a bare name is"
        " a column of the choice: country = ${country}.",
        "calculation": "The value of a calculate question.",
        "appearance": "How it is shown, such as multiline.",
        "parameters": "randomize=true draws the order of choices or items for each"
        " respondent; randomize=reverse turns it round for half of them.",
        "items": "The lines of a battery, or what a list experiment counts.",
    },
    "Choice": {
        "name": "The code in the data. Whole numbers are kept in SPSS and Stata.",
        "label": "The choice, as respondents read it.",
        "missing": "Marks an answer that is no opinion: it is stored apart and shown"
        " last.",
        "exclusive": "In a select_multiple, ticking it empties the other boxes.",
        "columns": "What a choice_filter can compare.",
    },
    "Item": {
        "name": "Its part of the variable's name.",
        "label": "The item, as respondents read it.",
        "sensitive": "In a list experiment, the item that only half of the respondents"
        " see.",
    },
    "Experiment": {
        "name": "The variable in the data.",
        "label": "What is varied, for researchers.",
        "arms": "Two or more, with equal chances.",
    },
    "Arm": {
        "name": "The code in the data.",
        "label": "What the arm does, for researchers.",
    },
    "Study": {
        "version": "Your own number for this version of the study.",
        "asked_by": "Who asks and who pays. Respondents read it.",
        "purpose": "What the answers are for. Respondents read it.",
        "contact": "Whom respondents can ask. Respondents read it.",
        "data_location": "Where the answers are stored. Respondents read it.",
        "risk": "What could harm a respondent. Respondents read it.",
        "debrief": "What respondents read at the end.",
        "minutes": "How long it takes.",
        "tier": "T0: whoever has the link takes part. T1: with a code, once.",
        "countries": "Countries by their two capital letters, such as DE.",
        "approval_required": "Countries that open only with the reference of an"
        " approval.",
        "withdrawal_weeks": "How long respondents can have their answers deleted.",
        "retention_months": "How long answers are kept.",
        "margins": "What weights are fitted to: lists of variables whose totals stand"
        " in population.csv.",
        "quasi_identifiers": "Variables that could tell who someone is.",
        "sensitive": "Variables that must not become known about anyone.",
        "recodings": "What is made coarser before a release: choices that become one,"
        " or the width of classes of a number.",
        "labels": "Short titles of variables for researchers.",
        "report": "What the report compares.",
        "disclosure": "What the AAPOR Code asks to say about any published result.",
    },
    "Headline": {
        "outcome": "The question that the report opens with.",
        "share_of": "The choices whose share is compared.",
        "label": "What the share is called.",
    },
    "DirectAndList": {
        "direct": "The direct question.",
        "share_of": "The choices of it that mean the same as the sensitive item.",
        "count": "The list experiment.",
    },
    "ArmEffect": {
        "experiment": "Whose arms are compared.",
        "reference": "The arm with which the others are compared.",
        "outcome": "The question that is compared.",
        "share_of": "The choices whose share is compared.",
    },
    "ReportPlan": {
        "headline": "The comparison that the report opens with.",
        "chart": "The question that is drawn by country.",
        "sensitive": "A direct question and a list experiment about the same.",
        "arm_effect": "What an experiment changed.",
    },
    "Disclosure": {
        "data_collection_strategy": "How the data were collected.",
        "sponsor_and_conductor": "Who paid and who did the work.",
        "measurement_tools": "Where the questionnaire can be read.",
        "population": "Whom the results are about.",
        "sample_generation": "How respondents were found.",
        "probability_sample": "Whether every respondent had a known chance to be"
        " drawn.",
        "modes_and_languages": "How and in which languages people were asked.",
        "dates": "From when to when.",
        "sample_sizes_and_precision": "How many answered, and how exact results are.",
        "weighting": "What the weights are fitted to.",
        "processing_and_quality": "What was checked and what was left out.",
        "limitations": "What the results cannot show.",
    },
}
"""What editors say about each key, by model."""


def json_schema(file: str = QUESTIONNAIRE) -> dict[str, Any]:
    """Describe a file of a survey for editors that complete and check YAML.

    Parameters
    ----------
    file : str
        ``questionnaire.yaml`` or ``study.yaml``.

    Returns
    -------
    dict
        A JSON Schema, draft 2020-12. It knows each key by itself; only `load` knows
        whether they fit together.

    Raises
    ------
    ValueError
        If there is no schema for the file.

    Examples
    --------
    >>> schema = json_schema("study.yaml")
    >>> schema["properties"]["minutes"]["description"]
    'How long it takes.'
    """
    if file not in MODELS:
        raise ValueError(f"there is no schema for {file!r}; {suggest(file, MODELS)}")
    model = MODELS[file]
    schema = _as_in_yaml(model.model_json_schema())
    definitions = {**schema.get("$defs", {}), model.__name__: schema}
    for name, descriptions in DESCRIPTIONS.items():
        for key, description in descriptions.items():
            if name in definitions:
                definitions[name]["properties"][key]["description"] = description
    if file == QUESTIONNAIRE:
        with_choices = [kind for kind, needs in QUESTION_TYPES.items() if "ch" in needs]
        plain = [kind for kind in QUESTION_TYPES if kind not in with_choices]
        definitions["Question"]["properties"]["type"] |= {
            "type": "string",
            "anyOf": [
                {"enum": plain},
                {"pattern": f"^({'|'.join(with_choices)}) +[A-Za-z_][A-Za-z0-9_]*$"},
            ],
        }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _as_in_yaml(part: Any) -> Any:
    """Say what editors see: in a survey every plain value is read as a text."""
    if isinstance(part, list):
        return [_as_in_yaml(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _as_in_yaml(each) for key, each in part.items()}
    if kept.get("type") == "string" and "enum" not in kept and "const" not in kept:
        kept["type"] = ["string", "number", "boolean"]
    if kept.get("type") == "boolean":
        del kept["type"]
        kept["enum"] = [True, False, "yes", "no"]
    return kept


def write_schema(file: str) -> str:
    """Write `json_schema` of a file as indented text.

    Examples
    --------
    >>> write_schema("study.yaml").splitlines()[1]
    '  "$schema": "https://json-schema.org/draft/2020-12/schema",'
    """
    return f"{json.dumps(json_schema(file), ensure_ascii=False, indent=2)}\n"


def starter(name: str) -> dict[str, str]:
    """Write the files of a small survey with comments, to begin one's own from.

    Parameters
    ----------
    name : str
        The survey's name, and that of the folder the files are for.

    Returns
    -------
    dict
        Texts by file name, with the JSON Schemas that the YAML files name. They load
        without a mistake.

    Raises
    ------
    AuthoringError
        If a survey cannot have this name.

    Examples
    --------
    >>> sorted(starter("trains"))[:2]
    ['population.csv', 'questionnaire.schema.json']
    """
    folder = files("surveys") / "starter"
    written = {
        file: (folder / file).read_text("utf-8")
        for file in (QUESTIONNAIRE, STUDY, POPULATION)
    }
    load_files(name, written)
    for file in MODELS:
        written[f"{file.removesuffix('.yaml')}.schema.json"] = write_schema(file)
    return written
