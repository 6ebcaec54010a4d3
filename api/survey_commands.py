"""The commands `parallax survey ...`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from .terminal import (
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
from .vocabulary import TranslationFormat

survey_app = typer.Typer(
    help="Write, check, publish, open and close surveys.", no_args_is_help=True
)
Folder = Annotated[Path, typer.Argument(help="The survey's folder.")]


@survey_app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="A new folder, named as the survey.")],
) -> None:
    """Write a small survey with comments, to begin your own from."""
    from surveys.schemas import starter

    from . import translating

    with errors_in_words():
        translating.write_files(folder, starter(folder.absolute().name))
        say(f"a survey to begin from is in {folder}: parallax survey check {folder}")


@survey_app.command()
def schema(
    file: Annotated[
        Path | None, typer.Argument(help="A new file; printed when not given.")
    ] = None,
    of: Annotated[
        Literal["questionnaire", "study"], typer.Option(help="Which YAML file.")
    ] = "questionnaire",
) -> None:
    """Write the JSON Schema of a survey's YAML file, for editors that complete it."""
    from surveys.schemas import write_schema

    with errors_in_words():
        written = write_schema(f"{of}.yaml")
        if file is None:
            say(written.rstrip())
            return
        with file.open("x", encoding="utf-8") as output:
            output.write(written)
        say(f"for the first line of {of}.yaml:\n# yaml-language-server: $schema={file}")


@survey_app.command(name="import")
def import_form(
    form: Annotated[
        Path,
        typer.Argument(help="An XLSForm (.xlsx) or a LimeSurvey structure (.txt)."),
    ],
    folder: Annotated[Path, typer.Argument(help="The survey's folder, new or not.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the questionnaire that is there.")
    ] = False,
) -> None:
    """Make a questionnaire of a form of other software."""
    from surveys.limesurvey import read_limesurvey
    from surveys.xlsform import read_xlsform

    from . import translating
    from .errors import FilesRefused

    with errors_in_words():
        readers = {".xlsx": read_xlsform, ".txt": read_limesurvey}
        reader = readers.get(form.suffix.lower())
        if reader is None:
            raise FilesRefused(
                f"{form.name}: cannot import files ending in {form.suffix!r}; give one"
                f" of {', '.join(readers)}"
            )
        if not form.is_file():
            raise FilesRefused(f"{form}: there is no such file; check the name")
        imported = reader(form, folder.absolute().name)
        translating.write_files(
            folder,
            imported.files,
            replace=replace,
            advice="choose a new folder, or say --replace",
        )
        for remark in imported.remarks:
            say(f"left out or changed: {remark}")
        say(f"written to {folder}: {', '.join(imported.files)}")
        lacking = [
            name
            for name in ("study.yaml", "population.csv")
            if not (folder / name).is_file()
        ]
        if lacking:
            say(f"still to write: {', '.join(lacking)}; `parallax survey new` has them")
        say(f"then: parallax survey check {folder}")


@survey_app.command()
def export_form(
    folder: Folder,
    form: Annotated[Path, typer.Argument(help="A new .xlsx file.")],
) -> None:
    """Write the questionnaire as an XLSForm, which Kobo, ODK and Excel open."""
    from surveys import load
    from surveys.xlsform import write_xlsform

    from .errors import FilesRefused

    with errors_in_words():
        survey = load(folder)
        if form.suffix.lower() != ".xlsx" or form.exists():
            raise FilesRefused(f"{form}: give a new file that ends in .xlsx")
        write_xlsform(survey, form)
        say(f"the questionnaire of {survey.name} is in {form}")


