"""The command `parallax`."""

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from .data_commands import compare, export, release, releases, report
from .researcher_commands import audit_app, key_app, researcher_app
from .survey_commands import survey_app
from .terminal import NO, Json, Name, database, errors_in_words, say, workbench
from .vocabulary import MOST_TICKETS

app = typer.Typer(
    help="Consented, anonymous attitude surveys in many countries, compared honestly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
tickets_app = typer.Typer(
    help="The right to answer once, for surveys of tier T1.", no_args_is_help=True
)
app.add_typer(survey_app, name="survey")
app.add_typer(tickets_app, name="tickets")
app.add_typer(researcher_app, name="researcher")
app.add_typer(key_app, name="key")
app.add_typer(audit_app, name="audit")

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")]


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
    from . import demo
    from .serving import running
    from .settings import Settings

    with errors_in_words():
        data_dir = Settings().data_dir / "demo"
        result = demo.play(data_dir, respondents, seed)
        say(result.summary)
        say(f"\nrelease  {result.release}\nreport   {result.report}")
        say(f"serve it with: PARALLAX_DATA_DIR={data_dir} parallax serve")
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
    """Serve the open surveys to respondents, and the workbench to researchers."""
    from .accounts import list_researchers
    from .fieldwork import list_surveys
    from .serving import serve as run_server

    with database() as engine:
        surveys = [one for one in list_surveys(engine) if one["state"] != "draft"]
        researchers = list_researchers(engine)

    def announce(address: str) -> None:
        for survey in surveys:
            say(f"{survey['state']:6}  {address}/s/{survey['name']}")
        if not surveys:
            say("no survey is open yet: parallax survey open SURVEY")
        say(f"researchers  {address}/login")
        if not researchers:
            say("nobody can sign in yet: parallax researcher add NAME --role owner")
        say("Ctrl-C stops the service.")

    with errors_in_words():
        run_server(host, port, workers, announce)


@tickets_app.command()
def issue(
    survey: Name,
    country: Annotated[str, typer.Option(help="The invitees' country.")],
    count: Annotated[
        int, typer.Option(min=1, max=MOST_TICKETS, help="How many tickets.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new CSV file for the codes.")
    ],
) -> None:
    """Write new codes to a file; the service keeps only their hashes."""
    from . import acts
    from .errors import ApiError
    from .workbench import AT_THE_SERVER

    with workbench() as bench:
        with output.open("x", encoding="utf-8") as file:
            try:
                codes = acts.issue_tickets(bench, AT_THE_SERVER, survey, country, count)
            except ApiError:
                output.unlink()
                raise
            file.write("code\n" + "".join(f"{code}\n" for code in codes))
        say(
            f"{count} codes are in {output}; nobody can make that list again.\n"
            "Whoever sends them out should delete who got which."
        )


@app.command()
def mix(survey: Name) -> None:
    """Move waiting responses to their place, in an order of chance."""
    from .fieldwork import load_published
    from .mixing import FEWEST
    from .mixing import mix as mix_responses

    with database() as engine:
        load_published(engine, survey)
        moved = mix_responses(engine, survey, minimum=FEWEST)
        say(f"{moved} responses mixed")
        if not moved:
            say(f"fewer than {FEWEST} wait: mixing so few would hide nobody")


for command in (release, releases, export, compare, report):
    app.command()(command)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; keep it encrypted.")],
) -> None:
    """Mix what can be mixed, then write everything to a file."""
    from .audit import COMMAND_LINE, audit
    from .backups import backup as write_backup

    with database() as engine:
        waiting = write_backup(engine, file)
        audit(engine, COMMAND_LINE, "backed_up")
        say(f"the backup is in {file}")
        if waiting:
            say(f"{waiting} responses wait to be mixed and are not in it")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="What backup wrote.")]) -> None:
    """Replace the database by a backup; withdrawn responses stay withdrawn."""
    from .audit import COMMAND_LINE, audit
    from .backups import restore as read_backup

    with database() as engine:
        n_rows = read_backup(engine, file)
        audit(engine, COMMAND_LINE, "restored", details={"rows": n_rows})
        say(f"{n_rows} rows restored")


@app.command(name="doctor")
def examine(as_json: Json = False) -> None:
    """Check the installation: settings, folders, disk, database, waiting responses."""
    from . import doctor

    with errors_in_words():
        findings = list(doctor.examine())
    if as_json:
        say(json.dumps([finding._asdict() for finding in findings]))
    else:
        for check, good, what in findings:
            say(f"{'good' if good else 'BAD '}  {check}: {what}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(NO)


if __name__ == "__main__":
    sys.exit(app())
