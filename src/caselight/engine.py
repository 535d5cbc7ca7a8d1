"""The opened parts: a home's store, its feature cache, and the towers that fill it."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from caselight.config import Config, TowerSettings
from caselight.data.features import FeatureCache, text_key
from caselight.data.pixels import read_pixels
from caselight.data.store import Store, open_store, pixels_path
from caselight.errors import StoreError
from caselight.gallery import OpenGallery
from caselight.models import open_image_tower, open_text_tower
from caselight.models.checkpoint import image_identity, text_identity
from caselight.models.dual_encoder import TowerIdentity
from caselight.models.tower_files import Kind
from caselight.models.towers import ImageTower, TextTower
from caselight.models.views import VIEWS_VERSION, augment, view_generator
from caselight.recording import Recorder
from caselight.types import Pixels

Progress = Callable[[str, int, int], None]
"""(what is being done, how many are done now, how many there are in all)."""
EncodeBatches = Callable[
    ["Engine", Kind, Sequence[Sequence[str]]], Iterator[tuple[int, NDArray[np.float32]]]
]
"""Encodes batches as `encode_stored` does, and says which is done, from 0, in any order."""


class OpenTowers:
    """The frozen towers of some settings, each loaded when first needed; needs no home."""

    def __init__(self, towers: TowerSettings, *, device: torch.device, progress: Progress) -> None:
        self.device = device
        self.progress = progress
        self.towers = towers

    @cached_property
    def image_tower(self) -> ImageTower:
        """The image tower of the settings, checked."""
        return open_image_tower(self.towers, device=self.device)

    @cached_property
    def text_tower(self) -> TextTower:
        """The text tower of the settings, checked."""
        return open_text_tower(self.towers, device=self.device)

    def pooled(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """One vector, f32[D], for the images of one stack, f32[N, D], as `towers.stack_pool` says.

        Without pooling, images asked for together (those of a query, say) share their mean.
        """
        if len(features) == 1:
            return np.asarray(features[0])
        pool = self.towers.stack_pool
        return np.asarray(features.max(axis=0) if pool == "max" else features.mean(axis=0))

    def encode_images(self, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        """Features of pictures that are not stored, f32[N, image_dim]."""
        batch = torch.from_numpy(self.image_tower.preprocess.batch(pictures))
        return self.image_tower.encode(batch).numpy()

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Features of texts without caching them, f32[N, text_dim]: for queries."""
        return self.text_tower.encode(texts).numpy()

    def identity(self, kind: Kind) -> TowerIdentity:
        """Weights and input handling of one of the towers."""
        return (
            image_identity(self.image_tower) if kind == "image" else text_identity(self.text_tower)
        )

    def encode_stored(self, kind: Kind, batch: Sequence[str], *, home: Path) -> NDArray[np.float32]:
        """Features of one batch, f32[N, dim]; they depend on nothing but tower, batch and machine.

        Args:
            kind: which tower.
            batch: digests of pictures, or texts.
            home: the folder that holds the pictures.

        Raises:
            StoreError: `store.damaged` when the home has lost a picture.
        """
        if kind == "image":
            return self.encode_images([read_stored(home, digest) for digest in batch])
        return self.encode_texts(batch)


