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
Group = Literal["patient", "study", "image"]
By = Literal["codes", "words", "both"]
"""What orders the gallery: the model's codes, the words of the reports (BM25), or both."""
Fusion = Literal["vectors", "ranks"]
"""How words and a picture become one query; see `composing.py` and `ranking.py`."""

Learned = Literal["directly", "through", "no", "unknown"]
"""Whether a model learned from a patient: itself, through the one it began from, or not."""

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
    header: Mapping[str, Any] | None = field(default=None, repr=False)
    """What its DICOM header says, where the archive has read it already; see `dicom.facts`."""


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
    """What is asked: words, a picture, studies like it, or several of these together."""

    text: str | None = None
    image: Path | None = None
    like: tuple[str, ...] = ()
    """Ids of studies to be near to."""
    unlike: tuple[str, ...] = ()
    """Ids of studies to be away from."""
    patient: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The patient at hand, `age` and `sex`: carried for safety rules, never used to rank."""
    target: Target = "study"
    k: int = 10
    filters: Mapping[str, str] = field(default_factory=dict)
    """Metadata a hit must have: key to value."""
    keep_own: bool = False
    """Keep the query's own study and patient, near-duplicates of its picture, and the studies
    named in `like` and `unlike`."""
    by: By = "codes"
    fusion: Fusion | None = None
    """For words with a picture; None is the setting `search.fusion`."""
    image_weight: float | None = None
    """The picture's share beside words, 0..1; None is the setting `search.image_weight`."""
    group: Group = "patient"
    """At most one hit a patient, a study or an image."""


Decision = Literal["kept", "dropped", "unchecked"]
"""What became of a hit that was held against a plan."""
Finds = Literal["met", "denied", "doubted", "silent", "violated", "clear"]
"""What a text says of a thing that is wanted: met, denied, doubted or silent; and of one that is
not: violated, doubted or clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HitReason:
    """What the text of a hit says of one criterion of a plan."""

    rule: Literal["include", "exclude"]
    concept: str
    """Key in the lexicon."""
    why: str
    """Where the criterion comes from: "asked", "template" or "model"."""
    finds: Finds
    span: tuple[int, int] | None
    """Where the text says so; None where it is silent."""
    quote: str | None = field(repr=False)
    """The words there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HitCheck:
    """A hit held against a plan."""

    decision: Decision
    agreement: float
    """-1..1: what is met of the plan, by weight, less what is denied or violated."""
    reasons: tuple[HitReason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One row found for a query."""

    study_uid: str
    image_uid: str | None
    """The image that matched, or the first of the study whose report matched."""
    rank: int
    """1 is best."""
    hamming: int | None
    """Bits that differ, 0..n_bits; None where no single code was asked with."""
    score: float
    """What orders the hits, higher is better: cosine of the float embeddings, -1..1; by words
    alone the BM25 score, 0 or more; of several rankings their reciprocal rank fusion, 0..1/61."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """The scores of what was asked together: the cosine with the `image`, with the `text` or with
    `codes` (one ranking by codes), and the BM25 score of the `words`."""
    confidence: float | None
    """Calibrated probability that a reader would call it relevant, 0..1; None until calibrated."""
    text: str | None = field(repr=False)
    """The matching report text."""
    thumbnail: str | None
    """Path of a small PNG, inside the home."""
    matched: Kind
    """Which kind of row matched."""
    check: HitCheck | None = None
    """What its own text says of the plan; None where there was no plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an answer cost."""

    latency_ms: float
    n_compared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What of an index on several machines did not answer."""

    shards: int
    of_shards: int
    items: int
    of_items: int


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
    record: int
    """Position of the answer in the home's log."""
    query: Query
    """The query as it was answered; ask it again with more in `like` or `unlike` to go on."""
    missing: Missing | None = None
    """None: all of the index answered. Else the answer is that of the rest alone."""
    plan: Mapping[str, Any] | None = field(default=None, repr=False)
    """What the words became, as `plan --json` shows it; None where they went as they are."""
    dropped: tuple[Hit, ...] = ()
    """What the plan left out of the hits, with the reasons; in the order they had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrace:
    """What the record says of one model and one erased patient."""

    model: str
    """Fingerprint."""
    learned: Learned
    through: str | None = None
    """The model it began from, where it learned from the patient through that one."""
    record: int | None = None
    """Position of the record that it was made; None where that record is missing."""
    patients: int | None = None
    """How many patients it learned from."""
    place: int | None = None
    """Which of them the patient is, in the order of their digests; None unless `directly`."""
    path: tuple[str, ...] = ()
    """What leads from the patient's digest to the root in that record, 64 hex digits each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What was removed because nobody who is left has it."""

    pictures: int = 0
    """Files, those that an interrupted ingest had left among them."""
    thumbnails: int = 0
    features: int = 0
    index_rows: int = 0
    """Rows with their codes and embeddings."""
    feedback: int = 0
    """On studies of the patient, or on answers to queries that named the patient."""
    words: int = 0
    """Kept words of queries that named the patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReceipt:
    """What was erased of a patient, and which models had learned from it.

    It holds the digest under which the record spoke of the patient, which nobody can make again:
    whoever has this receipt and knows whose it is can still read what the record says of them.
    """

    patient: str
    """The digest, 32 hex digits."""
    studies: int
    images: int
    swept: Swept | None
    """None while the erasure is not finished."""
    models: tuple[ModelTrace, ...]
    record: int | None
    """Position of the record of it; None for a dry run."""
    finished: int | None
    """Position of the record that nothing is left; None for a dry run, or while it is not so."""
    proofs: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """That each record named here stands in the log; see docs/guide/erase.md."""
    notes: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side says to a language model, or hears from it."""

    role: Literal["system", "user", "model"]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a language model answered, and what the answer took."""

    text: str = field(repr=False)
    """As it came: checked for leaks and parsed by whoever asked."""
    n_prompt_tokens: int
    n_answer_tokens: int
    counted: Literal["server", "estimated"]
    """Who counted the tokens; an estimate takes four characters for one."""
    held_by: Literal["json_schema", "tool", "prompt", "script"]
    """What was to hold the answer to the schema: a grammar, a tool's arguments, the prompt's words
    alone. Some servers pass over what they do not know, so an answer is checked all the same."""
