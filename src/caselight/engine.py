"""The opened parts: a home's store, its feature cache, and the towers that fill it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from caselight.config import Config, TowerSettings
from caselight.data.features import FeatureCache, text_key
from caselight.data.pixels import read_pixels
from caselight.data.store import Store, open_store
from caselight.errors import StoreError
from caselight.models import open_image_tower, open_text_tower
from caselight.models.checkpoint import image_identity, text_identity
from caselight.models.towers import ImageTower, TextTower
from caselight.types import Pixels

Progress = Callable[[str, int, int], None]
"""(what is being done, how many are done now, how many there are in all)."""


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


class Engine(OpenTowers):
    """One open home, and the towers that fill it; features are cached on disk."""

    def __init__(
        self, store: Store, *, towers: TowerSettings, device: torch.device, progress: Progress
    ) -> None:
        super().__init__(towers, device=device, progress=progress)
        self.store = store
        self._cache = FeatureCache(store.home / "features.sqlite")

    def close(self) -> None:
        """Let go of the home."""
        self._cache.close()
        self.store.close()

    def image_features(self, digests: Sequence[str]) -> NDArray[np.float32]:
        """Features of stored pictures, f32[N, image_dim], in the order of their digests."""
        identity = image_identity(self.image_tower)
        name = f"image:{identity.digest}:{identity.input_digest}"
        found = self._cache.get(name, list(dict.fromkeys(digests)))
        missing = [d for d in dict.fromkeys(digests) if d not in found]
        size = self.towers.batch_images
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            vectors = self.encode_images([self.read_stored(digest) for digest in batch])
            fresh = dict(zip(batch, vectors, strict=True))
            self._cache.put(name, fresh)
            found |= fresh
            self.progress("encoding pictures", len(batch), len(missing))
        return _stack([found[d] for d in digests], self.image_tower.dim)

    def picture_features(self, groups: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        """Features of pictures, each pooled over its images' digests, f32[N, image_dim]."""
        flat = self.image_features([digest for group in groups for digest in group])
        ends = np.cumsum([len(group) for group in groups])[:-1]
        parts = np.split(flat, ends) if groups else []
        return _stack([self.pooled(part) for part in parts], self.image_tower.dim)

    def text_features(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Features of texts, f32[N, text_dim], in their order."""
        identity = text_identity(self.text_tower)
        name = f"text:{identity.digest}:{identity.input_digest}"
        keys = {text: text_key(text) for text in texts}
        found = self._cache.get(name, list(keys.values()))
        # Sorted by length, so that a batch is padded little.
        missing = sorted((t for t, k in keys.items() if k not in found), key=len)
        size = self.towers.batch_texts
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            vectors = self.encode_texts(batch)
            fresh = {keys[text]: vector for text, vector in zip(batch, vectors, strict=True)}
            self._cache.put(name, fresh)
            found |= fresh
            self.progress("encoding texts", len(batch), len(missing))
        return _stack([found[keys[text]] for text in texts], self.text_tower.dim)

    def read_stored(self, digest: str) -> Pixels:
        """Pixels of a stored picture.

        Raises:
            StoreError: `store.damaged` when the home has lost it.
        """
        path = self.store.pixels_path(digest)
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


def _stack(vectors: Sequence[NDArray[np.float32]], dim: int) -> NDArray[np.float32]:
    return np.stack(vectors) if len(vectors) else np.zeros((0, dim), dtype=np.float32)
