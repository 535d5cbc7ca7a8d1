"""caselight index: codes of every image and report, built, verified, compacted, explained."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

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
from caselight.cli.search import Hits, Like, Picture, Target, Words
from caselight.config import read_config
from caselight.data.filters import parse_filters
from caselight.types import Query

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
        receipt = place.build_index(model, fresh=fresh)
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
def verify(home: Home, as_json: AsJson = False) -> None:
    """Read every byte of the index; say which item was altered, dropped, added or swapped."""
    from caselight.home import Home as OpenHome

    with OpenHome(home, actor=user()) as place:
        verdict = place.verify_index()
    if as_json:
        print_json(
            {
                "ok": verdict.ok,
                "items": verdict.n_items,
                "files": verdict.n_files,
                "digest": verdict.digest,
                "faults": [asdict(fault) for fault in verdict.faults],
            }
        )
    else:
        for fault in verdict.faults:
            where = "" if fault.row is None else f"item {fault.row}: "
            out.print(
                f"{fault.file}: {where}{fault.kind}: {fault.detail}", markup=False, soft_wrap=True
            )
        whole = "all whole" if verdict.ok else f"{len(verdict.faults)} faults"
        out.print(
            f"{verdict.n_items} items in {verdict.n_files} files, {whole}; index "
            f"{verdict.digest[:16]}",
            markup=False,
            soft_wrap=True,
        )
    if not verdict.ok:
        raise typer.Exit(1)


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
