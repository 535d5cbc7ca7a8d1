"""How fast the record leaves in each format, and in how much memory.

    python benchmarks/bench_audit_export.py            writes benchmarks/results/audit_export.json
    python benchmarks/bench_audit_export.py --quick    a tenth of the records, writes nothing

A log of searches with ten hits each (seed 0, made up: digests are random) is exported through the
command itself, one process a run, to a file; DICOM also to a server in this process, over TCP and
TLS. Seconds are those of the whole process, its start included. Memory is the process's own peak,
for two lengths of the log: were it to grow with the log, it would show.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench_record import answer
from caselight.audit.log import open_log
from caselight.data.store import create_store
from machine import commit, machine
from tests.audit.export.servers import certificate, server_context, serving

RESULTS = Path(__file__).resolve().parent / "results" / "audit_export.json"
_CHILD = """
import resource, sys
from caselight.cli.main import run
try:
    run()
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    # Not ru_maxrss: it begins with that of the process that started this one.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print("used", used.ru_utime + used.ru_stime, peak.split()[1], file=sys.stderr)
"""
Run = tuple[float, float, float]
"""Seconds of the whole process, seconds of processor, peak in MiB."""


def home_of(folder: Path, n: int) -> Path:
    """A home with a record of so many searches."""
    create_store(folder).close()
    log = open_log(folder)
    for start in range(1, n, 1000):
        log.append(*(answer(i) for i in range(start, min(start + 1000, n))))
    return folder


def export(home: Path, *options: object) -> Run:
    """Run the command in a process of its own."""
    args = [sys.executable, "-c", _CHILD, "audit", "export", "--home", home, *options]
    begin = time.perf_counter()
    ran = subprocess.run([*map(str, args)], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    assert ran.returncode == 0, ran.stderr
    used = next(line for line in ran.stderr.splitlines() if line.startswith("used ")).split()
    return seconds, float(used[1]), int(used[2]) / 1024


def to_file(home: Path, n: int, form: str, out: Path, *, n_runs: int) -> dict[str, float]:
    """Some runs to a file."""
    runs = []
    for _ in range(n_runs):
        out.unlink(missing_ok=True)
        runs.append(export(home, "--as", form, "--out", out))
    return {**figures(n, runs), "bytes_a_message": round(out.stat().st_size / n)}


def to_server(home: Path, n: int, folder: Path, *, secured: bool, n_runs: int) -> dict[str, float]:
    """Some runs to a server of this process."""
    files = certificate(folder, "server")
    runs = []
    for _ in range(n_runs):
        with serving(counts, tls=server_context(files) if secured else None) as (port, read):
            options = ["--as", "dicom", "--to", f"127.0.0.1:{port}"]
            runs.append(export(home, *options, *(["--ca", files[0]] if secured else [])))
            assert int(read()) > n
    return figures(n, runs)


def counts(connection: socket.socket, got: bytearray) -> None:
    """A server that keeps only how many bytes it read."""
    n_bytes = 0
    while data := connection.recv(1 << 20):
        n_bytes += len(data)
    got += str(n_bytes).encode()


def figures(n: int, runs: Sequence[Run]) -> dict[str, float]:
    """What is kept of some runs: the quickest, since others use the machine, and the largest."""
    seconds = min(one[0] for one in runs)
    return {
        "records": n,
        "seconds": round(seconds, 2),
        "processor_s": round(min(one[1] for one in runs), 2),
        "a_second": round(n / seconds),
        "peak_mib": round(max(one[2] for one in runs), 1),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    asked = parser.parse_args()
    quick, runs = asked.quick, asked.runs
    lengths = (1_000, 10_000) if quick else (10_000, 100_000)
    result: dict[str, Any] = {"seed": 0, "runs": runs, "to_file": {}, "to_server": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in lengths:
            home = home_of(folder / f"home-{n}", n)
            for form in ("dicom", "fhir"):
                found = to_file(home, n, form, folder / "out", n_runs=runs)
                result["to_file"].setdefault(form, []).append(found)
                print(form, found, flush=True)
        n = lengths[0]
        for kind, secured in (("tcp", False), ("tls", True)):
            result["to_server"][kind] = to_server(
                folder / f"home-{n}", n, folder, secured=secured, n_runs=runs
            )
            print(kind, result["to_server"][kind], flush=True)
        n = lengths[-1]
        # What a cron job does when there is little new.
        cursor = ("--as", "fhir", "--cursor", folder / "cursor")
        export(folder / f"home-{n}", *cursor, "--out", folder / "all")
        open_log(folder / f"home-{n}").append(answer(0))
        new = [export(folder / f"home-{n}", *cursor, "--out", folder / "new")]
        result["one_new"] = {"log": n + 1, **figures(1, new)}
        alone = [export(home_of(folder / "one", 1), "--as", "dicom", "--out", folder / "none")]
        result["one_alone"] = {"log": 1, **figures(1, alone)}
    result |= {"machine": machine(), "commit": commit()}
    print(json.dumps(result, indent=1))
    if not quick:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
