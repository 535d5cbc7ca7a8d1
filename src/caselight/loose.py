"""What needs no home: loose pictures and texts embedded, an archive scored, a dataset checked."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caselight.config import Config
from caselight.data.datasets import DATASETS, named_dataset, recognised
from caselight.data.datasets import check_dataset as check_copy
from caselight.data.datasets.opening import Check
from caselight.data.embedding_files import check_target, write_embeddings
from caselight.data.loose_files import loose_things
from caselight.errors import DataError
from caselight.home import (
    Home,
    PathLike,
    Progress,
    silent,
    text_field,
)
from caselight.ingest import assign_split
from caselight.wire import receipt_json

if TYPE_CHECKING:
    from caselight.embed import EmbedReceipt


def embed_files(
    model: PathLike,
    *,
    images: Sequence[PathLike] = (),
    texts: Sequence[str | tuple[str, str]] = (),
    out: PathLike | None = None,
    config: Config | None = None,
    n_bits: int | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> "EmbedReceipt":
    """Embed pictures and texts with a model and no home; see `caselight.embed.embed_loose`.

    Args:
        model: the model's folder.
        images: files, or folders of files.
        texts: texts, or (id, text) of each.
        out: as for `Home.embed`.
        config: `ingest` says how pictures are read, `search.n_bits` which head.
        n_bits: which hash head; as for an index if not given.
        device: as for a `Home`.
        progress: told of long work.

    Raises:
        UsageError: without pictures and texts.
        ModelError: when the model cannot be loaded, or has no head of that width.
        DataError: for a path where nothing is.
    """
    from caselight.device import open_device
    from caselight.embed import embed_loose
    from caselight.engine import OpenTowers
    from caselight.indexing import choose_bits
    from caselight.models.checkpoint import load_checkpoint

    if out is not None:
        check_target(Path(out))
    pictures, lines = loose_things(images, texts)
    settings, loaded = config or Config(), load_checkpoint(Path(model))
    receipt = embed_loose(
        OpenTowers(loaded.config.towers, device=open_device(device), progress=progress or silent),
        loaded,
        images=pictures,
        texts=lines,
        n_bits=choose_bits(settings, loaded) if n_bits is None else n_bits,
        settings=settings.ingest,
    )
    if out is not None:
        write_embeddings(receipt.embedded, Path(out))
    return receipt


def evaluate_archive(
    archive: PathLike,
    model: PathLike,
    *,
    mapping: Mapping[str, str] | None = None,
    split: str | None = "test",
    text: str | None = None,
    filters: Mapping[str, str] | None = None,
    config: Config | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score a model on an archive that is in no home: one is made, and thrown away afterwards.

    Takes what `Home.ingest` and `Home.evaluate` take, and raises what they raise.

    Returns:
        What `Home.evaluate` gives, with the receipt under `ingest`.
    """
    from caselight.models.checkpoint import load_checkpoint

    # Refused now, not after an hour of reading.
    load_checkpoint(Path(model))
    if text is not None:
        text_field(text)
    with (
        tempfile.TemporaryDirectory(prefix="caselight-") as folder,
        Home(Path(folder) / "home", config=config, device=device, progress=progress) as home,
    ):
        receipt = home.ingest(archive, mapping=mapping)
        report = home.evaluate(model, split=split, text=text, filters=filters)
    return {**report, "ingest": receipt_json(receipt)}


def check_dataset(
    path: PathLike, *, dataset: str | None = None, config: Config | None = None
) -> Check:
    """Say which version of a public dataset a copy is, what it lacks, and its split's digest.

    Args:
        path: the folder of the copy.
        dataset: its name in `DATASETS`; recognised if not given.
        config: `ingest` says how patients are put into splits where the dataset has none.

    Raises:
        DataError: `data.not_found`, `data.no_such_dataset`, or `data.incomplete_dataset` where
            nothing of the layout is there.
    """
    folder = Path(path)
    known = recognised(folder) if dataset is None else named_dataset(dataset)
    if known is None:
        raise DataError(
            f"{folder} is recognised as none of {', '.join(DATASETS)}, or as two of them; name the "
            "folder that holds its tables, or the dataset with --dataset",
            code="data.no_such_dataset" if folder.exists() else "data.not_found",
        )
    settings = (config or Config()).ingest
    return check_copy(known, folder, assign=lambda patient: assign_split(patient, settings))
