"""caselight adapt: fit towers, or a trained model, to what a home holds."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from caselight.cli.common import (
    AsJson,
    ConfigFile,
    Home,
    Overrides,
    out,
    print_json,
    progress,
    user,
)
from caselight.config import read_config
from caselight.errors import UsageError

if TYPE_CHECKING:
    from caselight.metrics.significance import Interval
    from caselight.train.adapt import Kind, TowerReceipt
    from caselight.train.adapting import StepLog
    from caselight.train.loop import EpochLog
    from caselight.train.transfer import TransferReceipt

MEASURES = {
    "view_agreement": "views of one picture found together",
    "negation_minimal": "negation, against the text with one word changed",
    "negation_reworded": "negation, against the changed paraphrase (chance 0.5)",
    "laterality_minimal": "side, against the text with one word changed",
    "laterality_reworded": "side, against the changed paraphrase (chance 0.5)",
}


class Towers(StrEnum):
    """Which towers learn."""

    NONE = "none"
    IMAGE = "image"
    TEXT = "text"
    BOTH = "both"


def adapt(
    home: Home,
    towers: Annotated[
        Towers, typer.Option("--towers", help="Which towers learn, without labels or pairs.")
    ] = Towers.NONE,
    model: Annotated[
        Path | None, typer.Option("--model", help="Model to train further, under its own towers.")
    ] = None,
    old_home: Annotated[
        Path | None,
        typer.Option("--old-home", help="Home that the model came from: what does it forget?"),
    ] = None,
    pairs: Annotated[
        str,
        typer.Option("--pairs", metavar="N,N,...", help="New pairs that the model is given."),
    ] = "0,50,200,1000",
    out_: Annotated[
        Path | None, typer.Option("--out", help="Folder for the result; HOME/adapted if not given.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Give up another unfinished run in --out.")
    ] = False,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Fit towers, or a model trained elsewhere, to the home's training split, and say the worth."""
    from caselight.home import Home as OpenHome

    names: dict[Towers, tuple[Kind, ...]] = {
        Towers.NONE: (),
        Towers.IMAGE: ("image",),
        Towers.TEXT: ("text",),
        Towers.BOTH: ("image", "text"),
    }
    n_pairs = _numbers(pairs)
    settings = read_config(config, set_ or ())
    with progress() as advance:

        def on_step(kind: "Kind", log: "StepLog") -> None:
            advance(f"adapting the {kind} tower", 1, log.n_steps)

        def on_epoch(n: int, log: "EpochLog") -> None:
            advance(f"training {log.stage} heads on {n} pairs", 1, log.n_epochs)

        with OpenHome(home, config=settings, progress=advance, actor=user()) as place:
            receipt = place.adapt(
                out_,
                towers=names[towers],
                model=model,
                old_home=old_home,
                n_pairs=n_pairs,
                on_step=on_step,
                on_epoch=on_epoch,
                restart=restart,
            )
    if as_json:
        print_json(receipt.as_json())
        return
    if receipt.transfer is not None:
        _show_transfer(receipt.transfer, home)
    if receipt.towers:
        _show_towers(receipt.towers, home)


def _numbers(pairs: str) -> list[int]:
    try:
        return [int(one) for one in pairs.split(",")]
    except ValueError:
        raise UsageError(
            f"found --pairs {pairs!r}, expected whole numbers; for example 0,50,200"
        ) from None


def _show_towers(towers: "Sequence[TowerReceipt]", home: Path) -> None:
    for one in towers:
        what = "pictures" if one.kind == "image" else "texts"
        more = f" and {one.n_triplets} opposites" if one.n_triplets else ""
        _say(f"{one.base}, adapted to {one.n_learned} {what}{more} in {one.seconds:.1f} s")
        asked = {
            "image": f"{one.n_asked} pictures of patients it did not learn from",
            "text": f"{one.n_asked} texts of findings whose denial or side it did not learn",
        }[one.kind]
        if not one.before:
            _say(f"  not measured: there are {asked}")
            continue
        table = Table(title=asked, title_justify="left", box=None, pad_edge=False)
        table.add_column("measure")
        for name in ("before", "after"):
            table.add_column(name, justify="right")
        for name, before in one.before.items():
            table.add_row(MEASURES[name], _interval(before), _interval(one.after[name]))
        out.print(table)
    use = " ".join(f"--set towers.{one.kind}=file:{one.file}" for one in towers)
    _say(f"next: caselight train --home {home} {use}")


def _show_transfer(receipt: "TransferReceipt", home: Path) -> None:
    points = receipt.points
    has_old = bool(points[0].old_recall)
    beside = f", {receipt.n_old_asked} in the old home" if has_old else ""
    table = Table(
        title=f"Recall@10 of the validation split, both directions: {receipt.n_asked} pairs "
        f"here{beside}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("reading")
    for name in ("new pairs", "here", "gain", *(("old home", "forgotten") if has_old else ())):
        table.add_column(name, justify="right")
    for reading in points[0].recall:
        for point in points:
            cells = [_interval(point.recall[reading]), _change(point.gain, reading, point.n_pairs)]
            if has_old:
                cells.append(_interval(point.old_recall[reading]))
                cells.append(_change(point.forgotten, reading, point.n_pairs))
            table.add_row(reading, str(point.n_pairs), *cells)
    out.print(table)
    last = points[-1]
    if last.asked > last.n_pairs:
        _say(f"there are {receipt.n_available} pairs here; {last.asked} and more mean all of them")
    shared = receipt.shared
    if shared.n_asked_known:
        _say(
            f"{shared.n_asked_known} of the pairs asked here are in the old home's training split: "
            "every row may be too good"
        )
    if shared.n_not_learned or shared.n_not_replayed:
        _say(
            f"{shared.n_not_learned} new and {shared.n_not_replayed} old pairs were not learned "
            "from: the other home is asked by them"
        )
    if last.n_replayed:
        _say(f"beside {last.n_pairs} new pairs it saw {last.n_replayed} of the old home again")
    if receipt.model is not None:
        _say(
            f"the model of {last.n_pairs} pairs is {(receipt.fingerprint or '')[:16]} in "
            f"{receipt.model}; the test split was not read"
        )
        _say(f"next: caselight index build --home {home} --model {receipt.model}")


def _change(found: "Mapping[str, Interval]", reading: str, n_pairs: int) -> str:
    return _interval(found[reading], "+.3f") if n_pairs else "-"


def _interval(found: "Interval", digits: str = ".3f") -> str:
    if math.isnan(found.low) or math.isnan(found.high):
        return f"{found.value:{digits}}"
    return f"{found.value:{digits}} [{found.low:{digits}} .. {found.high:{digits}}]"


def _say(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)
