"""Searching with several parts at once is the slow fusion of the rankings each would give alone."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.codes import pack_signs, sign_bits
from caselight.composing import Asked, unit
from caselight.index.composed import code_parts, study_reading
from caselight.index.manifest import IMAGE, REPORT, IndexManifest, OpenIndex, Rows
from caselight.index.parts import CodePart, Found, Part, WordPart, search_parts
from caselight.index.segments import Items
from caselight.index.snapshot import Snapshot, in_memory

BITS, DIM = 32, 6


@dataclass(frozen=True, kw_only=True)
class Setting:
    index: OpenIndex
    rng: np.random.Generator

    @property
    def vectors(self) -> NDArray[np.float32]:
        return self.index.items.vectors(np.arange(len(self.index.items)))

    def asked(self) -> Asked:
        return Asked(
            vector=unit(self.rng.standard_normal(DIM).astype(np.float32)),
            soft=self.rng.uniform(-1, 1, BITS).astype(np.float32),
        )

    def words(self, weight: float = 1.0) -> WordPart:
        n = len(self.index.items)
        return WordPart(
            name="words",
            scores=self.rng.integers(0, 3, n).astype(np.float64),
            ties=self.rng.permutation(n).astype(np.int64),
            weight=weight,
        )

    def groups(self) -> list[int]:
        return [int(study) // 2 for study in self.index.rows.study]


def setting(seed: int, n: int = 14) -> Setting:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = pack_signs(sign_bits(rng.standard_normal((n, BITS))))
    kind = np.array([IMAGE, REPORT] * n, dtype=np.uint8)[:n]
    manifest = IndexManifest(
        model="m", store="s", n_bits=BITS, n_images=n // 2, n_reports=n // 2, digest="d"
    )
    rows = Rows(
        kind=kind,
        study=np.arange(n, dtype=np.int64) // 2,
        position=np.zeros(n, dtype=np.int64),
    )
    items = in_memory(
        Items(
            row=np.arange(n, dtype=np.int64),
            kind=rows.kind,
            study=rows.study,
            position=rows.position,
            packed=codes.packed,
            embeddings=vectors.astype(np.float16),
        )
    )
    snapshot = Snapshot((items,), BITS, DIM)
    return Setting(index=OpenIndex(manifest=manifest, items=snapshot, rows=rows), rng=rng)


def everything(s: Setting, parts: list[Part], k: int, shortlist: int = 1000) -> list[Found]:
    allowed = np.ones(len(s.index.items), dtype=np.bool_)
    found, _ = search_parts(
        s.index, parts, allowed=allowed, groups=s.groups(), k=k, shortlist=shortlist
    )
    return found


def alone(s: Setting, part: Part) -> dict[int, tuple[int, float]]:
    """Group to the rank and score it has by one part, slowly."""
    if isinstance(part, WordPart):
        rows = [r for r in range(len(s.index.items)) if part.scores[r] > 0]
        rows.sort(key=lambda r: (-part.scores[r], part.ties[r]))
        score = part.scores
    else:
        score = (s.vectors @ part.asked.vector).astype(np.float64)
        rows = sorted(range(len(s.index.items)), key=lambda r: -score[r])
    out: dict[int, tuple[int, float]] = {}
    for row in rows:
        out.setdefault(s.groups()[row], (len(out) + 1, float(score[row])))
    return out


@given(st.integers(0, 10**6), st.sampled_from([0.25, 0.5, 1.0]), st.integers(1, 9))
def test_a_fusion_of_everything_is_the_slow_one(seed: int, weight: float, k: int) -> None:
    s = setting(seed)
    parts: list[Part] = [
        CodePart(name="image", asked=s.asked(), weight=weight),
        CodePart(name="text", asked=s.asked(), weight=1 - weight),
        s.words(),
    ]
    found = everything(s, parts, k)
    ranks = [alone(s, part) for part in parts]
    groups = {group for one in ranks for group in one}
    slow = {
        group: sum(
            part.weight / (60 + one[group][0])
            for part, one in zip(parts, ranks, strict=True)
            if group in one
        )
        for group in groups
    }
    assert len(found) == min(k, len(groups))
    best = sorted(slow.values(), reverse=True)[: len(found)]
    assert [one.score for one in found] == pytest.approx(best, abs=1e-9)
    for one in found:
        group = s.groups()[one.row]
        assert one.score == pytest.approx(slow[group], abs=1e-9)
        assert set(one.parts) == {part.name for part in parts if part.weight > 0}
        for part, ranking in zip(parts, ranks, strict=True):
            if part.weight > 0:
                expected = ranking[group][1] if group in ranking else 0.0
                assert one.parts[part.name] == pytest.approx(expected, abs=1e-5)
    # Two codes ask, unless one has no weight: no single number of bits.
    assert all((one.hamming is None) == (weight < 1) for one in found)


@given(st.integers(0, 10**6))
def test_parts_of_no_weight_are_as_if_they_were_not_there(seed: int) -> None:
    s = setting(seed)
    one = CodePart(name="image", asked=s.asked(), weight=0.4)
    none = CodePart(name="text", asked=s.asked(), weight=0.0)
    assert everything(s, [one, none], 5) == everything(s, [one], 5)
    assert everything(s, [one, s.words(weight=0.0)], 5) == everything(s, [one], 5)


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_a_short_shortlist_still_finds_k_groups(seed: int, shortlist: int) -> None:
    s = setting(seed)
    for parts in ([CodePart(name="codes", asked=s.asked())],
                  [CodePart(name="codes", asked=s.asked()), s.words()]):  # fmt: skip
        found = everything(s, list(parts), 4, shortlist)
        assert len({s.groups()[one.row] for one in found}) == len(found) == 4


@given(st.integers(0, 10**6))
def test_only_allowed_rows_answer(seed: int) -> None:
    s = setting(seed)
    allowed = s.rng.uniform(size=len(s.index.items)) < 0.4
    allowed[0] = True
    for part in (CodePart(name="codes", asked=s.asked()), s.words()):
        for parts in ([part], [part, CodePart(name="more", asked=s.asked())]):
            found, _ = search_parts(
                s.index, parts, allowed=allowed, groups=s.groups(), k=9, shortlist=3
            )
            assert all(allowed[one.row] for one in found)


def test_equal_words_stand_in_the_order_of_ties() -> None:
    s = setting(3, n=8)
    ties = np.array([7, 6, 5, 4, 3, 2, 1, 0], dtype=np.int64)
    scores = np.array([1.0, 1, 1, 0, 1, 2, 1, 1])
    part = WordPart(name="words", scores=scores, ties=ties)
    allowed = np.ones(8, dtype=np.bool_)
    found, n_compared = search_parts(
        s.index, [part], allowed=allowed, groups=list(range(8)), k=8, shortlist=1
    )
    assert [one.row for one in found] == [5, 7, 6, 4, 2, 1, 0]
    assert all(one.hamming is None for one in found)
    assert n_compared == 8


def test_a_study_is_read_from_its_pictures_and_its_texts() -> None:
    s = setting(5)
    reading = study_reading(s.index, 2)
    assert reading.vector == pytest.approx(unit(s.vectors[[4, 5]].mean(axis=0)), abs=1e-6)


def test_the_parts_of_a_query_are_named_after_what_asks() -> None:
    s = setting(7)
    image, text = s.asked(), s.asked()
    plain = {"like": (), "unlike": (), "like_weight": 0.75, "unlike_weight": 0.15}

    def names(asked: dict[str, Asked], **options: object) -> dict[str, float]:
        parts = code_parts(s.index, asked, **{**plain, **options})  # type: ignore[arg-type]
        return {part.name: part.weight for part in parts}

    both = {"image": image, "text": text}
    assert names({"text": text}, fusion=None, image_weight=None) == {"codes": 1.0}
    assert names(both, fusion="vectors", image_weight=0.3) == {"codes": 1.0}
    assert names(both, fusion="ranks", image_weight=0.25) == {"image": 0.25, "text": 0.75}
    assert names({}, fusion=None, image_weight=None, like=(1, 2)) == {"codes": 1.0}
    with pytest.raises(ValueError, match="needs something"):
        names({}, fusion=None, image_weight=None)
