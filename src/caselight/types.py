"""The nouns. All are frozen, keyword-only, and say beneath each field what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""u8 or u16, [H, W] (grey, bright is dense) or [H, W, 3] (RGB): exactly what the file holds."""

Target = Literal["study", "image", "report"]
Kind = Literal["image", "report"]

SECTIONS = ("findings", "impression", "indication", "comparison", "technique", "notes")
"""The sections a report may have; a caption belongs to one image and lives there."""

Window = Literal["file", "lung", "soft-tissue", "bone"]
"""How a CT slice becomes grey: by the file's own window, or by one of three fixed ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """One image as an archive on disk names it, not yet read."""

    path: Path
    name: str
    """The path inside the archive, with forward slashes: what a person would look for."""
    caption: str | None = None
    """Text that speaks of this image alone."""
    view: str | None = None
    """"PA", "AP", "LATERAL", a plane, ...: as the archive spells it."""
    modality: str | None = None
    laterality: str | None = None
    """"L", "R" or "B", as DICOM spells it; the patient's own side."""
    stack: str | None = None
    """Equal for the slices or frames of one series of one study; None for a single picture."""
    frame: int | None = None
    """Which frame of the file, from 0; None for a file with one."""
    window: Window | None = None
    """For CT; None for everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStudy:
    """One study as an archive names it. Holds the patient's id, so it never leaves `ingest`."""

    study_id: str
    patient_id: str | None = field(repr=False)
    images: tuple[SourceImage, ...] = ()
    sections: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Keys among `SECTIONS`; empty sections are left out."""
    names: tuple[str, ...] = field(default=(), repr=False)
    """Names of people that the archive knows, to be taken out of the sections."""
    labels: tuple[str, ...] = ()
    date: str | None = None
    """ISO 8601 day, or what the archive says."""
    age: int | None = None
    """Whole years, 0..130."""
    sex: str | None = None
    site: str | None = None
    split: str | None = None
    """"train", "val" or "test" where the archive decides it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One thing that was refused, and why."""

    file: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image of a study, as the store holds it."""

    image_uid: str
    """The path inside the archive it came from, or the DICOM SOP instance UID."""
    digest: str
    """SHA-256 of shape, type and pixels: equal exactly when the pixels are."""
    dhash: str
    """256-bit difference hash in hex, for near-duplicates."""
    caption: str | None
    view: str | None
    modality: str | None
    laterality: str | None = None
    """"L", "R" or "B": the patient's own side."""
    stack: str | None = None
    """Equal for the slices or frames of one series; None for a single picture."""
    window: Window | None = None
    """For CT: how Hounsfield units became grey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One study, as the store holds it."""

    study_uid: str
    patient_key: str
    """Keyed pseudonym; the patient's own id is never stored."""
    images: tuple[Image, ...]
    sections: Mapping[str, str]
    labels: tuple[str, ...]
    date: str | None
    age: int | None
    sex: str | None
    site: str | None
    split: str
    """"train", "val" or "test": the archive's own, else ours, by patient."""
    own_split: bool
    """Whether the archive decided the split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Real-valued positions in the shared space."""

    mean: NDArray[np.float32]
    """f32[N, D], unit length."""
    log_var: NDArray[np.float32] | None = None
    """f32[N, D]; None when the encoder is deterministic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """Binary codes, packed eight bits to a byte, most significant bit first."""

    packed: NDArray[np.uint8]
    """u8[N, n_bits // 8]."""
    n_bits: int

    def __len__(self) -> int:
        return int(self.packed.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What an index answers: rows of the gallery, nearest first."""

    rows: NDArray[np.int64]
    """i64[Q, K], gallery rows; ties in order of row."""
    distance: NDArray[np.int32]
    """i32[Q, K], bits that differ."""
    n_compared: int
    """Distances computed: the cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked: words or a picture."""

    text: str | None = None
    image: Path | None = None
    target: Target = "study"
    k: int = 10
    filters: Mapping[str, str] = field(default_factory=dict)
    """Metadata a hit must have: key to value."""
    keep_own: bool = False
    """Keep the query's own study and patient, and near-duplicates of its picture."""
    group: Literal["patient", "study", "none"] = "patient"
    """At most one hit a patient, a study, or no grouping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One row found for a query."""

    study_uid: str
    image_uid: str | None
    """The image that matched, or the first of the study whose report matched."""
    rank: int
    """1 is best."""
    hamming: int
    """Bits that differ, 0..n_bits."""
    score: float
    """Cosine of the float embeddings, -1..1; higher is better."""
    confidence: float | None
    """Calibrated probability that a reader would call it relevant, 0..1; None until calibrated."""
    text: str | None = field(repr=False)
    """The matching report text."""
    thumbnail: str | None
    """Path of a small PNG, inside the home."""
    matched: Kind
    """Which kind of row matched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an answer cost."""

    latency_ms: float
    n_compared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """A ranked answer and what made it."""

    hits: tuple[Hit, ...]
    model: str
    """Fingerprint of the model."""
    index: str
    """Digest of the index."""
    notes: tuple[str, ...]
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReceipt:
    """What an ingest took and what it refused. Counts are of studies unless named otherwise."""

    accepted: int
    """Studies new to the home."""
    updated: int
    """Studies the home had, whose files or words have changed."""
    unchanged: int
    rejected: tuple[Rejected, ...]
    ignored_columns: tuple[str, ...]
    images: int
    """Images stored by this ingest."""
    images_without_text: int
    texts_without_image: int
    notes: tuple[str, ...]
    seconds: float
