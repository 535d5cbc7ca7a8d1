"""Are texts that count as near-equal the same finding? Pairs to read by eye, and their verdicts.

    python benchmarks/audit_similar_texts.py draw FOLDER            write the pairs to read
    python benchmarks/audit_similar_texts.py keep FOLDER VERDICTS   file the verdicts
    python benchmarks/audit_similar_texts.py table                  precision and recall

Texts: captions of medpix2 (train) and reports of openi_reports (four fifths, by digest of the
split group), from the folder named by CASELIGHT_DATA. A verdict answers: would a radiologist file
both under the same finding text? Three draws:

- `audit`, 100 pairs with the same denials, sides, numbers and contraries, spread evenly over cells
  of cosine and Jaccard. The rule was mended by these: findings, masked words and single letters
  for sides are compared since, so a draw made again gives other pairs than those filed.
- `turned`, 25 pairs of cosine 0.9 or more in which those words differ.
- `confirm`, 55 pairs that rule and thresholds accept, read after both were fixed.

VERDICTS holds lines "audit 17 same" or "audit 17 not". Only digests, scores and verdicts are kept
in the project, never a text.
"""

import argparse
import json
import os
from collections import defaultdict
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from caselight.config import TowerSettings
from caselight.data.features import text_key
from caselight.data.findings import read_findings
from caselight.data.similar_texts import same_claims, shingles
from caselight.data.texts import normalise_text
from caselight.data.turning_words import turning_words
from caselight.models import open_text_tower

RESULTS = Path(__file__).resolve().parent / "results" / "similar_texts.json"
JACCARD, COSINE = 0.7, 0.85
"""The chosen thresholds."""
TURNED_COSINE = 0.9
JACCARD_EDGES = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.01)
COSINE_EDGES = (-1.0, 0.8, 0.85, 0.9, 0.95, 1.01)
N_DRAWN = {"captions": 40, "reports": 60}
N_TURNED = {"captions": 10, "reports": 15}
N_CONFIRM = {"captions": 15, "reports": 40}

Pair = dict[str, Any]


def texts_of(data: Path) -> dict[str, list[str]]:
    """Distinct normalised texts of each source, in order of the alphabet."""
    captions, reports = set(), set()
    for record in records(data / "medpix2" / "records.jsonl"):
        if record["split"] == "train":
            captions.add(normalise_text(record["caption"] or ""))
    for record in records(data / "text" / "openi_reports.jsonl"):
        if int(sha256(record["split_group"].encode()).hexdigest(), 16) % 5:
            report = f"{record['findings'] or ''} {record['impression'] or ''}"
            reports.add(normalise_text(report))
    return {"captions": sorted(captions - {""}), "reports": sorted(reports - {""})}


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def features(texts: list[str]) -> NDArray[np.float32]:
    """Features of the default text tower, each of length 1."""
    tower = open_text_tower(TowerSettings(), device=torch.device("cpu"))
    blocks = [tower.encode(texts[i : i + 64]).numpy() for i in range(0, len(texts), 64)]
    rows = np.concatenate(blocks)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def scored(source: str, texts: list[str], unit: NDArray[np.float32]) -> dict[str, list[Pair]]:
    """Candidates whose turning words agree, and pairs near by cosine whose words do not."""
    cosines = unit @ unit.T

    def pair(i: int, j: int) -> Pair:
        one, other = shingles(texts[i]), shingles(texts[j])
        return {
            "source": source,
            "texts": (texts[i], texts[j]),
            "one": text_key(texts[i]),
            "other": text_key(texts[j]),
            "cosine": round(float(cosines[i, j]), 4),
            "jaccard": round(len(one & other) / len(one | other), 4),
            "heard": heard[i] and heard[j],
            "agrees": same_claims(texts[i], texts[j]),
        }

    heard = [bool(read_findings(text)) for text in texts]
    turning = [turning_words(text) for text in texts]
    candidates = [
        (i, j)
        for i, j in combinations(range(len(texts)), 2)
        if turning[i] == turning[j] or cosines[i, j] >= TURNED_COSINE
    ]
    found: dict[str, list[Pair]] = {"agree": [], "turned": []}
    for i, j in candidates:
        one = pair(i, j)
        if turning[i] != turning[j]:
            found["turned"].append(one)
        elif one["jaccard"] >= JACCARD_EDGES[2] or one["cosine"] >= COSINE_EDGES[1]:
            found["agree"].append(one)
    return found


def cell(pair: Pair) -> tuple[int, int]:
    """Where a pair lies: its step of cosine and of Jaccard."""
    return (
        int(np.searchsorted(COSINE_EDGES, pair["cosine"], side="right")),
        int(np.searchsorted(JACCARD_EDGES, pair["jaccard"], side="right")),
    )


