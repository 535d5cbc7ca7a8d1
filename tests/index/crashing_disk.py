"""What may be left of a folder when the power goes: a disk that tears and reorders writes.

Promised is only what was flushed. Bytes that were not may be there in part, block by block, in any
order, over what was flushed before; a name that was made, replaced or taken away may have reached
the disk or not, whatever became of the others, until its folder is flushed.
"""

import builtins
import contextlib
import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BLOCK = 512
"""Bytes that are written whole or not at all."""
_CALLS = ("fsync", "fdatasync", "ftruncate", "write", "replace", "unlink", "rmdir", "mkdir")


@dataclass
class _File:
    flushed: bytes = b""
    seen: bytes = b""


@dataclass
class Disk:
    """A folder that is watched; `images` are what a loss of power would have left of it."""

    root: Path
    rng: np.random.Generator
    images: list[dict[str, bytes | None]] = field(default_factory=list)
    """Path, below the root, to the bytes of a file, or None for a folder."""
    per_call: int = 2
    """Images at each call."""

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._nodes: dict[int, _File | None] = {}
        self._names: dict[str, _File | None] = {}
        self._look()
        for file in self._nodes.values():
            if file is not None:
                file.flushed = file.seen
        self._kept = dict(self._names)
        self._pending: list[dict[str, _File | bool | None]] = []

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch every call that reaches the disk."""
        with pytest.MonkeyPatch.context() as patched:
            for name in _CALLS:
                patched.setattr(os, name, self._watched(name, getattr(os, name)))
            for module in (os, io, builtins):
                patched.setattr(module, "open", self._in_turn(module.open))
            yield
        self._look()
        self._crash()

    def restore(self, image: dict[str, bytes | None], folder: Path) -> None:
        """Make a folder as it would be after the loss of power."""
        folder.mkdir()
        for name, content in sorted(image.items()):
            path = folder / name
            if path.parent.is_dir() and content is None:
                path.mkdir()
            elif path.parent.is_dir() and content is not None:
                path.write_bytes(content)

    def _watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            with self._lock:
                self._look()
                self._crash()
                found = real(*args, **options)
                self._look()
                if name in ("fsync", "fdatasync"):
                    self._flush(os.fstat(args[0]))
                return found

        return call

    def _in_turn(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Wait until another thread's call was looked at.

        A file that it took away leaves a number to the next one that is made, which would pass for
        the same file.
        """

        def call(*args: Any, **options: Any) -> Any:
            with self._lock:
                return real(*args, **options)

        return call

    def _look(self) -> None:
        """Note which names there are, of which file, and what is in each."""
        before, nodes = self._names, dict[int, _File | None]()
        self._names = {}
        for path in sorted(self.root.rglob("*")):
            with contextlib.suppress(FileNotFoundError):
                node = path.stat().st_ino
                file = None if path.is_dir() else self._nodes.get(node) or _File()
                if file is not None:
                    file.seen = path.read_bytes()
                nodes[node] = file
                self._names[path.relative_to(self.root).as_posix()] = file
        self._nodes = nodes
        gone = dict.fromkeys(before.keys() - self._names.keys(), False)
        come = {
            name: file
            for name, file in self._names.items()
            if name not in before or before[name] is not file
        }
        if (gone or come) and hasattr(self, "_pending"):
            self._pending.append({**gone, **come})  # one call, one step

    def _flush(self, of: os.stat_result) -> None:
        if not stat.S_ISDIR(of.st_mode):
            file = self._nodes.get(of.st_ino)
            if file is not None:
                file.flushed = file.seen
            return
        for path in (self.root, *self.root.rglob("*")):
            if path.is_dir() and path.stat().st_ino == of.st_ino:
                below = path.relative_to(self.root).as_posix()
                self._pending = [
                    left for step in self._pending if (left := self._settle(step, below))
                ]

    def _settle(
        self, step: dict[str, _File | bool | None], below: str
    ) -> dict[str, _File | bool | None]:
        """Have what was done in a folder for good; what is left to be flushed comes back."""
        own = {name: file for name, file in step.items() if Path(name).parent.as_posix() == below}
        _take(self._kept, own)
        return {name: file for name, file in step.items() if name not in own}

    def _crash(self) -> None:
        for _ in range(self.per_call):
            names = dict(self._kept)
            likely = self.rng.choice([0.1, 0.5, 0.9])
            for step in self._pending:
                if self.rng.uniform() < likely:
                    _take(names, step)
            self.images.append(
                {name: None if file is None else self._torn(file) for name, file in names.items()}
            )

    def _torn(self, file: _File) -> bytes:
        old, new = file.flushed, file.seen
        how = self.rng.integers(4)
        if old == new or how == 0:
            return old
        if how == 1:
            return new
        ends = {len(old), len(new)}
        ends |= set(range(-(-min(ends) // BLOCK) * BLOCK, max(ends), BLOCK))
        size = int(self.rng.choice(sorted(ends)))
        blocks = []
        for begin in range(0, size, BLOCK):
            block = (new if self.rng.uniform() < 0.5 else old)[begin : begin + BLOCK]
            blocks.append(block.ljust(min(BLOCK, size - begin), b"\0"))
        return b"".join(blocks)[:size]


def _take(names: dict[str, _File | None], step: dict[str, _File | bool | None]) -> None:
    for name, file in step.items():
        if isinstance(file, bool):
            names.pop(name, None)
        else:
            names[name] = file
