"""The course of a training as one picture."""

import itertools
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caselight.train.panels import Line, Panel, draw_panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BIT_PANELS: Mapping[str, tuple[str, float | None]] = {
    "mean_ones": ("Ones among all bits (share)", 1.0),
    "worst_ones": ("Ones of the most one-sided bit (share)", 1.0),
    "dead_bits": ("Bits that never change (count)", None),
    "mean_abs_correlation": ("Mean |correlation| of two bits", None),
    "effective_bits": ("Effective bits (count)", None),
}
"""Title and top of the bit statistics that are drawn, in order; see `caselight.metrics.bits`."""

_TERM_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito's palette, which readers with any colour vision can tell apart."""
_N_COLUMNS = 3
_PANEL_INCHES = (4.6, 3.0)


def write_curves(record: Mapping[str, Any], path: Path) -> None:
    """Draw a training into a PNG file, which is replaced in one step.

    The same record makes the same bytes with one version of matplotlib. Arguments and errors are
    otherwise those of `draw_curves`.
    """
    figure = draw_curves(record)
    staged = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    figure.savefig(staged, format="png", metadata={"Software": None})
    staged.replace(path)


def draw_curves(record: Mapping[str, Any]) -> "Figure":
    """Draw a training: its losses by stage, validation recall, bit statistics and learning rate.

    A panel whose numbers the record does not have is left out.

    Args:
        record: what `run.json` holds. Read are its `epochs`, a list in order of time, each with
            `stage`, `epoch` (1 is the first of its stage), `losses`, `val_recall_at_10` by reading
            and, where there, `bits` by `STATISTIC_WIDTH` and `learning_rate`.

    Raises:
        ValueError: for a record without epochs.
    """
    from matplotlib.figure import Figure

    epochs: list[Mapping[str, Any]] = list(record.get("epochs", ()))
    panels = [*_losses(epochs), *_watched(epochs)]
    if not panels:
        raise ValueError("the record has no numbers of epochs, so nothing is drawn; train first")
    n_columns = min(_N_COLUMNS, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(
        figsize=(_PANEL_INCHES[0] * n_columns, _PANEL_INCHES[1] * n_rows),
        layout="constrained",
        dpi=110,
    )
    for place, panel in enumerate(panels, start=1):
        draw_panel(figure.add_subplot(n_rows, n_columns, place), panel)
    return figure


def _losses(epochs: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    """One panel a stage; the same term of several widths shares a colour."""
    for of_stage in _by_stage(epochs):
        stage = str(of_stage[0][1]["stage"])
        told = [(int(epoch["epoch"]), epoch["losses"]) for _, epoch in of_stage]
        lines = _lines(told, label=lambda name: _split_width(name)[0].replace("_", " "))
        if lines:
            terms = dict.fromkeys(line.label for line in lines)
            yield Panel(
                title=f"Loss terms, {stage} stage (weighted)",
                x_label=f"epoch of the {stage} stage",
                lines=lines,
                log=all(value > 0 for line in lines for value in line.y),
                colours=dict(zip(terms, itertools.cycle(_TERM_COLOURS), strict=False)),
            )


def _watched(epochs: Sequence[Mapping[str, Any]]) -> Iterator[Panel]:
    """What is watched over all stages, on one axis of epochs."""
    stages = [str(epoch["stage"]) for epoch in epochs]
    breaks = tuple(n for n in range(1, len(stages)) if stages[n] != stages[n - 1])

    def panel(title: str, lines: list[Line], *, top: float | None = None) -> Panel:
        return Panel(
            top=top,
            title=title,
            x_label="epoch of all stages",
            lines=lines,
            colours=_by_width([line.label for line in lines]),
            breaks=breaks,
        )

    def told(field: str) -> list[tuple[int, Mapping[str, float]]]:
        return [(n, epoch.get(field) or {}) for n, epoch in enumerate(epochs, start=1)]

    if lines := _lines(told("val_recall_at_10"), label=_reading):
        yield panel("Validation Recall@10, strict (share)", lines)
    for statistic, (title, top) in BIT_PANELS.items():
        of_one = [(n, _under(f"{statistic}_", found)) for n, found in told("bits")]
        if lines := _lines(of_one, label=_reading):
            yield panel(title, lines, top=top)
    rates = [
        Line(
            label="",
            x=[n for n, _ in of_stage],
            y=[float(epoch["learning_rate"]) for _, epoch in of_stage],
        )
        for of_stage in _by_stage(epochs)
        if all("learning_rate" in epoch for _, epoch in of_stage)
    ]
    if rates:
        yield panel("Learning rate", rates)


def _by_stage(
    epochs: Sequence[Mapping[str, Any]],
) -> list[list[tuple[int, Mapping[str, Any]]]]:
    """Epochs with their number over all stages from 1, one list a stage."""
    numbered = enumerate(epochs, start=1)
    return [list(of) for _, of in itertools.groupby(numbered, key=lambda one: one[1]["stage"])]


def _lines(
    told: Sequence[tuple[int, Mapping[str, float]]], *, label: Callable[[str], str]
) -> list[Line]:
    names = dict.fromkeys(name for _, values in told for name in values)
    return [
        Line(
            label=label(name),
            x=[x for x, values in told if name in values],
            y=[float(values[name]) for _, values in told if name in values],
        )
        for name in names
    ]


def _under(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


def _split_width(name: str) -> tuple[str, int | None]:
    """("infonce", 64) of "infonce_64"; (name, None) of a name without a width."""
    found = re.fullmatch(r"(.*?)_?(\d+)", name)
    return (found[1], int(found[2])) if found else (name, None)


def _reading(name: str) -> str:
    kind, width = _split_width(name)
    if width is None:
        return name.replace("_", " ")
    return f"{kind.removeprefix('bits').replace('_', ' ')} {width} bits".strip()


def _by_width(labels: Sequence[str]) -> dict[str, str]:
    """Black for what has no width; the others from light to dark by width."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    def width(label: str) -> int:
        return int(next(iter(re.findall(r"(\d+) bits$", label)), 0))

    widths = sorted({width(label) for label in labels} - {0})
    shades = {
        one: to_hex(colormaps["viridis"](0.85 - 0.75 * n / max(1, len(widths) - 1)))
        for n, one in enumerate(widths)
    }
    return {label: shades.get(width(label), "#000000") for label in labels}
