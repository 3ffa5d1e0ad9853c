"""A record's figures as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.record import Chart, Record

__all__ = ["draw"]

_WIDTH, _BAR_HEIGHT, _CURVES_HEIGHT = 7.2, 0.42, 4.0
_OURS, _OTHERS = "#1f6feb", "#8b949e"
_DASHES = ("-", "--", "-.", ":")


def draw(record: Record, path: Path) -> None:
    """
    Write the picture as SVG; this package's figures are coloured.

    The same figures make the same file, so a rerun of one measurement changes one picture.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": record.name, "svg.fonttype": "none", "font.size": 9})
    bars = record.chart.kind == "bars"
    height = 1.0 + _BAR_HEIGHT * len(record.chart.series) if bars else _CURVES_HEIGHT
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    (_draw_bars if bars else _draw_curves)(axes, record.chart)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None, "Title": record.title})


def _draw_bars(axes: Any, chart: Chart) -> None:
    heights: Mapping[str, Any] = chart.series
    ours = [not number % 2 if _in_pairs(chart) else not number for number in range(len(heights))]
    bars = axes.barh(list(heights), list(heights.values()), color=[_OURS if mine else _OTHERS for mine in ours])
    axes.bar_label(bars, fmt=_short, padding=3)
    axes.invert_yaxis()
    axes.set_xlabel(chart.y_label)
    axes.margins(x=0.12)


def _in_pairs(chart: Chart) -> bool:
    """Whether each bar of this package is followed by the one to compare it with."""
    return any(name.endswith(": fixed") for name in chart.series)


def _draw_curves(axes: Any, chart: Chart) -> None:
    for number, (name, points) in enumerate(chart.series.items()):
        assert not isinstance(points, float)
        colour, width = (_OURS, 2.2) if not number else (_OTHERS, 1.4)
        across, up = zip(*points, strict=True)
        axes.plot(across, up, marker="o", label=name, color=colour, linewidth=width, linestyle=_DASHES[number % 4])
    axes.set(xscale="log", yscale="log", xlabel=chart.x_label, ylabel=chart.y_label)
    axes.xaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter("")
    for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        set_formatter(lambda value, _position: _short(value) if _leading_digit(value) in "125" else "")
    axes.grid(visible=True, which="major", color="#d0d7de", linewidth=0.5)
    axes.legend(frameon=False)


def _leading_digit(value: float) -> str:
    """Return the leading digit of a tick, which selects ticks of a logarithmic axis: all of them would be too many."""
    return f"{value:e}"[0]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
