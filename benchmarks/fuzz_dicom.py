"""Mutated DICOM files against the reader, in processes with limits.

Every mutant stands in a folder of its own and goes the way of an ingest: headers, grouping, joins,
the choice of slices, every picture. A worker has a limit on its memory and a watch on its time; a
worker that dies, hangs or lets anything but a coded refusal out is a finding, and the mutant that
did it is kept under its number: the seed makes it again.

    python benchmarks/fuzz_dicom.py [--n 5000] [--seed 0] [--only NUMBER]
"""

import argparse
import collections
import json
import multiprocessing as mp
import os
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
from pydicom.uid import UID_dictionary

from caselight.data.phantoms.archive import write_archive
from machine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "fuzz_dicom.json"
HANG_SECONDS = 5.0
MEMORY_BYTES = 2 << 30
"""Address space of a worker; numpy, pydicom and the codecs themselves map most of the first."""
MAX_PIXELS = 16_000_000
LARGEST_SOURCE = 1 << 20
SMALLEST = 256
"""Bytes; what is shorter, or became it, is mutated no further."""
KINDS = (
    "flip_header", "flip_anywhere", "cut", "length", "syntax", "value", "sequence", "splice",
    "insert", "codestream",
)  # fmt: skip
_SYNTAXES = tuple(
    uid for uid, said in UID_dictionary.items() if said[1] == "Transfer Syntax" and uid
)


def sources() -> list[tuple[str, bytes]]:
    """DICOM files up to a size that keeps a run short, those with pixels twice.

    All that pydicom installs, and a few demo studies: four transfer syntaxes and structured
    reports.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_archive(Path(folder) / "demo", n_studies=16, seed=0)
        demo = _files(Path(folder) / "demo" / "dicom")
    found = _files(Path(pydicom.data.__file__).parent / "test_files") + demo
    return found + [(name, content) for name, content in found if b"\xe0\x7f\x10\x00" in content]


def _files(root: Path) -> list[tuple[str, bytes]]:
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and SMALLEST <= path.stat().st_size <= LARGEST_SOURCE:
            content = path.read_bytes()
            if content[128:132] == b"DICM":
                found.append((path.relative_to(root).as_posix(), content))
    return found


def mutant(number: int, seed: int, pool: list[tuple[str, bytes]]) -> tuple[str, str, bytes]:
    """The kind, the source's name and the bytes of one mutant; a function of number and seed."""
    rng = np.random.default_rng([seed, number])
    name, content = pool[int(rng.integers(len(pool)))]
    kind = KINDS[number % len(KINDS)]
    data = bytearray(content)
    for _ in range(1 + int(rng.integers(3))):
        if len(data) >= SMALLEST:
            data = _mutated(kind, data, rng, pool)
    return kind, name, bytes(data)


def _mutated(
    kind: str, data: bytearray, rng: np.random.Generator, pool: list[tuple[str, bytes]]
) -> bytearray:
    size = len(data)
    header = min(size, 4096)
    if kind == "flip_header":
        for at in rng.integers(132, header, 1 + int(rng.integers(8))):
            data[at] ^= 1 << int(rng.integers(8))
    elif kind == "flip_anywhere":
        for at in rng.integers(0, size, 1 + int(rng.integers(32))):
            data[at] = int(rng.integers(256))
    elif kind == "cut":
        return data[: int(rng.integers(132, size))]
    elif kind == "length":
        # Four bytes that look like a small length become a large, an odd or an undefined one.
        at = int(rng.integers(132, max(133, header - 4)))
        value = (0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0, 1, size)[int(rng.integers(6))]
        data[at : at + 4] = int(value).to_bytes(4, "little")
    elif kind == "syntax":
        start = data.find(b"1.2.840.10008.1.2", 132)
        if start > 0:
            length = int.from_bytes(data[start - 2 : start], "little")
            other = _SYNTAXES[int(rng.integers(len(_SYNTAXES)))].encode()
            data[start : start + length] = other[:length].ljust(length, b"\0")
    elif kind == "value":
        _set_value(data, rng)
    elif kind == "sequence":
        marks = (
            b"\xfe\xff\x00\xe0\xff\xff\xff\xff", b"\xfe\xff\x00\xe0\xff\xff\xff\x7f",
            b"\xfe\xff\x0d\xe0\x00\x00\x00\x00", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00",
            b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff",
            b"\x28\x00\x10\x30SQ\x00\x00\xff\xff\xff\xff",
        )  # fmt: skip
        at = int(rng.integers(132, header))
        data[at:at] = marks[int(rng.integers(len(marks)))] * (1 + int(rng.integers(400)))
    elif kind == "splice":
        other = pool[int(rng.integers(len(pool)))][1]
        at, start = int(rng.integers(132, size)), int(rng.integers(132, len(other)))
        return data[:at] + bytearray(other[start:])
    elif kind == "insert":
        at = int(rng.integers(132, header))
        data[at:at] = rng.integers(0, 256, 1 + int(rng.integers(64)), dtype=np.uint8).tobytes()
    elif kind == "codestream":
        tail = size // 2
        for at in rng.integers(tail, size, 1 + int(rng.integers(64))):
            data[at] = int(rng.integers(256))
    return data


_NUMBERS = (
    (0x0028, 0x0010), (0x0028, 0x0011), (0x0028, 0x0002), (0x0028, 0x0006), (0x0028, 0x0100),
    (0x0028, 0x0101), (0x0028, 0x0102), (0x0028, 0x0103),
)  # fmt: skip
"""Rows, columns, samples, planes, bits allocated, stored, high bit, representation."""


