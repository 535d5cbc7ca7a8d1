"""What a home has to learn from: its pairs, what has no partner, and their features."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from caselight.config import Config
from caselight.data.feedback import FeedbackPair
from caselight.data.filters import matches
from caselight.data.findings import read_findings
from caselight.data.renderings import renderings
from caselight.data.similar_texts import near_equal
from caselight.data.stacks import pictures
from caselight.data.texts import normalise_text, pair_text
from caselight.engine import Engine
from caselight.train.pairs import Floats, Ints, Loose, Pairs
from caselight.types import Study

SPLITS = "train", "val"
NEAR_JACCARD, NEAR_COSINE = 0.7, 0.85
"""From these on, two reports that claim the same are taken to say the same: 27 of 28 pairs that
were read by hand, benchmarks/results/similar_texts.json; the cosine is MiniLM's."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Item:
    """A picture with its text, or one of them alone."""

    digests: tuple[str, ...]
    """Of the picture's images; empty without a picture."""
    texts: tuple[str, ...] = field(repr=False)
    """The text, then other renderings of it; empty without a text."""
    patient: str
    site: str
    labels: tuple[str, ...]
    feedback: tuple[str, ...] = ()
    """Ids of the feedback that made the pair, whose text is words of a query; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a home's training and validation splits hold, in an order that no ingest decides."""

    pairs: dict[str, list[Item]]
    """By split."""
    loose_images: list[Item] = field(default_factory=list)
    loose_texts: list[Item] = field(default_factory=list)

    @property
    def learned(self) -> list[Item]:
        """All items that are learned from; those of validation are only looked at."""
        return [*self.pairs["train"], *self.loose_images, *self.loose_texts]

    @property
    def everything(self) -> list[Item]:
        """All items, for an identity."""
        paired = [item for items in self.pairs.values() for item in items]
        return [*paired, *self.loose_images, *self.loose_texts]


def find(
    engine: Engine,
    config: Config,
    *,
    splits: Sequence[str] = SPLITS,
    feedback: Sequence[FeedbackPair] = (),
) -> Found:
    """List what can be learned from, and what to watch; nothing is encoded yet.

    Unpaired studies are taken from the training split alone, and so are those of feedback: relevant
    ones become further pairs of their pictures. The losses have no place for a single study that
    does not belong to a text, so those that are not relevant become none.
    """
    settings = config.train
    taught = _by_study(feedback)
    found = Found(pairs={split: [] for split in splits})
    for _, study in engine.store.studies():
        if study.split not in splits:
            continue
        seen = pictures(study.images, engine.towers.stack_pool)
        for picture in seen:
            image = study.images[picture.position]
            if not matches(study, image, settings.filters):
                continue
            text = pair_text(study, image, settings.text)
            if text is not None:
                texts = _renderings(study, text, config)
                found.pairs[study.split].append(_item(study, picture.digests, texts))
            elif settings.unpaired and study.split == "train":
                found.loose_images.append(_item(study, picture.digests, ()))
            if study.split == "train":
                found.pairs["train"] += [
                    replace(_item(study, picture.digests, (words,)), feedback=tuple(ids))
                    for words, ids in taught.get(study.study_uid, {}).items()
                ]
        if not seen and settings.unpaired and study.split == "train":
            text = pair_text(study, None, settings.text)
            if text is not None and matches(study, None, settings.filters):
                found.loose_texts.append(_item(study, (), _renderings(study, text, config)))
    for items in (*found.pairs.values(), found.loose_images, found.loose_texts):
        # The order decides the batches, so it must not depend on the order of ingest.
        items.sort()
    if settings.n_pairs is not None and "train" in found.pairs:
        drawn = np.random.default_rng(settings.seed).permutation(len(found.pairs["train"]))
        kept = sorted(drawn[: settings.n_pairs].tolist())
        found.pairs["train"] = [found.pairs["train"][row] for row in kept]
    return found


def read_pairs(engine: Engine, found: Found, config: Config) -> tuple[Pairs, Pairs]:
    """Encode what was found: the training split with its company, and the validation split."""
    names = finding_names(found) if _reads_findings(config) else ()
    loose_images, loose_texts = found.loose_images, found.loose_texts
    if not _uses_loose(config):
        loose_images, loose_texts = [], []
    loose = Loose(
        image=_images(engine, loose_images, config),
        text=text_rows(engine, loose_texts),
        image_said=said_table([" ".join(item.labels) for item in loose_images], names),
        text_said=said_table([item.texts[0] for item in loose_texts], names),
    )
    train, val = found.pairs["train"], found.pairs["val"]
    text = text_rows(engine, train)
    ids = _numbered([normalise_text(item.texts[0]) for item in train])
    if config.loss.near_equal and len(train):
        ids = merged_ids([item.texts[0] for item in train], ids, text[0])
    pairs = Pairs(
        image=_images(engine, train, config),
        text=text,
        text_id=ids,
        patient=_numbered([item.patient for item in train]),
        site=_numbered([item.site for item in train]),
        said=said_table([item.texts[0] for item in train], names) if config.loss.findings else None,
        loose=loose,
    )
    watched = Pairs(
        image=engine.picture_features([item.digests for item in val])[None],
        text=engine.text_features([item.texts[0] for item in val])[None],
        text_id=_numbered([normalise_text(item.texts[0]) for item in val]),
    )
    return pairs, watched


