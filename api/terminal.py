"""What all commands share: words on the terminal, errors in words, the database."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy import Engine

from analysis import AnalysisError
from surveys import AuthoringError, SurveyError

from .accounts import EVERY
from .audit import COMMAND_LINE
from .database import create_engine_for, migrate
from .errors import ApiError
from .researcher_dependencies import Principal, Workbench
from .robots import DeadEnd
from .serving import ServiceStopped
from .settings import Settings

NO, USAGE = 1, 2

AT_THE_SERVER = Principal(COMMAND_LINE, "key", {EVERY: "owner"})
"""Who works at the server itself: may do everything, and is in the audit log, too."""

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
    except AuthoringError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NO) from error
    except DeadEnd as error:
        typer.echo(f"dead end: {error}", err=True)
        raise typer.Exit(NO) from error
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            setting = "PARALLAX_" + "_".join(map(str, problem["loc"])).upper()
            typer.echo(f"{setting}: {problem['msg']}", err=True)
        raise typer.Exit(USAGE) from error
    except (SurveyError, AnalysisError, ApiError, ServiceStopped) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(USAGE) from error
    except OSError as error:
        typer.echo(f"error: {_in_words(error)}", err=True)
        raise typer.Exit(USAGE) from error


def _in_words(error: OSError) -> str:
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
def workbench() -> Iterator[Workbench]:
    """Open this installation for what researchers do on the web as well."""
    with database() as engine:
        yield Workbench(Settings(), engine)


@contextmanager
def database() -> Iterator[Engine]:
    """The database of this installation, migrated to the present schema."""
    with errors_in_words():
        engine = create_engine_for(Settings())
        try:
            migrate(engine)
            yield engine
        finally:
            engine.dispose()
