"""The commands `parallax survey ...`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from surveys import load

from . import demo, fieldwork
from .terminal import NO, Json, Name, database, errors_in_words, say

survey_app = typer.Typer(
    help="Check, publish, open and close surveys.", no_args_is_help=True
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
