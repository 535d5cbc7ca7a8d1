"""Embeddings and codes as files that others can read: NumPy, Parquet, or a folder of arrays.

Every form holds the same: the numbers, one line of ids a row, the fingerprint of the model, the
digest of the studies, and a digest over all of it. None needs pickle, and none holds a patient.
"""

import hashlib
import json
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.data.new_files import new_file, new_folder, refuse_existing
from caselight.errors import DataError, IndexMismatch, UsageError
from caselight.types import Codes, Embeddings, Kind

SCHEMA = "caselight-embeddings-1"
EXTRA = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedRow:
    """What one row is an embedding of."""

    study: str | None
    """The study's id; for a text from outside a home its own id, or the number of its line."""
    image: str | None
    """The image, or the middle one of a stack that is one picture; for a report the image it
    speaks of."""
    kind: Kind
    split: str | None
    digest: str
    """SHA-256 of the pixels or of the text; of the digests in order for a stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Embeddings and codes with what they are of and what made them."""

    embeddings: Embeddings
    codes: Codes
    rows: tuple[EmbeddedRow, ...]
    """In the order of the embeddings and of the codes."""
    model: str
    """Fingerprint of the model."""
    text: str
    """Which text of a study its reports are, as `train.text` names it."""
    store: str | None
    """Digest of all studies of the home; None for things from outside one."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def digest(self) -> str:
        """SHA-256 over everything here."""
        digest = hashlib.sha256(json.dumps(_about(self), sort_keys=True).encode())
        for array in (self.embeddings.mean, self.codes.packed):
            digest.update(f"{array.shape}:{array.dtype.str};".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(json.dumps([asdict(row) for row in self.rows]).encode())
        return digest.hexdigest()


_UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError),
    *(MemoryError, zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError),
)
"""What zipfile, NumPy and pyarrow raise, by kind of damage."""
_COLUMNS = tuple(field.name for field in fields(EmbeddedRow))


def write_embeddings(embedded: Embedded, path: Path) -> None:
    """Write a new file or folder; the suffix says which: .npz, .parquet, or none for a folder.

    The same embeddings make the same bytes.

    Raises:
        UsageError: `usage.bad_argument` for another suffix, `usage.missing_extra` without pyarrow.
        DataError: `data.not_empty` when the file is there.
        StoreError: when the system refuses to write.
    """
    writer = _writer(path)
    header = json.dumps({**_about(embedded), "digest": embedded.digest}, sort_keys=True)
    with new_folder(path) if path.suffix == "" else new_file(path) as staged:
        writer(embedded, header, staged)


def check_target(path: Path) -> None:
    """Refuse where `write_embeddings` would, before anything is computed."""
    _writer(path)
    refuse_existing(path)


def read_embeddings(path: Path | str, *, model: str | None = None) -> Embedded:
    """Read what `write_embeddings` wrote, and check that it is whole.

    Args:
        path: the file or folder.
        model: the fingerprint, or how it begins, that the embeddings must have been made by.

    Raises:
        DataError: `data.not_found`, or `data.bad_embeddings` for a file that is damaged, not of
            Caselight, or of a newer one.
        IndexMismatch: `index.encoder_mismatch` for those of another model.
        UsageError: `usage.missing_extra` for Parquet without pyarrow.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(
            f"nothing at {path}; name a file of `caselight embed`", code="data.not_found"
        )
    form = "" if path.is_dir() else path.suffix
    if form not in _READERS:
        raise _bad(path, f"its name ends in {form!r}, not in .npz or .parquet")
    try:
        embedded, promised = _READERS[form](path)
    except _UNREADABLE as error:
        raise _bad(path, f"it cannot be read: {type(error).__name__}") from error
    if embedded.digest != promised:
        raise _bad(path, "it does not match its own digest: it was changed or damaged")
    if model is not None and not (model and embedded.model.startswith(model)):
        raise IndexMismatch(
            f"the embeddings were made by model {embedded.model[:16]}, expected {model[:16]}; "
            "embed again with that model"
        )
    return embedded


def _writer(path: Path) -> Callable[[Embedded, str, Path], None]:
    """What writes the form that the suffix names."""
    if path.suffix not in _WRITERS:
        raise UsageError(
            f"{path.name} ends in {path.suffix!r}; name a file ending in .npz or .parquet, or a "
            "folder without a suffix"
        )
    if path.suffix == ".parquet":
        _arrow()
    return _WRITERS[path.suffix]


def _about(embedded: Embedded) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "model": embedded.model,
        "store": embedded.store,
        "text": embedded.text,
        "n_bits": embedded.codes.n_bits,
    }


def _bad(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} holds no embeddings that this Caselight reads ({what}); write it again with "
        "`caselight embed`",
        code="data.bad_embeddings",
    )


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed; run `pip install caselight[export]`, "
            "or name a file ending in .npz",
            code="usage.missing_extra",
        ) from None
    return pyarrow


