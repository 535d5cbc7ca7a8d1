"""Archives of made-up codes, clean or poisoned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caselight.index.manifest import IMAGE, REPORT, IndexManifest, OpenIndex, Rows
from caselight.index.segments import Items
from caselight.index.snapshot import Snapshot, in_memory

Bytes = NDArray[np.uint8]
SHAPES = ("random", "flat", "biased", "few clusters", "clusters", "many clusters")
_CLUSTERS = {"few clusters": 5, "clusters": 25, "many clusters": 200}


@dataclass(kw_only=True)
class Archive:
    """Pictures and reports, of which those of one number are one study."""

    images: Bytes
    reports: Bytes
    cluster: NDArray[np.int64]
    rng: np.random.Generator
    study: NDArray[np.int64] | None = None
    position: NDArray[np.int64] | None = None
    report_study: NDArray[np.int64] | None = None
    report_position: NDArray[np.int64] | None = None

    def index(self) -> OpenIndex:
        """As an open index: first the pictures, then the reports."""
        n_images, n_reports = len(self.images), len(self.reports)
        study = np.arange(n_images) if self.study is None else self.study
        position = np.zeros(n_images, np.int64) if self.position is None else self.position
        own = study[:n_reports] if self.report_study is None else self.report_study
        place = position[:n_reports] if self.report_position is None else self.report_position
        if len(own) < n_reports:
            own, place = np.arange(n_reports), np.zeros(n_reports, np.int64)
        return opened(
            np.concatenate([self.images, self.reports]),
            kind=np.repeat(np.array([IMAGE, REPORT], np.uint8), (n_images, n_reports)),
            study=np.concatenate([study, own]),
            position=np.concatenate([position, place]),
        )


def opened(
    packed: Bytes,
    *,
    kind: NDArray[np.uint8],
    study: NDArray[np.int64],
    position: NDArray[np.int64],
) -> OpenIndex:
    """Codes as an open index, in memory."""
    n, n_bits = len(packed), 8 * packed.shape[1]
    items = Items(
        row=np.arange(n),
        kind=kind,
        study=study,
        position=position,
        packed=packed,
        embeddings=np.zeros((n, 1), np.float16),
    )
    return OpenIndex(
        manifest=IndexManifest(
            model="",
            store="",
            n_bits=n_bits,
            n_images=int((kind == IMAGE).sum()),
            n_reports=int((kind == REPORT).sum()),
            digest="",
        ),
        items=Snapshot((in_memory(items),) if n else (), n_bits, 1),
        rows=Rows(kind=kind, study=study, position=position),
    )


def in_clusters(n: int, *, centres: Bytes, flip: float, rng: np.random.Generator) -> Bytes:
    """Codes around the centres, each bit turned with that chance; centres are used in turn."""
    flips = rng.uniform(size=(n, 8 * centres.shape[1])) < flip
    return centres[np.arange(n) % len(centres)] ^ np.packbits(flips, axis=1)


def clean(shape: str, *, n: int, n_bits: int, rng: np.random.Generator) -> Archive:
    """Studies whose picture and report differ in some 8 % of their bits.

    Args:
        shape: "random" bits; a "flat" space of few dimensions; "biased" bits; 25 "clusters" of
            unlike sizes, "few" of 5 or "many" of 200.
        n: studies.
        n_bits: of a code.
        rng: draws all.
    """
    cluster = np.zeros(n, dtype=np.int64)
    if n_clusters := _CLUSTERS.get(shape):
        weights = 1 / np.arange(1, n_clusters + 1)
        cluster = rng.choice(n_clusters, n, p=weights / weights.sum())
        centres = rng.standard_normal((n_clusters, n_bits)) > 0
        bits = centres[cluster] ^ (rng.uniform(size=(n, n_bits)) < 0.12)
    elif shape == "flat":
        bits = rng.standard_normal((n, 16)) @ rng.standard_normal((16, n_bits)) > 0
    else:
        lean = 0.7 * rng.standard_normal(n_bits) if shape == "biased" else 0.0
        bits = rng.standard_normal((n, n_bits)) + lean > 0
    other = bits ^ (rng.uniform(size=bits.shape) < 0.08)
    return Archive(
        images=np.packbits(bits, axis=1),
        reports=np.packbits(other, axis=1),
        cluster=cluster,
        rng=rng,
    )


def hub_codes(
    answers: Bytes,
    asked: Bytes,
    *,
    n_hubs: int,
    share: float,
    rng: np.random.Generator,
    k: int = 10,
) -> Bytes:
    """Codes that come before the k-th answer of as many as possible, found by turning bit for bit.

    Args:
        answers: u8[M, n_bytes], what is there already.
        asked: u8[Q, n_bytes].
        n_hubs: how many, each aimed by itself.
        share: of those asked, the near ones that each is aimed at.
        rng: chooses where each begins.
        k: answers that are looked at.
    """
    bits = np.unpackbits(asked, axis=1).astype(np.int64)
    distance = np.bitwise_count(asked[:, None] ^ answers[None]).sum(axis=2, dtype=np.int64)
    cut = np.partition(distance, k - 1, axis=1)[:, k - 1]
    hubs = []
    for _ in range(n_hubs):
        begin = bits[rng.integers(len(bits))]
        aim = np.argsort((bits != begin).sum(axis=1), kind="stable")
        aim = aim[: max(1, round(share * len(bits)))]
        wanted, limit = bits[aim], cut[aim]
        code = (2 * wanted.sum(axis=0) > len(wanted)).astype(np.int64)
        for _ in range(2 * len(code)):
            differs = wanted != code
            now = differs.sum(axis=1)
            # How near each is to being reached, were one bit turned.
            turned = now[:, None] + np.where(differs, -1, 1)
            gain = _reached(limit[:, None] - turned).sum(axis=0) - _reached(limit - now).sum()
            if gain.max() <= 1e-9:
                break
            code[gain.argmax()] ^= 1
        hubs.append(np.packbits(code.astype(np.uint8)))
    return np.stack(hubs)


def _reached(margin: NDArray[np.int64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-margin / 1.5))


def planted(
    archive: Archive, *, kind: int, n_hubs: int, share: float
) -> tuple[OpenIndex, set[int]]:
    """The archive with hubs in the place of its first pictures, or reports, and their rows.

    They are aimed at the other kind, as who searches with words is to find a picture.
    """
    codes, asked = archive.images, archive.reports
    if kind == REPORT:
        codes, asked = asked, codes
    codes[:n_hubs] = hub_codes(codes, asked.copy(), n_hubs=n_hubs, share=share, rng=archive.rng)
    begin = 0 if kind == IMAGE else len(archive.images)
    return archive.index(), set(range(begin, begin + n_hubs))
