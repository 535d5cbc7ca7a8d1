"""caselight compare: which of two models finds more."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from caselight.cli.common import (
    AsJson,
    ConfigFile,
    Filters,
    Home,
    Overrides,
    out,
    print_json,
    progress,
    user,
)
from caselight.cli.evaluate import METRICS
from caselight.config import read_config
from caselight.data.filters import parse_filters
from caselight.errors import UsageError

HEADLINE = "recall_at_10"


def compare(
    first: Annotated[Path, typer.Argument(metavar="M1", help="Folder of a model.")],
    second: Annotated[Path, typer.Argument(metavar="M2", help="Folder of the other model.")],
    home: Home,
    split: Annotated[str, typer.Option("--split", help="train, val, test, or all.")] = "test",
    text: Annotated[
        str | None,
        typer.Option("--text", help="Which text; as in the first one's training if not given."),
    ] = None,
    bits: Annotated[
        list[int] | None,
        typer.Option(
            "--bits", help="Only float and these widths; all that both have if not given."
        ),
    ] = None,
    reading: Annotated[
        list[str] | None,
        typer.Option(
            "--reading",
            metavar="NAME[:NAME]",
            help="One reading of both, or one of M1 against one of M2, e.g. bits_128:float.",
        ),
    ] = None,
    filter_: Filters = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Ask two models the same queries and say which finds more, and what cannot be told."""
    from caselight.home import Home as OpenHome

    asked = [f"bits_{n}" for n in bits or ()] + list(reading or ())
    pairs = [_pair(one) for one in asked]
    if bits:
        pairs.insert(0, ("float", "float"))
    settings = read_config(config, set_ or ())
    with (
        progress() as advance,
        OpenHome(home, config=settings, progress=advance, actor=user()) as place,
    ):
        report = place.compare(
            first,
            second,
            split=None if split == "all" else split,
            text=text,
            filters=parse_filters(filter_ or ()),
            readings=pairs or None,
        )
    if as_json:
        print_json(report)
    else:
        _show(report)


def _pair(asked: str) -> tuple[str, str]:
    names = asked.split(":")
    if len(names) > 2 or not all(names):
        raise UsageError(
            f"found --reading {asked}, expected NAME or NAME:NAME; for example bits_128:float"
        )
    return names[0], names[-1]


def _show(report: dict[str, Any]) -> None:
    rows = report["rows"]
    out.print(
        f"M1 {report['first'][:16]}, M2 {report['second'][:16]}, split {report['split'] or 'all'}, "
        f"text {report['text']}: {report['n_images']} images; strict figure; p over patients, "
        f"corrected for all {len(rows)} rows",
        markup=False,
        soft_wrap=True,
    )
    for direction in dict.fromkeys(row["direction"] for row in rows):
        out.print(_table(direction, [row for row in rows if row["direction"] == direction]))
    for row in rows:
        if (row["direction"], row["metric"]) == ("both_directions", HEADLINE):
            out.print(_sentence(row), markup=False, soft_wrap=True)


def _table(direction: str, rows: list[dict[str, Any]]) -> Table:
    title = (
        f"{direction.replace('_', ' ')}: {rows[0]['n_queries']} queries of "
        f"{rows[0]['n_patients']} patients"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("reading", "metric"):
        table.add_column(name)
    for name in ("M1", "M2", "M1 - M2", "interval", "M1 / M2", "p", "corrected", "finds more"):
        table.add_column(name, justify="right")
    for row in rows:
        difference = row["difference"]
        table.add_row(
            _name(row),
            METRICS[row["metric"]],
            _number(row["first"]),
            _number(row["second"]),
            _number(difference["value"], sign="+"),
            f"{_number(difference['low'], sign='+')} .. {_number(difference['high'], sign='+')}",
            _number(row["ratio"]["value"]),
            f"{row['p']:.2g}",
            f"{row['p_corrected']:.2g}",
            {"first": "M1", "second": "M2", "none": "-"}[row["verdict"]],
        )
    return table


def _sentence(row: dict[str, Any]) -> str:
    said = f"{_name(row)}, {METRICS[HEADLINE]} over both directions: "
    if row["verdict"] != "none":
        better = {"first": "M1", "second": "M2"}[row["verdict"]]
        return (
            f"{said}{better} finds more ({_number(row['first'])} against {_number(row['second'])}, "
            f"corrected p {row['p_corrected']:.2g})"
        )
    asked = f"these {row['n_queries']} queries of {row['n_patients']} patients"
    least = row["detectable_difference"]
    if least is not None:
        return f"{said}no difference shown; with {asked} one below {least:.3f} is likely missed"
    if row["standard_error"] == 0 and row["first"] == row["second"]:
        return f"{said}no difference shown; each of {asked} is answered equally well by both"
    return f"{said}no difference shown; {asked} can show none: name a split of more patients"


def _name(row: dict[str, Any]) -> str:
    one, other = row["first_reading"], row["second_reading"]
    return str(one) if one == other else f"{one} : {other}"


def _number(value: float | None, *, sign: str = "-") -> str:
    return "-" if value is None else f"{value:{sign}.3f}"
