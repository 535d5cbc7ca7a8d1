"""The float side of docs/results/index.md from what `bench_float.py` kept; measures nothing."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from float_data import RECIPE, SPREADS

RESULTS = Path(__file__).resolve().parent / "results" / "float.json"
FLAT, HALF = "faiss flat fp32", "faiss flat fp16"
INDEX = "index on disk, "
LEFT_OUT = ", digests left out"
AIM = 0.9
SHOWN = (
    ("128 bits with 200 rescored, as a home is set,", f"{INDEX}128 bit, 200 rescored"),
    ("256 bits with 200 rescored", f"{INDEX}256 bit, 200 rescored"),
    ("256 bits with 1,000 rescored", f"{INDEX}256 bit, 1000 rescored"),
    (
        "256 bits with 200 rescored, which soft bits chose of 1,000",
        f"{INDEX}256 bit, 1000 by soft bits, 200 rescored",
    ),
    ("IVF with 64 probes", "faiss IVF1024 fp16, 64 probes"),
    ("HNSW at ef 128", "faiss HNSW 32 fp16, ef 128"),
    ("PCA to 128 numbers alone", "faiss PCA 128, flat fp16"),
    ("the same with 200 rescored", "faiss PCA 128, flat fp16, 200 rescored"),
)
"""What is said of how recall falls from set to set."""
Row = dict[str, Any]


def float_lines(rows: Sequence[Row]) -> list[str]:
    """Markdown lines: how the shortlist with rescoring does against float indexes.

    Args:
        rows: of `benchmarks/results/float.json`; where it holds several sizes, the largest counts.
    """
    made = [row for row in rows if row["data"] in SPREADS]
    if not made:
        return ["## The float side", "", "Not run: `python benchmarks/bench_float.py`.", ""]
    n = max(row["n"] for row in made)
    made = [row for row in made if row["n"] == n]
    of = {kind: {r["method"]: r for r in made if r["data"] == kind} for kind in SPREADS}
    of = {kind: own for kind, own in of.items() if own}
    lines = ["## The float side", ""]
    lines += [
        f"{n:,} embeddings of {made[0]['dim']} numbers, one thread, all methods of a set take "
        "turns, and the middle set ran apart from the others; "
        "recall is of the ten nearest by exact single precision, milliseconds are medians a "
        "query, hashing it included. Where *in memory* is less than all, the rest is embeddings in "
        "half precision, mapped from disk, of which a query reads its shortlist. *Scan* and "
        "*tables* are our parts with nothing checked; *index on disk* is what a home searches, "
        "where each vector is held to its digest (SHA-256).",
        "",
        RECIPE,
        "",
    ]
    lines += [*_table(of), *_follows(of), *_from_disk(of), *_trained(rows)]
    return lines


def _table(of: dict[str, dict[str, Row]]) -> Iterator[str]:
    last = of[list(of)[-1]]
    heads = [f"{kind}: recall | ms" for kind in of]
    yield f"| method | {' | '.join(heads)} | MB | in memory | build s |"
    yield "|---" * (2 * len(of) + 4) + "|"
    for method, row in last.items():
        cells = [
            f"{own[method]['recall_at_10']:.3f} | {own[method]['ms_per_query']:.2f}"
            if method in own
            else " | "
            for own in of.values()
        ]
        yield (
            f"| {method} | {' | '.join(cells)} | {row['mb']:.0f} | {row['mb_in_memory']:.0f} "
            f"| {row['build_s']:.1f} |"
        )
    yield ""
    yield "What is built together has one build time."
    yield ""


def _follows(of: dict[str, dict[str, Row]]) -> Iterator[str]:
    """What the rows say, reckoned from them."""
    said = []
    for kind, own in of.items():
        enough = [row for row in own.values() if row["recall_at_10"] >= AIM]
        groups = (
            ("of all", enough),
            ("with our codes", [r for r in enough if r["method"].startswith(("ITQ", "random"))]),
            (
                "with every digest checked",
                [
                    r
                    for r in enough
                    if r["method"].startswith(INDEX) and LEFT_OUT not in r["method"]
                ],
            ),
        )
        fastest = []
        for what, ours in groups:
            best = min(ours, key=lambda row: row["ms_per_query"], default=None)
            fastest.append(f"{what} {_named(best)}" if best else f"{what} none")
        said.append(f"On the {kind} set the fastest with recall {AIM} is {'; '.join(fastest)}.")
    falls = []
    for what, method in SHOWN:
        own = [kind[method] for kind in of.values() if method in kind]
        if len(own) == len(of):
            falls.append(f"{what} {', '.join(format(r['recall_at_10'], '.3f') for r in own)}")
    said.append(f"Recall from set to set ({', '.join(of)}): {'; '.join(falls)}.")
    own = of[list(of)[-1]]
    if HALF in own and FLAT in own:
        half, flat = own[HALF], own[FLAT]
        said.append(
            f"On the {list(of)[-1]} set half precision with nothing left out finds "
            f"{half['recall_at_10']:.3f} and takes {half['ms_per_query']:.0f} ms, single "
            f"precision {flat['ms_per_query']:.0f}."
        )
    for count in (200, 1000):
        name = f"{INDEX}128 bit, {count} rescored"
        if name in own and name + LEFT_OUT in own:
            with_, without = (own[x]["ms_per_query"] for x in (name, name + LEFT_OUT))
            said.append(
                f"To check {count:,} vectors costs {with_ - without:.2f} ms of {with_:.2f} there."
            )
    yield " ".join(said)
    yield ""


def _named(row: Row) -> str:
    return f"*{row['method']}* ({row['recall_at_10']:.3f}, {row['ms_per_query']:.2f} ms)"


def _from_disk(of: dict[str, dict[str, Row]]) -> Iterator[str]:
    rows = [r for r in of[list(of)[-1]].values() if "ms_first_from_disk" in r]
    if rows:
        took = ", ".join(f"{r['ms_first_from_disk']:.0f} ms ({r['method']})" for r in rows)
        yield f"The first query of all, when no page of the embeddings is in memory: {took}."
        yield ""


def _trained(rows: Sequence[Row]) -> Iterator[str]:
    """Recall on what trained models made."""
    own = [row for row in rows if row["data"] not in SPREADS]
    if not own:
        return
    yield (
        "On embeddings that a model made, of a demo archive: the share of the ten nearest of the "
        "other kind by float that the shortlist has, with the codes the model learned and with "
        "ITQ of its embeddings, which has no more bits than an embedding has numbers. What this "
        "costs in relevance is another question: [retrieval.md](retrieval.md)."
    )
    yield ""
    yield "| asked | gallery | embedding | method | recall |"
    yield "|---|---|---|---|---|"
    for row in own:
        yield (
            f"| {row['data']} | {row['n']:,} | {row['dim']} | {row['method']} "
            f"| {row['recall_at_10']:.3f} |"
        )
    yield ""


if __name__ == "__main__":
    print("\n".join(float_lines(json.loads(RESULTS.read_text("utf-8")))))
