"""The probes themselves, and what they say of encoders whose hearing is known."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from caselight.data.probe_texts import (
    Probe,
    built_in_probes,
    laterality_pairs,
    negation_pairs,
)
from caselight.evaluation.probes import Hearing, bit_distance, cosine_distance, probe

DENIES = ("no", "not", "without", "absent", "negative", "out")
AFFIRMS = ("with", "present", "positive", "confirm")
TEMPLATE_WORDS = {
    *("a", "an", "the", "there", "is", "are", "was", "on", "in", "of", "to", "for", "does"),
    *("seen", "shown", "study", "shows", "show", "side", "sided", "examination", "evidence"),
    *("identified", "demonstrated", "findings", "rule"),
}


def words(text: str) -> list[str]:
    return text.casefold().replace("-", " ").replace(",", " ").strip(".").split()


def one_word_apart(a: str, b: str) -> bool:
    """Whether one run of at most two words (a "no", and the article it replaces) differs."""
    left, right = words(a), words(b)
    while left and right and left[0] == right[0]:
        left, right = left[1:], right[1:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    return 1 <= max(len(left), len(right)) <= 2


def meaning(text: str) -> tuple[frozenset[str], bool, str]:
    """What an ideal listener hears: content words, whether denied, and the side."""
    said = words(text)
    content = {w for w in said if w not in TEMPLATE_WORDS and w not in (*DENIES, *AFFIRMS)}
    side = next((w for w in said if w in ("left", "right")), "")
    return frozenset(content - {"left", "right"}), any(w in DENIES for w in said), side


def listener(*, hears_no: bool, hears_side: bool) -> Callable[[Sequence[str]], NDArray[Any]]:
    """An encoder with one axis a content word, one for denial, two for the side."""

    def encode(texts: Sequence[str]) -> NDArray[Any]:
        known = sorted({w for text in texts for w in meaning(text)[0]})
        out = np.zeros((len(texts), len(known) + 3), dtype=np.float32)
        for i, text in enumerate(texts):
            content, denied, side = meaning(text)
            out[i, [known.index(w) for w in content]] = 1
            out[i, -1] = hears_no and denied
            out[i, -2] = hears_side and side == "left"
            out[i, -3] = hears_side and side == "right"
        return out

    return encode


def counted_words(texts: Sequence[str]) -> NDArray[Any]:
    """An encoder that goes by the words two texts share."""
    known = sorted({w for text in texts for w in words(text)})
    return np.array([[words(text).count(w) for w in known] for text in texts], dtype=np.float32)


def hearings(encode: Callable[[Sequence[str]], NDArray[Any]], **more: Any) -> tuple[Hearing, ...]:
    report = probe(encode, rng=np.random.default_rng(0), n_resamples=50, **more)
    assert report.negation is not None
    assert report.laterality is not None
    return report.negation, report.laterality


def test_the_built_in_probes_change_one_word_and_keep_the_content() -> None:
    probes = built_in_probes()
    assert len({p.name for p in probes}) >= 40
    assert probes == built_in_probes()
    for p in probes:
        assert len({p.text, p.paraphrase, p.opposite, p.reworded_opposite}) == 4, p
        assert one_word_apart(p.text, p.opposite), p
        assert one_word_apart(p.paraphrase, p.reworded_opposite), p
        assert meaning(p.text) == meaning(p.paraphrase), p
        assert meaning(p.opposite) == meaning(p.reworded_opposite), p
        assert meaning(p.text) != meaning(p.opposite), p


def test_both_polarities_and_sides_are_asked_as_often() -> None:
    probes = built_in_probes()
    negation = [meaning(p.text)[1] for p in probes if p.kind == "negation"]
    sides = [meaning(p.text)[2] for p in probes if p.kind == "laterality"]
    assert 2 * sum(negation) == len(negation)
    assert sides.count("left") == sides.count("right") == len(sides) / 2


@pytest.mark.parametrize(("hears_no", "hears_side"), [(True, True), (True, False), (False, True)])
def test_who_hears_is_right_and_who_is_deaf_ties(*, hears_no: bool, hears_side: bool) -> None:
    encode = listener(hears_no=hears_no, hears_side=hears_side)
    for hearing, hears in zip(hearings(encode), (hears_no, hears_side), strict=True):
        expected = 1.0 if hears else 0.5
        assert hearing.minimal_accuracy.value == expected
        assert hearing.reworded_accuracy.value == expected
        assert hearing.paraphrase_distance == pytest.approx(0, abs=1e-9)
        assert (hearing.opposite_distance > 0.01) == hears


def test_going_by_shared_words_fails_the_minimal_pairs() -> None:
    for hearing in hearings(counted_words):
        assert hearing.minimal_accuracy.value < 0.2
        assert hearing.reworded_accuracy.value >= 0.5


def test_codes_are_asked_by_the_bits_that_differ() -> None:
    def codes(texts: Sequence[str]) -> NDArray[np.uint8]:
        bits = [(denied, side == "left", False) for _, denied, side in map(meaning, texts)]
        return np.packbits(np.array(bits), axis=1)

    for hearing in hearings(codes, distance=bit_distance):
        assert hearing.minimal_accuracy.value == 1.0
        assert (hearing.paraphrase_distance, hearing.opposite_distance) == (0.0, 1.0)


def test_distances_are_those_of_the_slow_way() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 7, 5)).astype(np.float32)
    slow = [1 - x @ y / np.sqrt((x @ x) * (y @ y)) for x, y in zip(a, b, strict=True)]
    assert cosine_distance(a, b) == pytest.approx(np.array(slow), abs=1e-6)
    c, d = rng.integers(0, 256, size=(2, 7, 3)).astype(np.uint8)
    differ = np.unpackbits(c, axis=1) != np.unpackbits(d, axis=1)
    assert bit_distance(c, d).tolist() == differ.sum(axis=1).tolist()


def test_each_distinct_text_is_encoded_once() -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> NDArray[Any]:
        asked.extend(texts)
        return np.ones((len(texts), 2))

    assert hearings(encode)[0].minimal_accuracy.value == 0.5
    assert len(asked) == len(set(asked))


def test_a_kind_without_probes_has_no_report() -> None:
    sided = [p for p in built_in_probes() if p.kind == "laterality"][:4]
    encode = listener(hears_no=True, hears_side=True)
    report = probe(encode, rng=np.random.default_rng(0), probes=sided, n_resamples=5)
    assert report.negation is None
    assert report.laterality is not None
    assert report.laterality.n == 4
    empty = probe(encode, rng=np.random.default_rng(0), probes=())
    assert (empty.negation, empty.laterality) == (None, None)


REPORTS = (
    "The heart is normal. There is no pneumothorax. Lungs are clear.",
    "No focal consolidation. No pleural effusion or pneumothorax.",
    "There is a small nodule in the left upper lobe, unchanged. There are degenerative changes.",
    "No change since the prior study. There is a left pleural effusion.",
    "Opacity in the right middle lobe. The right kidney is larger than the left kidney.",
    "There is atelectasis. No rib fractures.",
)


def four(probe_: Probe) -> tuple[str, str, str, str]:
    return probe_.text, probe_.paraphrase, probe_.opposite, probe_.reworded_opposite


def test_negation_pairs_come_from_sentences_about_one_thing() -> None:
    found = negation_pairs(REPORTS, np.random.default_rng(1))
    assert {p.text for p in found} == {
        "There is no pneumothorax.",
        "No focal consolidation.",
        "There is atelectasis.",
        "No rib fractures.",
        "There is a left pleural effusion.",
    }
    for p in found:
        assert one_word_apart(p.text, p.opposite)
        assert one_word_apart(p.paraphrase, p.reworded_opposite)
        denied = [meaning(text)[1] for text in four(p)]
        assert denied[0] == denied[1] != denied[2] == denied[3]


def test_laterality_pairs_need_a_partner_on_the_other_side() -> None:
    found = laterality_pairs(REPORTS, np.random.default_rng(1))
    assert {p.text for p in found} == {
        "There is a small nodule in the left upper lobe, unchanged.",
        "There is a left pleural effusion.",
    }
    for p in found:
        assert p.opposite == p.text.replace("left", "right")
        assert p.reworded_opposite == p.paraphrase.replace("left", "right")
        assert sorted(words(p.text)) != sorted(words(p.paraphrase))


def test_a_number_of_pairs_is_drawn_and_the_draw_repeats() -> None:
    drawn = negation_pairs(REPORTS, np.random.default_rng(5), 2)
    assert len(drawn) == 2
    assert drawn == negation_pairs(REPORTS, np.random.default_rng(5), 2)
    assert drawn == negation_pairs(REPORTS[::-1], np.random.default_rng(5), 2)
