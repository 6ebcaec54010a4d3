import pandas as pd
import pyreadstat
import pytest

from surveys.datafiles import read_data
from surveys.errors import DataFileError

FRAME = pd.DataFrame(
    {"country": [2.0, 1.0, 2.0], "age": [44.0, 99.0, 31.0], "view": [2.0, 9.0, None]}
)
LABELS = {
    "country": {1: "Norway", 2: "中国"},
    "age": {99: "99 or older"},
    "view": {1: "oppose", 2: "approve", 9: "refused"},
}


@pytest.mark.parametrize("ending", ["sav", "zsav", "dta"])
def test_labels_become_categories_in_the_order_of_their_codes(tmp_path, ending):
    path = tmp_path / f"votes.{ending}"
    if ending == "dta":
        pyreadstat.write_dta(FRAME, str(path), variable_value_labels=LABELS)
    else:
        pyreadstat.write_sav(
            FRAME,
            str(path),
            variable_value_labels=LABELS,
            missing_ranges={"view": [9]},
            compress=ending == "zsav",
        )
    frame = read_data(path)
    assert list(frame["country"]) == ["中国", "Norway", "中国"]
    assert list(frame["country"].cat.categories) == ["Norway", "中国"]
    assert list(frame["age"]) == [44, 99, 31]
    # SPSS declares 9 as missing; Stata was not told.
    refused = ["refused"] if ending == "dta" else []
    assert list(frame["view"].cat.categories) == ["oppose", "approve", *refused]
    assert frame["view"].isna().sum() == (1 if ending == "dta" else 2)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_plain_files_come_back_as_written(tmp_path, ending):
    path = tmp_path / f"votes.{ending}"
    getattr(FRAME, f"to_{ending}")(path, index=False)
    pd.testing.assert_frame_equal(read_data(path), FRAME)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("votes.xls", b"x", "'.xls'; convert it to one of .csv, .parquet"),
        ("none.csv", None, "no such file"),
        ("empty.csv", b"", "not a readable .csv file"),
        ("header.csv", b"a,b\n", "holds no rows"),
        ("latin.csv", b"land\n\xd6sterreich\n", "not a readable .csv file"),
        ("text.sav", b"hello", "not a readable .sav file"),
        ("text.dta", b"hello", "not a readable .dta file"),
        ("text.parquet", b"hello", "not a readable .parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataFileError, match=words):
        read_data(path)
