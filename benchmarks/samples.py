"""The sample that every tool is given: as arrays, as a frame, as Parquet files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

N_COUNTRIES, N_STRATA, N_CLUSTERS = 10, 100, 1_000
MARGINS = {"age_group": 6, "gender": 2, "education": 4, "region": 8, "urban": 2}
"""Categories of the five margins of raking."""
KINDS = {"country": 10, "approval": 5, **MARGINS}
"""Categories of the categorical columns."""
FLOATS = ("weight", "income")
CHUNK = 5_000_000

Arrays = Mapping[str, npt.NDArray[Any]]


def draw(n: int, seed: int = 20261124) -> dict[str, npt.NDArray[Any]]:
    """Draw ``n`` respondents; clusters lie in strata and those in countries."""
    random = np.random.default_rng(seed)
    cluster = random.integers(0, N_CLUSTERS, n, dtype=np.int32)
    stratum = cluster // (N_CLUSTERS // N_STRATA)
    country = stratum // (N_STRATA // N_COUNTRIES)
    mood = random.normal(0, 0.3, N_CLUSTERS) + np.repeat(
        random.normal(0, 0.5, N_COUNTRIES), N_CLUSTERS // N_COUNTRIES
    )
    columns: dict[str, npt.NDArray[Any]] = {
        "cluster": cluster,
        "stratum": stratum,
        "country": country,
        "weight": np.round(random.lognormal(0, 0.4, n) + 0.1, 2),
        "income": random.normal(0, 1, n),
    }
    for name, size in MARGINS.items():
        columns[name] = random.integers(0, size, n, dtype=np.int32)
    leaning = mood[cluster] + 0.3 * columns["income"] + 0.2 * columns["gender"]
    agrees = random.uniform(size=n) < 1 / (1 + np.exp(0.5 - leaning))
    columns["agrees"] = agrees.astype(np.int32)
    columns["approval"] = (random.binomial(2, 0.5, n) + 2 * columns["agrees"]).astype(
        np.int32
    )
    return columns


def targets() -> dict[str, npt.NDArray[np.float64]]:
    """Share of the population in each category of each margin."""
    random = np.random.default_rng(7)
    return {name: random.dirichlet(np.full(k, 60.0)) for name, k in MARGINS.items()}


def write_arrays(folder: Path, n: int) -> None:
    """Store the columns as plain numbers, which R reads as well."""
    for name, values in draw(n).items():
        values.tofile(folder / f"{name}.bin")


def read_arrays(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """All columns, in memory."""
    return {
        path.stem: np.fromfile(path, np.float64 if path.stem in FLOATS else np.int32)
        for path in sorted(folder.glob("*.bin"))
    }


def as_frame(arrays: Arrays) -> pd.DataFrame:
    """Make a frame as a researcher has it: categories by name, the rest as is."""
    return pd.DataFrame(
        {
            name: pd.Categorical.from_codes(
                values.astype(np.int8), pd.Index(categories(name))
            )
            if name in KINDS
            else values
            for name, values in arrays.items()
        }
    )


def categories(name: str) -> list[str]:
    """Names of the categories of a column, in order."""
    return [f"{name} {number}" for number in range(KINDS[name])]


def write_parquet(path: Path, n: int) -> None:
    """Write the columns of task A in narrow types, a chunk at a time."""
    types = {
        "country": pa.int8(),
        "stratum": pa.int16(),
        "cluster": pa.int16(),
        "approval": pa.int8(),
        "weight": pa.float32(),
    }
    with pq.ParquetWriter(path, pa.schema(types), compression="zstd") as writer:
        for start in range(0, n, CHUNK):
            random = np.random.default_rng(start)
            size = min(CHUNK, n - start)
            cluster = random.integers(0, N_CLUSTERS, size, dtype=np.int16)
            columns = {
                "cluster": cluster,
                "stratum": cluster // 10,
                "country": cluster // 100,
                "approval": random.integers(0, 5, size, dtype=np.int8),
                "weight": random.integers(50, 500, size, dtype=np.int16) / 100,
            }
            arrays = [pa.array(columns[name]).cast(types[name]) for name in types]
            writer.write_table(pa.table(dict(zip(types, arrays, strict=True))))
