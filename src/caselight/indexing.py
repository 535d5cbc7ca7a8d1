"""Verb: a home and a model in, an index out."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from caselight.config import Config
from caselight.data.stacks import pictures
from caselight.data.texts import study_texts
from caselight.engine import Engine
from caselight.errors import IndexMismatch
from caselight.index.manifest import (
    IMAGE,
    REPORT,
    IndexManifest,
    Rows,
    model_folder,
    read_manifest,
    write_index,
)
from caselight.models.checkpoint import FILE, carry_towers, check_towers, load_checkpoint
from caselight.models.dual_encoder import DualEncoder
from caselight.types import Codes

PREFERRED_BITS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReceipt:
    """What was built."""

    manifest: IndexManifest
    n_studies: int


def build_index(engine: Engine, model: DualEncoder, source: Path, *, n_bits: int) -> IndexReceipt:
    """Encode every picture and every report text of a home and write the index.

    The model is copied into the home, so that a search needs nothing from outside it.

    Args:
        engine: the open home; its towers must be the model's.
        model: the loaded model.
        source: the folder it was loaded from.
        n_bits: which hash head.

    Raises:
        ModelError: for other towers, or a width the model has no head for.
    """
    check_towers(model, image=engine.image_tower, text=engine.text_tower)
    model.check_bits(n_bits)
    kinds, study_rows, positions = [], [], []
    groups, texts = [], []
    generation = engine.store.generation
    n_studies = 0
    for row, study in engine.store.studies():
        n_studies += 1
        for picture in pictures(study.images, engine.towers.stack_pool):
            kinds.append(IMAGE)
            study_rows.append(row)
            positions.append(picture.position)
            groups.append(picture.digests)
        for text, place in study_texts(study, model.config.train.text).items():
            kinds.append(REPORT)
            study_rows.append(row)
            positions.append(-1 if place is None else place)
            texts.append(text)
    kind = np.array(kinds, dtype=np.uint8)
    image_features = engine.picture_features(groups)
    text_features = engine.text_features(texts)
    packed = np.zeros((len(kind), n_bits // 8), dtype=np.uint8)
    embeddings = np.zeros((len(kind), model.config.model.embed_dim), dtype=np.float32)
    packed[kind == IMAGE] = model.encode_codes(image_features, "image", n_bits).packed
    packed[kind == REPORT] = model.encode_codes(text_features, "text", n_bits).packed
    embeddings[kind == IMAGE] = model.embed(image_features, "image").mean
    embeddings[kind == REPORT] = model.embed(text_features, "text").mean
    _keep_model(engine.store.home, model, source)
    manifest = write_index(
        engine.store.home,
        rows=Rows(
            kind=kind,
            study=np.array(study_rows, dtype=np.int64),
            position=np.array(positions, dtype=np.int64),
        ),
        codes=Codes(packed=packed, n_bits=n_bits),
        embeddings=embeddings,
        model=model.fingerprint,
        store=generation,
    )
    return IndexReceipt(manifest=manifest, n_studies=n_studies)


def indexed_model(home: Path, named: Path | None) -> tuple[DualEncoder, Path]:
    """Load the model of a home's index, or the named one where it is the same.

    Raises:
        IndexMismatch: `index.missing`, or `index.encoder_mismatch` when the named model is not the
            one the index was built with.
        ModelError: when the model cannot be loaded.
    """
    manifest = read_manifest(home)
    folder = named if named is not None else model_folder(home, manifest.model)
    model = load_checkpoint(folder)
    if model.fingerprint != manifest.model:
        raise IndexMismatch(
            f"the index was built with model {manifest.model[:16]} and {folder} holds "
            f"{model.fingerprint[:16]}; run `caselight index build --home {home} --model {folder}`"
            ", or search without --model"
        )
    return model, folder


def home_model(home: Path, *, default: Path) -> DualEncoder:
    """Load the model of a home's index; where there is no index, the one in the default folder.

    Raises:
        ModelError: when the model cannot be loaded.
    """
    try:
        folder = model_folder(home, read_manifest(home).model)
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


def _keep_model(home: Path, model: DualEncoder, source: Path) -> None:
    """Copy the model's file into the home, over whatever lies there under its name."""
    target = model_folder(home, model.fingerprint) / FILE
    path = source / FILE if source.is_dir() else source
    if target.exists() and target.samefile(path):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    carry_towers(model.config, target.parent)
    staged = target.with_name(f".{FILE}-{secrets.token_hex(4)}")
    staged.write_bytes(path.read_bytes())
    staged.replace(target)
