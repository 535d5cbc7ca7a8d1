"""caselight index: codes of every image and report, built, kept, explained, and spread."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from caselight.cli.common import (
    AsJson,
    ConfigFile,
    Filters,
    Home,
    Overrides,
    err,
    out,
    print_json,
    progress,
    user,
)
from caselight.cli.search import Hits, Like, Picture, Target, Words
from caselight.config import read_config
from caselight.data.filters import parse_filters
from caselight.errors import UsageError
from caselight.types import Query

if TYPE_CHECKING:
    from caselight.checking import StudyScan
    from caselight.serving import ServeState

Files = Annotated[
    str | None,
    typer.Option(
        "--files", metavar="PLACE", help="Folder, or URL that fsspec reaches; HOME/shards else."
    ),
]
ShardRows = Annotated[
    int | None, typer.Option("--shard-rows", min=1, help="Rows of the index in a shard.")
]
_SHOWN = 20
"""Suspicions that are printed."""

app = typer.Typer(no_args_is_help=True, help="The index of a home.")


@app.callback()
def index() -> None:
    """The index of a home."""


@app.command()
def build(
    home: Home,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder of the model; HOME/trained by default.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Encode everything anew, whatever the index has.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray", metavar="ADDRESS", help="Encode on a Ray cluster: HOST:PORT, or local."
        ),
    ] = None,
    config: ConfigFile = None,
    set_: Overrides = None,
) -> None:
    """Encode the images and reports of a home that its index lacks, so that they can be searched.

    The index that answered before does so until the new one is whole, and another model's is kept.
    """
    from caselight.home import Home as OpenHome

    settings = read_config(config, set_ or ())
    with (
        progress() as advance,
        OpenHome(home, config=settings, progress=advance, actor=user()) as place,
    ):
        receipt = place.build_index(model, fresh=fresh, ray=ray)
    manifest = receipt.manifest
    out.print(
        f"indexed {manifest.n_images} images and {manifest.n_reports} texts of "
        f"{receipt.n_studies} studies as {manifest.n_bits}-bit codes, {receipt.n_added} new "
        f"and {receipt.n_removed} taken out; index {manifest.digest[:16]}",
        markup=False,
        soft_wrap=True,
    )
    out.print(f'next: caselight search "words" --home {home}', markup=False, soft_wrap=True)


@app.command()
def verify(
    home: Home,
    poisoning: Annotated[
        bool,
        typer.Option("--poisoning", help="Also look for items that somebody may have slipped in."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read every byte of the index; say which item was altered, dropped, added or swapped.

    Canary queries are asked again: they find a search, or a model, that answers otherwise than it
    must. What is only suspicious leaves the exit status at 0.
    """
    from caselight.home import Home as OpenHome

    with OpenHome(home, actor=user()) as place:
        verdict = place.verify_index()
        found = place.scan_index() if poisoning and verdict.ok else None
    if as_json:
        print_json(
            {
                "ok": verdict.ok,
                "items": verdict.n_items,
                "files": verdict.n_files,
                "canaries": verdict.n_canaries,
                "digest": verdict.digest,
                "faults": [asdict(fault) for fault in verdict.faults],
                "poisoning": None if found is None else _scan_json(found),
            }
        )
    else:
        for fault in verdict.faults:
            where = "" if fault.row is None else f"item {fault.row}: "
            file = f"{fault.file}: " if fault.file else ""
            out.print(f"{file}{where}{fault.kind}: {fault.detail}", markup=False, soft_wrap=True)
        whole = "all whole" if verdict.ok else f"{len(verdict.faults)} faults"
        out.print(
            f"{verdict.n_items} items in {verdict.n_files} files and {verdict.n_canaries} canary "
            f"queries, {whole}; index {verdict.digest[:16]}",
            markup=False,
            soft_wrap=True,
        )
        if found is not None:
            _print_scan(found)
    if not verdict.ok:
        raise typer.Exit(1)


def _scan_json(found: "StudyScan") -> dict[str, Any]:
    return {
        "items": found.scan.n_items,
        "pairs": [asdict(group) for group in found.scan.pairs],
        "suspicions": [
            {**asdict(one), "study": found.study_uids[one.study]} for one in found.scan.suspicions
        ],
    }


def _print_scan(found: "StudyScan") -> None:
    suspicions = found.scan.suspicions
    for one in suspicions[:_SHOWN]:
        uid = found.study_uids[one.study]
        out.print(
            f"item {one.row}: {one.kind}: study {uid}: {one.detail}", markup=False, soft_wrap=True
        )
    if len(suspicions) > _SHOWN:
        out.print(f"and {len(suspicions) - _SHOWN} more; --json has all", markup=False)
    many = len({one.study for one in suspicions})
    out.print(
        f"{many} studies are suspicious" if suspicions else "nothing is suspicious",
        markup=False,
        soft_wrap=True,
    )
    for group in found.scan.pairs:
        which = "learned from" if group.learned else "not learned from"
        few = "too few to say what is usual"
        seen = few if group.reach is None else f"{100 * group.reach:.0f} % of them would be seen"
        out.print(
            f"reports exchanged among {group.n} pictures {which}: {seen}",
            markup=False,
            soft_wrap=True,
        )
    if suspicions:
        out.print(
            "next: look at these studies with `caselight search --like ID`, and where the archive "
            "holds others, ingest it again and build the index with --fresh",
            markup=False,
            soft_wrap=True,
        )


