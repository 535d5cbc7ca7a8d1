"""caselight datasets: which public datasets are read, and whether a copy is whole."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from caselight.cli.common import AsJson, out, print_json
from caselight.data.datasets import DATASETS, Check
from caselight.wire import VERSION

app = typer.Typer(no_args_is_help=True, help="Public datasets in their official layouts.")


@app.callback()
def datasets() -> None:
    """Public datasets in their official layouts."""


@app.command("list")
def list_() -> None:
    """Name every dataset that is read, its versions, split, terms and home page."""
    for one in DATASETS.values():
        lines = (
            f"{one.name}: {one.title}, versions {', '.join(one.versions)}",
            f"  split: {one.split}",
            f"  terms: {one.terms}",
            f"  {one.url}",
        )
        out.print("\n".join(lines), markup=False, soft_wrap=True)


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="Folder of the copy.")],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="NAME", help="Which dataset; recognised by default."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say which version a copy is, what is missing in it, and its split's digest."""
    from caselight.loose import check_dataset

    found = check_dataset(path, dataset=dataset)
    if as_json:
        said = {**asdict(found), "dataset_version": found.version, "complete": found.complete}
        print_json({**said, "version": VERSION})
    else:
        _show(found)
    if not found.complete:
        raise typer.Exit(1)


def _show(found: Check) -> None:
    lines = [f"{found.title}, version {found.version}"]
    for what in ("studies", "images"):
        here, published = getattr(found.found, what), getattr(found.expected, what)
        beside = "" if published is None else f" of {published} published"
        lines.append(f"{what}: {here}{beside}")
    lines += [f"has {name}" for name in found.present]
    for piece in found.missing:
        mark = "MISSING" if piece.needed else "missing, optional"
        packed = f"; still packed in {piece.packed}" if piece.packed else ""
        lines.append(f"{mark}: {piece.name}: {piece.why}{packed}")
    lines += [
        f"{count} images missing in {folder}" for folder, count in found.missing_images.items()
    ]
    for one in found.disagreements:
        examples = f"; first: {', '.join(one.examples)}" if one.examples else ""
        lines.append(f"{one.count} x {one.what}{examples}")
    lines += [f"note: {note}" for note in found.notes]
    lines += _split_lines(found)
    lines.append("complete" if found.complete else "NOT complete")
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def _split_lines(found: Check) -> list[str]:
    if not found.split_digest:
        return [f"split: {found.split}; nothing of it can be read"]
    counts = ", ".join(f"{name} {count}" for name, count in found.split_counts.items())
    verdict = "no digest is frozen for this version"
    if found.split_frozen is not None:
        same = found.split_frozen == found.split_digest
        verdict = "as frozen" if same else f"NOT the frozen {found.split_frozen}"
    return [f"split: {found.split}; {counts}", f"digest: {found.split_digest} ({verdict})"]