def _item(study: Study, digests: tuple[str, ...], texts: tuple[str, ...]) -> Item:
    return Item(
        digests=digests,
        texts=texts,
        patient=study.patient_key,
        site=study.site or "",
        labels=study.labels,
    )


def _by_study(feedback: Sequence[FeedbackPair]) -> dict[str, dict[str, list[str]]]:
    """Study to the words that it was relevant to, each with the feedback that says so."""
    found: dict[str, dict[str, list[str]]] = {}
    for pair in feedback:
        if pair.relevant:
            own = found.setdefault(pair.study_uid, {})
            own.setdefault(pair.text, []).append(pair.feedback.id)
    return found


def _renderings(study: Study, text: str, config: Config) -> tuple[str, ...]:
    n = config.train.text_views
    if n == 0:
        return (text,)
    # By the text, so that a home ingested again says the same.
    seed = hashlib.sha256(f"{config.train.seed}:{text}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    return (text, *renderings(study, text, config.train.text, n=n, rng=rng))


def _images(engine: Engine, items: Sequence[Item], config: Config) -> Floats:
    settings = config.train
    return engine.image_views(
        [item.digests for item in items],
        n_views=settings.image_views,
        strength=settings.view_strength,
    )


def text_rows(engine: Engine, items: Sequence[Item]) -> Floats:
    """Features of the items' texts, f32[R, N, text_dim]; rendering 0 is the text itself.

    Words of queries are encoded anew each time: in the cache they would outlive their being
    forgotten, under a digest that can be guessed.
    """
    own = np.array([not item.feedback for item in items], dtype=bool)
    kept = engine.text_views([item.texts for item in items if not item.feedback])
    rows = np.zeros((max(1, len(kept)), len(items), engine.text_tower.dim), dtype=np.float32)
    if own.any():
        rows[:, own] = kept
    asked = sorted({item.texts[0] for item in items if item.feedback})
    size = engine.towers.batch_texts
    for start in range(0, len(asked), size):
        batch = asked[start : start + size]
        vectors = dict(zip(batch, engine.encode_texts(batch), strict=True))
        for place, item in enumerate(items):
            if item.feedback and item.texts[0] in vectors:
                rows[:, place] = vectors[item.texts[0]]
    return rows


def _uses_loose(config: Config) -> bool:
    terms = config.float_terms
    return config.train.unpaired and any((terms.intra_image, terms.intra_text, terms.unpaired))


def _reads_findings(config: Config) -> bool:
    return bool(config.loss.findings or config.float_terms.unpaired)


def finding_names(found: Found) -> tuple[str, ...]:
    """Every finding that a text, or the labels of an image without one, names; sorted."""
    texts = [" ".join(item.labels) for item in found.loose_images]
    texts += [item.texts[0] for item in (*found.pairs["train"], *found.loose_texts)]
    return tuple(sorted({name for text in texts for name in _findings(text)}))


def _findings(text: str) -> dict[str, float]:
    """A finding by itself and on its side, 1 present or -1 absent."""
    polarity = {"present": 1.0, "absent": -1.0}
    said: dict[str, float] = {}
    for one in read_findings(text):
        if one.polarity in polarity:
            said.setdefault(one.name, polarity[one.polarity])
            if one.side is not None:
                said[f"{one.name} {one.side}"] = polarity[one.polarity]
    return said


def said_table(texts: Sequence[str], names: Sequence[str]) -> Floats:
    """What each text says of each finding, f32[N, F]; see `Pairs.said`. Other findings drop."""
    place = {name: column for column, name in enumerate(names)}
    table = np.zeros((len(texts), len(names)), dtype=np.float32)
    for row, text in enumerate(texts):
        for name, value in _findings(text).items():
            if name in place:
                table[row, place[name]] = value
    return table


def merged_ids(texts: Sequence[str], ids: Ints, features: Floats) -> Ints:
    """Number texts so that near-equal ones share a number, and all that they lead to."""
    _, first, own = np.unique(ids, return_index=True, return_inverse=True)
    near = near_equal(
        [texts[row] for row in first], features[first], jaccard=NEAR_JACCARD, cosine=NEAR_COSINE
    )
    if not near:
        return ids
    one, other = np.array(near).T
    table = coo_matrix((np.ones(len(near)), (one, other)), shape=(len(first), len(first)))
    joined: Ints = connected_components(table, directed=False)[1].astype(np.int64)
    return joined[own]


def _numbered(keys: Sequence[str]) -> Ints:
    if not keys:
        return np.zeros(0, dtype=np.int64)
    found: NDArray[np.int64] = np.unique(np.array(keys), return_inverse=True)[1].astype(np.int64)
    return found
