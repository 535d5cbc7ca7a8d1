"""caselight index build: codes of every image and report."""

from pathlib import Path
from typing import Annotated

import typer

from caselight.cli.common import DEFAULT_MODEL, ConfigFile, Home, Overrides, out, progress
from caselight.config import read_config
from caselight.data.store import open_store

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
    from caselight.device import best_device
    from caselight.engine import open_engine
    from caselight.indexing import build_index, choose_bits
    from caselight.models.checkpoint import load_checkpoint

    settings = read_config(config, set_ or ())
    folder = model or home / DEFAULT_MODEL
    open_store(home).close()  # says so before anything is missed in a home that is none
    loaded = load_checkpoint(folder)
    with (
        progress() as advance,
        open_engine(home, config=loaded.config, device=best_device(), progress=advance) as engine,
    ):
        receipt = build_index(engine, loaded, folder, n_bits=choose_bits(settings, loaded))
    manifest = receipt.manifest
    out.print(
        f"indexed {manifest.n_images} images and {manifest.n_reports} texts of "
        f"{receipt.n_studies} studies as {manifest.n_bits}-bit codes; index {manifest.digest[:16]}",
        markup=False,
        soft_wrap=True,
    )
    out.print(f'next: caselight search "words" --home {home}', markup=False, soft_wrap=True)
