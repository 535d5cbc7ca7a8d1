"""How well the context of a mention is read: on sentences written by hand and on real reports.

Weak labels of two public collections (the MeSH headings of Open-i, the 18 labels of CT-RATE) say
which findings a report has. Each reader gets the same mention spans (the names of
`caselight.data.finding_words`); a report has a finding for it when one of its mentions is read as
present. Labels were given to reports, or to their pictures, and not to mentions: no reader can
reach 1, and what is compared is readers.
"""

import csv
import json
import random
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.data.finding_words import NAMES
from caselight.data.findings import read_findings
from caselight.language.context import read_context
from caselight.language.nouns import Span

ROOT = Path(__file__).resolve().parent.parent
SENTENCES = ROOT / "tests" / "language" / "context_sentences.tsv"
N_RESAMPLES = 1000
CT_RATE = {
    "Arterial wall calcification": "arterial calcification",
    "Atelectasis": "atelectasis",
    "Bronchiectasis": "bronchiectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Coronary artery wall calcification": "coronary calcification",
    "Emphysema": "emphysema",
    "Hiatal hernia": "hiatal hernia",
    "Interlobular septal thickening": "septal thickening",
    "Lung nodule": "lung nodule",
    "Lung opacity": "opacity",
    "Lymphadenopathy": "lymphadenopathy",
    "Medical material": "material",
    "Mosaic attenuation pattern": "mosaic attenuation",
    "Peribronchial thickening": "bronchial wall thickening",
    "Pericardial effusion": "pericardial effusion",
    "Pleural effusion": "pleural effusion",
    "Pulmonary fibrotic sequela": "fibrosis",
}
OPENI = {
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Emphysema": "emphysema",
    "Fractures, Bone": "fracture",
    "Hernia, Hiatal": "hiatal hernia",
    "Lung/hyperdistention": "hyperinflation",
    "Nodule": "lung nodule",
    "Opacity": "opacity",
    "Pleural Effusion": "pleural effusion",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
    "Pulmonary Atelectasis": "atelectasis",
    "Pulmonary Edema": "edema",
    "Scoliosis": "scoliosis",
}
MORE_NAMES = {
    "material": (
        r"catheters?|stent(?:s|ed)?|pacemakers?|sutur\w+|prosthe\w+|port|tubes?|clips?|wires?",
        r"electrodes?|(?:metallic|surgical|foreign|suture) materials?|sternotomy|cannula",
    ),
}
Verdicts = list[bool]
Reader = Callable[[str, Sequence[Span]], Verdicts]
"""Which mentions of a text are present."""


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    # White space and hyphens stay where they are, so that spans are those of the text as given.
    gap = r"(?:[\s\-]+)"
    return [
        (name, re.compile(rf"\b(?:{'|'.join(spellings)})\b".replace(" ", gap), re.I))
        for name, spellings in {**NAMES, **MORE_NAMES}.items()
    ]


PATTERNS = _patterns()


def find_names(text: str) -> list[tuple[Span, str]]:
    """Names of findings: the longest of those that overlap; none over another."""
    found = [(m.span(), name) for name, pattern in PATTERNS for m in pattern.finditer(text)]
    kept: list[tuple[Span, str]] = []
    for span, name in sorted(found, key=lambda one: (one[0][0] - one[0][1], one[0][0])):
        if all(span[1] <= s or span[0] >= e for (s, e), _ in kept):
            coronary = name == "arterial calcification" and "coronar" in text[slice(*span)].lower()
            kept.append((span, "coronary calcification" if coronary else name))
    return sorted(kept)


def take_all(_: str, spans: Sequence[Span]) -> Verdicts:
    """No context: whatever is named is there."""
    return [True] * len(spans)


def ours(text: str, spans: Sequence[Span]) -> Verdicts:
    """Present, and of this study."""
    return [(c.certainty, c.about) == ("present", "now") for c in read_context(text, spans)]


def ours_denials(text: str, spans: Sequence[Span]) -> Verdicts:
    """All that is not denied: what negspacy answers."""
    return [c.certainty != "absent" for c in read_context(text, spans)]


