"""Who works on surveys, and with what: on the web and at the server itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine

from . import accounts
from .audit import COMMAND_LINE
from .errors import TooManyAttempts
from .settings import Settings
from .vocabulary import EVERY, Role, Roles

THREADS = 8
ATTEMPTS_AT_ONCE = 2
"""Each keeps 64 MB and a processor busy: respondents come first."""
MOST_WAITING = 20

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Workbench:
    """What researchers' requests share: connections and threads of their own.

    However much they ask for, respondents find theirs free.
    """

    settings: Settings
    engine: Engine
    _threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))
    _attempts: CapacityLimiter = field(
        default_factory=lambda: CapacityLimiter(ATTEMPTS_AT_ONCE)
    )

    async def run(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run something that blocks."""
        job = partial(function, *args, **kwargs)
        return await to_thread.run_sync(job, limiter=self._threads)

    async def attempt(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run an attempt to sign in, two at a time.

        Raises
        ------
        TooManyAttempts
            As many wait as ever may.
        """
        if self._attempts.statistics().tasks_waiting >= MOST_WAITING:
            raise TooManyAttempts(MOST_WAITING)
        job = partial(function, *args, **kwargs)
        return await to_thread.run_sync(job, limiter=self._attempts)


@dataclass(frozen=True)
class Principal:
    """A researcher, or a program with a researcher's key.

    Parameters
    ----------
    name : str
        The researcher's.
    kind : {"session", "key"}
    roles : mapping of str to str
        The role in each survey, ``*`` for all; of a key, as far as its scopes go.
    csrf : str
        The token that forms carry; empty for a key.
    strong : bool
        Whether a second factor was shown lately. A key counts as one: it was made at
        the server.
    """

    name: str
    kind: Literal["session", "key"]
    roles: Roles
    csrf: str = field(default="", repr=False)
    strong: bool = False

    def may(self, role: Role, survey: str) -> bool:
        """Tell whether the principal has a role, or a higher one, in a survey."""
        return accounts.may(self.roles, role, survey)


AT_THE_SERVER = Principal(COMMAND_LINE, "key", {EVERY: "owner"})
"""Who works at the server itself: may do everything, and is in the audit log, too."""