def spread(pairs: list[Pair], n: int, rng: np.random.Generator) -> list[Pair]:
    """Draw `n` pairs evenly over the cells; the weight of each is how many it stands for."""
    cells: dict[tuple[int, int], list[Pair]] = defaultdict(list)
    for i in rng.permutation(len(pairs)):
        cells[cell(pairs[i])].append(pairs[i])
    order = sorted(cells)
    taken = dict.fromkeys(order, 0)
    while sum(taken.values()) < min(n, len(pairs)):
        for key in order:
            if taken[key] < len(cells[key]) and sum(taken.values()) < n:
                taken[key] += 1
    return [
        pair | {"weight": round(len(cells[key]) / taken[key], 3)}
        for key in order
        for pair in cells[key][: taken[key]]
    ]


def draw(folder: Path) -> None:
    """Write the pairs of every draw, numbered, with and without their scores."""
    rng = np.random.default_rng(4711)
    drawn: dict[str, list[Pair]] = {"audit": [], "turned": [], "confirm": []}
    for source, texts in texts_of(Path(os.environ["CASELIGHT_DATA"])).items():
        found = scored(source, texts, features(texts))
        audit = spread(found["agree"], N_DRAWN[source], rng)
        drawn["audit"] += audit
        drawn["turned"] += spread(found["turned"], N_TURNED[source], rng)
        seen = {(pair["one"], pair["other"]) for pair in [*audit, *filed()]}
        left = [
            pair | {"weight": 1.0}
            for pair in found["agree"]
            if accepts(pair, JACCARD, COSINE) and (pair["one"], pair["other"]) not in seen
        ]
        order = rng.permutation(len(left))[: N_CONFIRM[source]]
        drawn["confirm"] += [left[i] for i in order]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.json").write_text(json.dumps(drawn, indent=1))
    for name, pairs in drawn.items():
        order = rng.permutation(len(pairs))
        lines = [f"{i}\n  {pairs[i]['texts'][0]}\n  {pairs[i]['texts'][1]}\n" for i in order]
        (folder / f"{name}.txt").write_text("\n".join(lines))


def keep(folder: Path, verdicts: Path) -> None:
    """Add the verdicts to those kept, by digest of the texts."""
    drawn = json.loads((folder / "pairs.json").read_text())
    kept = filed()
    for line in verdicts.read_text().splitlines():
        name, number, verdict = line.split()
        pair = drawn[name][int(number)]
        one, other = pair.pop("texts")
        pair["agrees"] = same_claims(one, other)
        pair["heard"] = bool(read_findings(one) and read_findings(other))
        kept.append(pair | {"draw": name, "same": {"same": True, "not": False}[verdict]})
    lines = ",\n".join(f"  {json.dumps(pair)}" for pair in kept)
    RESULTS.write_text(f'{{"pairs": [\n{lines}\n]}}\n')


def filed() -> list[Pair]:
    """The pairs that have a verdict."""
    return json.loads(RESULTS.read_text())["pairs"] if RESULTS.is_file() else []


def accepts(pair: Pair, jaccard: float, cosine: float) -> bool:
    """What `near_equal` says of a pair."""
    near = pair["jaccard"] >= jaccard or (pair["heard"] and pair["cosine"] >= cosine)
    return bool(pair["agrees"] and near)


def table() -> None:
    """Precision and recall of the rule by thresholds, and what the other draws say.

    Weighted: each pair counts for as many as it was drawn from.
    """
    pairs = filed()
    audit = [pair for pair in pairs if pair["draw"] == "audit"]
    same = sum(pair["weight"] for pair in audit if pair["same"])
    print("| Jaccard | cosine | accepted | same | precision | weighted | weighted recall |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for jaccard in (0.45, 0.6, 0.7, 0.8, 2.0):
        for cosine in (0.8, 0.85, 0.9, 0.95, 2.0):
            taken = [pair for pair in audit if accepts(pair, jaccard, cosine)]
            if taken:
                n_same = sum(pair["same"] for pair in taken)
                right = sum(pair["weight"] for pair in taken if pair["same"])
                print(
                    f"| {jaccard} | {cosine} | {len(taken)} | {n_same} | {n_same / len(taken):.3f} "
                    f"| {right / sum(p['weight'] for p in taken):.3f} | {right / same:.3f} |"
                )
    for name in ("audit", "turned", "confirm"):
        read = [pair["same"] for pair in pairs if pair["draw"] == name]
        print(f"\n{name}: {sum(read)} of {len(read)} pairs the same")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    doors = parser.add_subparsers(dest="door", required=True)
    doors.add_parser("draw").add_argument("folder", type=Path)
    filing = doors.add_parser("keep")
    filing.add_argument("folder", type=Path)
    filing.add_argument("verdicts", type=Path)
    doors.add_parser("table")
    args = parser.parse_args()
    if args.door == "draw":
        draw(args.folder)
    elif args.door == "keep":
        keep(args.folder, args.verdicts)
    else:
        table()


if __name__ == "__main__":
    main()
