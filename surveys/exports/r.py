"""R: a script that turns the numbers back into labelled variables."""

import json
from pathlib import Path

import pyarrow.parquet as pq
from pyarrow import csv

from ..releases import Release
from .coding import Column, columns_of
from .notes import Notes
from .parquet import write_parquet

BATCH = 10_000
"""Responses that are written at once."""

HEAD = """\
# {title}
# Written by Parallax. Reads {stem}.parquet (with the package arrow or nanoparquet) or,
# where neither is installed, {stem}-numbers.csv; makes two data frames:
#   labelled  haven_labelled_spss variables, user-missing values kept (needs haven)
#   factors   factors in the order of the questionnaire, missing codes as NA
here <- Sys.getenv("PARALLAX_EXPORT", ".")
read_numbers <- function() {{
  parquet <- file.path(here, "{stem}.parquet")
  if (requireNamespace("arrow", quietly = TRUE))
    return(as.data.frame(arrow::read_parquet(parquet)))
  if (requireNamespace("nanoparquet", quietly = TRUE))
    return(as.data.frame(nanoparquet::read_parquet(parquet)))
  read.csv(file.path(here, "{stem}-numbers.csv"), encoding = "UTF-8",
           na.strings = character(), check.names = FALSE, colClasses = c({classes}))
}}
numbers <- read_numbers()

variables <- list(
{variables}
)

labelled <- numbers
factors <- numbers
for (name in names(variables)) {{
  v <- variables[[name]]
  attr(labelled[[name]], "label") <- v$label
  if (length(v$values)) {{
    x <- as.numeric(numbers[[name]])
    if (requireNamespace("haven", quietly = TRUE))
      labelled[[name]] <- haven::labelled_spss(
        x, labels = v$values, na_range = v$missing, label = v$label)
    known <- v$values[!(v$values %in% v$codes)]
    x[x %in% v$codes] <- NA
    factors[[name]] <- if (v$measure == "scale") x else
      factor(x, levels = unname(known), labels = make.unique(names(known)),
             ordered = v$measure == "ordinal")
  }}
  attr(factors[[name]], "label") <- v$label
}}
"""


def write_r(release: Release, path: Path, language: str, notes: Notes) -> None:
    """Write a script, and the Parquet and text file that it reads.

    Parameters
    ----------
    release : Release
    path : Path
        The script, ``.R``; the data stand beside it.
    language : str
        Language of the labels.
    notes : Notes
    """
    columns = columns_of(release, language)
    write_parquet(release, path.with_suffix(".parquet"), language, notes)
    _write_numbers(
        path.with_suffix(".parquet"), path.with_name(f"{path.stem}-numbers.csv")
    )
    script = HEAD.format(
        title=" ".join(str(release.package["title"]).split()),
        stem=path.stem,
        classes=", ".join(
            f"{_text(column.name)} = "
            + ('"character"' if column.is_text else '"numeric"')
            for column in columns
        ),
        variables=",\n".join(_describe(column) for column in columns),
    )
    path.write_text(script, encoding="utf-8", newline="\n")


def _write_numbers(parquet: Path, path: Path) -> None:
    """Write the Parquet file as text, batch by batch."""
    with pq.ParquetFile(parquet) as numbers:
        schema = numbers.schema_arrow.remove_metadata()
        options = csv.WriteOptions(quoting_style="needed")
        with csv.CSVWriter(path, schema, write_options=options) as file:
            for batch in numbers.iter_batches(BATCH):
                file.write_batch(batch.replace_schema_metadata(None))


def _describe(column: Column) -> str:
    values = ", ".join(
        f"{_text(label)} = {number}" for number, label in column.value_labels.items()
    )
    codes = sorted(column.missing.values())
    missing = f"c({codes[0]}, {codes[-1]})" if codes else "NULL"
    return (
        f"  {_text(column.name)} = list(label = {_text(column.label)}, "
        f'measure = "{column.measure}", values = c({values}), '
        f"codes = c({', '.join(map(str, codes))}), missing = {missing})"
    )


def _text(text: str) -> str:
    """A string literal of R; names of a vector may not be empty."""
    return json.dumps(" ".join(text.split()) or " ", ensure_ascii=False)
