"""What a home's towers can learn from without labels or pairs, and what is kept to ask them by."""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from caselight.config import Config
from caselight.data.findings import read_findings
from caselight.data.probe_texts import Probe, built_in_probes, laterality_pairs, negation_pairs
from caselight.engine import Engine
from caselight.models.towers import ImageTower
from caselight.train.collect import Item, find

KEPT_BACK = 0.1
"""Share of the patients whose pictures are not learned from."""


def unlabelled(engine: Engine, config: Config) -> list[Item]:
    """All pictures and texts of the training split, paired or not, with renderings of the texts."""
    changes = {"unpaired": True, "n_pairs": None, "text_views": config.adapt.text_views}
    everything = config.model_copy(update={"train": config.train.model_copy(update=changes)})
    return find(engine, everything, splits=("train",)).everything


def kept_back(items: Sequence[Item], *, seed: int) -> set[str]:
    """Patients whose pictures are not learned from; none where there is one patient alone.

    Args:
        items: in an order that no ingest decides.
        seed: decides who.
    """
    # By first appearance: a patient's key differs from home to home, and the draw must not.
    patients = list(dict.fromkeys(item.patient for item in items))
    if len(patients) < 2:
        return set()
    drawn = np.random.default_rng(seed).permutation(len(patients))
    return {patients[i] for i in drawn[: max(1, round(KEPT_BACK * len(patients)))]}


def split_probes(
    texts: Sequence[str], *, rng: np.random.Generator
) -> tuple[tuple[Probe, ...], tuple[Probe, ...]]:
    """Keep every other built-in finding back; the rest, and a home's own sentences, are learned.

    Args:
        texts: of the home.
        rng: chooses how its sentences are said otherwise.

    Returns:
        Probes to ask by, then probes to learn from. No text of the latter names a finding of the
        former, neither in its words nor in others that `findings.py` reads as the same finding;
        the wordings of denials and sides are common to both.
    """
    built_in = built_in_probes()
    back = sorted({probe.name for probe in built_in})[1::2]
    asked = tuple(probe for probe in built_in if probe.name in back)
    rest = [*built_in, *negation_pairs(texts, rng), *laterality_pairs(texts, rng)]
    known = _findings(*back)

    def is_asked(probe: Probe) -> bool:
        said = probe.text.casefold()
        # By its name too: what a text tells as history is no finding of that text.
        return any(name in said for name in back) or bool(known & _findings(said, probe.name))

    return asked, tuple(probe for probe in rest if not is_asked(probe))


def read_pictures(
    engine: Engine, tower: ImageTower, digests: Sequence[str], folder: Path
) -> Tensor:
    """Bring stored pictures to a tower's size, on disk and not in memory.

    Args:
        engine: the open home.
        tower: its preprocessing decides the size and the trimming.
        digests: of the pictures.
        folder: on the disk; the file in it has no name, and is gone with the result or the process.

    Returns:
        u8[N, 1, S, S], or u8[N, 3, S, S] where any picture has colour.

    Raises:
        OSError: when the disk has no room for them.
    """
    size = tower.preprocess.size_px
    with tempfile.TemporaryFile(dir=folder) as file:
        for n_planes in (1, 3):
            shape = (len(digests), n_planes, size, size)
            # A disk that is full when a mapped page is first written ends the process: fill it now.
            file.seek(0)
            for _ in digests:
                file.write(bytes(math.prod(shape[1:])))
            file.flush()
            kept = np.memmap(file, np.uint8, "r+", shape=shape)
            rows = zip(digests, kept, strict=True)
            if all(_put(engine, tower, digest, row) for digest, row in rows):
                break
    return torch.from_numpy(kept)


def _findings(*texts: str) -> set[str]:
    """The findings that texts name, present or not."""
    return {finding.name for text in texts for finding in read_findings(text)}


def _put(engine: Engine, tower: ImageTower, digest: str, row: NDArray[np.uint8]) -> bool:
    """Write a picture's bytes into a row; false where it has colour and the row has no place."""
    mean, std = (
        np.array(values, np.float32)[:, None, None]
        for values in (tower.preprocess.mean, tower.preprocess.std)
    )
    planes = tower.preprocess(engine.read_stored(digest)) * std + mean
    shown = np.clip(np.rint(planes * 255), 0, 255).astype(np.uint8)
    row[:] = shown[: len(row)]
    return len(row) == 3 or bool((shown == shown[:1]).all())
