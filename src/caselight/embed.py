"""Verb: studies, or loose pictures and texts, in; embeddings and codes out."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caselight.config import IngestSettings
from caselight.data.dicom.series import expand
from caselight.data.embedding_files import Embedded, EmbeddedRow
from caselight.data.features import text_key
from caselight.data.filters import check_filters, matches
from caselight.data.fingerprint import pixel_digest
from caselight.data.pixels import read_pixels
from caselight.data.stacks import pictures
from caselight.data.texts import study_texts
from caselight.engine import Engine, OpenTowers
from caselight.errors import DataError, QueryRefused, UsageError
from caselight.models.checkpoint import check_towers
from caselight.models.dual_encoder import DualEncoder
from caselight.types import (
    Codes,
    Embeddings,
    Image,
    Kind,
    Pixels,
    Rejected,
    SourceImage,
    SourceStudy,
)

KINDS: tuple[Kind, ...] = ("image", "report")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedReceipt:
    """What was embedded, and what was not."""

    embedded: Embedded
    rejected: tuple[Rejected, ...]
    """Loose pictures that cannot be read exactly."""
    notes: tuple[str, ...]
    """Things worth telling that refused nothing."""


def embed_home(
    engine: Engine,
    model: DualEncoder,
    *,
    n_bits: int,
    split: str | None = None,
    filters: Mapping[str, str] | None = None,
    kinds: Sequence[Kind] = KINDS,
) -> EmbedReceipt:
    """Embed the pictures and report texts of a home, as its index would hold them.

    Args:
        engine: the open home; its towers must be the model's.
        model: the loaded model.
        n_bits: which hash head.
        split: "train", "val" or "test"; None is every study.
        filters: metadata a study or an image must have.
        kinds: what is embedded.

    Returns:
        Pictures first, then texts, each in order of study id and place in the study, whatever the
        order of ingest.

    Raises:
        UsageError: for a kind that is none.
        ModelError: for other towers, or a width the model has no head for.
        QueryRefused: `query.bad_filter`, or `query.empty_gallery` when nothing is left.
    """
    wanted = dict(filters or {})
    check_filters(wanted)
    if not set(kinds) <= set(KINDS):
        raise UsageError(f"found kinds {kinds!r}; name 'image', 'report' or both, in a list")
    model.check_bits(n_bits)
    check_towers(model, image=engine.image_tower, text=engine.text_tower)
    field = model.config.train.text
    rows: dict[Kind, list[EmbeddedRow]] = {"image": [], "report": []}
    groups: list[tuple[str, ...]] = []
    texts: list[str] = []
    studies = (study for _, study in engine.store.studies())
    for study in sorted(studies, key=lambda study: study.study_uid):
        if split is not None and study.split != split:
            continue
        for picture in pictures(study.images, engine.towers.stack_pool):
            image = study.images[picture.position]
            if "image" in kinds and matches(study, image, wanted):
                groups.append(picture.digests)
                row = _image_row(image, picture.digests, study=study.study_uid, split=study.split)
                rows["image"].append(row)
        for text, place in study_texts(study, field).items():
            image_ = None if place is None else study.images[place]
            if "report" in kinds and matches(study, image_, wanted):
                texts.append(text)
                row = EmbeddedRow(
                    study=study.study_uid,
                    image=None if image_ is None else image_.image_uid,
                    kind="report",
                    split=study.split,
                    digest=text_key(text),
                )
                rows["report"].append(row)
    return _receipt(
        engine,
        model,
        n_bits=n_bits,
        rows=(*rows["image"], *rows["report"]),
        image_features=engine.picture_features(groups) if groups else None,
        texts=texts,
        text_features=engine.text_features(texts) if texts else None,
        store=engine.store.digest(),
    )


def embed_loose(
    towers: OpenTowers,
    model: DualEncoder,
    *,
    images: Sequence[SourceImage],
    texts: Sequence[tuple[str, str]],
    n_bits: int,
    settings: IngestSettings,
) -> EmbedReceipt:
    """Embed pictures and texts from outside a home; nothing is stored.

    The pictures are read as `ingest` reads those of one study: the slices of a series become one
    picture, thinned and in its windows as the settings say.

    Args:
        towers: the model's towers; an engine will do.
        model: the loaded model.
        images: files, not yet read; those that cannot be read are refused one by one.
        texts: (id, text) of each.
        n_bits: which hash head.
        settings: limits, slices and windows.

    Returns:
        Pictures first, then texts, each in the order given.

    Raises:
        ModelError: for other towers, or a width the model has no head for.
        DataError: when there is no text and no picture that can be read: why not the first.
        QueryRefused: `query.empty_gallery` when nothing was named.
    """
    model.check_bits(n_bits)
    check_towers(model, image=towers.image_tower, text=towers.text_tower)
    study = expand(SourceStudy(study_id="", patient_id="", images=tuple(images)), settings)
    rejected = list(study.rejected)
    held: list[Image] = []
    features: dict[str, NDArray[np.float32]] = {}
    for batch in _batches(_read(study.pictures, settings, rejected), towers.towers.batch_images):
        held += [image for image, _ in batch]
        vectors = towers.encode_images([pixels for _, pixels in batch])
        features |= {image.digest: v for (image, _), v in zip(batch, vectors, strict=True)}
        towers.progress("encoding pictures", len(batch), len(study.pictures))
    found = pictures(held, towers.towers.stack_pool)
    pooled = [towers.pooled(np.stack([features[d] for d in one.digests])) for one in found]
    text_vectors = []
    size = towers.towers.batch_texts
    for start in range(0, len(texts), size):
        some = [text for _, text in texts[start : start + size]]
        text_vectors.append(towers.encode_texts(some))
        towers.progress("encoding texts", len(some), len(texts))
    rows = (
        *(_image_row(held[one.position], one.digests, study=None, split=None) for one in found),
        *(
            EmbeddedRow(study=name, image=None, kind="report", split=None, digest=text_key(text))
            for name, text in texts
        ),
    )
    return _receipt(
        towers,
        model,
        n_bits=n_bits,
        rows=rows,
        image_features=np.stack(pooled) if pooled else None,
        texts=[text for _, text in texts],
        text_features=np.concatenate(text_vectors) if text_vectors else None,
        store=None,
        rejected=tuple(rejected),
        notes=tuple(f"{what}: {count}" for what, count in sorted(study.notes.items())),
    )


def _receipt(
    towers: OpenTowers,
    model: DualEncoder,
    *,
    n_bits: int,
    rows: tuple[EmbeddedRow, ...],
    image_features: NDArray[np.float32] | None,
    texts: Sequence[str],
    text_features: NDArray[np.float32] | None,
    store: str | None,
    rejected: tuple[Rejected, ...] = (),
    notes: tuple[str, ...] = (),
) -> EmbedReceipt:
    if not rows and rejected:
        raise DataError(f"{rejected[0].file}: {rejected[0].reason}", code=rejected[0].code)
    if not rows:
        raise QueryRefused(
            "nothing is left to embed; drop a filter, or name pictures or texts",
            code="query.empty_gallery",
        )
    means, packed = [], []
    if image_features is not None:
        means.append(model.embed(image_features, "image").mean)
        packed.append(model.encode_codes(image_features, "image", n_bits).packed)
    if text_features is not None:
        means.append(model.embed(text_features, "text").mean)
        packed.append(model.encode_codes(text_features, "text", n_bits).packed)
    embedded = Embedded(
        embeddings=Embeddings(mean=np.concatenate(means)),
        codes=Codes(packed=np.concatenate(packed), n_bits=n_bits),
        rows=rows,
        model=model.fingerprint,
        text=model.config.train.text,
        store=store,
    )
    n_cut = towers.text_tower.count_cut(texts) if texts else 0
    if n_cut:
        notes = (*notes, f"texts longer than {towers.text_tower.max_tokens} tokens, cut: {n_cut}")
    return EmbedReceipt(embedded=embedded, rejected=rejected, notes=notes)


def _image_row(
    image: Image, digests: tuple[str, ...], *, study: str | None, split: str | None
) -> EmbeddedRow:
    one = len(digests) == 1
    digest = digests[0] if one else hashlib.sha256("".join(digests).encode()).hexdigest()
    return EmbeddedRow(study=study, image=image.image_uid, kind="image", split=split, digest=digest)


def _read(
    sources: Sequence[SourceImage], settings: IngestSettings, rejected: list[Rejected]
) -> Iterator[tuple[Image, Pixels]]:
    """Read pictures one by one; those that cannot be read are told, not given."""
    for source in sources:
        try:
            pixels = read_pixels(
                source.path,
                max_pixels=settings.max_pixels,
                frame=source.frame,
                window=source.window,
            )
        except DataError as error:
            reason = str(error).replace(str(source.path), source.name)
            rejected.append(Rejected(file=source.name, code=error.code, reason=reason))
            continue
        image = Image(
            image_uid=source.name,
            digest=pixel_digest(pixels),
            dhash="",
            caption=None,
            view=source.view,
            modality=source.modality,
            laterality=source.laterality,
            stack=source.stack,
            window=source.window,
        )
        yield image, pixels


def _batches(
    read: Iterator[tuple[Image, Pixels]], size: int
) -> Iterator[list[tuple[Image, Pixels]]]:
    batch: list[tuple[Image, Pixels]] = []
    for one in read:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
