"""Charts of survey results as inline SVG, drawn without a browser or network."""

import io
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from lxml import etree

FONTS = "Noto Sans, Noto Sans CJK SC, sans-serif"
"""With a CJK face: without one, Chinese labels fall back to whatever there is."""

LEFT = (106, 81, 168), (179, 173, 212)
NEUTRAL = (190, 190, 190)
RIGHT = (217, 95, 2), (253, 190, 112)
"""Purple and orange, outer and inner shade: told apart by all colour vision."""

SERIES_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Okabe and Ito's colours that stand out on white and on black."""

SERIES_SHAPES = ("circle", "square", "triangle-up", "diamond")

SVG = "{http://www.w3.org/2000/svg}"


def diverging_bars(
    shares: pd.DataFrame,
    categories: Sequence[str],
    middle: str | None,
    *,
    told: Sequence[str] = (),
    width: int = 640,
) -> alt.LayerChart:
    """Stacked bars of shares around the middle of a scale.

    Parameters
    ----------
    shares : DataFrame
        Columns ``group``, ``category``, ``share`` (fraction); groups are drawn in the
        order of the rows, top down.
    categories : sequence of str
        In the order of the scale, first on the left.
    middle : str or None
        Category that straddles the centre line; None puts the line between the two
        halves of the scale.
    told : sequence of str
        Columns of text that a chart with scripts tells where the pointer is.
    width : int
        Pixels of the bars, labels not counted.

    Returns
    -------
    altair.LayerChart

    References
    ----------
    Heiberger and Robbins (2014), doi:10.18637/jss.v057.i05.

    Examples
    --------
    >>> shares = pd.DataFrame(
    ...     {
    ...         "group": "CN",
    ...         "category": ["yes", "so-so", "no"],
    ...         "share": [0.5, 0.2, 0.3],
    ...     }
    ... )
    >>> chart = diverging_bars(shares, ["yes", "so-so", "no"], "so-so")
    >>> chart.data[["start", "end"]].round(1).to_numpy().tolist()
    [[-0.6, -0.1], [-0.1, 0.1], [0.1, 0.4]]
    """
    bars = _stacked(shares, list(categories), middle)
    bars = bars.merge(shares[["group", "category", *told]], "left")
    colours = diverging_colours(len(categories), has_middle=middle is not None)
    inks = dict(zip(categories, map(_readable_on, colours), strict=True))
    wrapped = {name: _wrapped(name, width // 7) for name in categories}
    bars["ink"] = bars["category"].map(inks)
    bars["category"] = bars["category"].map(wrapped)
    reach = float(np.ceil(10 * bars[["start", "end"]].abs().to_numpy().max()) / 10)
    on_bars = alt.Chart(bars).encode(y=_group_axis(bars["group"]), tooltip=[*told])
    centre = alt.Chart(bars).mark_rule(color="currentColor").encode(x=alt.datum(0))
    segments = on_bars.mark_bar().encode(
        x=alt.X("start:Q", title="Share of those who answered")
        .scale(domain=[-reach, reach], nice=False)
        .axis(
            labelExpr="format(abs(datum.value), '.0%')",
            tickCount=width // 80,
            labelOverlap=True,
        ),
        x2="end:Q",
        color=alt.Color(
            "category:N", sort=list(wrapped.values()), legend=_legend()
        ).scale(domain=list(wrapped.values()), range=colours),
    )
    labels = (
        on_bars.transform_filter(alt.datum.share * width / (2 * reach) >= 18)
        .transform_calculate(
            centre="(datum.start + datum.end) / 2",
            percent="format(100 * datum.share, '.0f')",
        )
        .mark_text(fontSize=12)
        .encode(x="centre:Q", text="percent:N", color=alt.Color("ink:N", scale=None))
    )
    chart: alt.LayerChart = _styled(
        alt.layer(centre, segments, labels), width, bars["group"], 34
    )
    return chart


def estimates_chart(
    estimates: pd.DataFrame,
    title: str,
    *,
    percent: bool = True,
    told: Sequence[str] = (),
    width: int = 640,
) -> alt.LayerChart:
    """Points with their intervals, one line for each group and series.

    Parameters
    ----------
    estimates : DataFrame
        Columns ``group``, ``series``, ``estimate``, ``conf_low``, ``conf_high``;
        groups and series keep the order of the rows.
    title : str
        What the points are; the title of the axis.
    percent : bool
        They are fractions, shown in percent on a scale with 0; else in their units.
    told : sequence of str
        Columns of text that a chart with scripts tells where the pointer is.
    width : int
        Pixels of the plot, labels not counted.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> approval = pd.DataFrame(
    ...     {
    ...         "group": ["CN"],
    ...         "series": ["asked directly"],
    ...         "estimate": 0.4,
    ...         "conf_low": 0.3,
    ...         "conf_high": 0.5,
    ...     }
    ... )
    >>> "<path" in to_svg(estimates_chart(approval, "Approval"), "Approval", "CN 40%")
    True
    """
    series = list(dict.fromkeys(estimates["series"]))
    drawn = estimates[["estimate", "conf_low", "conf_high"]].to_numpy(float)
    low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    if percent:
        low = min(math.floor(10 * low) / 10, 0)
        high = max(math.ceil(10 * high) / 10, 0.1)
    legend = _legend() if len(series) > 1 else None
    colours, shapes = SERIES_COLOURS[: len(series)], SERIES_SHAPES[: len(series)]
    lines = alt.Chart(estimates).encode(
        y=_group_axis(estimates["group"]),
        yOffset=alt.YOffset("series:N", sort=series),
        color=alt.Color("series:N", sort=series, legend=legend).scale(
            domain=series, range=list(colours)
        ),
        tooltip=[*told],
    )
    intervals = lines.mark_rule(strokeWidth=2).encode(
        x=alt.X("conf_low:Q", title=title)
        .scale(domain=[low, high], nice=not percent)
        .axis(
            format=".0%" if percent else ",f", tickCount=width // 80, labelOverlap=True
        ),
        x2="conf_high:Q",
    )
    points = lines.mark_point(filled=True, size=70, opacity=1).encode(
        x="estimate:Q",
        shape=alt.Shape("series:N", sort=series, legend=legend).scale(
            domain=series, range=list(shapes)
        ),
    )
    step = 12 + 16 * len(series)
    chart: alt.LayerChart = _styled(
        alt.layer(intervals, points), width, estimates["group"], step
    )
    return chart


def to_svg(chart: alt.LayerChart, title: str, description: str) -> str:
    """Draw a chart as one SVG element that can stand inside a page.

    Parameters
    ----------
    chart : altair chart
    title, description : str
        Read aloud instead of the picture: what it shows, and what is to be seen.

    Returns
    -------
    str
        ``<svg role="img">`` with ``<title>`` and ``<desc>``; text in the colour of the
        page around it; the same chart always gives the same text.
    """
    stream = io.StringIO()
    chart.save(stream, format="svg")
    svg: Any = etree.fromstring(stream.getvalue())
    for element in svg.iter():
        for name in ("role", "aria-roledescription", "aria-label", "aria-hidden"):
            element.attrib.pop(name, None)
    for empty in svg.xpath("//*[local-name()='path'][@d='' or @display='none']"):
        empty.getparent().remove(empty)
    svg.set("role", "img")
    for position, (tag, text) in enumerate([("title", title), ("desc", description)]):
        element = etree.Element(SVG + tag)
        element.text = text
        svg.insert(position, element)
    etree.cleanup_namespaces(svg)
    return str(etree.tostring(svg, encoding="unicode"))


def diverging_colours(n: int, *, has_middle: bool) -> list[str]:
    """Colours for ``n`` ordered categories, grey for the one in the middle.

    Examples
    --------
    >>> diverging_colours(3, has_middle=True)
    ['#6a51a8', '#bebebe', '#d95f02']
    """
    half = n // 2
    rest = n - half - has_middle
    left = [_blend(*LEFT, at / max(half - 1, 1)) for at in range(half)]
    right = [_blend(*RIGHT, at / max(rest - 1, 1)) for at in range(rest)]
    return [*left, *[_blend(NEUTRAL, NEUTRAL, 0)] * has_middle, *right[::-1]]


def _blend(a: Sequence[int], b: Sequence[int], share: float) -> str:
    mixed = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _readable_on(colour: str) -> str:
    """Black or white, whichever contrasts more (WCAG relative luminance)."""
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return "black" if linear @ [0.2126, 0.7152, 0.0722] > 0.179 else "white"


def _stacked(
    shares: pd.DataFrame, categories: list[str], middle: str | None
) -> pd.DataFrame:
    """Start and end of every bar, in the order of the scale, centre at 0."""
    table = shares.pivot(index="group", columns="category", values="share")
    table = table.reindex(index=shares["group"].unique(), columns=categories).fillna(0)
    ends = table.cumsum(axis=1)
    split = len(categories) // 2 if middle is None else categories.index(middle)
    before = table.iloc[:, :split].sum(axis=1)
    centre = before if middle is None else before + table[middle] / 2
    ends = ends.sub(centre, axis=0)
    return pd.DataFrame(
        {
            "group": table.index.repeat(len(categories)),
            "category": categories * len(table),
            "share": table.to_numpy().ravel(),
            "start": (ends - table).to_numpy().ravel(),
            "end": ends.to_numpy().ravel(),
        }
    )


def _group_axis(groups: pd.Series) -> alt.Y:
    return alt.Y("group:N", title=None, sort=list(dict.fromkeys(groups))).axis(
        labelLimit=0, labelPadding=6, domain=False, ticks=False
    )


def _legend() -> alt.Legend:
    """Below the chart, one entry a line, no text cut off."""
    return alt.Legend(
        title=None,
        orient="bottom",
        columns=1,
        labelExpr="split(datum.label, '\\n')",
        labelLimit=0,
        symbolSize=120,
        symbolStrokeWidth=0,
    )


def _wrapped(text: str, columns: int) -> str:
    return "\n".join(textwrap.wrap(text, columns))


def _styled(chart: Any, width: int, groups: pd.Series, step: int) -> Any:
    """Size, fonts, and text in the colour of the page."""
    ink = "currentColor"
    height = step * groups.nunique()
    return (
        chart.properties(width=width, height=height, background="transparent")
        .configure(font=FONTS, padding=2, aria=False)
        .configure_mark(aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ink,
            titleColor=ink,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            gridColor=ink,
            gridOpacity=0.15,
            domainColor=ink,
            tickColor=ink,
        )
        .configure_title(color=ink, fontSize=12, fontWeight="normal", anchor="start")
        .configure_legend(labelColor=ink, labelFontSize=12, rowPadding=4)
    )
