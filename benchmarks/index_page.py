"""Write docs/results/index.md from what the benchmarks of index and record kept; measures nothing.

Reads benchmarks/results/index.json, index_cases.json, index_mixed.json, shards.json and
record.json, and says "not run" where one is missing.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from float_page import float_lines

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BATCH = ", batch of 128"
SCAN, TABLES, RADIUS, AUTO = (
    *("caselight scan", "caselight tables", "caselight tables, to a radius", "caselight auto"),
)
OURS = (AUTO, TABLES, RADIUS, SCAN)
Row = dict[str, Any]

HEAD = """\
# How fast, how safe and how large is the index?

Written by `python benchmarks/index_page.py` from what `make bench-index`, `bench_index_cases.py`,
`bench_mixed.py`, `bench_float.py`, `bench_shards.py`, `bench_record.py` and
`bench_audit_export.py` keep under benchmarks/results; do not edit.
Two virtual cores that others share; one thread everywhere; all methods of a case take turns in one
run, and the ratios, not the milliseconds, are what to read. "Clustered" codes: n/50 random centres,
members with 6.25 % of the bits flipped, and a query is a member with another 6.25 % flipped.
"Uniform": every bit by a coin. Recall counts distances: a hit no further than the true k-th is one.
"""


def read(name: str) -> Any:
    """What a benchmark kept; None where it did not run."""
    path = RESULTS / name
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def found(rows: Sequence[Row], **wanted: Any) -> Row | None:
    """The row with these values."""
    return next((r for r in rows if all(r.get(k) == v for k, v in wanted.items())), None)


def verdict(value: float | None, target: float, *, at_most: bool = False) -> str:
    """Whether a target was reached."""
    if value is None:
        return "not run"
    return "reached" if (value <= target if at_most else value >= target) else "missed"


def targets(rows: Sequence[Row]) -> Iterator[str]:
    """What was aimed at, and what came of it."""
    yield "## Against what was aimed at"
    yield ""
    yield "Clustered codes, k = 10."
    yield ""
    yield "| what | measured | aim (dream) | |"
    yield "|---|---|---|---|"
    case = {"data": "clustered", "k": 10}
    one = found(rows, n=10_000_000, n_bits=128, method=AUTO, **case)
    value = one and one["ratio_to_faiss_flat"]
    yield line("exact single query, 10 M x 128: times faiss BinaryFlat", value, 15, "15 (30)")
    for n_bits in (64, 128, 256):
        one = found(rows, n=10_000_000, n_bits=n_bits, method=SCAN, **case)
        value = one and one["ratio_to_plain_read"]
        what = f"scan alone, 10 M x {n_bits}: share of a plain read of the codes"
        yield line(what, value, 0.9, "0.9")
    for n_bits, aim, dream in ((64, 12, 20), (128, 6.5, 12), (256, 2.5, 5)):
        for n, name in ((1_000_000, "1 M"), (10_000_000, "10 M")):
            one = found(rows, n=n, n_bits=n_bits, method=SCAN + BATCH, **case)
            value = one and one["ratio_to_faiss_flat"]
            what = f"batch exact scan, {name} x {n_bits}: times faiss BinaryFlat"
            yield line(what, value, aim, f"{aim} ({dream})")
    yield from peers([row for row in rows if row["n"] == 1_000_000 and row["n_bits"] == 128])
    yield ""


def peers(rows: Sequence[Row]) -> Iterator[str]:
    """A million codes of 128 bits at recall 0.98 or better."""
    rows = [row for row in rows if row["data"] == "clustered" and row["k"] == 10]
    ours = [row for row in rows if row["method"] in OURS and row["recall"] >= 0.98]
    if not ours:
        return
    best = min(ours, key=lambda row: row["ms_per_query"])
    said = f"1 M x 128, {best['method']} at recall {best['recall']:.3f}"
    for name, aim in (("MultiHash", 9), ("HNSW", 2)):
        theirs = [row for row in rows if name in row["method"] and "faiss" in row["method"]]
        for row in theirs:
            ratio = row["ms_per_query"] / best["ms_per_query"]
            what = f"{said}: times {row['method']} (recall {row['recall']:.3f})"
            yield line(what, ratio, aim, str(aim))
            if name == "HNSW":
                build = row["build_s"] / best["build_s"]
                yield line(f"the same: times {row['method']} in building", build, 100, "100")


def line(what: str, value: float | None, aim: float, said: str, *, at_most: bool = False) -> str:
    """One row of the table of aims."""
    shown = "not run" if value is None else f"{value:.2f}"
    return f"| {what} | {shown} | {said} | {verdict(value, aim, at_most=at_most)} |"


def tables(rows: Sequence[Row]) -> Iterator[str]:
    """Every method of every case at k = 10 and 100."""
    yield "## Every method"
    yield ""
    yield (
        "`caselight auto` is what a home uses; *to a radius* is sure of what lies within 11 "
        "% of the bits and may miss what lies beyond. A cell is milliseconds a query (times "
        "faster than faiss BinaryFlat; recall where it is below 1)."
    )
    yield ""
    for n in sorted({row["n"] for row in rows}):
        yield f"### {n:,} codes"
        yield ""
        cases = sorted({(r["data"], r["n_bits"], r["k"]) for r in rows if r["n"] == n})
        methods = list(dict.fromkeys(r["method"] for r in rows if r["n"] == n))
        heads = [f"{data} {n_bits}, k {k}" for data, n_bits, k in cases]
        yield f"| method | {' | '.join(heads)} | build s | MB |"
        yield "|---" * (len(cases) + 3) + "|"
        for method in methods:
            own = [found(rows, n=n, method=method, data=d, n_bits=b, k=k) for d, b, k in cases]
            at = next((r for r in own if r and r["n_bits"] == 128), None) or next(
                r for r in own if r
            )
            cells = " | ".join(map(cell, own))
            build = "" if BATCH in method else f"{at['build_s']:.2f}"
            size = "" if BATCH in method else f"{at['bytes'] / 1e6:.0f}"
            yield f"| {method} | {cells} | {build} | {size} |"
        yield ""
    yield (
        "Build and size are those at 128 bits. What is empty or missing was not run: a graph, or "
        "cells, of 10 M codes take the better part of an hour to build."
    )
    yield ""


def cell(row: Row | None) -> str:
    """Milliseconds, ratio, recall."""
    if row is None:
        return ""
    ms = f"{row['ms_per_query']:.3g}"
    if "ratio_to_faiss_flat" not in row:
        return ms
    recall = f"; {row['recall']:.2f}" if row.get("recall", 1.0) < 0.9995 else ""
    return f"{ms} ({row['ratio_to_faiss_flat']:.1f}{recall})"


def cases_lines(rows: Sequence[Row] | None) -> Iterator[str]:
    """The tables at their worst, and how cost grows."""
    yield "## Where tables do not pay"
    yield ""
    if rows is None:
        yield from ("Not run.", "")
        return
    adverse = [row for row in rows if "ratio_to_scan" in row and row["method"] == AUTO]
    yield (
        "Milliseconds of `caselight auto` over those of our own scan in the same run, one "
        "query at a time; the aim is at most 1.2. *Far*: clustered codes, asked at random. "
        "*Equal*: all codes the same."
    )
    yield ""
    worst = max(row["ratio_to_scan"] for row in adverse)
    shapes = sorted({(row["n"], row["n_bits"]) for row in adverse})
    yield "| data, k, share allowed | " + " | ".join(f"{n:,} x {b}" for n, b in shapes) + " |"
    yield "|---" * (len(shapes) + 1) + "|"
    for key in dict.fromkeys((r["data"], r["k"], r["share_allowed"]) for r in adverse):
        data, k, share = key
        own = [
            found(adverse, n=n, n_bits=b, data=data, k=k, share_allowed=share) for n, b in shapes
        ]
        said = " | ".join("" if r is None else f"{r['ratio_to_scan']:.2f}" for r in own)
        yield f"| {data}, {k:,}, {share:g} | {said} |"
    yield ""
    yield f"The worst is {worst:.2f}: {verdict(worst, 1.2, at_most=True)}."
    yield ""
    yield "## How the cost grows"
    yield ""
    yield "Clustered codes, k = 10, the tables never giving up; exponent of n fitted to all sizes."
    yield ""
    yield "| method, bits | exponent | n: ms |"
    yield "|---|---|---|"
    grown = [row for row in rows if "fitted_exponent" in row]
    for method, n_bits in dict.fromkeys((r["method"], r["n_bits"]) for r in grown):
        own = [r for r in grown if (r["method"], r["n_bits"]) == (method, n_bits)]
        said = ", ".join(f"{r['n']:,}: {r['ms_per_query']:.3g}" for r in own)
        yield f"| {method}, {n_bits} | {own[0]['fitted_exponent']:.2f} | {said} |"
    yield ""


def learned_lines(rows: Sequence[Row] | None) -> Iterator[str]:
    """Codes that a model made."""
    yield "## On codes that a trained model really made"
    yield ""
    if rows is None:
        yield from ("Not run.", "")
        return
    yield (
        f"{rows[0]['n']:,} codes of {rows[0]['n_bits']} bits, by the head of a model trained on "
        "phantoms: features of its training pictures, mixed in threes to fill the gallery; "
        "held-out pictures and texts ask (`bench_index_learned.py`)."
    )
    yield ""
    yield "| asked by | method | ms | times faiss BinaryFlat | over our scan | recall |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        yield (
            f"| {row['data'].rpartition(' ')[2]} | {row['method']} | {row['ms_per_query']:.3g} "
            f"| {row['ratio_to_faiss_flat']:.2f} | {row['ratio_to_scan']:.2f} "
            f"| {row['recall']:.2f} |"
        )
    given_up = max(row["fell_back"] for row in rows)
    yield ""
    yield (
        f"The tables give up on {100 * given_up:.0f} % of these queries: the codes lie close "
        "together in few directions, so that many share their parts, and looking up would read as "
        "much as scanning. What is won on the clustered codes above is not to be expected here; "
        "what the choice costs is in the table. Mixed features lie closer together than those of a "
        "million patients would: how much so is not known."
    )
    yield ""


def mixed_lines(row: Row | None) -> Iterator[str]:
    """A living index under load."""
    yield "## Searched, filled and emptied at once"
    yield ""
    if row is None:
        yield from ("Not run.", "")
        return
    yield (
        f"{row['n']:,} codes of {row['n_bits']} bits on disk, {row['seconds']:.0f} s of 90 % "
        f"search (k = {row['k']}), 9 % add (four items) and 1 % delete, one at a time; every "
        f"change is flushed. {row['operations']:,} operations, {row['compactions']} "
        f"compactions in the background, {row['checked']} answers held against a plain "
        f"reference: {row['wrong']} wrong. Built in {row['build_s']:.1f} s."
    )
    yield ""
    yield "| operation | n | p50 ms | p99 ms |"
    yield "|---|---|---|---|"
    names = {"search_while": "search, during a compaction"}
    for what in ("search", "search_while", "add", "delete"):
        if what in row:
            one = row[what]
            yield (
                f"| {names.get(what, what)} | {one['n']:,} | {one['p50_ms']:.2f} "
                f"| {one['p99_ms']:.2f} |"
            )
    yield ""


def shards_lines(rows: Sequence[Row] | None) -> Iterator[str]:
    """An index in shards."""
    yield "## Spread over machines"
    yield ""
    if rows is None:
        yield from ("Not run.", "")
        return
    local = [row for row in rows if row["part"] == "in process"]
    yield (
        f"{local[0]['n']:,} clustered codes of {local[0]['n_bits']} bits, one query at a time. In "
        "one process, cut into shards, beside a snapshot of the same parts (aim: at most 1.3 "
        "times). Thinner parts cost more in either: their tables save less."
    )
    yield ""
    yield "| shards | k | snapshot, ms | shards, ms | times | |"
    yield "|---|---|---|---|---|---|"
    for k in (10, 100):
        for n in (1, 2, 4, 8):
            one, two = (found(local, k=k, shards=n, how=how) for how in ("snapshot", "shards"))
            if one and two:
                yield (
                    f"| {n} | {k} | {one['p50_ms']:.2f} | {two['p50_ms']:.2f} "
                    f"| {two['ratio']:.2f} | "
                    f"{verdict(two['ratio'], 1.3, at_most=True)} |"
                )
    yield ""
    yield (
        "Through Ray: four machines, which here are processes that share the two cores, so that "
        "this is what Ray costs and not what four machines gain."
    )
    yield ""
    yield "| asked | shards | p50 ms | p99 ms | one machine, p50 ms |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if row["part"] == "ray":
            yield (
                f"| {row['what']} | {row['shards']} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f} "
                f"| {row['one_machine_p50_ms']:.1f} |"
            )
    yield ""
    yield (
        "One of the four killed while two threads ask without a pause (deadline 2 s, of which a "
        "search may take half), then another one added. Every answer is held against NumPy over "
        "the shards that it says have answered."
    )
    yield ""
    yield (
        "| replicas | complete | incomplete, and said so | wrong | longest, s | all back after, s "
        "| shards on the new one after, s | incomplete meanwhile |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        if row["part"] == "killed":
            yield (
                f"| {row['replicas']} | {row['complete']} | {row['incomplete']} | {row['wrong']} | "
                f"{row['longest_s']:.2f} | {row['restored_s']:.1f} | {row['moved_s']:.1f} | "
                f"{row['incomplete_while_moving']} |"
            )
    yield ""
    yield f"Machine: {rows[0]['machine']['processor']}; commit {rows[0]['commit']}."
    yield ""


def record_lines(row: Row | None) -> Iterator[str]:
    """The record."""
    yield "## The record"
    yield ""
    if row is None:
        yield from ("Not run.", "")
        return
    yield "An append comes back when its record is on the disk and the signed head is written."
    yield ""
    yield "| records a second asked for | n | p50 ms | p99 ms |"
    yield "|---|---|---|---|"
    for one in row["append"]:
        yield f"| {one['rate']} | {one['n']:,} | {one['p50_ms']:.2f} | {one['p99_ms']:.2f} |"
    speed, grown = row["verify"], row["growth"]
    yield ""
    yield (
        f"Verified: {speed['a_second']:,} records a second, of {speed['bytes_a_record']:,} "
        f"bytes each (aim 100,000: {verdict(speed['a_second'], 100_000)}). That a log of "
        f"{grown['to']:,} records begins with the {grown['from']:,} of an earlier checkpoint "
        f"is proven in {grown['seconds']:.2f} s."
    )
    yield ""
    n_records = row["tampering"]["records"]
    yield f"{n_records:,} records, changed in every way, and found at the right record:"
    yield ""
    yield "| change | tried | found and located |"
    yield "|---|---|---|"
    for kind, one in row["tampering"].items():
        if isinstance(one, dict):
            yield f"| {kind} | {one['tried']:,} | {one['located']:,} |"
    yield ""
    yield (
        "A byte: every one, turned into another. An insertion: as well made as it can be "
        "without the key; the record behind it tells. A fork: from one record on all others, "
        "with good digests; the signed root tells, between two checkpoints."
    )
    yield ""


def export_lines(row: Row | None) -> Iterator[str]:
    """The record, exported."""
    yield "### Exported"
    yield ""
    if row is None:
        yield from ("Not run.", "")
        return
    yield (
        "By `caselight audit export` in a process of its own, start and verification included "
        "(`bench_audit_export.py`): searches with ten hits each, made up; the quickest of "
        f"{row['runs']}, at the lowest priority of a machine that others used as well."
    )
    yield ""
    yield "| as | records | s | processor s | records a second | peak MiB | bytes a message |"
    yield "|---|---|---|---|---|---|---|"
    rows = [(form, one) for form, each in row["to_file"].items() for one in each]
    rows += [(f"dicom over {kind.upper()}", one) for kind, one in row["to_server"].items()]
    for name, one in rows:
        size = f"{one['bytes_a_message']:,}" if "bytes_a_message" in one else ""
        yield (
            f"| {name} | {one['records']:,} | {one['seconds']} | {one['processor_s']} | "
            f"{one['a_second']:,} | {one['peak_mib']} | {size} |"
        )
    yield ""
    new, alone = row["one_new"], row["one_alone"]
    yield (
        f"One new record behind {new['log'] - 1:,}, with a cursor: {new['seconds']} s; the one "
        f"record of an empty log: {alone['seconds']} s. Machine: {row['machine']['processor']}; "
        f"commit {row['commit']}."
    )
    yield ""


def where(rows: Sequence[Row]) -> Iterator[str]:
    """On what it was measured."""
    machine = rows[-1]["machine"]
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    kernel = machine.get("kernel", "")
    yield (
        f"Machine: {machine['processor']}, {machine['cores']} cores, kernel {kernel}; NumPy "
        f"{machine['numpy']}; commits {commits}."
    )


def main() -> None:
    """Write the page."""
    rows = read("index.json") or []
    lines = [
        HEAD,
        *targets(rows),
        *cases_lines(read("index_cases.json")),
        *learned_lines(read("index_learned.json")),
        *mixed_lines(read("index_mixed.json")),
        *float_lines(read("float.json") or []),
        *shards_lines(read("shards.json")),
        *record_lines(read("record.json")),
        *export_lines(read("audit_export.json")),
        *tables(rows),
        *where(rows),
    ]
    (ROOT / "docs" / "results" / "index.md").write_text("\n".join([*lines, ""]), "utf-8")


if __name__ == "__main__":
    main()
