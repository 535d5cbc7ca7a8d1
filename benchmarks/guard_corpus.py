"""The texts that the guards learn from and are judged on, each in one split for good.

`prompt_injection.jsonl` keeps its own `split` where a row has one. A row without one is put, with
every near-duplicate of it, where a near-duplicate has one, else by a digest. Clinical texts are
split by us, queries with their near-duplicates, reports by case. Last, what is left in training and
resembles a text of another split is taken out of training, so that the test stays as it is.
"""

import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

import guard_texts
from caselight.mediator.guards.characters import skeleton
from guard_texts import Split

Kind = Literal["attack", "other_attack", "general", "query", "report", "trigger", "requisition"]
SEED = 6
ALIKE = 0.6
TRIGGERS = re.compile(
    r"\b(?:ignor\w*|disregard\w*|overrid\w*|system\w*|prompt\w*|instruct\w*|previous\w*|developer"
    r"|bypass\w*|inject\w*|forg[eo]t\w*|pretend\w*|act(?:ing)? as|role\w*|secret\w*|reveal\w*"
    r"|password|admin\w*|hack\w*|execut\w*|command\w*|rules?|restrict\w*|unrestricted|jail\w*)\b",
    re.IGNORECASE,
)
_LEET = str.maketrans("01345678@$!|+", "oleasgtbasilt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One text."""

    text: str
    kind: Kind
    """`other_attack` is labelled an attack with core = false, mostly ordinary harmful requests."""
    source: str
    category: str
    split: Split

    @property
    def attack(self) -> bool:
        return self.kind in ("attack", "other_attack")


def read_corpus(folder: Path) -> list[Row]:
    """Every text with its split; training is free of near-duplicates of the other splits.

    Args:
        folder: the folder `text` of the development data.
    """
    rows = [*_injection(folder), *_queries(folder), *_reports(folder)]
    return _apart(rows)


def synthetic(split: Split, payloads: Sequence[str], *, seed: int = SEED) -> list[Row]:
    """Texts made of our own templates of a split, and of attacks of the same split."""
    rng = random.Random(f"{seed} {split}")
    own = guard_texts.templates("attacks", split)
    short = [text for text in payloads if len(text) < 250]
    placed = guard_texts.attacks_in_requisitions(
        split, own, n=15 * len(own), rng=rng
    ) + guard_texts.attacks_in_requisitions(split, short, n=len(short), rng=rng)

    def rows(texts: Sequence[str], kind: Kind, category: str) -> list[Row]:
        return [
            Row(text=text, kind=kind, source="templates", category=category, split=split)
            for text in dict.fromkeys(texts)
        ]

    return [
        *rows(
            [guard_texts.filled(one, rng) for one in own for _ in range(4)], "attack", "own_attack"
        ),
        *rows(placed, "attack", "in_requisition"),
        *rows(guard_texts.clinical_with_triggers(split, each=8, rng=rng), "trigger", "own_trigger"),
        *rows(guard_texts.other_with_triggers(split, rng=rng), "trigger", "other_trigger"),
        *rows(guard_texts.clinical_plain(split, each=6, rng=rng), "requisition", "own_plain"),
        *rows(guard_texts.requisitions(split, each=40, rng=rng), "requisition", "own_requisition"),
    ]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _injection(folder: Path) -> list[Row]:
    # Two rows of the same words and different labels say nothing: both go.
    labels = defaultdict[str, set[int]](set)
    read = list(_lines(folder / "prompt_injection.jsonl"))
    for row in read:
        labels[skeleton(row["text"])].add(row["label"])
    read = [row for row in read if len(labels[skeleton(row["text"])]) == 1]
    own = [row.get("group_id") for row in read]
    groups = _groups([row["text"] for row in read], own)
    given = defaultdict[int, Counter[str]](Counter)
    for row, group in zip(read, groups, strict=True):
        if row.get("split"):
            given[group][row["split"]] += 1
    found: list[Row] = []
    for row, group in zip(read, groups, strict=True):
        split = row.get("split")
        if split is None and given[group]:
            split = next(name for name in ("test", "val", "train") if given[group][name])
        found.append(
            Row(
                text=row["text"],
                kind="general"
                if row["label"] == 0
                else "attack"
                if row["core"]
                else "other_attack",
                source="given split" if row.get("split") else "own split",
                category=str(row["category"]),
                split=split or _drawn(f"injection {group}", test=25, val=10),
            )
        )
    return found


def _queries(folder: Path) -> list[Row]:
    read = list(_lines(folder / "benign_clinical_queries.jsonl"))
    groups = _groups([row["text"] for row in read], [None] * len(read))
    return [
        Row(
            text=row["text"],
            kind="query",
            source="benign_clinical_queries",
            category=row["source"].split(" (")[0],
            split=_drawn(f"query {group}", test=35, val=20),
        )
        for row, group in zip(read, groups, strict=True)
    ]


def _reports(folder: Path) -> list[Row]:
    fields: dict[str, tuple[str, tuple[str, ...]]] = {
        "openi_reports": ("study_id", ("indication", "findings", "impression")),
        "ctrate_reports": ("id", ("text",)),
        "medpix2_cases": (
            "case_id",
            ("case_history", "case_exam", "case_findings", "topic_disease_discussion"),
        ),
        "roco_captions": ("study_id", ("caption",)),
    }
    found: list[Row] = []
    for name, (key, texts) in fields.items():
        for row in _lines(folder / f"{name}.jsonl"):
            split = _drawn(f"{name} {row[key]}", test=25, val=15)
            found += [
                Row(text=row[field], kind="report", source=name, category=field, split=split)
                for field in texts
                if row.get(field) and len(row[field]) > 10
            ]
    # The same words in two cases, "No acute disease.", stay once, in the strictest split.
    strictest: dict[str, Row] = {}
    for one in sorted(found, key=lambda one: ("test", "val", "train").index(one.split)):
        strictest.setdefault(skeleton(one.text), one)
    return list(strictest.values())


def _drawn(key: str, *, test: int, val: int) -> Split:
    number = int(hashlib.sha256(f"{SEED} {key}".encode()).hexdigest(), 16) % 100
    return "test" if number < test else "val" if number < test + val else "train"


def _apart(rows: list[Row]) -> list[Row]:
    """Training rows that resemble a row of another split go; reports are compared with queries."""
    watched = [
        i for i, row in enumerate(rows) if row.kind != "report" or row.source.startswith("medp")
    ]
    table, sizes = _shingles([rows[i].text for i in watched])
    held = np.array([rows[i].split != "train" for i in watched])
    kept_out = set[int]()
    held_table, held_sizes = table[held], sizes[held]
    free = np.flatnonzero(~held)
    for start in range(0, len(free), 512):
        block = free[start : start + 512]
        common = (table[block] @ held_table.T).tocoo()
        union = sizes[block][common.row] + held_sizes[common.col] - common.data
        near = common.data >= ALIKE * union
        kept_out.update(watched[i] for i in block[common.row[near]])
    same = {skeleton(row.text) for row in rows if row.split != "train"}
    return [
        row
        for i, row in enumerate(rows)
        if row.split != "train" or (i not in kept_out and skeleton(row.text) not in same)
    ]


def _groups(texts: Sequence[str], own: Sequence[object]) -> list[int]:
    """A number for each text; near-duplicates, and texts with the same `own` key, share one."""
    table, sizes = _shingles(texts)
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(texts), 512):
        common = (table[start : start + 512] @ table.T).tocoo()
        union = sizes[start + common.row] + sizes[common.col] - common.data
        near = common.data >= ALIKE * union
        pairs += zip(start + common.row[near], common.col[near], strict=True)
    first: dict[object, int] = {}
    for i, (text, key) in enumerate(zip(texts, own, strict=True)):
        for same in (skeleton(text), ("own", key) if key is not None else None):
            if same is not None:
                pairs.append((first.setdefault(same, i), i))
    left, right = map(np.array, zip(*pairs, strict=True))
    n = len(texts)
    graph = csr_matrix((np.ones(len(pairs), dtype=np.int8), (left, right)), shape=(n, n))
    return connected_components(graph, directed=False)[1].tolist()


