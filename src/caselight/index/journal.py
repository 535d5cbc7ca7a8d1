"""The journal: what came into an index, or left it, since its last segment.

Frames are appended and flushed before anything is acknowledged. Each carries the digest of all that
came before it, signed, and a head beside them says, signed, how far the journal goes. So a part of
a frame at the end, which a killed writer leaves, is told from a frame that was lost or changed: the
first was never acknowledged and is passed over, the second is refused. The head may be older than
the last frame: what lies behind it counts by its own signature alone.
"""

import hashlib
import json
import os
import secrets
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from caselight.errors import Error
from caselight.index.segments import damaged

HEAD = ".head"
"""Ends the name of the file that says where the journal of that name ends."""
_FRAME = struct.Struct("<4sQQ32s")
_MAGIC = b"CLJ2"


class Opens(Protocol):
    """Who reads what an index says of itself: all that a query needs."""

    def open(self, note: str, /) -> str:
        """The text of a signed note; raises an `Error` when it is not ours."""
        ...


class Seal(Opens, Protocol):
    """Who signs it: a writer alone."""

    def seal(self, body: str, /) -> str:
        """A text that ends with a newline as a signed note."""
        ...


Frame = Mapping[str, NDArray[Any]]
"""One change, whole or not at all: arrays by name, as `writer.py` gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Where a journal ends."""

    file: str
    n_bytes: int
    digest: str
    """Of all frames, 64 hex digits."""


def begin_journal(folder: Path, number: int, *, seal: Seal) -> End:
    """Make an empty journal, durable when this comes back.

    No two journals of a home have one name: what was signed for one is good for no other.
    """
    name = f"journal-{number:06d}-{secrets.token_hex(8)}"
    with (folder / name).open("xb") as file:
        os.fsync(file.fileno())
    end = _begin(name)
    write_head(folder, end, seal=seal)
    return end


def append_frames(folder: Path, end: End, frames: Sequence[Frame], *, seal: Seal) -> End:
    """Append frames and flush them; the head follows. A write that fails leaves nothing."""
    data, digest = b"", end.digest
    for frame in frames:
        payload = save({name: np.ascontiguousarray(array) for name, array in frame.items()})
        raw = _chain(digest, payload)
        note = seal.seal(_said(end.file, raw)).encode()
        data += _FRAME.pack(_MAGIC, len(payload), len(note), raw) + payload + note
        digest = _chain(raw.hex(), note).hex()
    after = End(file=end.file, n_bytes=end.n_bytes + len(data), digest=digest)
    descriptor = os.open(folder / end.file, os.O_WRONLY)
    try:
        try:
            # What a killed writer left behind the end was never acknowledged.
            os.ftruncate(descriptor, end.n_bytes)
            os.lseek(descriptor, end.n_bytes, os.SEEK_SET)
            left = memoryview(data)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fdatasync(descriptor)
            write_head(folder, after, seal=seal)
        except OSError:
            os.ftruncate(descriptor, end.n_bytes)
            raise
    finally:
        os.close(descriptor)
    return after


def read_journal(folder: Path, name: str, *, seal: Opens) -> tuple[list[Frame], End]:
    """All acknowledged frames of a journal, and where it ends.

    Raises:
        IndexMismatch: `index.digest_mismatch` when a frame was changed or lost.
    """
    head = _read_head(folder, name, seal=seal)
    try:
        data = (folder / name).read_bytes()
    except OSError:
        raise damaged(f"{name} is missing") from None
    if head.file != name or len(data) < head.n_bytes:
        raise damaged(f"{name} holds {len(data)} bytes and is signed for {head.n_bytes}")
    frames: list[Frame] = []
    end = _begin(name)
    for frame, said, note, after in _frames(data, end):
        if after.n_bytes > head.n_bytes and not _signed(seal, note, said):
            break
        frames.append(frame)
        end = after
        if end.n_bytes == head.n_bytes and end.digest != head.digest:
            break
    if end.n_bytes < head.n_bytes or (end.n_bytes == head.n_bytes and end.digest != head.digest):
        raise damaged(f"frame {len(frames)} of {name}, at byte {end.n_bytes}, was changed")
    return frames, end


def write_head(folder: Path, end: End, *, seal: Seal) -> None:
    """Put the end of the journal in place of the last, in one step; an older one is as good.

    It is not flushed, for that would cost a change several times what it costs now.
    """
    body = json.dumps({"file": end.file, "n_bytes": end.n_bytes, "digest": end.digest})
    staged = folder / f".{end.file}-{secrets.token_hex(4)}"
    try:
        staged.write_text(seal.seal(f"{body}\n"), "utf-8")
        staged.replace(folder / f"{end.file}{HEAD}")
    finally:
        staged.unlink(missing_ok=True)


def has_head(folder: Path, name: str) -> bool:
    """Whether the head says anything.

    After a loss of power it may be there and empty, since it is not flushed. Every frame is
    signed, so that is good enough to go on; only `verify.py`, which wants to know whether frames
    are missing at the end, makes something of it.
    """
    try:
        return bool((folder / f"{name}{HEAD}").read_bytes().strip(b"\0"))
    except OSError:
        return True  # missing, and that no loss of power makes


def _read_head(folder: Path, name: str, *, seal: Opens) -> End:
    if not has_head(folder, name):
        return _begin(name)
    try:
        return End(**json.loads(seal.open((folder / f"{name}{HEAD}").read_text("utf-8"))))
    except (OSError, ValueError, TypeError, Error):
        raise damaged(f"{name}{HEAD} is missing, or was changed") from None


def _begin(name: str) -> End:
    return End(file=name, n_bytes=0, digest=hashlib.sha256(name.encode()).hexdigest())


def _frames(data: bytes, end: End) -> Iterator[tuple[Frame, str, bytes, End]]:
    """Frames as long as they follow from one another: each, what is signed, its note, its end."""
    at, digest = 0, end.digest
    while at + _FRAME.size <= len(data):
        magic, size, note_size, said = _FRAME.unpack_from(data, at)
        begin = at + _FRAME.size
        at = begin + size + note_size
        if magic != _MAGIC or at > len(data):
            return
        payload, note = data[begin : begin + size], data[begin + size : at]
        if _chain(digest, payload) != said:
            return
        try:
            arrays = load(payload)
        except (SafetensorError, ValueError):
            return
        digest = _chain(said.hex(), note).hex()
        yield arrays, _said(end.file, said), note, End(file=end.file, n_bytes=at, digest=digest)


def _said(name: str, digest: bytes) -> str:
    """What a frame's signature is of."""
    return f"{json.dumps({'file': name, 'frame': digest.hex()})}\n"


def _signed(seal: Opens, note: bytes, said: str) -> bool:
    try:
        return seal.open(note.decode()) == said
    except (UnicodeDecodeError, Error):
        return False


def _chain(digest: str, payload: bytes) -> bytes:
    return hashlib.sha256(bytes.fromhex(digest) + payload).digest()
