"""What jobs do: make a release, write it in a format, compare countries."""

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from analysis import AnalysisError
from analysis.charts import diverging_bars, estimates_chart, to_svg
from analysis.errors import WeightingError
from surveys import SurveyError, read_release
from surveys.exports import export

from . import jobs, shelf, vega
from .choices import Choices
from .comparing import DataComparison, compare_data
from .database import create_engine_for
from .datasets import release
from .errors import ApiError
from .jobs import ComparisonTask, ExportTask, Outcome, ReleaseTask
from .settings import Settings
from .shelf import Shelved

FEWEST = 10
"""Nothing is said about a country where fewer answered."""

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: when it was written is nobody's business."""


def perform(settings: Settings, folder: Path) -> Outcome:
    """Do a job and say what came out, or in words why nothing did.

    Parameters
    ----------
    settings : Settings
    folder : Path
        The job's own: files are written to it, and what is going on is reported.
    """
    try:
        match jobs.read_task(folder):
            case ReleaseTask() as task:
                return _release(settings, folder, task)
            case ExportTask() as task:
                return _export(settings, folder, task)
            case ComparisonTask() as task:
                return _compare(settings, folder, task)
    except (ApiError, SurveyError, AnalysisError) as error:
        return Outcome(problem=str(error))


def _release(settings: Settings, folder: Path, task: ReleaseTask) -> Outcome:
    jobs.report(folder, "protecting the responses and writing the release")
    engine = create_engine_for(settings)
    try:
        place = shelf.free_place(settings, task.survey, task.profile)
        release(engine, task.survey, place, task.profile)
    finally:
        engine.dispose()
    return Outcome(release=place.name)


def _export(settings: Settings, folder: Path, task: ExportTask) -> Outcome:
    """Write the files of a format, with the notes, into one archive."""
    shelved = shelf.find(settings, task.survey, task.release)
    written = folder / "written"
    jobs.report(folder, "reading the release")
    read = read_release(shelved.folder)
    jobs.report(folder, f"writing {read.table.num_rows} responses")
    files = export(read, written, [task.format], task.language)
    name = f"{task.survey}-{task.release}-{task.format}.zip"
    _zip(folder / name, files)
    shutil.rmtree(written)
    return Outcome(file=name)


def _zip(path: Path, files: Iterable[Path]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with file.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)


def _compare(settings: Settings, folder: Path, task: ComparisonTask) -> Outcome:
    jobs.report(folder, "fitting weights and comparing")
    choices = task.choices
    shelved = shelf.find(settings, task.survey, choices.release)
    not_weighted = ""
    weighted = choices.weights == "population"
    try:
        result = _compare_countries(shelved, choices, weighted)
    except WeightingError as error:  # as the report does it: say so, weight nobody
        not_weighted = str(error)
        result = _compare_countries(shelved, choices, weighted=False)
    jobs.report(folder, "drawing the chart")
    vega.bundle(settings)
    title = f"{shelved.fields[choices.outcome]['title']}, by country"
    for name, width in jobs.CHARTS.items():
        chart = _draw(result, shelved, choices, width).properties(description=title)
        if result.synthetic:  # also where the picture is all that is left
            chart = chart.properties(title="Synthetic data")
        (folder / f"{name}.json").write_text(chart.to_json(indent=None), "utf-8")
        svg = to_svg(chart, title, result.estimate.method)
        (folder / f"{name}.svg").write_text(svg, "utf-8")
    written = folder / jobs.COMPARISON
    written.with_suffix(".html").write_text(result.to_html(), "utf-8")
    _table(result).to_csv(written.with_suffix(".csv"), index=False)
    more: dict[str, Any] = {
        "hidden": list(result.hidden),
        "weighting": str(result.weighting or ""),
        "not_weighted": not_weighted,
    }
    return Outcome(result=result.to_dict() | more)


def _compare_countries(
    shelved: Shelved, choices: Choices, weighted: bool
) -> DataComparison:
    return compare_data(
        shelved.folder,
        outcome=choices.outcome,
        by="country",
        share_of=choices.answer or None,
        reference=choices.reference or None,
        adjust=choices.adjust,
        level=choices.level,
        interval=choices.interval,
        countries=choices.country or shelved.manifest["countries"],
        weighted=weighted,
        fewest=FEWEST,
    )


def _table(result: DataComparison) -> pd.DataFrame:
    """All numbers, not rounded: estimates, then differences from a reference."""
    both = (result.estimate.to_frame(result.level), result.comparison.to_frame())
    estimates, differences = (
        frame.rename_axis(index={"country": "group"}).reset_index() for frame in both
    )
    columns = dict.fromkeys([*differences, *estimates])
    return pd.concat([estimates, differences])[[*columns]]


def _draw(
    result: DataComparison, shelved: Shelved, choices: Choices, width: int
) -> alt.LayerChart:
    """Draw one value per country as points, the shares of all answers as bars."""
    answers = shelved.labels(choices.outcome)
    kind, written = ("Share", "{:.1%}") if answers else ("Mean", "{:.2f}")

    def write(number: float) -> str:
        return written.format(number).replace("-", "−")

    frame = result.estimate.to_frame(result.level)
    frame = frame.rename_axis(["group", "category"][: frame.index.nlevels])
    frame = frame.reset_index().astype({"n_respondents": str})
    frame["group"] = frame["group"].astype(str).map(shelved.labels("country"))
    told = {"Country": frame["group"]}
    if "category" in frame:
        frame["category"] = frame["category"].astype(str).map(answers)
        told["Answer"] = frame["category"]
    names = ["estimate", "conf_low", "conf_high"]
    told[kind], low, high = (frame[name].map(write) for name in names)
    told |= {"Interval": low + " to " + high, "Respondents": frame["n_respondents"]}
    if "category" not in frame:
        points = frame.assign(series="", **told)
        return estimates_chart(
            points, kind, percent=bool(answers), told=[*told], width=width
        )
    shown = set(frame["category"])
    categories = [label for label in answers.values() if label in shown]
    middle = categories[len(categories) // 2] if len(categories) % 2 else None
    shares = frame.rename(columns={"estimate": "share"}).assign(**told)
    return diverging_bars(shares, categories, middle, told=[*told], width=width)
