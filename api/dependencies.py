"""What a request needs: the running service, and the survey that it is about."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection, Engine

from surveys.survey import Survey

from . import fieldwork
from .errors import RecordingError, SurveyClosed, UnknownSurvey
from .languages import negotiate
from .models import SurveyStatus
from .recording import Recorder
from .sealing import Seal
from .settings import Settings

ADDRESS = "/s/{survey}"
"""Where respondents find a survey."""

FRESH_FOR = 1.0
"""Seconds for which the state of a survey is believed without looking it up."""


@dataclass(frozen=True)
class Fielded:
    """A survey in the field: its content, and what was decided when it opened."""

    status: SurveyStatus
    survey: Survey

    @property
    def name(self) -> str:
        """The survey's name."""
        return self.status.name

    @property
    def is_open(self) -> bool:
        """Whether it takes answers."""
        return self.status.state == "open"

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Languages that it can be answered in."""
        drafts = self.survey.draft_languages
        if self.status.draft_translations:
            drafts = frozenset()
        return tuple(tag for tag in self.survey.languages if tag not in drafts)


@dataclass(frozen=True)
class Service:
    """What lives as long as the process."""

    settings: Settings
    engine: Engine
    recorder: Recorder
    seal: Seal
    _fielded: dict[str, tuple[float, Fielded]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def fielded(self, name: str) -> Fielded:
        """Look up a survey that is or was open.

        Raises
        ------
        UnknownSurvey
            When it was not published, or never opened.
        """
        looked_up, fielded = self._fielded.get(name, (0.0, None))
        if fielded is None or monotonic() - looked_up > FRESH_FOR:
            fielded = await run_in_threadpool(self._look_up, name)
            self._fielded[name] = monotonic(), fielded
        return fielded

    def write_soon(self, job: Callable[[Connection], None]) -> None:
        """Let the recorder do something that nobody waits for and that may be lost."""
        task = asyncio.create_task(self._try_to_write(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try_to_write(self, job: Callable[[Connection], None]) -> None:
        with suppress(RecordingError):
            await self.recorder.write(job)

    def _look_up(self, name: str) -> Fielded:
        status = fieldwork.status(self.engine, name)
        if status.state == "draft":
            raise UnknownSurvey(name)
        return Fielded(status, fieldwork.load_published(self.engine, name))


async def service(request: Request) -> Service:
    """Return the running service; a coroutine, so that no thread is asked for it."""
    running: Service = request.app.state.service
    return running


ServiceDep = Annotated[Service, Depends(service)]


async def fielded_survey(survey: str, service: ServiceDep) -> Fielded:
    """Find the survey in the address, open or closed."""
    return await service.fielded(survey)


FieldedSurvey = Annotated[Fielded, Depends(fielded_survey)]


Wanted = Annotated[str, Query(alias="language")]


def preferred_language(request: Request, fielded: Fielded, wanted: str) -> str:
    """Take the language asked for in the address, or else by the browser."""
    if wanted in fielded.languages:
        return wanted
    return negotiate(request.headers.get("accept-language", ""), fielded.languages)


async def open_survey(fielded: FieldedSurvey) -> Fielded:
    """Find the survey in the address, if it takes answers."""
    if not fielded.is_open:
        raise SurveyClosed(f"survey {fielded.name!r} is closed")
    return fielded


OpenSurvey = Annotated[Fielded, Depends(open_survey)]