def negspacy_reader() -> Reader:
    """Read with negspacy and its clinical terms, on a blank pipeline with a sentencizer."""
    try:
        import spacy
        from negspacy.negation import Negex  # noqa: F401  (registers "negex")
        from spacy.util import filter_spans
    except ImportError as missing:
        raise SystemExit(f"{missing}: install caselight[bench]") from missing

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    pipeline.add_pipe("negex", config={"ent_types": ["FINDING"]})
    negex = pipeline.get_pipe("negex")

    def read(text: str, spans: Sequence[Span]) -> Verdicts:
        with pipeline.select_pipes(disable=["negex"]):
            doc = pipeline(text)
        parts = [doc.char_span(*span, label="FINDING", alignment_mode="expand") for span in spans]
        doc.ents = filter_spans([part for part in parts if part is not None])
        denied = {token.i for entity in negex(doc).ents if entity._.negex for token in entity}
        return [part is None or part.start not in denied for part in parts]

    return read


def reports(data: Path, name: str, part: str) -> list[tuple[str, set[str]]]:
    """Texts with the names that their labels stand for; `part` is "dev" or "test"."""
    folder = data / "text"
    read = []
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        if name == "ctrate_reports":
            here = "test" if row["split"] == "val" else "dev"
            text, labels = row["text"], {CT_RATE[label] for label in row["labels"]}
        else:
            here = "test" if sha256(row["study_id"].encode()).digest()[0] % 2 else "dev"
            text = "\n\n".join(row[key] for key in ("findings", "impression") if row[key])
            headings = list(row["mesh_major"] or [])
            labels = {to for start, to in OPENI.items() if any(_is(h, start) for h in headings)}
        if here == part and text.strip():
            read.append((text, labels))
    return read


def _is(heading: str, start: str) -> bool:
    return heading == start or heading.startswith(start + "/")


Counts = NDArray[np.int64]


def count(texts: Sequence[tuple[str, set[str]]], names: Sequence[str], reader: Reader) -> Counts:
    """i64[N, L, 3]: true positives, false positives, false negatives of each report and name."""
    counts = np.zeros((len(texts), len(names), 3), np.int64)
    for row, (text, labels) in enumerate(texts):
        mentions = find_names(text)
        present = reader(text, [span for span, _ in mentions])
        said = {name for (_, name), there in zip(mentions, present, strict=True) if there}
        _tally(counts[row], names, said, labels)
    return counts


def count_older(texts: Sequence[tuple[str, set[str]]], names: Sequence[str]) -> Counts:
    """The same for `caselight.data.findings`, which finds its own mentions, by the same names."""
    counts = np.zeros((len(texts), len(names), 3), np.int64)
    for row, (text, labels) in enumerate(texts):
        said = {one.name for one in read_findings(text) if one.polarity == "present"}
        _tally(counts[row], names, said, labels)
    return counts


def _tally(counts: Counts, names: Sequence[str], said: set[str], labels: set[str]) -> None:
    for column, name in enumerate(names):
        pair = (name in said, name in labels)
        if pair != (False, False):
            counts[column, [(True, True), (True, False), (False, True)].index(pair)] += 1


def scores(counts: Counts, rng: np.random.Generator) -> dict[str, Any]:
    """Precision, recall and F1 with 95 % intervals, bootstrapped over reports."""
    n = len(counts)
    drawn = [counts[rng.integers(0, n, n)].sum(0) for _ in range(N_RESAMPLES)]
    return {
        "micro": _rated(counts.sum((0, 1)), [one.sum(0) for one in drawn]),
        "macro_f1": _interval(_macro(counts.sum(0)), [_macro(one) for one in drawn]),
        "labels": [
            {
                "n": int(counts[:, column, [0, 2]].sum()),
                **_rated(counts[:, column].sum(0), [one[column] for one in drawn]),
            }
            for column in range(counts.shape[1])
        ],
    }


def difference(a: Counts, b: Counts, rng: np.random.Generator) -> dict[str, float]:
    """Micro F1 of a less that of b, on the same resampled reports."""
    n = len(a)
    drawn = []
    for _ in range(N_RESAMPLES):
        rows = rng.integers(0, n, n)
        drawn.append(_three(a[rows].sum((0, 1)))[2] - _three(b[rows].sum((0, 1)))[2])
    return _interval(_three(a.sum((0, 1)))[2] - _three(b.sum((0, 1)))[2], drawn)


