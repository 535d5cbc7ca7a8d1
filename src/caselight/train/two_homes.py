"""Two homes to learn from: what each may not learn of the other, and the features of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from caselight.engine import Engine
from caselight.train.collect import Found, Item

Table = NDArray[np.float32]
Named = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How many pairs of one home have a picture that stands in the way in the other one."""

    n_asked_known: int = 0
    """New validation pairs in the old home's training split: a model of that home may have learned
    their pictures, and what it finds is then too good."""
    n_not_learned: int = 0
    """New training pairs left out: they are in the old home's validation split."""
    n_not_replayed: int = 0
    """Old training pairs left out: they are in the new home's validation or test split."""


def keep_apart(
    new: Engine, old: Engine, found: Found, replay: Sequence[Item]
) -> tuple[Found, list[Item], Shared]:
    """Learn in neither home from a picture that the other one is asked by.

    Args:
        new: the one home.
        old: the other.
        found: in the new home.
        replay: training pairs of the old home.

    Returns:
        What is left of `found` and of `replay`, and what is not.
    """
    asked = _digests(old, "val")
    learned = _without(found.pairs["train"], asked)
    replayed = _without(replay, _digests(new, "val", "test"))
    unknown = _without(found.pairs["val"], _digests(old, "train"))
    left = replace(
        found,
        pairs={**found.pairs, "train": learned},
        loose_images=_without(found.loose_images, asked),
    )
    shared = Shared(
        n_asked_known=len(found.pairs["val"]) - len(unknown),
        n_not_learned=len(found.pairs["train"]) - len(learned),
        n_not_replayed=len(replay) - len(replayed),
    )
    return left, replayed, shared


def _digests(engine: Engine, *splits: str) -> set[str]:
    """Of all pictures of some splits, with a text or without; none is opened."""
    return {
        image.digest
        for _, study in engine.store.studies()
        if study.split in splits
        for image in study.images
    }


def _without(items: Sequence[Item], digests: set[str]) -> list[Item]:
    return [item for item in items if digests.isdisjoint(item.digests)]


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
