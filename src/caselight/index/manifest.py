"""An index on disk: codes, float embeddings, rows, and what they belong to."""

import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from caselight.errors import IndexMismatch
from caselight.index.flat import FlatIndex
from caselight.types import Codes

FORMAT = 1
POINTER = "current"
IMAGE, REPORT = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexManifest:
    """What an index belongs to."""

    model: str
    """Fingerprint of the model that made the codes."""
    store: str
    """The store's generation when it was built."""
    n_bits: int
    n_images: int
    n_reports: int
    digest: str
    """Of codes, embeddings and rows."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What each row of an index is; one entry a row, in order."""

    kind: NDArray[np.uint8]
    """u8[N]: `IMAGE` or `REPORT`."""
    study: NDArray[np.int64]
    """i64[N]: the study's row in the store."""
    position: NDArray[np.int64]
    """i64[N]: the image's place in its study; for a report, the image its text speaks of; or -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIndex:
    """An index read from disk and checked."""

    manifest: IndexManifest
    flat: FlatIndex
    embeddings: NDArray[np.float32]
    """f32[N, D], unit length, in order of row."""
    rows: Rows


def model_folder(home: Path, fingerprint: str) -> Path:
    """Where a home keeps the model of that fingerprint."""
    return home / "models" / fingerprint[:16]


def write_index(
    home: Path,
    *,
    rows: Rows,
    codes: Codes,
    embeddings: NDArray[np.float32],
    model: str,
    store: str,
) -> IndexManifest:
    """Write an index beside the old one, then point to it in one step and drop the old one."""
    arrays: dict[str, NDArray[Any]] = {
        "kind": rows.kind,
        "study": rows.study,
        "position": rows.position,
        "codes": codes.packed,
        "embeddings": embeddings,
    }
    manifest = _describe(arrays, model=model, store=store)
    root = home / "index"
    folder = root / f"{manifest.digest[:16]}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    save_file(arrays, folder / "index.safetensors")
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
    staged = root / f".{POINTER}-{secrets.token_hex(4)}"
    staged.write_text(folder.name, "utf-8")
    staged.replace(root / POINTER)
    for other in root.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other)
        elif other.name.startswith(f".{POINTER}-"):
            other.unlink(missing_ok=True)  # left by a build that was killed
    return manifest


def read_manifest(home: Path) -> IndexManifest:
    """Read what the current index belongs to, without its arrays.

    Raises:
        IndexMismatch: `index.missing` or `index.digest_mismatch`.
    """
    folder = _current(home)
    try:
        return IndexManifest(**json.loads((folder / "manifest.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise _damaged(home) from None


def read_index(home: Path, *, store: str) -> OpenIndex:
    """Read the current index and check that it is whole and fresh.

    Args:
        home: the home.
        store: the store's generation now.

    Raises:
        IndexMismatch: `index.missing`, `index.stale` or `index.digest_mismatch`.
    """
    manifest = read_manifest(home)
    if manifest.store != store:
        raise IndexMismatch(
            "the archive has changed since the index was built; run `caselight index build "
            f"--home {home} --model {model_folder(home, manifest.model)}`",
            code="index.stale",
        )
    try:
        arrays = load_file(_current(home) / "index.safetensors")
        found = _describe(arrays, model=manifest.model, store=manifest.store)
    except (SafetensorError, OSError, KeyError, IndexError):
        raise _damaged(home) from None
    if found != manifest:
        raise _damaged(home)
    flat = FlatIndex(manifest.n_bits)
    codes = Codes(packed=arrays["codes"], n_bits=manifest.n_bits)
    flat.add(np.arange(len(codes), dtype=np.int64), codes)
    return OpenIndex(
        manifest=manifest,
        flat=flat,
        embeddings=arrays["embeddings"],
        rows=Rows(kind=arrays["kind"], study=arrays["study"], position=arrays["position"]),
    )


def _current(home: Path) -> Path:
    pointer = home / "index" / POINTER
    if not pointer.is_file():
        raise IndexMismatch(
            f"{home} has no index; run `caselight index build --home {home}`",
            code="index.missing",
        )
    try:
        return home / "index" / pointer.read_text("utf-8")
    except UnicodeDecodeError:
        raise _damaged(home) from None


def _damaged(home: Path) -> IndexMismatch:
    return IndexMismatch(
        "the index does not match its own digest: it was changed or damaged; run "
        f"`caselight index build --home {home}`",
        code="index.digest_mismatch",
    )


def _describe(arrays: Mapping[str, NDArray[Any]], *, model: str, store: str) -> IndexManifest:
    """The manifest that these arrays must have."""
    return IndexManifest(
        model=model,
        store=store,
        n_bits=8 * arrays["codes"].shape[1],
        n_images=int((arrays["kind"] == IMAGE).sum()),
        n_reports=int((arrays["kind"] == REPORT).sum()),
        digest=_digest(arrays),
    )


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}:{array.shape}:{array.dtype.str};".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