def _three(sums: Counts) -> tuple[float, float, float]:
    right, wrong, missed = (int(one) for one in sums)
    return (
        right / max(1, right + wrong),
        right / max(1, right + missed),
        2 * right / max(1, 2 * right + wrong + missed),
    )


def _macro(sums: Counts) -> float:
    return float(np.mean([_three(one)[2] for one in sums]))


def _rated(sums: Counts, drawn: Sequence[Counts]) -> dict[str, dict[str, float]]:
    many = [_three(one) for one in drawn]
    return {
        name: _interval(value, [one[at] for one in many])
        for at, (name, value) in enumerate(
            zip(("precision", "recall", "f1"), _three(sums), strict=True)
        )
    }


def _interval(value: float, drawn: Sequence[float]) -> dict[str, float]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def sentences(part: str) -> list[dict[str, Any]]:
    """The sentences written by hand, without the tests' own reader of them."""
    with SENTENCES.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    read = []
    for row in rows:
        text, spans = "", []
        for piece in re.split(r"(\[[^\]]*\])", row["sentence"].replace("\\n", "\n")):
            if piece.startswith("["):
                spans.append((len(text), len(text) + len(piece) - 2))
                piece = piece[1:-1]
            text += piece
        if row["part"] == part:
            said = [one.partition("/") for one in row["expected"].split()]
            expected = [(certainty, about or "now") for certainty, _, about in said]
            read.append({"kind": row["kind"], "text": text, "spans": spans, "said": expected})
    return read


def by_hand(part: str, negspacy: Reader, rng: random.Random) -> dict[str, Any]:
    """Sentences read wholly as expected, and mentions of which "absent" is told rightly."""
    rows = sentences(part)
    whole = [
        [(c.certainty, c.about) for c in read_context(row["text"], row["spans"])] == row["said"]
        for row in rows
    ]
    denied = {"ours": ours_denials, "negspacy": negspacy, "none": take_all}
    right = {
        name: [
            sum(
                there == (said[0] != "absent")
                for there, said in zip(read(row["text"], row["spans"]), row["said"], strict=True)
            )
            for row in rows
        ]
        for name, read in denied.items()
    }
    sizes = [len(row["spans"]) for row in rows]
    return {
        "n_sentences": len(rows),
        "n_mentions": sum(sizes),
        "whole": _share([int(one) for one in whole], [1] * len(rows), rng),
        "by_kind": {
            kind: {
                "n": sum(row["kind"] == kind for row in rows),
                "right": sum(w for w, row in zip(whole, rows, strict=True) if row["kind"] == kind),
            }
            for kind in dict.fromkeys(row["kind"] for row in rows)
        },
        "denial": {name: _share(of, sizes, rng) for name, of in right.items()},
    }


def _share(right: Sequence[int], of: Sequence[int], rng: random.Random) -> dict[str, float]:
    """A share with a 95 % interval, bootstrapped over sentences."""
    rows = list(range(len(of)))
    drawn = []
    for _ in range(N_RESAMPLES):
        picked = rng.choices(rows, k=len(rows))
        drawn.append(sum(right[i] for i in picked) / sum(of[i] for i in picked))
    return _interval(sum(right) / sum(of), drawn)


def measure(data: Path, *, part: str, seed: int) -> dict[str, Any]:
    """All of it on one part, in one run."""
    negspacy = negspacy_reader()
    found: dict[str, Any] = {
        "part": part,
        "seed": seed,
        "sentences": by_hand(part, negspacy, random.Random(seed)),  # noqa: S311  (a bootstrap)
    }
    for name, labels in (("openi_reports", OPENI), ("ctrate_reports", CT_RATE)):
        texts = reports(data, name, part)
        names = list(labels.values())
        readers = {"none": take_all, "negspacy": negspacy, "denials": ours_denials, "ours": ours}
        counts = {reader: count(texts, names, read) for reader, read in readers.items()}
        counts["older"] = count_older(texts, names)
        found[name] = {
            "n_reports": len(texts),
            "labels": list(labels),
            "readers": {
                reader: scores(one, np.random.default_rng(seed)) for reader, one in counts.items()
            },
            "ours_less_negspacy": difference(
                counts["ours"], counts["negspacy"], np.random.default_rng(seed)
            ),
            "denials_less_negspacy": difference(
                counts["denials"], counts["negspacy"], np.random.default_rng(seed)
            ),
        }
    return found
