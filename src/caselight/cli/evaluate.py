"""caselight evaluate: how good a model is."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from caselight.cli.common import (
    AsJson,
    ConfigFile,
    Filters,
    Overrides,
    out,
    print_json,
    progress,
    user,
)
from caselight.config import read_config
from caselight.data.columns import parse_mapping
from caselight.data.filters import parse_filters
from caselight.errors import UsageError

METRICS = {
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "recall_at_50": "R@50",
    "median_rank": "median rank",
    "map_at_r": "mAP@R",
    "ndcg_at_10": "NDCG@10",
    "mrr": "MRR",
}


def evaluate(
    model: Annotated[Path, typer.Option("--model", help="Folder of the model.")],
    home: Annotated[
        Path | None, typer.Option("--home", "-H", help="Score on the studies of a home.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Score on an archive that is in no home.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="train, val, test, or all.")] = "test",
    text: Annotated[
        str | None, typer.Option("--text", help="Which text; as in training if not given.")
    ] = None,
    filter_: Filters = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="COLUMN=NAME", help="As for ingest.")
    ] = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Score a model in every reading and direction, with ceilings, chance, intervals and alarms."""
    from caselight.home import Home as OpenHome
    from caselight.loose import evaluate_archive

    if (home is None) == (data is None):
        raise UsageError("name exactly one of --home and --data to say what to score on")
    settings = read_config(config, set_ or ())
    part = None if split == "all" else split
    filters = parse_filters(filter_ or ())
    with progress() as advance:
        if data is not None:
            report = evaluate_archive(
                data,
                model,
                mapping=parse_mapping(map_ or ()),
                split=part,
                text=text,
                filters=filters,
                config=settings,
                progress=advance,
            )
        elif home is not None:
            with OpenHome(home, config=settings, progress=advance, actor=user()) as place:
                report = place.evaluate(model, split=part, text=text, filters=filters)
    if as_json:
        print_json(report)
    else:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    out.print(
        f"model {report['model'][:16]}, split {report['split'] or 'all'}, text {report['text']}: "
        f"{report['n_images']} images, {report['n_images_without_text']} of them without a text",
        markup=False,
    )
    if refused := report.get("ingest", {}).get("rejected"):
        out.print(f"{len(refused)} things were refused and not scored; --json lists them")
    for direction in ("text_to_image", "image_to_text", "image_to_image"):
        block = report[direction]
        for figure in ("strict", "multi_positive"):
            out.print(_table(direction, figure, block))
    for alarm in report["alarms"]:
        out.print(f"ALARM {alarm}", style="bold red", markup=False)
    if not report["alarms"]:
        out.print("no alarms: no leak between splits, nothing above its ceiling")


def _table(direction: str, figure: str, block: dict[str, Any]) -> Table:
    title = (
        f"{direction.replace('_', ' ')}, {figure.replace('_', '-')}: {block['n_queries']} queries, "
        f"{block['n_gallery']} answers, {block['n_unique_texts']} distinct texts"
    )
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("reading")
    for name in METRICS.values():
        table.add_column(name, justify="right")
    readings = {
        name: one
        for name, one in block.items()
        if isinstance(one, dict) and figure in one and "recall_at_1" in one[figure]
        and name not in ("ceiling", "chance")
    }  # fmt: skip
    for name, one in {**readings, **block["sanity"]}.items():
        table.add_row(name, *(_number(one[figure][m]["value"]) for m in METRICS))
    for name in ("ceiling", "chance"):
        table.add_row(name, *(_number(block[name][figure][m]) for m in METRICS), style="dim")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:.4g}"
