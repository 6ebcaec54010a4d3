import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from analysis.comparison import Adjustment
from api import vocabulary
from api.cli import app
from api.models import RESPONDENT_TABLES
from surveys.exports import FORMATS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
).stdout.splitlines()


def names_in(path):
    tree = ast.parse((ROOT / path).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_every_step_of_the_journey_exists():
    steps = re.findall(r"`((?:api|surveys|analysis)/\w+\.py):(\w+)`", README)
    assert len(steps) == 9
    assert [step for step in steps if step[1] not in names_in(step[0])] == []


@pytest.mark.parametrize("package", ["surveys", "analysis"])
def test_the_public_names_are_sorted_and_complete(package):
    module = importlib.import_module(package)
    public = {
        name
        for name in dir(module)
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    }
    assert list(module.__all__) == sorted(public)


def loaded_by(statement):
    """The modules that a fresh interpreter has after a statement."""
    command = [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"]
    return {*subprocess.check_output(command, cwd=ROOT, text=True).split()}


def test_importing_analysis_waits_for_nothing_and_type_checkers_see_all_names():
    assert {"numpy", "pandas", "scipy"}.isdisjoint(loaded_by("import analysis"))
    stub = ast.parse((ROOT / "analysis/__init__.pyi").read_text()).body[-1]
    assert ast.literal_eval(stub.value) == importlib.import_module("analysis").__all__


def test_commands_load_what_does_the_work_only_when_they_run():
    loaded = loaded_by("import api.cli")
    slow = {"alembic", "altair", "cryptography", "duckdb", "elementpath", "fastapi"}
    slow |= {"httpx", "lxml", "numpy", "pandas", "pyarrow", "pydantic", "pyreadstat"}
    slow |= {"scipy", "sqlalchemy", "sqlmodel", "uvicorn", "xlsxwriter"}
    assert "typer" in loaded
    assert slow.isdisjoint(loaded)


def test_commands_offer_what_there_is():
    assert vocabulary.Adjustment == Adjustment
    assert list(vocabulary.EXPORT_FORMATS) == list(FORMATS)


@pytest.mark.parametrize("package", ["surveys", "analysis"])
def test_every_public_function_is_documented_with_an_example(package):
    module = importlib.import_module(package)
    functions = [
        getattr(module, name)
        for name in module.__all__
        if inspect.isfunction(getattr(module, name))
    ]
    assert functions
    for function in functions:
        for heading in ("Parameters\n", "Returns\n", "Examples\n"):
            assert heading in inspect.getdoc(function), (function.__name__, heading)


def test_every_command_is_in_the_readme():
    def paths(command, words):
        children = getattr(command, "commands", {})
        if not children:
            yield " ".join(words)
        for name, child in children.items():
            yield from paths(child, [*words, name])

    commands = list(paths(get_command(app), ["parallax"]))
    assert len(commands) > 10
    assert [command for command in commands if command not in README] == []


def test_every_stored_field_about_respondents_is_in_the_privacy_page():
    page = (ROOT / "docs/privacy.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)\.(\w+)` \|", page, re.MULTILINE))
    stored = {
        (table.name, column.name)
        for table in RESPONDENT_TABLES
        for column in table.columns
    }
    assert documented == stored


def test_the_project_names_no_place_outside_itself():
    forbidden = re.compile(
        r"/(?:work|root|home|opt)/"
        r"|https?://[a-z.-]*(?:python|pypi|npmjs|debian)[a-z]*\.(?:org|com|net)/simple"
    )
    texts = {
        path: (ROOT / path).read_text(errors="ignore")
        for path in TRACKED
        if path != "tests/test_house_rules.py" and (ROOT / path).is_file()
    }
    assert [path for path, text in texts.items() if forbidden.search(text)] == []


def test_no_lock_file_with_addresses():
    assert {"uv.lock", "pylock.toml"}.isdisjoint(TRACKED)
    assert "://" not in (ROOT / "requirements.txt").read_text()
