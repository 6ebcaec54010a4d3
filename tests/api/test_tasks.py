"""What jobs draw; `test_researcher.py` and `test_v1.py` start the jobs themselves."""

from types import SimpleNamespace

import pandas as pd
import pytest

from api.choices import Choices
from api.comparing import compare_data
from api.tasks import _draw


@pytest.mark.parametrize(
    ("labels", "axis", "kind", "told"),
    [
        ({}, ",f", "Mean", ["China", "3.00", "−0.80 to 6.80", "4"]),
        ({"1": "yes"}, ".0%", "Share", ["China", "300.0%", "−80.4% to 680.4%", "4"]),
    ],
)
def test_points_are_drawn_in_the_units_of_the_estimate(
    tmp_path, labels, axis, kind, told
):
    frame = pd.DataFrame({"country": ["CN", "DE"] * 4, "hours": range(8)})
    frame.to_csv(tmp_path / "data.csv")
    result = compare_data(tmp_path / "data.csv", outcome="hours", by="country")
    known = {"country": {"CN": "China", "DE": "Germany"}, "hours": labels}
    chart = _draw(
        result,
        SimpleNamespace(labels=known.get),
        Choices(release="1-open", outcome="hours"),
        300,
    ).to_dict()
    (rows,) = chart["datasets"].values()
    for layer in chart["layer"]:
        hovered = [field["field"] for field in layer["encoding"]["tooltip"]]
        assert hovered == ["Country", kind, "Interval", "Respondents"]
        assert [rows[0][name] for name in hovered] == told
    x = chart["layer"][0]["encoding"]["x"]
    assert (x["title"], x["axis"]["format"]) == (kind, axis)
