"""Parquet files whose columns carry labels, missing codes and wording."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..releases import Release
from .coding import Column, columns_of, plain, text_of
from .notes import Notes

BATCH = 20_000
"""Responses that are written at once, one row group."""


def write_parquet(release: Release, path: Path, language: str, notes: Notes) -> None:  # noqa: ARG001
    """Write numbers as in the SPSS file, described in the metadata of each column.

    Every column's metadata hold ``label``, ``question``, ``values`` and ``missing``
    (JSON objects from number to label, and from missing code to number), and
    ``measure``.

    Parameters
    ----------
    release : Release
    path : Path
    language : str
        Language of the labels.
    notes : Notes
        Not needed: Parquet holds everything.
    """
    columns = columns_of(release, language)
    schema = pa.schema(
        [
            pa.field(column.name, _type(column), metadata=_describe(column, language))
            for column in columns
        ],
        metadata={
            "title": str(release.package["title"]),
            "language": language,
            "parallax": json.dumps(release.package["parallax"], ensure_ascii=False),
        },
    )
    cells = [release.cells(column.name) for column in columns]
    with pq.ParquetWriter(path, schema) as file:
        for start in range(0, max(release.table.num_rows, 1), BATCH):
            arrays = [
                _array(column, each.slice(start, BATCH)).cast(field.type)
                for column, each, field in zip(columns, cells, schema, strict=True)
            ]
            file.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _array(column: Column, cells: pa.DictionaryArray) -> pa.Array:
    return cells if column.is_text else pa.array(column.encode(cells))


def _type(column: Column) -> pa.DataType:
    if column.is_text:
        return pa.string()
    return pa.float64() if column.variable.kind == "decimal" else pa.int64()


def _describe(column: Column, language: str) -> dict[str, str]:
    question = column.variable.question
    described = {
        "label": column.label,
        "question": plain(text_of(question, language)) if question else "",
        "measure": column.measure,
    }
    if column.value_labels:
        described["values"] = json.dumps(column.value_labels, ensure_ascii=False)
        described["missing"] = json.dumps(dict(column.missing), ensure_ascii=False)
    return described
