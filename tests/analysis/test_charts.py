import re

import pandas as pd
import pytest
from lxml import etree

from analysis.charts import (
    diverging_bars,
    diverging_colours,
    estimates_chart,
    to_svg,
)

SCALE = ["much for", "for", "halfway", "against", "much against"]
SHARES = {"CN 中国": [0.3, 0.3, 0.2, 0.15, 0.05], "DE": [0.1, 0.2, 0.3, 0.4, 0]}
NAMESPACE = {"s": "http://www.w3.org/2000/svg"}


def shares(categories=SCALE, by_group=SHARES):
    return pd.DataFrame(
        [
            {"group": group, "category": category, "share": share}
            for group, row in by_group.items()
            for category, share in zip(categories, row, strict=False)
        ]
    )


def drawn(chart):
    return etree.fromstring(to_svg(chart, "What & who", "In <words>"))


def bars(svg):
    """Widths in pixels by colour, rows top down."""
    paths = svg.xpath(
        "//s:g[contains(@class, 'mark-rect')]/s:path", namespaces=NAMESPACE
    )
    rows = {}
    for path in paths:
        _, top, width = re.match(r"M([\d.]+),([\d.]+)h([\d.]+)", path.get("d")).groups()
        rows.setdefault(float(top), {})[path.get("fill")] = float(width)
    return [rows[top] for top in sorted(rows)]


def test_a_chart_is_an_image_with_a_title_and_a_description():
    svg = drawn(diverging_bars(shares(), SCALE, "halfway"))
    assert svg.get("role") == "img"
    assert [child.text for child in svg[:2]] == ["What & who", "In <words>"]
    assert svg.xpath("//@aria-label | //@aria-hidden | //@href") == []


def test_bars_are_as_wide_as_their_shares_and_add_up():
    rows = bars(drawn(diverging_bars(shares(), SCALE, "halfway", width=500)))
    colours = diverging_colours(5, has_middle=True)
    # The scale reaches from -70 to 70 percent: the longest side rounded up to tenths.
    for row, expected in zip(rows, SHARES.values(), strict=True):
        assert sum(row.values()) == pytest.approx(500 / 1.4, abs=0.01)
        for colour, share in zip(colours, expected, strict=True):
            assert row.get(colour, 0) == pytest.approx(share * 500 / 1.4, abs=0.01)


@pytest.mark.parametrize(
    ("categories", "middle", "start"),
    [
        (SCALE, "halfway", -0.7),
        (SCALE[:2], None, -0.3),
        (SCALE[:4], None, -0.6),
        (["only"], "only", -0.15),
    ],
)
def test_the_scale_is_centred(categories, middle, start):
    data = diverging_bars(shares(categories), categories, middle).data
    assert data["start"].iloc[0] == pytest.approx(start)
    assert list(data["category"][: len(categories)]) == categories


def test_text_takes_the_colour_of_the_page_and_has_a_chinese_face():
    svg = drawn(diverging_bars(shares(), SCALE, "halfway"))
    axis = svg.xpath(
        "//s:g[contains(@class, 'role-axis-label')]/s:text", namespaces=NAMESPACE
    )
    assert {text.get("fill") for text in axis} == {"currentColor"}
    assert {"CN 中国", "DE"} < {text.text for text in axis}
    assert all("Noto Sans CJK SC" in text.get("font-family") for text in axis)


def test_the_legend_names_every_category_in_order():
    svg = drawn(diverging_bars(shares(), SCALE, "halfway"))
    entries = svg.xpath(
        "//s:g[contains(@class, 'role-legend-label')]/s:text", namespaces=NAMESPACE
    )
    assert [entry.text for entry in entries] == SCALE


@pytest.mark.parametrize("n", range(1, 8))
@pytest.mark.parametrize("has_middle", [True, False])
def test_every_category_has_a_colour_of_its_own(n, has_middle):
    colours = diverging_colours(n, has_middle=has_middle)
    assert len(set(colours)) == n
    assert ("#bebebe" in colours) == has_middle


def test_an_interval_reaches_from_limit_to_limit():
    estimates = pd.DataFrame(
        {
            "group": ["CN", "DE"],
            "series": "direct",
            "estimate": [0.5, 0.2],
            "conf_low": [0.4, -0.05],
            "conf_high": [0.6, 0.45],
        }
    )
    svg = drawn(estimates_chart(estimates, "Approval", width=700))
    rules = svg.xpath("//s:g[contains(@class, 'layer_0')]/s:line", namespaces=NAMESPACE)
    # From -10 to 60 percent on 700 pixels: 10 pixels a point.
    lengths = sorted(abs(float(rule.get("x2"))) for rule in rules)
    assert lengths == pytest.approx([200, 500])


@pytest.mark.parametrize(
    ("estimates", "labels"),
    [
        ([4.1, 6.4], ["4", "5", "6"]),
        ([-2, 30_000], ["0", "10,000", "20,000", "30,000"]),
        ([2, 2], ["2"]),
        ([2, float("nan")], ["2"]),
    ],
)
def test_a_mean_is_drawn_in_its_units(estimates, labels):
    means = pd.DataFrame(
        {
            "group": ["CN", "DE"],
            "series": "",
            **dict.fromkeys(("estimate", "conf_low", "conf_high"), estimates),
        }
    )
    svg = drawn(estimates_chart(means, "Mean", percent=False, width=250))
    axis = "//s:g[contains(@class, 'role-axis-label')]/s:text/text()"
    shown = svg.xpath(axis, namespaces=NAMESPACE)
    assert [text.replace("−", "-") for text in shown[: -len(means)]] == labels


def test_what_is_told_belongs_to_each_bar():
    told = shares().assign(Share=lambda table: table["share"].map("{:.0%}".format))
    chart = diverging_bars(told, SCALE, "halfway", told=["Share"])
    assert chart.data["Share"].to_list() == told["Share"].to_list()
    hovered = [layer.encoding.tooltip for layer in chart.layer[1:]]
    assert [field.shorthand for (field,) in hovered] == ["Share", "Share"]
    plain = diverging_bars(shares(), SCALE, "halfway")
    assert to_svg(chart, "t", "d") == to_svg(plain, "t", "d")


def test_the_same_chart_gives_the_same_text():
    first, second = (
        to_svg(diverging_bars(shares(), SCALE, "halfway"), "t", "d") for _ in range(2)
    )
    assert first == second
