"""What jobs do: make a release, write it in a format, compare countries."""

import shutil
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from analysis import AnalysisError
from analysis.charts import diverging_bars, estimates_chart, to_svg
from analysis.errors import WeightingError
from surveys import SurveyError, read_release
from surveys.exports import export

from . import jobs, shelf
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
    countries, answers = shelved.labels("country"), shelved.labels(choices.outcome)
    for name, width in jobs.CHARTS.items() if answers else ():
        chart = _draw(result, countries, answers, width)
        (folder / f"{name}.svg").write_text(chart, "utf-8")
    (folder / jobs.PAGE).write_text(result.to_html(), "utf-8")
    more: dict[str, Any] = {
        "hidden": list(result.hidden),
        "weighting": str(result.weighting or ""),
        "not_weighted": not_weighted,
    }
    return Outcome(file=jobs.PAGE, result=result.to_dict() | more)


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


def _draw(
    result: DataComparison,
    countries: Mapping[str, str],
    answers: Mapping[str, str],
    width: int,
) -> str:
    """Draw one share per country as points, the shares of all answers as bars."""
    estimate, title = result.estimate, f"{result.outcome} by country"
    if estimate.values.index.nlevels == 1:
        drawn = estimate.conf_int(result.level).assign(estimate=estimate.values)
        drawn["group"] = drawn.index.astype(str).map(countries)
        chart = estimates_chart(drawn.assign(series=""), "Share", width=width)
        return to_svg(chart, title, estimate.method)
    shares = estimate.values.rename_axis(["group", "category"]).reset_index(
        name="share"
    )
    shares = shares.astype({"group": str, "category": str})
    shares["group"] = shares["group"].map(countries)
    shares["category"] = shares["category"].map(answers)
    categories = [
        label for label in answers.values() if label in set(shares["category"])
    ]
    middle = categories[len(categories) // 2] if len(categories) % 2 else None
    chart = diverging_bars(shares, categories, middle, width=width)
    return to_svg(chart, title, estimate.method)
