"""The command `parallax`."""

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from analysis.comparison import Adjustment
from analysis.disclosure import released_weights
from surveys import read_release
from surveys.descriptions import PACKAGE
from surveys.exports import FORMATS
from surveys.exports import export as export_release

from . import acts, comparing, demo, doctor
from .accounts import list_researchers
from .audit import COMMAND_LINE, audit
from .backups import backup as write_backup
from .backups import restore as read_backup
from .datasets import Profile
from .datasets import release as release_data
from .errors import ApiError
from .fieldwork import list_surveys, load_published
from .mixing import FEWEST
from .mixing import mix as mix_responses
from .progress import counted
from .register import is_superseded, release_id, releases_of
from .researcher_commands import audit_app, key_app, researcher_app
from .serving import running
from .serving import serve as run_server
from .settings import Settings
from .survey_commands import survey_app
from .terminal import (
    AT_THE_SERVER,
    NO,
    Json,
    Name,
    database,
    errors_in_words,
    say,
    show,
    warn,
    workbench,
)

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
        int, typer.Option(min=1, max=acts.MOST_TICKETS, help="How many tickets.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new CSV file for the codes.")
    ],
) -> None:
    """Write new codes to a file; the service keeps only their hashes."""
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
    with database() as engine:
        load_published(engine, survey)
        moved = mix_responses(engine, survey, minimum=FEWEST)
        say(f"{moved} responses mixed")
        if not moved:
            say(f"fewer than {FEWEST} wait: mixing so few would hide nobody")


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
    earlier: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="SURVEY",
            help="A survey with an older version of the questionnaire, oldest first.",
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NEW", help="A column of an older version, renamed."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="VARIABLE", help="Reworded, with the same meaning."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the protected data set of a survey; it supersedes the one before."""
    renamed = dict(_renaming(each) for each in rename or ())
    with database() as engine:
        facts = release_data(
            *(engine, survey, output, profile),
            earlier=earlier or (),
            renamed=renamed,
            accepted=accept or (),
        )["parallax"]
        details = {"profile": profile, "release": release_id(output)}
        audit(engine, COMMAND_LINE, "released", survey, details)
    if as_json:
        say(json.dumps(facts, ensure_ascii=False))
        return
    diversity = "nothing is sensitive" if facts["l"] is None else f"l = {facts['l']}"
    say(
        f"{facts['n_responses']} responses in {output}, profile {profile}, "
        f"k = {facts['k']}, {diversity}"
    )
    hidden = {name: n for name, n in facts["suppressed_cells"].items() if n}
    for what, names in {
        "recoded": facts["recoded"],
        "withheld cells": [f"{name} {n}" for name, n in hidden.items()],
        "left out": facts["left_out"],
        "margins left out": [" x ".join(each) for each in facts["margins_left_out"]],
        "weights": [facts["weights"]["method"]] if "weights" in facts else [],
        "versions": [each["survey"] for each in facts.get("versions", ())],
    }.items():
        if names:
            say(f"{what}: {', '.join(names)}")


def _renaming(text: str) -> tuple[str, str]:
    """Read ``OLD=NEW``."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise typer.BadParameter(f"write OLD=NEW, not {text!r}", param_hint="--rename")
    return old, new


@app.command()
def releases(survey: Name, as_json: Json = False) -> None:
    """List the releases of a survey, and which a newer one supersedes."""
    with database() as engine:
        load_published(engine, survey)
        rows = releases_of(engine, survey)

    def line(row: dict[str, Any]) -> str:
        newer = row["superseded_by"][:12]
        state = f"superseded by {newer}" if newer else "to be used"
        return (
            f"{row['release_id'][:12]}  {row['profile']}  {row['week']}  "
            f"{row['n_responses']} responses  {state}  {', '.join(row['folders'])}"
        )

    none = f"nothing is released yet: parallax release {survey} -o FOLDER"
    show(rows, line, as_json=as_json, instead=none)


@app.command()
def export(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    to: Annotated[
        str, typer.Option(help=f"Formats, with commas: {', '.join(FORMATS)}.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new folder for the files.")
    ],
    language: Annotated[
        str, typer.Option(help="Language of labels and documents, such as zh-Hans.")
    ] = "en",
    as_json: Json = False,
) -> None:
    """Write a release in the formats of other software."""
    with errors_in_words():
        _warn_about(release)
        formats = [name.strip() for name in to.split(",") if name.strip()]
        paths = export_release(read_release(release), output, formats, language)
        written = list(dict.fromkeys(counted(paths, None, "Exporting")))
    if as_json:
        say(json.dumps([str(path) for path in written]))
        return
    for path in written:
        say(str(path))


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
        list[str] | None,
        typer.Option(help="Compare the share of these answers together: A,B"),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(help="What stands for no answer in a CSV file: dont_know,-99"),
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
    weighted: Annotated[
        bool,
        typer.Option(
            "--weighted/--unweighted", help="Fit a release's weights to its margins."
        ),
    ] = True,
    adjust: Annotated[
        Adjustment, typer.Option(help="For several comparisons.")
    ] = "holm",
    level: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="Level of the intervals.")
    ] = 0.95,
    as_json: Json = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a chart to this file.")
    ] = None,
) -> None:
    """Compare a mean or a share between countries or other groups."""
    with errors_in_words():
        _warn_about(data, fits_weights=weighted and not (weights or margins))
        result = comparing.compare_data(
            data,
            outcome=outcome,
            by=by,
            share_of=",".join(share_of).split(",") if share_of else None,
            missing=missing.split(",") if missing else (),
            reference=reference,
            weights=weights,
            strata=strata or [],
            clusters=clusters,
            margins=margins,
            weighted=weighted,
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
        _warn_about(release, fits_weights=True)
        output.write_text(comparing.report_of(release), encoding="utf-8")
        say(f"the report is in {output}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; keep it encrypted.")],
) -> None:
    """Mix what can be mixed, then write everything to a file."""
    with database() as engine:
        waiting = write_backup(engine, file)
        audit(engine, COMMAND_LINE, "backed_up")
        say(f"the backup is in {file}")
        if waiting:
            say(f"{waiting} responses wait to be mixed and are not in it")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="What backup wrote.")]) -> None:
    """Replace the database by a backup; withdrawn responses stay withdrawn."""
    with database() as engine:
        n_rows = read_backup(engine, file)
        audit(engine, COMMAND_LINE, "restored", details={"rows": n_rows})
        say(f"{n_rows} rows restored")


@app.command(name="doctor")
def examine(as_json: Json = False) -> None:
    """Check the installation: settings, folders, disk, database, waiting responses."""
    with errors_in_words():
        findings = list(doctor.examine())
    if as_json:
        say(json.dumps([finding._asdict() for finding in findings]))
    else:
        for check, good, what in findings:
            say(f"{'good' if good else 'BAD '}  {check}: {what}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(NO)


def _warn_about(folder: Path, *, fits_weights: bool = False) -> None:
    """Say what whoever uses a release has to know; other data have no warnings."""
    if not (folder / PACKAGE).is_file():
        return
    if is_superseded(folder):
        warn(
            f"{folder} is superseded by a newer release, perhaps because a respondent"
            " withdrew; use that one (parallax releases SURVEY)"
        )
    facts = read_release(folder).package["parallax"] if fits_weights else {}
    if released_weights(facts)[0]:
        return
    for margin in facts.get("margins_left_out", ()):
        warn(
            f"{folder} cannot be weighted to {' x '.join(margin)}: too many cells of it"
            " are withheld"
        )


if __name__ == "__main__":
    sys.exit(app())
