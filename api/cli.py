"""The command `parallax`."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Literal

import typer
import uvicorn
from pydantic import ValidationError
from sqlalchemy import Engine

from analysis import AnalysisError
from surveys import AuthoringError, SurveyError, load

from . import comparing, demo, fieldwork, robots, tickets
from .backups import backup as write_backup
from .backups import restore as read_backup
from .database import create_engine_for, migrate
from .datasets import Profile
from .datasets import release as release_data
from .errors import ApiError
from .mixing import mix as mix_responses
from .serving import running
from .settings import Settings

NO, USAGE = 1, 2

app = typer.Typer(
    help="Consented, anonymous attitude surveys in many countries, compared honestly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
survey_app = typer.Typer(
    help="Check, publish, open and close surveys.", no_args_is_help=True
)
tickets_app = typer.Typer(
    help="The right to answer once, for surveys of tier T1.", no_args_is_help=True
)
app.add_typer(survey_app, name="survey")
app.add_typer(tickets_app, name="tickets")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Name = Annotated[str, typer.Argument(help="The survey's name: its folder's name.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")]


def say(text: str = "") -> None:
    """Print for the person at the terminal."""
    typer.echo(text)


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turn what went wrong into a sentence and an exit status."""
    try:
        yield
    except AuthoringError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NO) from error
    except robots.DeadEnd as error:
        typer.echo(f"dead end: {error}", err=True)
        raise typer.Exit(NO) from error
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            setting = "PARALLAX_" + "_".join(map(str, problem["loc"])).upper()
            typer.echo(f"{setting}: {problem['msg']}", err=True)
        raise typer.Exit(USAGE) from error
    except (SurveyError, AnalysisError, ApiError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(USAGE) from error


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


@app.command(name="demo")
def play_demo(
    port: Port = 8000,
    serve_after: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Keep the service running.")
    ] = True,
    respondents: Annotated[
        int, typer.Option(min=150, max=100_000, help="How many, over five countries.")
    ] = 500,
    seed: Annotated[
        int, typer.Option(help="The same seed invents the same people.")
    ] = 1,
) -> None:
    """Play the shipped survey with synthetic respondents, up to the report."""
    with errors_in_words():
        result = demo.play(Settings().data_dir / "demo", respondents, seed)
        say(result.summary)
        say(f"\nrelease  {result.release}\nreport   {result.report}")
        if not serve_after:
            return
        with running(result.app, port=port) as address:
            say(f"survey   {address}/s/{demo.SURVEY}\n\nCtrl-C stops the service.")
            typer.launch(result.report.resolve().as_uri())
            with suppress(KeyboardInterrupt):
                threading.Event().wait()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = 1,
) -> None:
    """Serve the published surveys."""
    with database():
        pass
    uvicorn.run(
        "api.main:create_app_from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        timeout_keep_alive=5,
    )


@survey_app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The survey's folder.")],
    as_json: Json = False,
) -> None:
    """Check a survey's files; report every mistake at once."""
    with errors_in_words():
        survey = load(folder)
        facts = {
            "survey": survey.name,
            "version": survey.version,
            "languages": list(survey.languages),
            "draft_languages": sorted(survey.draft_languages),
            "pages": len(survey.questionnaire.pages),
            "questions": sum(1 for _ in survey.questionnaire.questions),
            "countries": list(survey.study.countries),
            "tier": survey.study.tier,
        }
    if as_json:
        say(json.dumps(facts))
        return
    say(
        f"{survey.name}: {facts['pages']} pages, {facts['questions']} questions, "
        f"{len(survey.languages)} languages, no mistakes"
    )
    if survey.draft_languages:
        say(f"draft translations: {', '.join(sorted(survey.draft_languages))}")
    say(f"version {survey.version}")


@survey_app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="The survey's folder.")],
) -> None:
    """Store a survey's files so that it can be opened."""
    with database() as engine:
        survey = load(folder)
        fieldwork.publish(engine, survey)
        say(f"{survey.name} is published, version {survey.version[:12]}")


@survey_app.command(name="list")
def list_surveys(as_json: Json = False) -> None:
    """List the published surveys."""
    with database() as engine:
        rows = fieldwork.list_surveys(engine)
    if as_json:
        say(json.dumps(rows))
        return
    for row in rows:
        say(f"{row['name']}  {row['state']}  {row['tier']}  {row['countries']}")
    if not rows:
        say("no survey is published yet: parallax survey publish FOLDER")


@survey_app.command(name="open")
def open_survey(
    survey: Name,
    country: Annotated[
        list[str] | None,
        typer.Option(help="A country to open for; all of the study's when not given."),
    ] = None,
    accept_draft_translations: Annotated[
        bool, typer.Option(help="Open although translations await adjudication.")
    ] = False,
    approval: Annotated[
        str | None,
        typer.Option(help="Reference of the approval that some countries ask for."),
    ] = None,
) -> None:
    """Open a survey: from now on its version, tier and consent text are fixed."""
    with database() as engine:
        fieldwork.open_survey(
            engine,
            survey,
            countries=country,
            accept_draft_translations=accept_draft_translations,
            approval=approval,
        )
        say(f"{survey} is open")


@survey_app.command()
def close(survey: Name) -> None:
    """Close a survey and mix what still waits."""
    with database() as engine:
        fieldwork.close_survey(engine, survey)
        say(f"{survey} is closed")