@app.command()
def compact(home: Home) -> None:
    """Write the index anew as one file, without what was removed from it."""
    from caselight.home import Home as OpenHome

    with OpenHome(home, actor=user()) as place:
        manifest = place.compact_index()
    out.print(
        f"compacted {manifest.n_images} images and {manifest.n_reports} texts into one file; index "
        f"{manifest.digest[:16]}",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def explain(
    home: Home,
    text: Words = None,
    image: Picture = None,
    like: Like = None,
    target: Target = "study",
    k: Hits = 10,
    filter_: Filters = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say how the index would be searched for a query, why so, and what it costs."""
    from caselight.home import Home as OpenHome

    query = Query(
        text=text,
        image=image,
        like=tuple(like or ()),
        target=target,
        k=k,
        filters=parse_filters(filter_ or ()),
    )
    with OpenHome(home, config=read_config(config, set_ or ()), actor=user()) as place:
        found = place.explain(query)
    if as_json:
        plain = {name: [asdict(work) for work in own] for name, own in found.works.items()}
        print_json({**asdict(found), "works": plain})
        return
    out.print(
        f"{found.n_allowed} of {found.n_items} items may answer; a shortlist of {found.k} by "
        f"{found.n_bits}-bit codes, in {found.latency_ms:.2f} ms",
        markup=False,
        soft_wrap=True,
    )
    for name, works in found.works.items():
        for work in works:
            where = work.file or "journal"
            cost = f"{work.n_scanned + work.n_candidates} distances"
            if work.method == "tables":
                cost += f", {work.n_probes} look-ups, {work.n_fell_back} queries left to the scan"
            out.print(
                f"{name}: {where}, {work.n} items: by {work.method}, because {work.reason}; {cost}",
                markup=False,
                soft_wrap=True,
            )


@app.command()
def publish(
    home: Home,
    files: Files = None,
    shard_rows: ShardRows = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Believe nothing that lies there: write all of it.")
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Remove what was published, and forget the place.")
    ] = False,
) -> None:
    """Publish the index as signed shards, which any machine can open by itself.

    What has not changed is not written again, and what the index has no more is removed. Erasing a
    patient publishes anew in every place.
    """
    from caselight.home import Home as OpenHome

    if withdraw and (anew or shard_rows is not None):
        raise UsageError("--withdraw writes nothing; give it alone, or with --files")
    with OpenHome(home, actor=user()) as place:
        if withdraw:
            out.print(f"withdrawn: {place.withdraw_index(files)} files removed")
            return
        done = place.publish_index(files, shard_rows=shard_rows, fresh=anew)
    out.print(
        f"published {len(done.published)} items in {len(done.published.shards)} shards, "
        f"{done.n_written} written and {done.n_removed} files removed; index "
        f"{done.published.digest[:16]}",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def serve(
    home: Home,
    ray: Annotated[
        str,
        typer.Option("--ray", metavar="HOST:PORT", help="Ray cluster; local is this machine."),
    ] = "local",
    files: Files = None,
    shard_rows: ShardRows = None,
    replicas: Annotated[
        int, typer.Option("--replicas", min=1, help="Machines that have each shard.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Publish the index and serve its shards by the machines of a Ray cluster, until Ctrl-C.

    Lost shards are started again from their files, new machines take their share, and changes of
    the index are taken over while it answers.
    """
    from caselight.home import Home as OpenHome

    def tell(state: "ServeState") -> None:
        if as_json:
            print_json(asdict(state))
        else:
            _print_served(state)

    with _until_told() as ended, OpenHome(home, actor=user()) as place:
        place.serve_index(
            ray, place=files, replicas=replicas, shard_rows=shard_rows, tell=tell, ended=ended.wait
        )
    err.print("ended: nothing is served any more")


@contextlib.contextmanager
def _until_told() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, and the end of the service that runs this; twice ends at once."""
    ended = threading.Event()

    def tell(*_: object) -> None:
        if ended.is_set():
            raise KeyboardInterrupt
        ended.set()

    before = {kind: signal.signal(kind, tell) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _print_served(state: "ServeState") -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("machine", "address", "shards", "items"):
        table.add_column(name, justify="right" if name in ("shards", "items") else "left")
    for node in state.nodes:
        table.add_row(node.node[:16], node.address, str(node.shards), str(node.items))
    out.print(table)
    what = "nothing answers yet" if state.index is None else f"index {state.index[:16]} answers"
    out.print(
        f"{what} at {state.address}: {state.items} items in {state.shards} shards, each on "
        f"{state.replicas} machines; {state.lost} shards lost, {state.moving} opening",
        markup=False,
        soft_wrap=True,
    )
    for note in state.notes:
        err.print(f"note: {note}", markup=False)
