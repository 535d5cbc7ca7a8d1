"""The folders and the signed manifest of an index, and how one is opened to be read.

A home has an index for each model it was built with, of which one is current:

- `index/current`: the name of the current one.
- `index/NAME/manifest`: a signed note: model, width, segments with the digests of their sections,
  and which journal goes on from them.
- `index/NAME/segment-N` and its list: see `segments.py`.
- `index/NAME/journal-N` and its head: see `journal.py`.
- `index/NAME/lock`: held by the writer.
"""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.errors import Error, IndexMismatch
from caselight.index.journal import Frame, Opens, Seal, read_journal
from caselight.index.reading import Readable
from caselight.index.segments import Items, SegmentInfo, damaged, open_segment
from caselight.index.snapshot import Part, Snapshot, in_memory

FORMAT = 3
POINTER = "current"
MANIFEST = "manifest"
LOCK = "lock"
IMAGE, REPORT = 0, 1
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexManifest:
    """What an index belongs to."""

    model: str
    """Fingerprint of the model that made the codes."""
    store: str
    """The store's generation that it is of."""
    n_bits: int
    n_images: int
    n_reports: int
    digest: str
    """Of all items and the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What the signed manifest says."""

    model: str
    n_bits: int
    dim: int
    """Numbers of an embedding."""
    next_row: int
    """What the next item that comes in is called."""
    number: int
    """Counts manifests; new files are named by it."""
    journal: str
    segments: tuple[SegmentInfo, ...]
    state: Mapping[str, str]
    """`store`, `digest` and what `canaries.py` keeps when the segments were written; the journal
    may know better."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What each item of an index is; one entry an item, in order."""

    kind: NDArray[np.uint8]
    """u8[N]: `IMAGE` or `REPORT`."""
    study: NDArray[np.int64]
    """i64[N]: the study's row in the store."""
    position: NDArray[np.int64]
    """i64[N]: the image's place in its study; for a report, the image its text speaks of; or -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIndex:
    """An index that was opened to be read, and checked."""

    manifest: IndexManifest
    items: Readable
    rows: Rows


def index_folders(home: Path) -> list[Path]:
    """The folders of a home's indexes, the current one first."""
    root = home / "index"
    found = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    current: list[Path] = []
    with contextlib.suppress(IndexMismatch):
        current = [current_folder(home)]
    return [*current, *(folder for folder in found if folder not in current)]


def model_folder(home: Path, fingerprint: str) -> Path:
    """Where a home keeps the model of that fingerprint."""
    return home / "models" / fingerprint[:16]


def current_folder(home: Path) -> Path:
    """The folder of the current index.

    Raises:
        IndexMismatch: `index.missing` or `index.digest_mismatch`.
    """
    pointer = home / "index" / POINTER
    if not pointer.is_file():
        raise IndexMismatch(
            f"{home} has no index; run `caselight index build --home {home}`",
            code="index.missing",
        )
    try:
        name = pointer.read_text("utf-8").strip()
    except UnicodeDecodeError:
        name = ""
    folder = home / "index" / name
    if name in ("", "..") or Path(name).name != name or not folder.is_dir():
        raise damaged(f"{pointer} names no index")
    return folder


def make_current(folder: Path) -> None:
    """Have searches answered by this index from now on, in one step.

    The one of another model or width that answered before is kept beside it, so that one can go
    back; all others go.
    """
    root = folder.parent
    before = None
    with contextlib.suppress(IndexMismatch):
        before = current_folder(root.parent)
    flush_folder(root)  # before the pointer: a name may reach the disk ahead of an older one
    replace_file(root / POINTER, folder.name)
    for other in root.iterdir():
        # Of the same model and width: made anew, or left by a build that was killed.
        dropped = _kind(other) == _kind(folder) or before not in (folder, other)
        if other.is_dir() and other != folder and dropped:
            shutil.rmtree(other)
        elif other.name.startswith("."):
            other.unlink(missing_ok=True)  # left by a build that was killed


def _kind(folder: Path) -> list[str]:
    """Model and width, as the name of an index's folder says them."""
    return folder.name.split("-")[:2]


def write_version(folder: Path, version: Version, *, seal: Seal) -> None:
    """Put a manifest in place of the last in one step, durable when this comes back."""
    body = json.dumps(asdict(version), sort_keys=True)
    replace_file(folder / MANIFEST, seal.seal(f"{body}\n"))


def read_version(folder: Path, *, seal: Opens) -> Version:
    """Read and check the manifest of an index.

    Raises:
        IndexMismatch: `index.digest_mismatch`, or `index.newer_version`.
    """
    if (folder / "manifest.json").is_file():
        raise _earlier()
    try:
        said: dict[str, Any] = json.loads(seal.open((folder / MANIFEST).read_text("utf-8")))
        format_ = int(said["format"])
    except (OSError, ValueError, KeyError, TypeError, Error):
        raise damaged(f"{folder.name}/{MANIFEST} is missing, or was changed") from None
    if format_ < FORMAT:
        raise _earlier()
    if format_ > FORMAT:
        raise IndexMismatch(
            f"the index is of format {format_}, and this Caselight reads {FORMAT}; upgrade "
            "Caselight, or build the index again with `caselight index build --fresh`",
            code="index.newer_version",
        )
    segments = tuple(SegmentInfo(**one) for one in said.pop("segments"))
    return Version(segments=segments, **said)


