"""Verb: a home and a model in, an index out; or an index brought up to what the home holds now."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caselight.config import Config
from caselight.data.stacks import pictures
from caselight.data.texts import study_texts
from caselight.engine import Engine
from caselight.errors import IndexMismatch
from caselight.index.canaries import settle
from caselight.index.journal import Opens, Seal
from caselight.index.manifest import (
    IMAGE,
    REPORT,
    IndexManifest,
    current_folder,
    flush_folder,
    index_folders,
    make_current,
    model_folder,
    open_index,
    read_version,
)
from caselight.index.writer import IndexWriter, create_index
from caselight.models.canaries import model_canaries
from caselight.models.checkpoint import FILE, carry_towers, check_towers, load_checkpoint
from caselight.models.dual_encoder import DualEncoder

PREFERRED_BITS = 128
_AT_ONCE = 8192
"""Items that go into the journal together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReceipt:
    """What was built."""

    manifest: IndexManifest
    n_studies: int
    n_added: int
    """Items that were new."""
    n_removed: int
    """Items of studies that left the home or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What of a home is not in an index yet."""

    kind: NDArray[np.uint8]
    study: NDArray[np.int64]
    position: NDArray[np.int64]
    groups: Sequence[tuple[str, ...]]
    """Of each picture, the digests of its images."""
    texts: Sequence[str]
    held: frozenset[int]
    """Rows of all studies of the home."""


def build_index(
    engine: Engine, model: DualEncoder, source: Path, *, n_bits: int, fresh: bool = False
) -> IndexReceipt:
    """Encode what a home's index of a model lacks, take out what the home lost, and answer by it.

    Where there is no index of that model and width, or a fresh one is asked for, everything is
    encoded. The index that answered before goes on doing so until this one is whole. The model is
    copied into the home, so that a search needs nothing from outside it.

    Args:
        engine: the open home; its towers must be the model's.
        model: the loaded model.
        source: the folder it was loaded from.
        n_bits: which hash head.
        fresh: make it anew, even where there is one.

    Raises:
        ModelError: for other towers, or a width the model has no head for.
        IndexMismatch: `index.locked` while another process builds it.
    """
    check_towers(model, image=engine.image_tower, text=engine.text_tower)
    model.check_bits(n_bits)
    home, seal = engine.store.home, engine.recorder.signer
    generation = engine.store.generation
    folder = None if fresh else _known(home, model, n_bits, seal=seal)
    if folder is None:
        folder = home / "index" / f"{model.fingerprint[:16]}-{n_bits}-{secrets.token_hex(4)}"
        create_index(
            folder,
            model=model.fingerprint,
            n_bits=n_bits,
            dim=model.config.model.embed_dim,
            seal=seal,
        )
    with IndexWriter(folder, seal=seal) as writer:
        indexed = set(writer.snapshot.column("study").tolist())
        found = _find(engine, model, without=indexed)
        n_removed = writer.remove_studies(indexed - found.held)
        n_added = _add(engine, model, writer, found, n_bits)
        settle(writer, store=generation, model_canaries=model_canaries(model, n_bits))
        writer.fold()
        writer.tidy()
    _keep_model(home, model, source)
    make_current(folder)
    return IndexReceipt(
        manifest=open_index(folder, seal=seal).manifest,
        n_studies=len(found.held),
        n_added=n_added,
        n_removed=n_removed,
    )


def indexed_fingerprint(home: Path, *, seal: Opens) -> str:
    """The model of a home's index, by its signed manifest alone.

    Raises:
        IndexMismatch: `index.missing`, `index.digest_mismatch` or `index.newer_version`.
    """
    return read_version(current_folder(home), seal=seal).model


def indexed_model(home: Path, named: Path | None, *, seal: Opens) -> tuple[DualEncoder, Path]:
    """Load the model of a home's index, or the named one where it is the same.

    Raises:
        IndexMismatch: `index.missing`, or `index.encoder_mismatch` when the named model is not the
            one the index was built with.
        ModelError: when the model cannot be loaded.
    """
    fingerprint = indexed_fingerprint(home, seal=seal)
    folder = named if named is not None else model_folder(home, fingerprint)
    model = load_checkpoint(folder)
    if model.fingerprint != fingerprint:
        raise IndexMismatch(
            f"the index was built with model {fingerprint[:16]} and {folder} holds "
            f"{model.fingerprint[:16]}; run `caselight index build --home {home} --model {folder}`"
            ", or search without --model"
        )
    return model, folder


