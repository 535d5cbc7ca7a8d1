"""caselight export: an answer as a folder with a contact sheet."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from caselight.cli.common import (
    MODEL_KEY,
    AsJson,
    ConfigFile,
    Filters,
    Home,
    Overrides,
    err,
    out,
    print_json,
    user,
)
from caselight.cli.search import (
    By,
    Fusion,
    Group,
    Hits,
    ImageWeight,
    KeepOwn,
    Like,
    Model,
    Patient,
    Picture,
    PlanBy,
    Ray,
    Target,
    Unlike,
    Words,
    asked_settings,
)
from caselight.data.filters import parse_filters
from caselight.data.new_files import refuse_existing
from caselight.errors import DataError, UsageError
from caselight.export import read_result
from caselight.types import Query
from caselight.wire import VERSION, result_json

_NOT_ASKED = ("home", "out_", "from_", "full", "as_json", "config", "set_")
"""Options that say nothing of a query."""


def export(
    ctx: typer.Context,
    home: Home,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write; must not hold anything.")],
    text: Words = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Export what `search --json` printed, instead of asking; - is the input.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also write the pictures, with their exact pixels.")
    ] = False,
    image: Picture = None,
    like: Like = None,
    unlike: Unlike = None,
    model: Model = None,
    target: Target = "study",
    k: Hits = 10,
    by: By = "codes",
    fusion: Fusion = None,
    image_weight: ImageWeight = None,
    filter_: Filters = None,
    patient: Patient = None,
    group: Group = "patient",
    keep_own: KeepOwn = False,
    plan: PlanBy = None,
    ray: Ray = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Search, and write the hits as a folder: contact sheet, thumbnails, table and JSON."""
    from caselight.data.queries import parse_patient
    from caselight.home import Home as OpenHome

    if from_ is not None:
        _refuse_query(ctx)
    refuse_existing(out_)
    settings = asked_settings(config, set_, ray, plan)
    key = os.environ.get(MODEL_KEY)
    with OpenHome(home, config=settings, actor=user(), model_key=key) as place:
        if from_ is not None:
            result = read_result(_read(from_))
        else:
            query = Query(
                text=text,
                image=image,
                like=tuple(like or ()),
                unlike=tuple(unlike or ()),
                patient=parse_patient(patient),
                target=target,
                k=k,
                filters=parse_filters(filter_ or ()),
                keep_own=keep_own,
                by=by,
                fusion=fusion,
                image_weight=image_weight,
                group=group,
            )
            result = result_json(place.search(query, model=model))
        receipt = place.export(result, out_, full=full)
    if as_json:
        said: dict[str, Any] = {
            "out": str(receipt.folder),
            "n_hits": receipt.n_hits,
            "n_pictures": receipt.n_pictures,
            "model": result["model"],
            "index": result["index"],
            "notes": result["notes"],
            "missing": result.get("missing"),
            "version": VERSION,
        }
        print_json(said)
        return
    out.print(
        f"exported {receipt.n_hits} hits to {receipt.folder}; open "
        f"{receipt.folder / 'index.html'}; model {result['model'][:16]}, index "
        f"{result['index'][:16]}",
        markup=False,
        soft_wrap=True,
    )
    for note in result["notes"]:
        err.print(f"note: {note}", markup=False)


def _refuse_query(ctx: typer.Context) -> None:
    """Refuse a query beside an answer: only one of the two can be exported."""
    given = [
        param.opts[0] if param.param_type_name == "option" else "words"
        for param in ctx.command.params
        if param.name not in _NOT_ASKED
        and getattr(ctx.get_parameter_source(param.name or ""), "name", "") == "COMMANDLINE"
    ]
    if given:
        raise UsageError(f"found --from and {given[0]}, an answer and a query; give one of the two")


def _read(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.read()
        return Path(name).read_text("utf-8")
    except UnicodeDecodeError:
        raise DataError(
            "the answer is not UTF-8; give what `caselight search --json` printed",
            code="data.bad_row",
        ) from None
    except OSError as error:
        raise DataError(
            f"{name} cannot be read ({error.strerror}); name a file that `caselight search --json` "
            "wrote, or - for the input",
            code="data.not_found",
        ) from None
