"""The demo: the shipped survey, from synthetic respondents to the report."""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import httpx
from fastapi import FastAPI

from surveys import Survey, load

from . import fieldwork, tickets
from .comparing import compare_data, report_of
from .database import create_engine_for, migrate
from .datasets import release
from .main import create_app
from .mixing import mix
from .progress import counted
from .robots import Walk, interview, walk
from .serving import running
from .settings import Settings
from .synthetic import SyntheticRespondent, synthetic_respondents

SURVEY = "social_credit"
CHUNK = 10


@dataclass(frozen=True)
class Played:
    """What the demo made."""

    app: FastAPI
    release: Path
    report: Path
    summary: str


def shipped_survey() -> Survey:
    """The survey on attitudes to social credit scoring that ships with Parallax."""
    with as_file(files("surveys") / "definitions" / SURVEY) as folder:
        return load(folder)


def installed(folder: Path, survey: Survey) -> FastAPI:
    """An application of its own in a folder, with one survey open to robots."""
    settings = Settings(
        data_dir=folder, database_url=f"sqlite:///{folder / 'parallax.sqlite3'}"
    )
    engine = create_engine_for(settings)
    migrate(engine)
    fieldwork.publish(engine, survey)
    fieldwork.open_survey(
        engine, survey.name, accept_draft_translations=True, synthetic=True
    )
    engine.dispose()
    return create_app(settings)


def play(folder: Path, respondents: int, seed: int) -> Played:
    """Play the shipped survey with synthetic respondents through the real forms.

    Parameters
    ----------
    folder : Path
        Emptied first: it holds nothing but an earlier demo.
    respondents : int
    seed : int
        The same seed invents the same people; what the service draws at random
        (arms, orders, lists) differs from run to run.

    Returns
    -------
    Played
    """
    shutil.rmtree(folder, ignore_errors=True)
    survey = shipped_survey()
    app = installed(folder, survey)
    people = synthetic_respondents(survey, respondents, seed)
    with running(app) as address:
        for _ in counted(_answers(address, people), len(people), "Answering"):
            pass
    engine = create_engine_for(app.state.settings)
    mix(engine, SURVEY, minimum=1)
    data, report = folder / "release", folder / "report.html"
    release(engine, SURVEY, data, "internal")
    engine.dispose()
    report.write_text(report_of(data), encoding="utf-8")
    plan = survey.study.report
    assert plan is not None
    comparison = compare_data(
        data,
        outcome=plan.headline.outcome,
        share_of=plan.headline.share_of,
        by="country",
    )
    return Played(app, data, report, str(comparison))


def _answers(address: str, people: Sequence[SyntheticRespondent]) -> Iterator[int]:
    """Let people answer in processes of their own; one item for each who finished."""
    chunks = [people[start : start + CHUNK] for start in range(0, len(people), CHUNK)]
    workers = os.cpu_count() or 2
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(answer_all, address, chunk) for chunk in chunks]
        for future in as_completed(futures):
            yield from range(future.result())


def answer_all(address: str, people: Sequence[SyntheticRespondent]) -> int:
    """Answer the survey as each of some people; returns how many finished."""
    with httpx.Client(timeout=60) as client:
        for person in people:
            interview(
                client,
                f"{address}/s/{SURVEY}",
                person.choose,
                language=person.language,
            )
    return len(people)


def walk_folder(folder: Path, count: int) -> Walk:
    """Send robots through a survey's folder, served for the occasion."""
    survey = load(folder)
    with (
        tempfile.TemporaryDirectory() as place,
        running(app := installed(Path(place), survey)) as address,
        httpx.Client(timeout=60) as client,
    ):
        codes: list[str] = []
        if survey.study.tier == "T1":
            engine = create_engine_for(app.state.settings)
            codes = tickets.issue(engine, survey.name, survey.study.countries[0], count)
            engine.dispose()
        seen = walk(client, f"{address}/s/{survey.name}", count=count, tickets=codes)
        seen.expected.update(page.label for page in survey.questionnaire.pages)
        return seen


def walk_at(url: str, survey: str, count: int, codes: Sequence[str]) -> Walk:
    """Send robots through a survey of a running service; each uses up a code."""
    address = f"{url.rstrip('/')}/s/{survey}"
    with httpx.Client(timeout=60) as client:
        return walk(client, address, count=count, tickets=codes)
