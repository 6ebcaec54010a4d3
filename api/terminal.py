"""What all commands share: words on the terminal, errors in words, the database."""

# A module of commands imports typer, the standard library and the vocabulary. What does
# the work takes seconds to load, and is loaded by the command that needs it.

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails
    from sqlalchemy import Engine

    from .workbench import Workbench

NO, USAGE = 1, 2

Row = TypeVar("Row")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Name = Annotated[str, typer.Argument(help="The survey's name: its folder's name.")]


def say(text: str = "") -> None:
    """Print for the person at the terminal."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print beside the output, for the person who reads what a program gets."""
    typer.echo(f"warning: {text}", err=True)


def show(
    rows: Sequence[Row],
    line: Callable[[Row], str],
    *,
    as_json: bool,
    instead: str,
) -> None:
    """Print rows: as JSON for a program, a line each for a person; else say so."""
    if as_json:
        say(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        say(line(row))
    if not rows:
        say(instead)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turn what went wrong into a sentence and an exit status."""
    try:
        yield
    except Exception as error:
        known = _in_words(error)
        if known is None:
            raise
        words, status = known
        typer.echo(words, err=True)
        raise typer.Exit(status) from error


def _in_words(error: Exception) -> tuple[str, int] | None:
    """Say what whoever gave the command can mend; None for a mistake of ours."""
    from pydantic import ValidationError

    from analysis import AnalysisError
    from surveys import AuthoringError, SurveyError

    from .errors import ApiError, DeadEnd

    match error:
        case AuthoringError():
            return str(error), NO
        case DeadEnd():
            return f"dead end: {error}", NO
        case ValidationError():
            return "\n".join(map(_setting, error.errors())), USAGE
        case SurveyError() | AnalysisError() | ApiError():
            return f"error: {error}", USAGE
        case OSError():
            return f"error: {_refusal(error)}", USAGE
    return None


def _setting(problem: "ErrorDetails") -> str:
    name = "_".join(map(str, problem["loc"])).upper()
    return f"PARALLAX_{name}: {problem['msg']}"


def _refusal(error: OSError) -> str:
    """Say what the system refused, of which file, and what to do."""
    if error.filename is None:
        return str(error)
    match error:
        case FileNotFoundError():
            what = "there is no such file or folder; check the name"
        case FileExistsError():
            what = "is there already; choose a new name"
        case PermissionError():
            what = "may not be read or written; check whose it is"
        case _:
            what = error.strerror or type(error).__name__
    return f"{error.filename}: {what}"


@contextmanager
def workbench() -> Iterator["Workbench"]:
    """Open this installation for what researchers do on the web as well."""
    from .settings import Settings
    from .workbench import Workbench

    with database() as engine:
        yield Workbench(Settings(), engine)


@contextmanager
def database() -> Iterator["Engine"]:
    """The database of this installation, migrated to the present schema."""
    from .database import create_engine_for, migrate
    from .settings import Settings

    with errors_in_words():
        engine = create_engine_for(Settings())
        try:
            migrate(engine)
            yield engine
        finally:
            engine.dispose()
