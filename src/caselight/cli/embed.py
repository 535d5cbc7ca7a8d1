"""caselight embed: embeddings and codes as a file that others can read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from caselight.cli.common import (
    AsJson,
    ConfigFile,
    Filters,
    Overrides,
    out,
    print_json,
    progress,
    user,
)
from caselight.config import read_config
from caselight.data.embedding_files import SCHEMA
from caselight.data.filters import parse_filters
from caselight.errors import UsageError
from caselight.wire import VERSION

if TYPE_CHECKING:
    from caselight.embed import EmbedReceipt

SHOWN = 10


def embed(
    home: Annotated[
        Path | None,
        typer.Option("--home", "-H", envvar="CASELIGHT_HOME", help="Embed the studies of a home."),
    ] = None,
    out_: Annotated[
        Path,
        typer.Option(
            "--out", help="A new file ending in .npz or .parquet, or a new folder without a suffix."
        ),
    ] = Path("embeddings.npz"),
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", help="Embed these files or folders of pictures instead."),
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option("--texts", help="Embed a file's texts instead, one a line; text or .jsonl."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder of the model; the index's, or HOME/trained."),
    ] = None,
    split: Annotated[
        Literal["train", "val", "test", "all"], typer.Option(help="Which studies of the home.")
    ] = "all",
    filter_: Filters = None,
    kind: Annotated[
        Literal["image", "report", "both"], typer.Option(help="What of the home's studies.")
    ] = "both",
    bits: Annotated[
        int | None, typer.Option("--bits", help="Width of the codes; as for an index.")
    ] = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Write embeddings and codes of a home, or of any pictures and texts, with ids."""
    from caselight.data.loose_files import loose_texts
    from caselight.home import Home
    from caselight.loose import embed_files

    settings = read_config(config, set_ or ())
    filters = parse_filters(filter_ or ())
    loose = images or texts is not None
    if loose and (filters or split != "all" or kind != "both"):
        raise UsageError(
            "--split, --filter and --kind choose among a home's studies, and --images and --texts "
            "name what is in none; leave out one or the other"
        )
    if home is None and (model is None or not loose):
        raise UsageError(
            "name what to embed: --home, or --images or --texts with --home or --model"
        )
    lines = loose_texts(texts) if texts is not None else ()
    with progress() as advance:
        if home is None and model is not None:
            receipt = embed_files(
                model,
                images=images or (),
                texts=lines,
                out=out_,
                config=settings,
                n_bits=bits,
                progress=advance,
            )
        elif home is not None:
            with Home(home, config=settings, progress=advance, actor=user()) as place:
                if loose:
                    receipt = place.embed_files(
                        images=images or (), texts=lines, out=out_, model=model, n_bits=bits
                    )
                else:
                    receipt = place.embed(
                        out_,
                        model=model,
                        split=None if split == "all" else split,
                        filters=filters,
                        kinds=("image", "report") if kind == "both" else (kind,),
                        n_bits=bits,
                    )
    if as_json:
        print_json(_plain(receipt, out_))
    else:
        _show(receipt, out_)


def _plain(receipt: "EmbedReceipt", path: Path) -> dict[str, Any]:
    embedded = receipt.embedded
    return {
        "out": str(path),
        "schema": SCHEMA,
        "n_images": sum(row.kind == "image" for row in embedded.rows),
        "n_reports": sum(row.kind == "report" for row in embedded.rows),
        "embed_dim": embedded.embeddings.mean.shape[1],
        "n_bits": embedded.codes.n_bits,
        "model": embedded.model,
        "store": embedded.store,
        "digest": embedded.digest,
        "rejected": [
            {"file": one.file, "code": one.code, "reason": one.reason} for one in receipt.rejected
        ],
        "notes": list(receipt.notes),
        "version": VERSION,
    }


def _show(receipt: "EmbedReceipt", path: Path) -> None:
    said = _plain(receipt, path)
    lines = [
        f"embedded {said['n_images']} images and {said['n_reports']} texts as {said['embed_dim']} "
        f"numbers and {said['n_bits']} bits each, in {path}; model {said['model'][:16]}, digest "
        f"{said['digest'][:16]}",
        *(f"note: {note}" for note in receipt.notes),
        *(f"refused {one.file}: {one.code}: {one.reason}" for one in receipt.rejected[:SHOWN]),
    ]
    if len(receipt.rejected) > SHOWN:
        lines.append(f"... and {len(receipt.rejected) - SHOWN} more; --json lists all")
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)
