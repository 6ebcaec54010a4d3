"""The commands from responses to releases, exports, comparisons and reports."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .terminal import Json, Name, database, errors_in_words, say, show, warn
from .vocabulary import EXPORT_FORMATS, Adjustment, Profile


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
    from .audit import COMMAND_LINE, audit
    from .datasets import release as release_data
    from .register import release_id

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


def releases(survey: Name, as_json: Json = False) -> None:
    """List the releases of a survey, and which a newer one supersedes."""
    from .fieldwork import load_published
    from .register import releases_of

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


def export(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    to: Annotated[
        str, typer.Option(help=f"Formats, with commas: {', '.join(EXPORT_FORMATS)}.")
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
    from surveys import read_release
    from surveys.exports import export as export_release

    from .progress import counted

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
    from . import comparing

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


def report(
    release: Annotated[Path, typer.Argument(help="A release folder.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The HTML file to write.")
    ],
) -> None:
    """Write the report of a release: one HTML file that asks nothing of the web."""
    from . import comparing

    with errors_in_words():
        _warn_about(release, fits_weights=True)
        output.write_text(comparing.report_of(release), encoding="utf-8")
        say(f"the report is in {output}")


def _renaming(text: str) -> tuple[str, str]:
    """Read ``OLD=NEW``."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise typer.BadParameter(f"write OLD=NEW, not {text!r}", param_hint="--rename")
    return old, new


def _warn_about(folder: Path, *, fits_weights: bool = False) -> None:
    """Say what whoever uses a release has to know; other data have no warnings."""
    from analysis.disclosure import released_weights
    from surveys import read_release
    from surveys.descriptions import PACKAGE

    from .register import is_superseded

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
