"""Features of pairs from two homes, each read, and remembered, where it is kept."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from caselight.engine import Engine
from caselight.train.collect import Item

Table = NDArray[np.float32]
Named = dict[str, NDArray[np.float32]]


class TwoHomes(Engine):
    """One home's engine that also reads what was taken from another home.

    It is closed with the two engines; nothing of either home is written into the other one.

    Args:
        new: the open home; its store is this one's.
        old: another, with the same towers.
        taken: pairs of the old home.
    """

    def __init__(self, new: Engine, old: Engine, taken: Sequence[Item]) -> None:
        # Everything but the reading of features is the new home's.
        self.__dict__.update(new.__dict__)
        self._new, self._old = new, old
        self._pictures = {digest for item in taken for digest in item.digests}
        self._said = {text for item in taken for text in item.texts}

    def image_features(self, digests: Sequence[str]) -> Table:
        """Features of stored pictures of both homes, f32[N, image_dim]."""
        return self._both(
            digests, self._pictures, self._new.image_features, self._old.image_features
        )

    def text_features(self, texts: Sequence[str]) -> Table:
        """Features of texts of both homes, f32[N, text_dim]."""
        return self._both(texts, self._said, self._new.text_features, self._old.text_features)

    def _view_features(
        self, digests: Sequence[str], *, n_views: int, strength: float
    ) -> list[Named]:
        ours = [digest for digest in digests if digest not in self._pictures]
        theirs = [digest for digest in digests if digest in self._pictures]
        both = (
            home._view_features(own, n_views=n_views, strength=strength)
            for home, own in ((self._new, ours), (self._old, theirs))
        )
        return [mine | other for mine, other in zip(*both, strict=True)]

    @staticmethod
    def _both(
        keys: Sequence[str],
        theirs: set[str],
        new: Callable[[Sequence[str]], Table],
        old: Callable[[Sequence[str]], Table],
    ) -> Table:
        is_old = np.array([key in theirs for key in keys], dtype=np.bool_)
        ours = new([key for key in keys if key not in theirs])
        rows = np.zeros((len(keys), ours.shape[1]), dtype=np.float32)
        rows[~is_old] = ours
        rows[is_old] = old([key for key in keys if key in theirs])
        return rows