def _set_value(data: bytearray, rng: np.random.Generator) -> None:
    """Give one of the numbers that describe the pixels another value, in place."""
    group, element = _NUMBERS[int(rng.integers(len(_NUMBERS)))]
    tag = group.to_bytes(2, "little") + element.to_bytes(2, "little")
    at = data.find(tag, 132)
    if 0 < at < len(data) - 10:
        values = (0, 1, 2, 3, 7, 12, 16, 31, 32, 33, 64, 255, 0x7FFF, 0xFFFF)
        value = values[int(rng.integers(len(values)))]
        data[at + 8 : at + 10] = value.to_bytes(2, "little")


def read_all(folder: Path) -> list[str]:
    """What became of each thing in a folder: "decoded", or the code of its refusal."""
    from caselight.config import IngestSettings
    from caselight.data.archive import open_archive
    from caselight.data.dicom.series import expand
    from caselight.data.pixels import read_pixels
    from caselight.errors import Error

    settings = IngestSettings(max_pixels=MAX_PIXELS, for_processing="keep")
    said: list[str] = []
    try:
        with open_archive(folder, mapping={}) as archive:
            said += [one.code for one in archive.rejected]
            for study in archive.studies():
                expanded = expand(study, settings)
                said += [one.code for one in expanded.rejected]
                for image in expanded.pictures:
                    try:
                        pixels = read_pixels(
                            image.path,
                            max_pixels=settings.max_pixels,
                            frame=image.frame,
                            window=image.window,
                        )
                        said.append("decoded" if pixels.size else "empty")
                    except Error as error:
                        said.append(error.code)
                if study.sections:
                    said.append("report")
    except Error as error:
        said.append(error.code)
    return said or ["left out"]


def work(pipe: Connection, stderr: str) -> None:
    """Read mutants from folders named on a pipe, one answer each; stderr goes to a file."""
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    while (folder := pipe.recv()) is not None:
        try:
            said: Any = read_all(Path(folder))
        except BaseException as escaped:  # noqa: BLE001 (whatever comes out is the finding)
            said = f"{type(escaped).__module__}.{type(escaped).__name__}"
        pipe.send((said, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


class Worker:
    """One process that reads mutants until it dies."""

    def __init__(self, stderr: Path) -> None:
        context = mp.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, str(stderr)), daemon=True)
        self.process.start()
        theirs.close()
        # The first import is no hang.
        with tempfile.TemporaryDirectory() as empty:
            self.ask(Path(empty), seconds=120.0)

    def ask(self, folder: Path, *, seconds: float) -> tuple[Any, int]:
        """The worker's answer, or "hang" or "crash"."""
        self.pipe.send(str(folder))
        try:
            if self.pipe.poll(seconds):
                return self.pipe.recv()  # type: ignore[no-any-return]
        except (EOFError, ConnectionResetError):
            self.stop()
            return f"crash {self.process.exitcode}", 0
        self.stop()
        return "hang", 0

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def main() -> None:
    """Run the mutants and keep what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one mutant, in this process, with its traceback")
    asked = parser.parse_args()
    pool = sources()
    if asked.only is not None:
        kind, name, content = mutant(asked.only, asked.seed, pool)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "mutant.dcm").write_bytes(content)
            print(kind, name, read_all(Path(folder)))
        return
    outcomes: collections.Counter[str] = collections.Counter()
    by_kind: dict[str, collections.Counter[str]] = {k: collections.Counter() for k in KINDS}
    findings: list[dict[str, Any]] = []
    seconds: list[float] = []
    peak = 0
    stderr = Path(tempfile.mkdtemp()) / "stderr"
    worker = Worker(stderr)
    start = time.perf_counter()
    for number in range(asked.n):
        kind, name, content = mutant(number, asked.seed, pool)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "mutant.dcm").write_bytes(content)
            began = time.perf_counter()
            said, rss = worker.ask(Path(folder), seconds=HANG_SECONDS)
            seconds.append(time.perf_counter() - began)
        peak = max(peak, rss)
        if isinstance(said, str):
            findings.append({"number": number, "kind": kind, "source": name, "what": said})
            outcomes[said.split()[0]] += 1
            if not worker.process.is_alive():
                worker = Worker(stderr)
            continue
        word = "decoded" if "decoded" in said else sorted(said)[0]
        outcomes[word] += 1
        by_kind[kind]["decoded" if word == "decoded" else "refused"] += 1
    worker.stop()
    result = {
        "n": asked.n,
        "seed": asked.seed,
        "n_sources": len(pool),
        "limits": {"seconds": HANG_SECONDS, "memory_bytes": MEMORY_BYTES, "max_pixels": MAX_PIXELS},
        "outcomes": dict(sorted(outcomes.items())),
        "by_kind": {kind: dict(sorted(count.items())) for kind, count in by_kind.items()},
        "findings": findings,
        "bytes_printed": stderr.stat().st_size,
        "slowest_seconds": round(max(seconds), 3),
        "median_seconds": round(float(np.median(seconds)), 4),
        "peak_mib": round(peak / 1024, 1),
        "seconds": round(time.perf_counter() - start, 1),
        "machine": machine(),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in result.items() if k != "by_kind"}, indent=1))
    print(stderr.read_text("utf-8", "replace")[:2000])


if __name__ == "__main__":
    main()