def _shingles(texts: Sequence[str]) -> tuple[csr_matrix, np.ndarray]:
    """Which texts share which rare shingles of six letters, and how many rare ones each has.

    Shingles of more than one text in a hundred join texts of one kind rather than copies.
    """
    ids: dict[str, int] = {}
    columns: list[int] = []
    ends = [0]
    for text in texts:
        plain = re.sub(r"[^a-z]+", " ", skeleton(text).translate(_LEET)).strip()[:1500]
        grams = {plain[i : i + 6] for i in range(max(len(plain) - 5, 1))}
        columns += [ids.setdefault(gram, len(ids)) for gram in grams]
        ends.append(len(columns))
    shape = (len(texts), len(ids))
    table = csr_matrix((np.ones(len(columns), dtype=np.int32), columns, ends), shape=shape)
    often = np.asarray(table.sum(axis=0)).ravel()
    table = table[:, often <= max(20, len(texts) // 100)]
    return table, np.asarray(table.sum(axis=1)).ravel()


def thinned(rows: Sequence[Row], *, most: int, seed: int = SEED) -> list[Row]:
    """At most so many rows, drawn without order."""
    rows = list(rows)
    return random.Random(seed).sample(rows, min(most, len(rows)))


def moved(row: Row, text: str) -> Row:
    """The row with another text."""
    return replace(row, text=text)
