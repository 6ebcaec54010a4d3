"""Data files of other software, read with their labels."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pyreadstat

from .errors import DataFileError


def _read_labelled(reader: Callable[..., Any], path: Path) -> pd.DataFrame:
    """Read SPSS or Stata; user-missing values are missing, and are no categories."""
    frame: pd.DataFrame
    frame, metadata = reader(str(path))
    _, declared = reader(str(path), metadataonly=True, user_missing=True)
    for name, labels in metadata.variable_value_labels.items():
        ranges = declared.missing_ranges.get(name, ())
        texts = {
            code: text
            for code, text in labels.items()
            # Stata's user-missing values are letters.
            if not isinstance(code, str)
            and not any(each["lo"] <= code <= each["hi"] for each in ranges)
        }
        is_ordered = metadata.variable_measure.get(name) == "ordinal"
        frame[name] = _categorise(frame[name], texts, is_ordered)
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read Parquet, with labels and missing codes where an export describes them."""
    table = pq.read_table(path)
    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema:
        described = field.metadata or {}
        if b"values" not in described:
            continue
        missing = list(json.loads(described[b"missing"]).values())
        texts = {
            int(code): text for code, text in json.loads(described[b"values"]).items()
        }
        cells = frame[field.name].astype(float)
        frame[field.name] = _categorise(
            cells.mask(cells.isin(missing)),
            {code: text for code, text in texts.items() if code not in missing},
            described[b"measure"] == b"ordinal",
        )
    return frame


def _categorise(
    cells: "pd.Series[float]", labels: Mapping[float, str], is_ordered: bool
) -> "pd.Series[Any]":
    """Labels become categories in the order of their codes, if they label all cells."""
    if not labels or not cells.dropna().isin(list(labels)).all():
        return cells
    texts = list(dict.fromkeys(labels[code] for code in sorted(labels)))
    dtype = pd.CategoricalDtype(texts, ordered=is_ordered)
    return cells.map(labels).astype(dtype)


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: pd.read_csv(path, encoding="utf-8-sig"),
    ".parquet": _read_parquet,
    ".sav": lambda path: _read_labelled(pyreadstat.read_sav, path),
    ".zsav": lambda path: _read_labelled(pyreadstat.read_sav, path),
    ".dta": lambda path: _read_labelled(pyreadstat.read_dta, path),
}


def read_data(path: str | Path) -> pd.DataFrame:
    r"""Read a CSV, Parquet, SPSS or Stata file.

    Parameters
    ----------
    path : str or Path
        A file that ends in .csv, .parquet, .sav, .zsav or .dta.

    Returns
    -------
    pandas.DataFrame
        A column whose values are all labelled becomes a Categorical of the labels, in
        the order of their codes; ordered where SPSS or our Parquet says so, which Stata
        cannot. User-missing values are missing, and no categories. A column that labels
        only some of its values keeps its numbers.

    Raises
    ------
    DataFileError
        When there is no such file, its kind is unknown or its content is damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "votes.csv"
    ...     _ = path.write_text("country,vote\nNO,1\nSE,0\n")
    ...     read_data(path)
      country  vote
    0      NO     1
    1      SE     0
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataFileError(
            f"{path.name}: cannot read files ending in {path.suffix!r}; "
            f"convert it to one of {', '.join(READERS)}"
        )
    if not path.is_file():
        raise DataFileError(f"{path}: there is no such file; check the name")
    try:
        frame = reader(path)
    except (
        ValueError,
        OSError,
        pyreadstat.ReadstatError,
        pyreadstat.PyreadstatError,
    ) as error:
        raise DataFileError(
            f"{path.name}: not a readable {path.suffix} file ({error}); "
            "open it in the software that wrote it and save it again"
        ) from error
    if frame.empty:
        raise DataFileError(f"{path.name}: the file holds no rows")
    return frame
