"""Write docs/results/speed.md from the newest line of every benchmark; measures nothing itself."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def newest(name: str, *key: str) -> list[dict[str, Any]]:
    """The last line of each case of a benchmark."""
    path = ROOT / f"benchmarks/results/{name}.jsonl"
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    if path.is_file():
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            found[tuple(row[k] for k in key)] = row
    return list(found.values())


def search_lines() -> list[str]:
    """What bench_search.py kept."""
    path = ROOT / "benchmarks/results/search.json"
    if not path.is_file():
        return []
    sizes = json.loads(path.read_text("utf-8"))["sizes"]
    lines = [
        "",
        "Search of made-up homes with toy towers, every kind of query in a process of its own "
        "(`benchmarks/bench_search.py`). *First*: the index is opened and what is needed of all "
        "studies is read; *next*: the same query again. *Reading all*: milliseconds to read every "
        "study as a whole, which every query did before an open home kept what it had read, over "
        "the next query. The quickest of several each: others use the machine, too.",
        "",
        "| home | asked | first ms | next ms | reading all, times the next | peak memory MiB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {size['n_studies']:,} studies | {kind} | {row['first_ms']:.0f} | {row['next_ms']:.0f} "
        f"| {row['reading_all_over_next']:.1f} | {row['peak_mib']:.0f} |"
        for size in sizes
        for kind, row in size.items()
        if isinstance(row, dict) and "first_ms" in row
    ]
    lines += [
        "",
        "| home | `caselight search`, from beginning to end | embeddings of a shortlist of 200 "
        "from disk, asked for ahead | the same, as they are touched |",
        "|---|---|---|---|",
    ]
    return lines + [
        f"| {size['n_studies']:,} studies | {size['command_s']:.1f} s "
        f"| {size['shortlist_from_disk_ms']['ahead']:.1f} ms "
        f"| {size['shortlist_from_disk_ms']['touched']:.1f} ms |"
        for size in sizes
    ]


def main() -> None:
    """Write the page."""
    lines = [
        "# How fast, and how much memory?",
        "",
        "Written by `make bench` (benchmarks/speed_page.py); do not edit. Two virtual cores that "
        "others share, so read times as orders of magnitude.",
        "",
        "| ingest | seconds | studies a second | peak memory MiB |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row['n_studies']:,} studies | {row['seconds']:.0f} | {row['studies_a_second']:.0f} "
        f"| {row['peak_mib']:.0f} |"
        for row in newest("ingest", "n_studies")
    ]
    lines += ["", "| encoding, two threads | a second |", "|---|---|"]
    lines += [f"| {row['tower']} | {row['a_second']:.0f} |" for row in newest("encode", "tower")]
    lines += [
        "",
        "| Hamming distance, one 128-bit query | ms | times faster than counting signs |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row['n_gallery']:,} codes | {row['packed_ms']:.3f} "
        f"| {row['ratio_to_counting_signs']} |"
        for row in newest("hamming", "n_gallery")
    ]
    lines += search_lines()
    lines += [
        "",
        "From a clean clone (`python benchmarks/trial_from_clone.py`):",
        "",
        "| `make setup` | `make run` after that | `make test` after that |",
        "|---|---|---|",
    ]
    lines += [
        f"| {row['setup_seconds']:.0f} s | {row['run_seconds']:.0f} s "
        f"| {row['test_seconds']:.0f} s |"
        for row in newest("trial", "bench")[-1:]
    ]
    (ROOT / "docs/results/speed.md").write_text("\n".join([*lines, ""]), "utf-8")


if __name__ == "__main__":
    main()
