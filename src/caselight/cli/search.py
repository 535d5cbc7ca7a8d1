"""caselight search: a query in, a ranked table out."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from caselight.cli.common import (
    AsJson,
    ConfigFile,
    Filters,
    Home,
    Overrides,
    err,
    out,
    print_json,
)
from caselight.config import read_config
from caselight.data.filters import parse_filters
from caselight.data.store import open_store
from caselight.types import Query, SearchResult
from caselight.wire import result_json


def search(
    home: Home,
    text: Annotated[str | None, typer.Argument(help="What to look for, in words.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", help="What to look for, as a picture.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Refuse to answer with any other model.")
    ] = None,
    target: Annotated[
        Literal["study", "image", "report"], typer.Option(help="What is searched.")
    ] = "study",
    k: Annotated[int, typer.Option("-k", help="Hits wanted.")] = 10,
    filter_: Filters = None,
    group: Annotated[
        Literal["patient", "study", "none"], typer.Option(help="At most one hit for each.")
    ] = "patient",
    keep_own: Annotated[
        bool,
        typer.Option(
            "--keep-own", help="Keep the picture's own study and patient, and near-duplicates."
        ),
    ] = False,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Find the studies, images or reports nearest to some words or to a picture."""
    from caselight.device import best_device
    from caselight.engine import open_engine
    from caselight.indexing import indexed_model
    from caselight.search import search as verb

    settings = read_config(config, set_ or ())
    query = Query(
        text=text,
        image=image,
        target=target,
        k=k,
        filters=parse_filters(filter_ or ()),
        keep_own=keep_own,
        group=group,
    )
    open_store(home).close()  # says so before anything is missed in a home that is none
    loaded, _ = indexed_model(home, model)
    with open_engine(
        home, config=loaded.config, device=best_device(), progress=lambda *_: None
    ) as engine:
        result = verb(engine, loaded, query, config=settings, clock=time.perf_counter)
    if as_json:
        print_json(result_json(result))
    else:
        _show(result)


def _show(result: SearchResult) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rank", "study", "image", "bits differ", "score", "matched", "text"):
        right = name in ("rank", "bits differ", "score")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for hit in result.hits:
        words = " ".join((hit.text or "").split())
        cells = (
            str(hit.rank),
            hit.study_uid,
            hit.image_uid or "",
            str(hit.hamming),
            f"{hit.score:.3f}",
            hit.matched,
            words if len(words) <= 90 else f"{words[:87]}...",
        )
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
    out.print(
        f"model {result.model[:16]}, index {result.index[:16]}, {result.cost.n_compared} codes "
        f"compared, {result.cost.latency_ms:.0f} ms",
        style="dim",
    )
    for note in result.notes:
        err.print(f"note: {note}", markup=False)