# NumPy --------------------------------------------------------------------------------------


def _write_npz(embedded: Embedded, header: str, staged: Path) -> None:
    columns = {
        name: np.array([getattr(row, name) or "" for row in embedded.rows], dtype=np.str_)
        for name in _COLUMNS
    }
    with staged.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            about=np.array(header),
            embeddings=embedded.embeddings.mean,
            codes=embedded.codes.packed,
            **columns,
        )


def _read_npz(path: Path) -> tuple[Embedded, str]:
    with np.load(path, allow_pickle=False) as arrays:
        rows = zip(*(arrays[name].tolist() for name in _COLUMNS), strict=True)
        return _checked(
            json.loads(arrays["about"].item()),
            arrays["embeddings"],
            arrays["codes"],
            [dict(zip(_COLUMNS, row, strict=True)) for row in rows],
        )


# A folder of arrays -------------------------------------------------------------------------


def _write_folder(embedded: Embedded, header: str, staged: Path) -> None:
    np.save(staged / "embeddings.npy", embedded.embeddings.mean, allow_pickle=False)
    np.save(staged / "codes.npy", embedded.codes.packed, allow_pickle=False)
    lines = [json.dumps(asdict(row)) + "\n" for row in embedded.rows]
    (staged / "rows.jsonl").write_text("".join(lines), "utf-8")
    (staged / "about.json").write_text(header + "\n", "utf-8")


def _read_folder(path: Path) -> tuple[Embedded, str]:
    lines = (path / "rows.jsonl").read_text("utf-8").splitlines()
    return _checked(
        json.loads((path / "about.json").read_text("utf-8")),
        np.load(path / "embeddings.npy", allow_pickle=False),
        np.load(path / "codes.npy", allow_pickle=False),
        [json.loads(line) for line in lines],
    )


# Parquet ------------------------------------------------------------------------------------


def _write_parquet(embedded: Embedded, header: str, staged: Path) -> None:
    arrow = _arrow()
    mean, packed = embedded.embeddings.mean, embedded.codes.packed
    columns = {
        name: arrow.array([getattr(row, name) for row in embedded.rows], arrow.string())
        for name in _COLUMNS
    }
    columns["embedding"] = arrow.FixedSizeListArray.from_arrays(
        arrow.array(mean.ravel()), mean.shape[1]
    )
    columns["code"] = arrow.array([row.tobytes() for row in packed], arrow.binary(packed.shape[1]))
    table = arrow.table(columns).replace_schema_metadata({"caselight": header})
    arrow.parquet.write_table(table, staged)


def _read_parquet(path: Path) -> tuple[Embedded, str]:
    arrow = _arrow()
    table = arrow.parquet.read_table(path)
    about = json.loads(table.schema.metadata[b"caselight"])
    embedding = table.column("embedding").combine_chunks()
    mean = embedding.flatten().to_numpy().reshape(len(table), embedding.type.list_size)
    width = table.schema.field("code").type.byte_width
    joined = b"".join(table.column("code").to_pylist())
    packed = np.frombuffer(joined, dtype=np.uint8).reshape(len(table), width)
    rows = table.select(_COLUMNS).to_pylist()
    return _checked(about, np.array(mean), packed.copy(), rows)


def _checked(
    about: Mapping[str, Any],
    mean: NDArray[Any],
    packed: NDArray[Any],
    rows: list[dict[str, Any]],
) -> tuple[Embedded, str]:
    """Build what the arrays say, with the digest that they promise; ValueError where they lie."""
    if about["schema"] != SCHEMA:
        raise ValueError("another schema")
    if mean.dtype != np.float32 or packed.dtype != np.uint8 or mean.ndim != 2 or packed.ndim != 2:
        raise ValueError("arrays of another type or shape")
    if not len(mean) == len(packed) == len(rows) or 8 * packed.shape[1] != about["n_bits"]:
        raise ValueError("arrays of other lengths")
    embedded = Embedded(
        embeddings=Embeddings(mean=mean),
        codes=Codes(packed=packed, n_bits=about["n_bits"]),
        rows=tuple(EmbeddedRow(**_without_empty(row)) for row in rows),
        model=about["model"],
        text=about["text"],
        store=about["store"],
    )
    return embedded, str(about["digest"])


def _without_empty(row: Mapping[str, Any]) -> dict[str, Any]:
    """NumPy has no None; an empty cell stands for it."""
    return {name: value or None for name, value in row.items()}


_WRITERS: Mapping[str, Callable[[Embedded, str, Path], None]] = {
    ".npz": _write_npz,
    ".parquet": _write_parquet,
    "": _write_folder,
}
_READERS: Mapping[str, Callable[[Path], tuple[Embedded, str]]] = {
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    "": _read_folder,
}
