"""caselight index build: codes of every image and report."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.cli.common import (
    ConfigFile,
    Home,
    Overrides,
    out,
    progress,
    user,
)
from caselight.config import read_config

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
    config: ConfigFile = None,
    set_: Overrides = None,
) -> None:
    """Encode every image and report of a home with a model, so that they can be searched."""
    from caselight.home import Home as OpenHome

    settings = read_config(config, set_ or ())
    with (
        progress() as advance,
        OpenHome(home, config=settings, progress=advance, actor=user()) as place,
    ):
        receipt = place.build_index(model)
    manifest = receipt.manifest
    out.print(
        f"indexed {manifest.n_images} images and {manifest.n_reports} texts of "
        f"{receipt.n_studies} studies as {manifest.n_bits}-bit codes; index {manifest.digest[:16]}",
        markup=False,
        soft_wrap=True,
    )
    out.print(f'next: caselight search "words" --home {home}', markup=False, soft_wrap=True)
