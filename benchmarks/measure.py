"""Time and peak memory of a piece of work, in a process of its own."""

import ctypes
import gc
import multiprocessing
import platform
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import numpy.typing as npt

LINUX = platform.system() == "Linux"
SLOW = 20
"""Times the floor's time, beyond which two runs are enough."""

Tool = Callable[[Path], Callable[[], npt.NDArray[np.float64]]]


@dataclass
class Measured:
    """What the runs of one tool took.

    Attributes
    ----------
    seconds : list of float
    megabytes : list of float
        Peak of the process's memory above what it held with the data loaded.
    values : floats
        The result.
    absent : str
        Why there is none.
    """

    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    values: npt.NDArray[np.float64] = field(default_factory=lambda: np.array([]))
    absent: str = ""

    @property
    def best(self) -> float:
        """Seconds of the quickest run."""
        return min(self.seconds)

    @property
    def memory(self) -> float:
        """Megabytes of the hungriest run but the first, which loads libraries, too."""
        return max(self.megabytes[1:] or self.megabytes)


def measure(tools: Mapping[str, Tool], source: Path, runs: int) -> dict[str, Measured]:
    """Run the tools in turns, each in its own process: floor, ours, floor, ours, ...

    Parameters
    ----------
    tools : name and tool
    source : Path
        What each tool reads first.
    runs : int
        Rounds; the first one warms up and counts as any other, since the best counts.
        What takes more than ``SLOW`` times as long as the first tool runs twice.
    """
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for name, tool in tools.items():
        pipes[name], end = context.Pipe()
        workers.append(context.Process(target=_serve, args=(end, tool, source)))
        workers[-1].start()
    results = {name: Measured() for name in tools}
    first = next(iter(results.values()))
    for number in range(runs):
        for name, pipe in pipes.items():
            found = results[name]
            if found.absent or (number > 1 and found.best > SLOW * first.best):
                continue
            pipe.send("run")
            answer = pipe.recv()
            if isinstance(answer, str):
                found.absent = answer
                continue
            seconds, megabytes, found.values = answer
            found.seconds.append(seconds)
            found.megabytes.append(megabytes)
    for pipe in pipes.values():
        pipe.send("end")
    for worker in workers:
        worker.join()
    return results


def _serve(pipe: Connection, tool: Tool, source: Path) -> None:
    try:
        work = tool(source)
    except Exception as problem:  # an absent or failing tool is a result, too
        work, reason = None, f"{type(problem).__name__}: {problem}"
    while pipe.recv() == "run":
        if work is None:
            pipe.send(reason)
            continue
        before, start = _reset_peak(), time.perf_counter()
        try:
            values = work()
        except Exception as problem:
            pipe.send(f"{type(problem).__name__}: {problem}")
            continue
        seconds = time.perf_counter() - start
        pipe.send((seconds, _peak() - before, values))


def _reset_peak() -> float:
    """Forget the peak of this process's memory; megabytes that it holds now."""
    gc.collect()
    if LINUX:
        # What earlier runs freed must not hide what this one needs.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    if LINUX:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    # Elsewhere the peak cannot be forgotten: only the first run tells something.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
