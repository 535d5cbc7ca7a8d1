"""One panel of curves: lines with their names beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABEL_GAP = 0.075
"""Least distance of two labels, as a share of the panel's height."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve."""

    label: str
    """Lines of one label share a colour, and the label is written once."""
    x: list[int]
    y: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What one panel shows."""

    title: str
    x_label: str
    lines: list[Line]
    colours: Mapping[str, str]
    log: bool = False
    top: float | None = None
    """Where the axis ends, from 0; None fits it to the numbers."""
    breaks: tuple[int, ...] = ()
    """Epochs after which another stage begins."""


def draw_panel(axes: "Axes", panel: Panel) -> None:
    """Draw a panel into its place."""
    from matplotlib.ticker import MaxNLocator

    for line in panel.lines:
        # A training of one epoch is a point, which no line shows.
        mark = "o" if len(line.x) == 1 else None
        axes.plot(line.x, line.y, color=panel.colours[line.label], lw=1.3, marker=mark, ms=4)
    for end in panel.breaks:
        axes.axvline(end + 0.5, color="#999999", lw=0.8, ls=":")
    axes.set_title(panel.title, loc="left", fontsize=10)
    axes.set_xlabel(panel.x_label, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    if panel.log:
        _log_height(axes, panel)
    elif panel.top is not None:
        axes.set_ylim(0, panel.top)
    elif all(value >= 0 for line in panel.lines for value in line.y):
        # Never higher than nothing: a column of zeros would else float in the middle.
        axes.set_ylim(0, axes.get_ylim()[1] if any(any(line.y) for line in panel.lines) else 1)
    _label(axes, panel)


def _log_height(axes: "Axes", panel: Panel) -> None:
    """Logarithmic height with plain numbers, enough of them where there are few decades."""
    from matplotlib.ticker import LogLocator, NullLocator

    values = [value for line in panel.lines for value in line.y]
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5) if max(values) < 100 * min(values) else (1,))
    )
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _label(axes: "Axes", panel: Panel) -> None:
    """Write each label once, at the end of its lines.

    Beside the panel where the lines reach its last epoch, moved apart where ends are close; above
    the end of lines that stop earlier.
    """
    last = max(line.x[-1] for line in panel.lines)
    to_share = axes.transData + axes.transAxes.inverted()
    ends: dict[str, list[float]] = {}
    for line in panel.lines:
        if line.x[-1] == last:
            ends.setdefault(line.label, []).append(
                float(to_share.transform((line.x[-1], line.y[-1]))[1])
            )
    for line in panel.lines:
        if line.label not in ends:
            axes.annotate(
                line.label,
                (line.x[-1], line.y[-1]),
                xytext=(0, 4),
                textcoords="offset points",
                ha="right",
                color=panel.colours[line.label],
                fontsize=8,
            )
    wanted = [(sorted(found)[len(found) // 2], label) for label, found in ends.items()]
    for share, label in apart(wanted):
        axes.text(
            1.02,
            share,
            label,
            color=panel.colours[label],
            fontsize=8,
            va="center",
            transform=axes.transAxes,
        )


def apart(wanted: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Move labels up until none covers another, and all down again if one left the panel."""
    height = -1.0
    placed = []
    for share, label in sorted(wanted, key=lambda one: round(one[0], 3)):
        height = max(share, height + _LABEL_GAP)
        placed.append((height, label))
    over = max(0.0, placed[-1][0] - 1.0) if placed else 0.0
    return [(share - over, label) for share, label in placed]