def home_model(home: Path, *, default: Path, seal: Opens) -> DualEncoder:
    """Load the model of a home's index; where there is no index, the one in the default folder.

    Raises:
        ModelError: when the model cannot be loaded.
    """
    try:
        folder = model_folder(home, indexed_fingerprint(home, seal=seal))
    except IndexMismatch as error:
        if error.code != "index.missing":
            raise
        folder = default
    return load_checkpoint(folder)


def choose_bits(config: Config, model: DualEncoder) -> int:
    """The width the settings ask for; where they do not, 128 or the model's widest."""
    if config.search.n_bits is not None:
        return config.search.n_bits
    return PREFERRED_BITS if PREFERRED_BITS in model.bits else max(model.bits)


def compact_index(home: Path, *, seal: Seal) -> IndexManifest:
    """Write the current index anew as one segment, without what was removed from it.

    Raises:
        IndexMismatch: `index.missing`, `index.locked` or `index.digest_mismatch`.
    """
    folder = current_folder(home)
    with IndexWriter(folder, seal=seal) as writer:
        writer.compact()
    return open_index(folder, seal=seal).manifest


def _known(home: Path, model: DualEncoder, n_bits: int, *, seal: Seal) -> Path | None:
    """The whole index of that model and width, if the home has one."""
    for folder in index_folders(home):
        try:
            version = read_version(folder, seal=seal)
            if (version.model, version.n_bits) == (model.fingerprint, n_bits):
                open_index(folder, seal=seal)
                return folder
        except IndexMismatch as error:
            if error.code == "index.newer_version":
                raise
            continue  # damaged: it is made anew
    return None


def _find(engine: Engine, model: DualEncoder, *, without: set[int]) -> _Found:
    kinds, studies, positions = [], [], []
    groups: list[tuple[str, ...]] = []
    texts: list[str] = []
    held = set()
    for row, study in engine.store.studies():
        held.add(row)
        if row in without:
            continue
        for picture in pictures(study.images, engine.towers.stack_pool):
            kinds.append(IMAGE)
            studies.append(row)
            positions.append(picture.position)
            groups.append(picture.digests)
        for text, place in study_texts(study, model.config.train.text).items():
            kinds.append(REPORT)
            studies.append(row)
            positions.append(-1 if place is None else place)
            texts.append(text)
    return _Found(
        kind=np.array(kinds, dtype=np.uint8),
        study=np.array(studies, dtype=np.int64),
        position=np.array(positions, dtype=np.int64),
        groups=groups,
        texts=texts,
        held=frozenset(held),
    )


def _add(
    engine: Engine, model: DualEncoder, writer: IndexWriter, found: _Found, n_bits: int
) -> int:
    """Encode and add; what is in the journal is kept when this is killed."""
    n = len(found.kind)
    image_features = engine.picture_features(found.groups)
    text_features = engine.text_features(found.texts)
    packed = np.zeros((n, n_bits // 8), dtype=np.uint8)
    embeddings = np.zeros((n, model.config.model.embed_dim), dtype=np.float32)
    images, reports = found.kind == IMAGE, found.kind == REPORT
    packed[images] = model.encode_codes(image_features, "image", n_bits).packed
    packed[reports] = model.encode_codes(text_features, "text", n_bits).packed
    embeddings[images] = model.embed(image_features, "image").mean
    embeddings[reports] = model.embed(text_features, "text").mean
    for part in _whole_studies(found.study):
        writer.change(
            kind=found.kind[part],
            study=found.study[part],
            position=found.position[part],
            packed=packed[part],
            embeddings=embeddings[part],
        )
    return n


def _whole_studies(study: NDArray[np.int64]) -> list[slice]:
    """Runs of about so many items; no study is torn, or a killed build would miss half of it."""
    cuts, begin = [], 0
    ends = [*np.flatnonzero(np.diff(study)) + 1, len(study)] if len(study) else []
    for end in map(int, ends):
        if end - begin >= _AT_ONCE or end == len(study):
            cuts.append(slice(begin, end))
            begin = end
    return cuts


def _keep_model(home: Path, model: DualEncoder, source: Path) -> None:
    """Copy the model's file into the home, over whatever lies there under its name."""
    target = model_folder(home, model.fingerprint) / FILE
    path = source / FILE if source.is_dir() else source
    if target.exists() and target.samefile(path):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    carry_towers(model.config, target.parent)
    staged = target.with_name(f".{FILE}-{secrets.token_hex(4)}")
    with staged.open("wb") as file:
        file.write(path.read_bytes())
        file.flush()
        os.fsync(file.fileno())  # the index that is made current next is nothing without it
    staged.replace(target)
    for folder in (target.parent, target.parent.parent, home):
        flush_folder(folder)
