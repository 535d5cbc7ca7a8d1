"""caselight demo-archive: make an archive of phantoms."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from caselight.cli.common import err, progress


class Images(StrEnum):
    """How pictures are written."""

    DICOM = "dicom"
    PNG = "png"


def demo_archive(
    out: Annotated[Path, typer.Argument(help="Folder to write; must not hold anything yet.")],
    studies: Annotated[int, typer.Option(help="How many studies.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Another seed makes other patients.", min=0)] = 0,
    size: Annotated[int, typer.Option(help="Pixels along each side of a picture.", min=64)] = 256,
    images: Annotated[
        Images, typer.Option(help="Pictures and reports as a hospital's DICOM, or plain PNG.")
    ] = Images.DICOM,
) -> None:
    """Write chest-radiograph phantoms with reports: no patient, no licence, known truth."""
    from caselight.data.phantoms.archive import write_archive

    with progress() as advance:
        write_archive(
            out,
            n_studies=studies,
            seed=seed,
            size=size,
            images=images.value,
            on_study=lambda _: advance("drawing studies", 1, studies),
        )
    err.print(f"{studies} studies in {out}; next: caselight ingest {out} --home HOME", markup=False)