@survey_app.command()
def translations(
    folder: Folder,
    language: Annotated[
        str | None, typer.Option(help="The language of the file, such as de.")
    ] = None,
    to: Annotated[
        TranslationFormat | None, typer.Option(help="Write a file for translators.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The new file to write.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="Take over what translators sent: .po or .xliff."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how complete the translations are; write and read translators' files."""
    from surveys.translations import completeness

    from . import translating
    from .errors import FilesRefused

    with errors_in_words():
        if bool(to) != bool(output) or (to and not language) or (to and from_):
            raise FilesRefused(
                "to write a file say --to, --language and -o; to read one, --from alone"
            )
        if to and output and language:
            translating.write_for_translators(folder, language, to, output)
            say(f"{output} is for translators; read it back with --from")
            return
        if from_:
            file = translating.take_over(folder, from_, language)
            say(f"{file} has what {from_.name} says")
        table = completeness(translating.read_files(folder))
    if as_json:
        rows = table.reset_index().to_dict("records")
        say(json.dumps(rows))
    else:
        say(table.to_string() if len(table) else "there are no translations yet")


@survey_app.command()
def check(
    folder: Folder,
    as_json: Json = False,
) -> None:
    """Check a survey's files; report every mistake at once."""
    from surveys import load
    from surveys.checks import find_unwritten

    with errors_in_words():
        survey = load(folder)
        unwritten = [str(text) for text in find_unwritten(survey)]
        facts = {
            "survey": survey.name,
            "version": survey.version,
            "languages": list(survey.languages),
            "draft_languages": sorted(survey.draft_languages),
            "pages": len(survey.questionnaire.pages),
            "questions": sum(1 for _ in survey.questionnaire.questions),
            "countries": list(survey.study.countries),
            "tier": survey.study.tier,
            "unwritten": unwritten,
        }
    if as_json:
        say(json.dumps(facts))
        return
    say(
        f"{survey.name}: no mistakes; pages: {facts['pages']}, questions: "
        f"{facts['questions']}, languages: {', '.join(survey.languages)}"
    )
    if survey.draft_languages:
        say(f"draft translations: {', '.join(sorted(survey.draft_languages))}")
    say(f"version {survey.version}")
    if unwritten:
        warn(
            "the survey cannot open: these texts are still to be written where [[double"
            " brackets]] stand"
        )
        for text in unwritten:
            typer.echo(text, err=True)


@survey_app.command()
def publish(
    folder: Folder,
) -> None:
    """Store a survey's files so that it can be opened."""
    from surveys import load

    from . import fieldwork
    from .audit import COMMAND_LINE, audit

    with database() as engine:
        survey = load(folder)
        if fieldwork.publish(engine, survey):
            details = {"version": survey.version}
            audit(engine, COMMAND_LINE, "published", survey.name, details)
        say(f"{survey.name} is published, version {survey.version[:12]}")


@survey_app.command(name="list")
def list_surveys(as_json: Json = False) -> None:
    """List the published surveys."""
    from . import fieldwork

    with database() as engine:
        rows = fieldwork.list_surveys(engine)

    def line(row: dict[str, Any]) -> str:
        since = f" since {row['opened_week']}" if row["opened_week"] else ""
        countries = ", ".join(row["countries"]) or "no country yet"
        return f"{row['name']}  {row['state']}{since}  {row['tier']}  {countries}"

    none = "no survey is published yet: parallax survey publish FOLDER"
    show(rows, line, as_json=as_json, instead=none)


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
    from . import acts, fieldwork
    from .workbench import AT_THE_SERVER

    with workbench() as bench:
        before = fieldwork.status(bench.engine, survey)
        acts.open_survey(
            bench,
            AT_THE_SERVER,
            survey,
            countries=country,
            accept_draft_translations=accept_draft_translations,
            approval=approval or "",
        )
        if before.state == "open":
            say(f"{survey} is open since week {before.opened_week}: nothing to do")
        else:
            say(f"{survey} is open: parallax serve")


@survey_app.command()
def close(survey: Name) -> None:
    """Close a survey and mix what still waits."""
    from . import acts
    from .workbench import AT_THE_SERVER

    with workbench() as bench:
        acts.close_survey(bench, AT_THE_SERVER, survey)
        say(f"{survey} is closed")


@survey_app.command()
def progress(survey: Name, as_json: Json = False) -> None:
    """Show how many responses there are, and where interviews end."""
    from . import fieldwork

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
    codes: Annotated[
        Path | None,
        typer.Option(help="With --url and tier T1: what `tickets issue` wrote."),
    ] = None,
) -> None:
    """Send robots that know only HTML through every path of a survey."""
    from . import demo

    with errors_in_words():
        tickets = codes.read_text("utf-8").split()[1:] if codes else []
        walk = (
            demo.walk_at(url, survey, count, tickets)
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