@survey_app.command()
def progress(survey: Name, as_json: Json = False) -> None:
    """Show how many responses there are, and where interviews end."""
    with database() as engine:
        counts = fieldwork.progress(engine, survey)
    say(json.dumps(counts, indent=None if as_json else 2, ensure_ascii=False))


@survey_app.command()
def bots(
    survey: Annotated[
        str, typer.Argument(help="A survey's name at --url, or its folder.")
    ],
    count: Annotated[int, typer.Option(min=1, help="How many robots.")] = 100,
    url: Annotated[
        str | None, typer.Option(help="A running service; else one is started.")
    ] = None,
) -> None:
    """Send robots that know only HTML through every path of a survey."""
    with errors_in_words():
        walk = (
            demo.walk_at(url, survey, count)
            if url
            else demo.walk_folder(Path(survey), count)
        )
    say(f"{walk.finished} robots finished, {len(walk.headings)} different pages")
    if walk.unseen or walk.untaken:
        for heading in walk.unseen:
            say(f"no robot reached the page {heading!r}")
        for control, value in walk.untaken:
            say(f"no robot chose {value!r} of {control}")
        say("send more robots: --count")
        raise typer.Exit(NO)


@tickets_app.command()
def issue(
    survey: Name,
    country: Annotated[str, typer.Option(help="The invitees' country.")],
    count: Annotated[int, typer.Option(min=1, help="How many tickets.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new CSV file for the codes.")
    ],
) -> None:
    """Write new codes to a file; the service keeps only their hashes."""
    with database() as engine:
        with output.open("x", encoding="utf-8") as file:
            codes = tickets.issue(engine, survey, country, count)
            file.write("code\n" + "".join(f"{code}\n" for code in codes))
        say(
            f"{count} codes are in {output}; nobody can make that list again.\n"
            "Whoever sends them out should delete who got which."
        )


@app.command()
def mix(survey: Name) -> None:
    """Move waiting responses to their place, in an order of chance."""
    with database() as engine:
        moved = mix_responses(engine, survey, minimum=5)
        say(f"{moved} responses mixed")
        if not moved:
            say("fewer than 5 wait: mixing so few would show their order")


@app.command()
def release(
    survey: Name,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new folder for the release.")
    ],
    profile: Annotated[
        Profile,
        typer.Option(help="internal: all; scientific: k >= 5; open: k >= 10, l >= 2."),
    ] = "internal",
) -> None:
    """Write the protected data set of a survey."""
    with database() as engine:
        package = release_data(engine, survey, output, profile)
        facts = package["parallax"]
        say(
            f"{facts['n_responses']} responses in {output}, profile {profile}, "
            f"k = {facts['k']}, suppressed cells: "
            f"{sum(facts['suppressed_cells'].values())}"
        )


@app.command()
def compare(
    data: Annotated[
        Path,
        typer.Argument(
            help="A release folder or a file: csv, parquet, sav, zsav, dta."
        ),
    ],
    outcome: Annotated[str, typer.Option(help="The variable to compare.")],
    by: Annotated[str, typer.Option(help="The variable whose groups are compared.")],
    share_of: Annotated[
        str | None,
        typer.Option(help="Compare the share of these answers together: A,B"),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Compare all groups with this one only.")
    ] = None,
    weights: Annotated[str | None, typer.Option(help="The column of weights.")] = None,
    strata: Annotated[
        list[str] | None, typer.Option(help="A column of strata; may be repeated.")
    ] = None,
    clusters: Annotated[
        str | None, typer.Option(help="The column of clusters.")
    ] = None,
    margins: Annotated[
        Path | None, typer.Option(help="Population margins to rake to, a CSV file.")
    ] = None,
    adjust: Annotated[
        Literal["holm", "bh", "none"], typer.Option(help="For several comparisons.")
    ] = "holm",
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    as_json: Json = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a chart to this file.")
    ] = None,
) -> None:
    """Compare a mean or a share between countries or other groups."""
    with errors_in_words():
        result = comparing.compare_data(
            data,
            outcome=outcome,
            by=by,
            share_of=share_of.split(",") if share_of else None,
            reference=reference,
            weights=weights,
            strata=strata or [],
            clusters=clusters,
            margins=margins,
            adjust=adjust,
            level=level,
        )
        if html:
            html.write_text(result.to_html(), encoding="utf-8")
            say(f"the comparison is in {html}")
        elif as_json:
            say(json.dumps(result.to_dict(), ensure_ascii=False))
        else:
            say(str(result))


@app.command()
def report(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The HTML file to write.")
    ],
) -> None:
    """Write the report of a release: one HTML file that asks nothing of the web."""
    with errors_in_words():
        output.write_text(comparing.report_of(release), encoding="utf-8")
        say(f"the report is in {output}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; keep it encrypted.")],
) -> None:
    """Mix what can be mixed, then write everything to a file."""
    with database() as engine:
        waiting = write_backup(engine, file)
        say(f"the backup is in {file}")
        if waiting:
            say(f"{waiting} responses wait to be mixed and are not in it")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="What backup wrote.")]) -> None:
    """Replace the database by a backup; withdrawn responses stay withdrawn."""
    with database() as engine:
        say(f"{read_backup(engine, file)} rows restored")


if __name__ == "__main__":
    sys.exit(app())
