import jsonschema
import pytest
import yaml

from surveys import AuthoringError, load_files
from surveys.schemas import DESCRIPTIONS, MODELS, json_schema, starter


def problems(file, text):
    """What an editor with YAML 1.2 types says of a file."""
    validator = jsonschema.Draft202012Validator(json_schema(file))
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("file", MODELS)
def test_the_shipped_survey_and_the_starter_are_valid(shipped, file):
    jsonschema.Draft202012Validator.check_schema(json_schema(file))
    assert problems(file, shipped.files[file]) == []
    assert problems(file, starter("mine")[file]) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("label: About you", "lable: About you", "'lable' was unexpected"),
        ("type: likert approval5", "type: likert", "not valid under any"),
        ("type: integer", "type: number", "not valid under any"),
        ("missing: refused", "missing: maybe", "not valid under any"),
        ("name: age", "name: 1 age", "does not match"),
        ("parameters: randomize=true", "parameters: random", "is not one of"),
    ],
)
def test_an_editor_marks_what_load_refuses(before, after, message):
    written = starter("mine")
    text = written["questionnaire.yaml"].replace(before, after, 1)
    assert any(message in said for said in problems("questionnaire.yaml", text))
    with pytest.raises(AuthoringError):
        load_files("mine", written | {"questionnaire.yaml": text})


def test_numbers_and_truth_values_are_texts_as_for_load():
    document = yaml.safe_load(starter("mine")["questionnaire.yaml"])
    document["choices"]["scale"] = [{"name": at, "label": at} for at in (1, 2)]
    document["pages"][0]["relevant"] = True
    assert problems("questionnaire.yaml", yaml.safe_dump(document)) == []


@pytest.mark.parametrize("file", MODELS)
def test_every_key_has_a_description(file):
    schema = json_schema(file)
    models = {**schema.get("$defs", {}), MODELS[file].__name__: schema}
    for name, model in models.items():
        if "properties" in model:
            assert set(model["properties"]) == set(DESCRIPTIONS[name])


def test_the_starter_loads_and_each_file_names_its_schema():
    written = starter("mine")
    survey = load_files("mine", written)
    assert survey.languages == ("en",)
    for file in MODELS:
        named = written[file].partition("$schema=")[2].split()[0]
        assert named in written


def test_a_starter_with_an_impossible_name_is_refused():
    with pytest.raises(AuthoringError, match="begin the name of the folder"):
        starter("My Survey")


def test_there_is_no_schema_for_other_files():
    with pytest.raises(ValueError, match=r"no schema for 'survey.yaml'"):
        json_schema("survey.yaml")
