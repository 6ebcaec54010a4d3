"""Run the benchmarks: ``python -m benchmarks``.

Every tool does the same work on the same sample; the floor, Parallax and the others
take turns within one run, so the ratios are those of one machine at one time.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import tasks
from benchmarks.measure import Measured, Tool, measure
from benchmarks.samples import targets, write_arrays, write_parquet

FLOOR, OURS, R = "numpy floor", "Parallax", "R survey"
PACKAGES = ("numpy", "pandas", "pyarrow", "duckdb", "statsmodels", "svy", "samplics")


@dataclass(frozen=True)
class Task:
    """One row of the table.

    Attributes
    ----------
    title : str
    rows : int
    tools : name and tool
        The floor, Parallax and others.
    bound : str
        What issue and documentation promise.
    in_r : str
        Name of the task in ``survey.R``.
    parquet : bool
        Whether the sample is a Parquet file.
    """

    title: str
    rows: int
    tools: Mapping[str, Tool]
    bound: str
    in_r: str = ""
    parquet: bool = False


SHARE: dict[str, Tool] = {
    FLOOR: tasks.share_floor,
    OURS: tasks.share_ours,
    "svy": tasks.share_svy,
    "statsmodels": tasks.share_statsmodels,
    "samplics": tasks.share_samplics,
}
LOGIT: dict[str, Tool] = {
    FLOOR: tasks.logit_floor,
    OURS: tasks.logit_ours,
    "svy": tasks.logit_svy,
    "statsmodels": tasks.logit_statsmodels,
}
RAKE: dict[str, Tool] = {
    FLOOR: tasks.rake_floor,
    OURS: tasks.rake_ours,
    "svy": tasks.rake_svy,
}
PARQUET: dict[str, Tool] = {FLOOR: tasks.parquet_floor, OURS: tasks.parquet_ours}
FEW = {FLOOR: tasks.share_floor, OURS: tasks.share_ours, "svy": tasks.share_svy}
CHECKED = {FLOOR: tasks.share_floor, OURS: tasks.share_checked}
TASKS = {
    "share": Task("proportion by country", 10**6, SHARE, "3 x, 100 MB", "share"),
    "share-10M": Task("proportion by country", 10**7, FEW, "2 x, 300 MB"),
    "design": Task("the same, design checked anew", 10**6, CHECKED, "3 x, 100 MB"),
    "design-10M": Task("the same, design checked anew", 10**7, CHECKED, "2 x, 300 MB"),
    "logit": Task("logistic, 13 coefficients", 10**6, LOGIT, "1.5 x, 300 MB", "logit"),
    "rake": Task("raking to 5 margins", 10**6, RAKE, "2 x, 50 MB", "rake"),
    "parquet": Task(
        "proportion by country from Parquet", 10**8, PARQUET, "15 s, 1 GB", "", True
    ),
}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="task", help=", ".join(TASKS))
    parser.add_argument("--runs", type=int, default=5, help="rounds, of which the best")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the rows")
    parser.add_argument("--ours", action="store_true", help="floor and Parallax only")
    parser.add_argument("--out", type=Path, help="folder for results.json, results.md")
    options = parser.parse_args(arguments)
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        parser.error(f"no task {', '.join(unknown)}; there are {', '.join(TASKS)}")

    # Inherited by the workers: products of small matrices gain nothing from threads,
    # and on a busy machine they wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    report: dict[str, Any] = {"machine": machine(), "tasks": {}}
    lines = [report["machine"]["text"], "", *HEADER]
    say("\n".join(lines))
    for name in options.tasks or TASKS:
        task = TASKS[name]
        rows = task.rows // 100 if options.quick else task.rows
        results = run(task, rows, options.runs, options.ours)
        report["tasks"][name] = as_json(task, rows, results)
        lines.append(table_row(task, rows, results))
        say(lines[-1])
    report["small"] = small_work()
    lines += ["", *report["small"]["text"]]
    lines += [
        f"{name}, {tool}: {found['absent']}."
        for name, measured in report["tasks"].items()
        for tool, found in measured["tools"].items()
        if "absent" in found
    ]
    say("\n".join(lines[lines.index("", 5) :]))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results.json").write_text(json.dumps(report, indent=1) + "\n")
        (options.out / "results.md").write_text("\n".join(lines) + "\n")


def say(text: str) -> None:
    """Print as it comes, for the patient."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(task: Task, rows: int, runs: int, ours: bool) -> dict[str, Measured]:
    """Write the sample into a folder of its own and give it to the tools."""
    tools = {k: v for k, v in task.tools.items() if not ours or k in (FLOOR, OURS)}
    with TemporaryDirectory(prefix="parallax-benchmarks-") as folder:
        source = Path(folder)
        if task.parquet:
            source = source / "sample.parquet"
            write_parquet(source, rows)
        else:
            write_arrays(source, rows)
        results = measure(tools, source, runs)
        if task.in_r and not ours:
            results[R] = in_r(task.in_r, source)
    return results


