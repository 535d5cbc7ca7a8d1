"""caselight index: codes of every image and report, built, verified, compacted, explained."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from caselight.checking import StudyScan

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
