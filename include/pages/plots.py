"""Plots: charts as SVG, for a report that needs no script and for MLflow."""

import io
import re
import threading
import warnings
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from include.pages.charts import Chart, Kind
from include.pages.formats import count, shorter

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b3518e", "#b87800", "#4b9fd5")  # after Okabe and Ito (2008), on white
_MARKERS = "osD^vP"
_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a class may be called $
    "font.family": "sans-serif",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
}
_GROUP = re.compile(r'<g id="[^"]*"')
_lock = threading.Lock()  # matplotlib's settings are the process's


def svg(chart: Chart) -> str:
    """The chart as an SVG element; the same text for the same chart. Its ids are its own on a page of many."""
    with _lock, mpl.rc_context({**_SETTINGS, "svg.hashsalt": chart.id}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a browser has more letters than matplotlib
        return _text(_drawn(chart))


def _drawn(chart: Chart) -> Figure:
    figure = Figure(figsize=_size(chart), layout="constrained")
    axes = figure.subplots()
    {Kind.LINES: _lines, Kind.BARS: _bars, Kind.CURVE: _curve}[chart.kind](axes, chart)
    axes.spines[["top", "right"]].set_visible(False)
    if chart.kind is not Kind.BARS:
        axes.set_title(shorter(chart.title, 40), fontsize=10, loc="left")
    if len(chart.series) > 1:
        figure.legend(loc="outside lower left", frameon=False, ncols=5 if chart.kind is Kind.BARS else 2)
    return figure


def _size(chart: Chart) -> tuple[float, float]:
    return (6.4, 1.0 + 0.32 * len(chart.names)) if chart.kind is Kind.BARS else (3.6, 2.5)


def _lines(axes: Axes, chart: Chart) -> None:
    places = {name: place for place, name in enumerate(chart.names)}
    for number, one in enumerate(chart.series):
        points = [(places[point.x], point.y, point) for point in one.points if point.y is not None]
        below = [max(0.0, y - point.low) if point.low is not None else 0.0 for _, y, point in points]
        above = [max(0.0, point.high - y) if point.high is not None else 0.0 for _, y, point in points]
        axes.errorbar(
            [x for x, _, _ in points],
            [y for _, y, _ in points],
            yerr=[below, above],
            color=COLOURS[number % len(COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            elinewidth=0.8,
            label=shorter(one.name),
        )
    shown = list(places)[:: max(1, len(places) // 4)]
    axes.set_xticks([places[name] for name in shown], [str(name)[5:] for name in shown])
    axes.set_ylim(0, 1.02)


def _bars(axes: Axes, chart: Chart) -> None:
    names = list(chart.names)
    done = [0.0] * len(names)
    for number, one in enumerate(chart.series):
        values = {point.x: point.y or 0.0 for point in one.points}
        widths = [values.get(name, 0.0) for name in names]
        drawn = axes.barh(range(len(names)), widths, 0.65, done, color=COLOURS[number % len(COLOURS)], label=one.name)
        if len(chart.series) == 1:
            axes.bar_label(drawn, [count(value) for value in widths], padding=3, fontsize=8)
        done = [a + b for a, b in zip(done, widths, strict=True)]
    axes.set_yticks(range(len(names)), [shorter(str(name)) for name in names])
    axes.invert_yaxis()
    axes.set_xlabel(chart.y)


def _curve(axes: Axes, chart: Chart) -> None:
    axes.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
    for number, one in enumerate(chart.series):
        x, y = [float(point.x) for point in one.points], [float(point.y or 0) for point in one.points]
        axes.plot(x, y, ("o--", "s-")[number], color=COLOURS[number], label=one.name)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=chart.x, ylabel=chart.y)


def _text(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return _GROUP.sub("<g", text[text.index("<svg") :])  # a page of many would have each name again and again
