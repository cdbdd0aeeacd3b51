"""A plot as inline SVG: colours are variables of the page, text is text, equal plots give equal bytes."""

from __future__ import annotations

import io
import re
from typing import Any

from drivesim.report.document import Plot, Series

_INCHES = (4.4, 2.6)
_FEW_POINTS = 16

#: Colours that matplotlib writes, and the variables of the page's style sheet that replace them.
_VARIABLES = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--line)",
    "#040404": "var(--band)",
    "#050501": "var(--series-1)",
    "#050502": "var(--series-2)",
    "#050503": "var(--series-3)",
    "#050504": "var(--series-4)",
    "#050505": "var(--series-5)",
    "#050506": "var(--series-6)",
}
_INK, _MUTED, _LINE, _BAND, *_SERIES = _VARIABLES
DASHES = ((), (6, 2.2), (1.4, 1.6), (6, 1.8, 1.4, 1.8), (3, 1.4), (9, 2, 3, 2))
"""Strokes of the lines in order, in units of points, so that they are told apart without colour."""

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "text.color": _MUTED,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "axes.formatter.useoffset": False,
    "axes.titlesize": 9,
}


def plot_svg(plot: Plot, salt: str) -> str:
    """The plot as an ``<svg>`` element without fixed size; ``salt`` keeps the names inside apart from those of other plots.

    Its legend is not inside: the page shows it below, by :data:`DASHES` and the style sheet's series colours.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(["default", {**_STYLE, "svg.hashsalt": salt}]):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for band in plot.bands:
            axes.axhspan(band.low, band.high, facecolor=_BAND, edgecolor=_MUTED, linewidth=0.8, linestyle=":")
        for position, series in enumerate(plot.series):
            _draw(axes, series, position)
        axes.set_title(plot.y_label, loc="left", color=_MUTED)
        axes.set_xlabel(plot.x_label)
        axes.margins(x=0.02)
        if plot.y_range is not None:
            axes.set_ylim(*plot.y_range)
        stream = io.StringIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    return _embedded(stream.getvalue())


def _draw(axes: Any, series: Series, position: int) -> None:
    colour, dashes = _SERIES[position % len(_SERIES)], DASHES[position % len(DASHES)]
    marker = "o" if len(series.x) <= _FEW_POINTS else ""
    axes.plot(
        series.x, series.y, color=colour, linewidth=1.7, linestyle=(0, dashes) if dashes else "-", marker=marker,
        markersize=3.2,
    )  # fmt: skip
    if series.low:
        axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.16, linewidth=0)


def _embedded(document: str) -> str:
    """The ``<svg>`` element alone: no header, metadata, fixed size, unused names or fonts of its own."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="([\w.-]+)"', lambda found: found.group() if found[1] in used else "", svg)
    size = re.search(r'viewBox="[^"]*"', svg)
    svg = re.sub(r"^<svg[^>]*>", f"<svg {size.group() if size else ''} aria-hidden='true' focusable='false'>", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    return re.sub(r"<defs>\s*</defs>", "", re.sub(r"\s*\n\s*", "\n", svg)).strip()
