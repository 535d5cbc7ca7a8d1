"""caselight ingest: studies in."""

from pathlib import Path
from typing import Annotated

import typer

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
from caselight.data.columns import parse_mapping
from caselight.types import IngestReceipt
from caselight.wire import receipt_json

SHOWN = 10


def ingest(
    path: Annotated[
        Path,
        typer.Argument(
            help="Folder with records.jsonl, records.csv, manifest.jsonl or manifest.csv; that "
            "file; a public dataset (see `caselight datasets list`); or a folder of DICOM files."
        ),
    ],
    home: Home,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=NAME", help="Our COLUMN is called NAME in the manifest."
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", metavar="NAME", help="Read it as this dataset, whatever else it holds."
        ),
    ] = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Bring studies into a home; what cannot be read exactly is refused with a reason."""
    settings = read_config(config, set_ or ())
    mapping = parse_mapping(map_ or ())
    from caselight.home import Home as OpenHome

    with (
        progress() as advance,
        OpenHome(home, config=settings, progress=advance, actor=user()) as place,
    ):
        receipt = place.ingest(path, mapping=mapping, dataset=dataset)
    if as_json:
        print_json(receipt_json(receipt))
    else:
        _show(receipt, home)
    if receipt.rejected and not receipt.accepted + receipt.updated + receipt.unchanged:
        raise typer.Exit(1)


def _show(receipt: IngestReceipt, home: Path) -> None:
    out.print(
        f"{receipt.accepted} studies accepted, {receipt.updated} updated, {receipt.unchanged} "
        f"unchanged, {len(receipt.rejected)} things refused; {receipt.images} images stored in "
        f"{receipt.seconds:.1f} s",
        markup=False,
        soft_wrap=True,
    )
    if receipt.images_without_text or receipt.texts_without_image:
        out.print(
            f"{receipt.images_without_text} images have no text and {receipt.texts_without_image} "
            "studies no image; both are kept",
            markup=False,
            soft_wrap=True,
        )
    if receipt.ignored_columns:
        out.print(
            f"columns not read: {', '.join(receipt.ignored_columns)}", markup=False, soft_wrap=True
        )
    for note in receipt.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    for one in receipt.rejected[:SHOWN]:
        out.print(f"refused {one.file}: {one.code}: {one.reason}", markup=False, soft_wrap=True)
    if len(receipt.rejected) > SHOWN:
        out.print(
            f"... and {len(receipt.rejected) - SHOWN} more; --json lists all",
            markup=False,
            soft_wrap=True,
        )
    out.print(f"next: caselight train --home {home}", markup=False, soft_wrap=True)
