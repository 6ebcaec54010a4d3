"""How long each export takes and what memory: 100,000 responses, 150 variables.

Run with ``python -m benchmarks.exports``; another size with two numbers. Reading the
release counts as part of the export, in time and in memory.
"""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import numpy.typing as npt
import pandas as pd

from surveys import load, read_release, write_release
from surveys.codebook import MISSING_CODES, Kind, Value, Variable
from surveys.exports import FORMATS, export
from surveys.releases import facts_of

from .measure import Measured, measure

MAX_SECONDS, MAX_MEGABYTES = 60, 300
"""What issue 4 allows for any format, at 100,000 responses and 150 variables."""

MISSING = tuple(
    Value(code, {"en": text}, missing=True) for code, text in MISSING_CODES.items()
)
SCALE = tuple(Value(f"answer_{at}", {"en": f"Answer {at}"}) for at in range(1, 6))
TEXTS = ("An answer in words, as respondents type it", "=1+1", "信用评分", "")


def write_sample(folder: Path, n_responses: int, n_variables: int) -> None:
    """Write a release with scales, boxes to tick, numbers and words."""
    survey = load(Path(str(files("surveys"))) / "definitions" / "social_credit")
    random = np.random.default_rng(20261124)
    columns = {
        "response_id": pd.Series(
            [random.bytes(16).hex() for _ in range(n_responses)], dtype="str"
        ),
        "week": pd.Series(["2026-W48"] * n_responses, dtype="str"),
    }
    variables = [
        Variable(name, "text", {"en": name}, {}, (), "record") for name in columns
    ]
    kinds: list[tuple[Kind, tuple[Value, ...], Iterable[str]]] = [
        ("ordinal", SCALE, [value.name for value in SCALE]),
        ("integer", (Value("0", {"en": "No"}), Value("1", {"en": "Yes"})), "01"),
        ("integer", (), map(str, range(18, 100))),
        ("nominal", SCALE, [value.name for value in SCALE]),
        ("text", (), TEXTS),
    ]
    for at in range(n_variables - len(columns)):
        kind, values, answers = kinds[at % len(kinds)]
        codes = np.array([*answers, *MISSING_CODES], dtype=object)
        kinds[at % len(kinds)] = kind, values, codes[: -len(MISSING_CODES)]
        name, label = f"v{at}", {"en": f"Question {at}"}
        variables.append(Variable(name, kind, label, label, (*values, *MISSING)))
        drawn = codes[random.integers(0, len(codes), n_responses)]
        columns[name] = pd.Series(drawn, dtype="str")
    told = {"consent_versions": [], "profile": "internal", "k": 1, "l": 1}
    write_release(
        folder,
        pd.DataFrame(columns),
        variables,
        package=facts_of(survey) | told | {"suppressed_cells": {}, "synthetic": True},
        population=survey.population,
        questionnaire=survey.to_json(),
    )


def measure_exports(
    n_responses: int, n_variables: int, formats: Iterable[str] = FORMATS
) -> dict[str, Measured]:
    """Write each format once, in a process of its own."""
    found: dict[str, Measured] = {}
    with TemporaryDirectory(prefix="parallax-exports-") as folder:
        release = Path(folder) / "release"
        write_sample(release, n_responses, n_variables)
        for name in formats:
            tools = {name: partial(_tool, name)}
            found |= measure(tools, release, 1)
    return found


def seconds_of(taken: Measured) -> float:
    """Seconds of the processor, which other work on the machine hardly changes."""
    return float(taken.values[0])


def _tool(name: str, release: Path) -> Callable[[], npt.NDArray[np.float64]]:
    def work() -> npt.NDArray[np.float64]:
        start = process_time()
        written = [*export(read_release(release), release.parent / name, [name])]
        n_bytes = sum(path.stat().st_size for path in written)
        return np.array([process_time() - start, n_bytes])

    return work


def main() -> None:
    """Print a table, and fail if a format takes too long or too much memory."""
    n_responses, n_variables = [*map(int, sys.argv[1:]), 100_000, 150][:2]
    found = measure_exports(n_responses, n_variables)
    lines = [f"{n_responses:,} responses, {n_variables} variables", ""]
    lines += [
        "| format | processor, s | clock, s | memory, MB | written, MB |",
        "|---|---|---|---|---|",
    ]
    too_much = []
    for name, taken in found.items():
        if taken.absent:
            raise RuntimeError(f"{name}: {taken.absent}")
        row = (
            f"{seconds_of(taken):.1f} | {taken.best:.1f} | {taken.memory:.0f}"
            f" | {taken.values[1] / 2**20:.0f}"
        )
        lines.append(f"| {name} | {row} |")
        if seconds_of(taken) > MAX_SECONDS or taken.memory > MAX_MEGABYTES:
            too_much.append(name)
    sys.stdout.write("\n".join(lines) + "\n")
    if too_much:
        sys.exit(f"over {MAX_SECONDS} s or {MAX_MEGABYTES} MB: {', '.join(too_much)}")


if __name__ == "__main__":
    main()
