"""Data files of other software, read with their labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat

from .errors import DataFileError


def _read_labelled(reader: Callable[..., Any], path: Path) -> pd.DataFrame:
    """Value labels become categories, in the order of their codes."""
    frame: pd.DataFrame
    frame, metadata = reader(str(path))
    for column, labels in metadata.variable_value_labels.items():
        known = frame[column].dropna()
        if known.isin(list(labels)).all():
            texts = list(dict.fromkeys(labels[code] for code in sorted(labels)))
            frame[column] = pd.Categorical(frame[column].map(labels), texts)
    return frame


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: pd.read_csv(path, encoding="utf-8-sig"),
    ".parquet": pd.read_parquet,
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
        the order of their codes; SPSS user-missing values are missing. A column that
        labels only some of its values keeps its numbers.

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