def read_snapshot(
    folder: Path, *, seal: Opens, whole: bool = False
) -> tuple[Version, Snapshot, Mapping[str, str]]:
    """Read an index as it is now.

    Args:
        folder: its folder.
        seal: whose signature it must have.
        whole: check every embedding, too, and not only those that are used.

    Returns:
        Its manifest, its items, and what it says of itself.

    Raises:
        IndexMismatch: `index.digest_mismatch`, naming what is wrong, or `index.newer_version`.
    """
    for _ in range(_TRIES):
        version = read_version(folder, seal=seal)
        try:
            return version, *_read_items(folder, version, seal=seal, whole=whole)
        except IndexMismatch:
            # A writer may have put new files in place of these meanwhile.
            if read_version(folder, seal=seal) == version:
                raise
    raise damaged(f"{folder.name} changes faster than it can be read")


def read_manifest(home: Path, *, seal: Opens) -> IndexManifest:
    """Read what the current index belongs to.

    Raises:
        IndexMismatch: `index.missing` or `index.digest_mismatch`.
    """
    return _open_current(home, seal=seal).manifest


def read_index(home: Path, *, store: str, seal: Opens) -> OpenIndex:
    """Open the current index to be read, and check that it is whole and fresh.

    Args:
        home: the home.
        store: the store's generation now.
        seal: whose signature it must have.

    Raises:
        IndexMismatch: `index.missing`, `index.stale` or `index.digest_mismatch`.
    """
    found = _open_current(home, seal=seal)
    if found.manifest.store != store:
        raise IndexMismatch(
            "the archive has changed since the index was built; run `caselight index build "
            f"--home {home} --model {model_folder(home, found.manifest.model)}`",
            code="index.stale",
        )
    return found


def apply_frame(
    parts: list[Part], frame: Frame, state: Mapping[str, str]
) -> tuple[list[Part], Mapping[str, str]]:
    """What parts and state are after a change of the journal."""
    if "remove" in frame:
        gone = np.unique(frame["remove"])
        parts = [part.without(gone) for part in parts]
    if "row" in frame:
        parts = [*parts, in_memory(Items(**{name: frame[name] for name in Items.__slots__}))]
    if "state" in frame:
        state = json.loads(frame["state"].tobytes())
    else:
        # What was said of all items is no longer true.
        state = {name: said for name, said in state.items() if name not in ("digest", "canaries")}
    return parts, state


def replace_file(path: Path, text: str) -> None:
    """Put a text in place of a file's in one step, durable when this comes back."""
    staged = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with staged.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_index(folder: Path, *, seal: Opens) -> OpenIndex:
    """Open the index in a folder to be read, whatever store it is of.

    Raises:
        IndexMismatch: `index.digest_mismatch` or `index.newer_version`.
    """
    version, items, state = read_snapshot(folder, seal=seal)
    kind = items.column("kind").astype(np.uint8)
    return OpenIndex(
        manifest=IndexManifest(
            model=version.model,
            store=state.get("store", ""),
            n_bits=version.n_bits,
            n_images=int((kind == IMAGE).sum()),
            n_reports=int((kind == REPORT).sum()),
            digest=state.get("digest") or items.digest(version.model),
        ),
        items=items,
        rows=Rows(kind=kind, study=items.column("study"), position=items.column("position")),
    )


def _open_current(home: Path, *, seal: Opens) -> OpenIndex:
    for _ in range(_TRIES):
        folder = current_folder(home)
        try:
            return open_index(folder, seal=seal)
        except IndexMismatch:
            # A build may have put another in its place meanwhile, and taken this one away.
            if current_folder(home) == folder:
                raise
    raise damaged(f"{home / 'index' / POINTER} changes faster than an index can be read")


def _earlier() -> IndexMismatch:
    return IndexMismatch(
        "the index was written by an earlier Caselight; run `caselight index build`",
        code="index.stale",
    )


def _read_items(
    folder: Path, version: Version, *, seal: Opens, whole: bool
) -> tuple[Snapshot, Mapping[str, str]]:
    parts = [
        Part(open_segment(folder, info, whole=whole), None, kept=True) for info in version.segments
    ]
    state = version.state
    frames, _ = read_journal(folder, version.journal, seal=seal)
    for frame in frames:
        parts, state = apply_frame(parts, frame, state)
    parts = [part for part in parts if len(part.slots)]
    return Snapshot(tuple(parts), version.n_bits, version.dim), state