class Engine(OpenTowers):
    """One open home, and the towers that fill it; features are cached on disk."""

    def __init__(
        self,
        store: Store,
        *,
        towers: TowerSettings,
        device: torch.device,
        progress: Progress,
        actor: str = "python",
    ) -> None:
        super().__init__(towers, device=device, progress=progress)
        self.store = store
        self.recorder = Recorder(store, actor=actor)
        self.gallery = OpenGallery(store, seal=lambda: self.recorder.verifier)
        self._cache = FeatureCache(store.home / "features.sqlite")
        self._encode: EncodeBatches = _encode_here

    def with_towers(self, towers: TowerSettings) -> "Engine":
        """The same open home through other towers; it is closed with this one."""
        other = copy.copy(self)
        for name in ("image_tower", "text_tower"):
            other.__dict__.pop(name, None)
        other.towers = towers
        return other

    def encoding_by(self, encode: EncodeBatches) -> "Engine":
        """The same open home, which has somebody else encode; it is closed with this one."""
        other = copy.copy(self)
        other._encode = encode
        return other

    def close(self) -> None:
        """Let go of the home."""
        self._cache.close()
        self.store.close()

    def image_features(self, digests: Sequence[str]) -> NDArray[np.float32]:
        """Features of stored pictures, f32[N, image_dim], in the order of their digests."""
        found = self._filled(
            "image", {d: d for d in digests}, self.towers.batch_images, "encoding pictures"
        )
        return _stack([found[d] for d in digests], self.image_tower.dim)

    def picture_features(self, groups: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        """Features of pictures, each pooled over its images' digests, f32[N, image_dim]."""
        flat = self.image_features([digest for group in groups for digest in group])
        ends = np.cumsum([len(group) for group in groups])[:-1]
        parts = np.split(flat, ends) if groups else []
        return _stack([self.pooled(part) for part in parts], self.image_tower.dim)

    def image_views(
        self, groups: Sequence[tuple[str, ...]], *, n_views: int, strength: float
    ) -> NDArray[np.float32]:
        """Features of pictures and of `n_views` augmented views of each.

        A view depends on the picture, its number, the strength and the recipe's version alone, so
        more views later leave the ones there are as they were.

        Args:
            groups: pictures, each the digests of its images; the images of a picture are pooled.
            n_views: views of each picture besides itself, 0 or more.
            strength: 0..1, see `views.augment`.

        Returns:
            f32[1 + n_views, N, image_dim]; row 0 is exactly `picture_features`.
        """
        plain = self.picture_features(groups)
        found = self._view_features(
            [digest for group in groups for digest in group], n_views=n_views, strength=strength
        )
        rows = [
            _stack(
                [self.pooled(np.stack([view[digest] for digest in group])) for group in groups],
                self.image_tower.dim,
            )
            for view in found
        ]
        return np.stack([plain, *rows])

    def text_views(self, renderings: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Features of several renderings of each text, cached as every text is.

        Args:
            renderings: for each text its renderings, one or more; R is the most that any has, and
                the others' own are repeated in turn.

        Returns:
            f32[R, N, text_dim].
        """
        n_rows = max(map(len, renderings), default=0)
        texts = [own[row % len(own)] for row in range(n_rows) for own in renderings]
        return self.text_features(texts).reshape(n_rows, len(renderings), self.text_tower.dim)

    def text_features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Features of texts, f32[N, text_dim], in their order."""
        # Sorted by length, so that a batch is padded little.
        keys = {text: text_key(text) for text in sorted(texts, key=len)}
        found = self._filled("text", keys, self.towers.batch_texts, "encoding texts")
        return _stack([found[keys[text]] for text in texts], self.text_tower.dim)

    def _filled(
        self, kind: Kind, keys: Mapping[str, str], size: int, what: str
    ) -> dict[str, NDArray[np.float32]]:
        """Key to features, f32[dim], of things by their keys; what the cache lacks is put in."""
        identity = self.identity(kind)
        name = f"{kind}:{identity.digest}:{identity.input_digest}"
        found = self._cache.get(name, list(keys.values()))
        missing = [thing for thing, key in keys.items() if key not in found]
        batches = [missing[start : start + size] for start in range(0, len(missing), size)]
        for number, vectors in self._encode(self, kind, batches):
            batch = batches[number]
            fresh = {keys[thing]: v for thing, v in zip(batch, vectors, strict=True)}
            self._cache.put(name, fresh)
            found |= fresh
            self.progress(what, len(batch), len(missing))
        return found

    def _view_features(
        self, digests: Sequence[str], *, n_views: int, strength: float
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Digest to features, f32[image_dim], for view 1, 2, ... `n_views` of stored pictures."""
        identity = image_identity(self.image_tower)
        recipe = f"{VIEWS_VERSION}:{strength:g}"
        names = [
            f"view:{recipe}:{view}:image:{identity.digest}:{identity.input_digest}"
            for view in range(1, n_views + 1)
        ]
        distinct = list(dict.fromkeys(digests))
        found = [self._cache.get(name, distinct) for name in names]
        missing = {
            digest: [view for view in range(n_views) if digest not in found[view]]
            for digest in distinct
        }
        waiting = [digest for digest in distinct if missing[digest]]
        n_missing = sum(len(views) for views in missing.values())
        # Every picture is read once, for all of its views that are missing.
        size = max(1, self.towers.batch_images // max(1, n_views))
        for start in range(0, len(waiting), size):
            batch = waiting[start : start + size]
            wanted = [(digest, view) for digest in batch for view in missing[digest]]
            read = {
                digest: self.image_tower.preprocess(self.read_stored(digest)) for digest in batch
            }
            pixels = torch.from_numpy(np.stack([read[digest] for digest, _ in wanted]))
            seen = augment(
                pixels.to(self.device),
                strength=strength,
                generators=[view_generator(digest, view + 1) for digest, view in wanted],
            )
            vectors = self.image_tower.encode(seen).numpy()
            for view, name in enumerate(names):
                fresh = {
                    digest: vector
                    for (digest, of), vector in zip(wanted, vectors, strict=True)
                    if of == view
                }
                self._cache.put(name, fresh)
                found[view] |= fresh
            self.progress("encoding views", len(wanted), n_missing)
        return found

    def read_stored(self, digest: str) -> Pixels:
        """Pixels of a stored picture.

        Raises:
            StoreError: `store.damaged` when the home has lost it.
        """
        return read_stored(self.store.home, digest)


def read_stored(home: Path, digest: str) -> Pixels:
    """Pixels of a picture that a home holds, whose store need not be open.

    Raises:
        StoreError: `store.damaged` when the home has lost it.
    """
    path = pixels_path(home, digest)
    if not path.is_file():
        raise StoreError(
            f"the home has lost the picture {digest[:16]}; ingest the archive again",
            code="store.damaged",
        )
    # Already checked when it came in, so no limit on its size is needed here.
    return read_pixels(path, max_pixels=2**62)


@contextmanager
def open_engine(
    home: Path, *, config: Config, device: torch.device, progress: Progress
) -> Iterator[Engine]:
    """Open a home for training, indexing, searching or evaluating; closes it afterwards.

    Raises:
        StoreError: when there is no home, or it cannot be read.
    """
    engine = Engine(open_store(home), towers=config.towers, device=device, progress=progress)
    try:
        yield engine
    finally:
        engine.close()


def _encode_here(
    engine: Engine, kind: Kind, batches: Sequence[Sequence[str]]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """One batch after the other, in this process."""
    for number, batch in enumerate(batches):
        yield number, engine.encode_stored(kind, batch, home=engine.store.home)


def _stack(vectors: Sequence[NDArray[np.float32]], dim: int) -> NDArray[np.float32]:
    return np.stack(vectors) if len(vectors) else np.zeros((0, dim), dtype=np.float32)