def in_r(task: str, folder: Path) -> Measured:
    """One run of R, which measures itself."""
    program = shutil.which("Rscript")
    if program is None:
        return Measured(absent="Rscript is not installed")
    goals = {name: shares.tolist() for name, shares in targets().items()}
    (folder / "targets.json").write_text(json.dumps(goals))
    script = Path(__file__).with_name("survey.R")
    done = subprocess.run(
        [program, script, folder, task], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return Measured(absent=done.stderr.strip().splitlines()[-1])
    found = json.loads(done.stdout)
    return Measured([found["seconds"]], [found["megabytes"]], np.array(found["values"]))


HEADER = [
    "| task | rows | floor | Parallax | at most | svy | statsmodels | samplics | R |",
    "|---|---|---|---|---|---|---|---|---|",
]
COLUMNS = ("svy", "statsmodels", "samplics", R)


def table_row(task: Task, rows: int, results: Mapping[str, Measured]) -> str:
    """One line of Markdown: multiples of the floor's time, and extra memory."""
    floor = results[FLOOR]
    cells = [
        task.title,
        f"{rows:,}",
        f"{_seconds(floor.best)}, {floor.memory:.0f} MB",
        describe(results.get(OURS), floor),
        task.bound,
        *(describe(results.get(name), floor) for name in COLUMNS),
    ]
    return f"| {' | '.join(cells)} |"


def describe(result: Measured | None, floor: Measured) -> str:
    """Multiples of the floor, memory, and a mark where the numbers differ."""
    if result is None:
        return "-"
    if result.absent:
        return "absent" if "No module" in result.absent else "failed"
    text = (
        f"{result.best / floor.best:.2g} x"
        if result.best / floor.best < 99.5
        else (f"{result.best / floor.best:.0f} x")
    )
    text += f", {result.memory:.0f} MB"
    return text if digits(result, floor) >= 6 else f"{text} (differs)"


def digits(result: Measured, floor: Measured) -> float:
    """Digits to which all numbers agree with the floor's."""
    if result.values.shape != floor.values.shape:
        return 0.0
    error = np.abs(result.values / floor.values - 1).max()
    return float(min(-np.log10(max(error, 1e-16)), 16))


def as_json(task: Task, rows: int, results: Mapping[str, Measured]) -> dict[str, Any]:
    """All that was measured."""
    floor = results[FLOOR]
    return {
        "title": task.title,
        "rows": rows,
        "bound": task.bound,
        "tools": {
            name: {"absent": found.absent}
            if found.absent
            else {
                "seconds": found.seconds,
                "megabytes": found.megabytes,
                "times_floor": found.best / floor.best,
                "digits": digits(found, floor),
            }
            for name, found in results.items()
        },
    }


def small_work() -> dict[str, Any]:
    """Start-up, and a comparison in a survey of two thousand."""

    def seconds(code: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return min(times)

    start = seconds("import analysis") - seconds("pass")
    first_use = seconds("from analysis import compare") - seconds("import pandas")
    with TemporaryDirectory(prefix="parallax-benchmarks-") as folder:
        write_arrays(Path(folder), 2000)
        found = measure({OURS: tasks.compare_ours}, Path(folder), 20)[OURS]
    return {
        "import_seconds": start,
        "first_use_seconds": first_use,
        "comparison_seconds": found.best,
        "text": [
            f"Import of `analysis`: {start:.2f} s (at most 1.5 s); its first verb "
            f"takes {first_use:.2f} s more than `import pandas`.",
            "Comparison of ten countries, 2,000 respondents, from the frame: "
            f"{1000 * found.best:.1f} ms (at most 50 ms).",
        ],
    }


def machine() -> dict[str, Any]:
    """Say where this ran and with what."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "text": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; Python "
        f"{platform.python_version()}, "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + ".",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value >= 1 else f"{1000 * value:.3g} ms"


if __name__ == "__main__":
    main()
