"""The record: how long an append takes, how fast it is verified, and that every change is found.

Writes benchmarks/results/record.json. Takes about five minutes; `--quick` a tenth of the records.
"""

import argparse
import copy
import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from caselight.audit.log import FOLDER, AuditLog, open_log
from caselight.audit.proofs import check_proof, prove_growth
from caselight.audit.record import NO_RECORD, Entry, make_line, read_line
from caselight.audit.verify import Walk, conclude, verify_log, verify_text
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "record.json"


def answer(n: int) -> Entry:
    """A record as a search with ten hits makes it."""
    rng = np.random.default_rng(n)
    hits = [
        {"study": rng.bytes(16).hex(), "age": "60-69", "sex": "F", "site": "north"}
        for _ in range(10)
    ]
    asked = {"text": rng.bytes(16).hex(), "image": None, "k": 10, "target": "study"}
    said = {"query": asked, "hits": hits, "model": rng.bytes(32).hex(), "compared": 100_000}
    return Entry(event="search.answered", actor="reader", payload=said)


def at_rate(log: AuditLog, *, rate: float, seconds: float, threads: int) -> dict[str, float]:
    """Append at a steady rate from several threads; how long each append took."""
    n = int(rate * seconds)
    entries = [answer(i) for i in range(n)]
    start = time.perf_counter() + 0.1
    took = np.zeros(n)

    def run(first: int) -> None:
        for i in range(first, n, threads):
            time.sleep(max(0.0, start + i / rate - time.perf_counter()))
            begin = time.perf_counter()
            log.append(entries[i])
            took[i] = time.perf_counter() - begin

    running = [threading.Thread(target=run, args=(first,)) for first in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    p50, p99 = np.percentile(1000 * took, (50, 99))
    return {"rate": rate, "n": n, "p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}


def verify_speed(folder: Path, n: int) -> dict[str, float]:
    """Records verified a second, the median of five."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        verdict = verify_log(folder)
        times.append(time.perf_counter() - begin)
        assert verdict.ok
    bytes_ = (folder / "log").stat().st_size / n
    return {"n": n, "a_second": round(n / float(np.median(times))), "bytes_a_record": round(bytes_)}


def tampering(log: AuditLog, n_forks: int) -> dict[str, dict[str, int]]:
    """Change, drop, swap, insert, cut and fork at every record; count what is found there."""
    data = log.files.log.read_bytes()
    lines = data.split(b"\n")[:-1]
    head = log.files.read_head()[0]
    rng = np.random.default_rng(0)
    tried = dict.fromkeys(("byte", "drop", "swap", "insertion", "truncation", "fork"), 0)
    found = dict.fromkeys(tried, 0)
    walk, previous = Walk(), NO_RECORD

    def look(kind: str, line: bytes, at: int, *more: bytes) -> None:
        tried[kind] += 1
        one = copy.copy(walk)
        one.frontier, one.faults = copy.copy(walk.frontier), []
        one.frontier.peaks = walk.frontier.peaks.copy()
        for each in (line, *more):
            one.line(each)
        found[kind] += bool(one.faults) and one.faults[0].position == at

    for at, line in enumerate(lines):
        after = lines[at + 1] if at + 1 < len(lines) else b""
        turns = rng.integers(1, 256, len(line) + 1, dtype=np.uint8)
        for place in range(len(line) + 1):
            changed = bytearray(line + b"\n" + after)
            changed[place] ^= int(turns[place])
            look("byte", bytes(changed).split(b"\n", 1)[0], at)
        if after:
            look("drop", after, at)
        for other in rng.integers(0, len(lines), 8).tolist():
            if other != at:
                look("swap", lines[other], at)
        # As well made as it can be without the key: the next record does not follow it.
        made = make_line(answer(at), position=at, at=log._clock(), previous=previous)[0]
        look("insertion", made[:-1], at + 1, line)
        tried["truncation"] += 1
        cut = conclude(walk, [head], {}, torn=0)
        found["truncation"] += bool(cut.faults) and cut.faults[0].position == at
        walk.line(line)
        previous = line[:64].decode()
    assert not walk.faults
    for begin in rng.integers(1, len(lines), n_forks).tolist():
        tried["fork"] += 1
        verdict = verify_text(forked(lines, begin, log), [head])
        fault = verdict.faults[0] if verdict.faults else None
        found["fork"] += fault is not None and fault.kind == "rewritten"
    for cut_at in rng.integers(0, len(data), 50).tolist():
        tried["truncation"] += 1
        verdict = verify_text(data[:cut_at], [head])
        expected = data[:cut_at].count(b"\n")
        found["truncation"] += bool(verdict.faults) and verdict.faults[0].position == expected
    return {kind: {"tried": tried[kind], "located": found[kind]} for kind in tried}


def forked(lines: list[bytes], begin: int, log: AuditLog) -> bytes:
    """The log as it would be, had other records come from one on."""
    previous, out = read_line(lines[begin - 1]).digest, lines[:begin]
    for position in range(begin, len(lines)):
        line, digest = make_line(
            answer(-position % 97), position=position, at=log._clock(), previous=previous
        )
        out.append(line[:-1])
        previous = digest.hex()
    return b"\n".join(out) + b"\n"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n, n_verified = (1_000, 10_000) if quick else (10_000, 100_000)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        log = open_log(home)
        rates = [
            at_rate(log, rate=1, seconds=6 if quick else 60, threads=1),
            at_rate(log, rate=200, seconds=3 if quick else 30, threads=4),
        ]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        log = open_log(home)
        yesterday = ""
        for start in range(1, n_verified, 1000):
            if start > n_verified // 2 and not yesterday:
                yesterday = log.checkpoint_of(log.files.read_head()[0])
            log.append(*(answer(i) for i in range(start, min(start + 1000, n_verified))))
        speed = verify_speed(home / FOLDER, n_verified)
        verifier = log.files.verifier()
        begin = time.perf_counter()
        grown = check_proof(prove_growth(log, yesterday, verifier), verifier)
        growth_s = time.perf_counter() - begin
        assert grown.grew_from is not None
    with tempfile.TemporaryDirectory() as folder:
        log = open_log(Path(folder))
        log.append(*(answer(i) for i in range(1, n)))
        tampered = tampering(log, n_forks=20 if quick else 50)
    result = {
        "append": rates,
        "verify": speed,
        "growth": {"from": grown.grew_from.size, "to": n_verified, "seconds": round(growth_s, 3)},
        "tampering": {"records": n, **tampered},
        "machine": machine(),
        "commit": commit(),
    }
    print(json.dumps(result, indent=1))
    if not quick:
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
