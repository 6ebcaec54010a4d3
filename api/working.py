"""The process of one job: `python -m api.working FOLDER`."""

import os
import resource
import sys
from pathlib import Path

from . import jobs
from .settings import Settings

NICENESS = 10
"""Respondents come first."""

MOST_SECONDS = 3600
"""Of processor time: a job that needs more is stopped, so that others have a turn."""


def work(folder: Path) -> None:
    """Do a job when its turn comes, and leave behind what came out.

    What analyses takes seconds and memory to import: many jobs may wait, and do it
    without that.
    """
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    with jobs.locked(folder.parent / jobs.TURN):
        jobs.report(folder, "starting")
        from .tasks import perform

        outcome = perform(Settings(), folder)
    jobs.settle(folder, outcome)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
