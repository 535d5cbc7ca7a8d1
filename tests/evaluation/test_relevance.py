"""What counts as relevant, on galleries small enough to check by eye."""

import numpy as np
from hypothesis import given

from caselight.evaluation.gallery import Gallery
from caselight.evaluation.relevance import oracle_distances
from tests.evaluation.galleries import entry, galleries, gallery, pairs, tasks

# Two images of one study, one of the same patient, one of another with an equal text, one silent.
HAND = gallery(
    entry("Clear lungs.", study="s0", patient="p0", labels=("normal",), image="a"),
    entry("Side view.", study="s0", patient="p0", labels=("normal",), image="b"),
    entry("Effusion.", study="s1", patient="p0", labels=("effusion", "nodule")),
    entry("clear  LUNGS.", study="s2", patient="p1", labels=("effusion",)),
    entry(None, study="s3", patient="p2", labels=("normal",)),
)


def test_words_ask_every_image_and_the_silent_one_only_answers() -> None:
    task = tasks(HAND)["text_to_image"]
    assert task.queries.tolist() == [0, 1, 2, 3]
    assert task.answers.tolist() == [0, 1, 2, 3, 4]
    assert task.strict.astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
    ]
    assert task.multi_positive.astype(int).tolist() == [
        [1, 0, 0, 1, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [1, 0, 0, 1, 0],
    ]
    assert task.grades.tolist() == [
        [3, 3, 0, 2, 2],
        [3, 3, 0, 0, 2],
        [0, 0, 3, 1, 0],
        [2, 0, 1, 3, 0],
    ]
    assert task.keep.all()


def test_images_ask_every_text_as_often_as_it_occurs() -> None:
    task = tasks(HAND)["image_to_text"]
    assert task.queries.tolist() == task.answers.tolist() == [0, 1, 2, 3]
    assert np.array_equal(task.strict, np.eye(4, dtype=bool))
    assert task.multi_positive[0].tolist() == [True, False, False, True]
    assert task.grades.tolist() == [[3, 3, 0, 2], [3, 3, 0, 0], [0, 0, 3, 1], [2, 0, 1, 3]]


def test_images_ask_images_of_other_patients_by_label() -> None:
    task = tasks(HAND)["image_to_image"]
    assert task.queries.tolist() == task.answers.tolist() == [0, 1, 2, 3, 4]
    assert task.keep.astype(int).tolist() == [
        [0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1],
        [1, 1, 1, 0, 1],
        [1, 1, 1, 1, 0],
    ]
    # Texts that are equal count for nothing here: 0 and 3 share no label.
    assert task.grades.tolist() == [
        [2, 2, 0, 0, 2],
        [2, 2, 0, 0, 2],
        [0, 0, 2, 1, 0],
        [0, 0, 1, 2, 0],
        [2, 2, 0, 0, 2],
    ]
    assert np.array_equal(task.strict, task.grades == 2)
    assert np.array_equal(task.multi_positive, task.grades >= 1)


def test_half_of_the_labels_is_enough_and_less_is_not() -> None:
    held = gallery(
        entry("t", study="a", labels=("x", "y")),
        entry("u", study="b", labels=("x",)),
        entry("v", study="c", labels=("x", "z")),
        entry("w", study="d", labels=("y", "x")),
        entry("q", study="e"),
        entry("r", study="f"),
    )
    task = tasks(held)["image_to_image"]
    assert task.queries.tolist() == [0, 1, 2, 3], "images without labels do not ask"
    assert task.grades[0].tolist() == [2, 1, 0, 2, 0, 0]
    assert task.answers.tolist() == [0, 1, 2, 3, 4, 5]
    other = tasks(held)["text_to_image"]
    assert other.grades[4, 5] == 0, "two empty sets have nothing in common"


def test_nothing_asks_where_nothing_is_labelled() -> None:
    task = tasks(gallery(entry("a", study="a"), entry("b", study="b")))["image_to_image"]
    assert task.strict.shape == (0, 2)


def test_equal_texts_have_one_number() -> None:
    assert HAND.text_ids.tolist() == [0, 1, 2, 0, -1]
    assert HAND.n_unique_texts == 3
    assert HAND.with_text.tolist() == [0, 1, 2, 3]
    assert HAND.study_ids.tolist() == [0, 0, 1, 2, 3]
    assert HAND.patient_ids.tolist() == [0, 0, 0, 1, 2]


@given(galleries())
def test_what_is_strictly_right_is_right(held: Gallery) -> None:
    found = tasks(held)
    for name in ("text_to_image", "image_to_text"):
        task = found[name]
        assert (task.strict.sum(axis=1) == 1).all()
        for q, query in enumerate(task.queries):
            (right,) = np.flatnonzero(task.strict[q])
            assert task.answers[right] == query
    for task in found.values():
        assert not (task.strict & ~task.multi_positive).any()
        assert not (task.multi_positive & (task.grades == 0)).any()
        assert task.grades.min(initial=0) >= 0
        assert task.grades.max(initial=0) <= 3


@given(galleries())
def test_grades_are_what_two_entries_share(held: Gallery) -> None:
    task = tasks(held)["text_to_image"]
    row = {int(query): n for n, query in enumerate(task.queries)}
    for i, j in pairs(len(held)):
        if i not in row:
            continue
        a, b = held.entries[i], held.entries[j]
        one, other = set(a.study.labels), set(b.study.labels)
        if a.study.study_uid == b.study.study_uid:
            expected = 3
        elif (b.text is not None and (a.text or "").strip().lower() == b.text.strip().lower()) or (
            one and one == other
        ):
            expected = 2
        else:
            expected = int(bool(one | other) and 2 * len(one & other) >= len(one | other))
        assert task.grades[row[i], j] == expected


@given(galleries())
def test_an_image_never_finds_its_own_patient(held: Gallery) -> None:
    task = tasks(held)["image_to_image"]
    for q, query in enumerate(task.queries):
        for a, answer in enumerate(task.answers):
            one, other = held.entries[query].study, held.entries[answer].study
            assert task.keep[q, a] == (one.patient_key != other.patient_key)
            if one.study_uid == other.study_uid:
                assert not task.keep[q, a]


@given(galleries())
def test_an_oracle_cannot_tell_equal_texts_apart(held: Gallery) -> None:
    found = tasks(held)
    for name in ("text_to_image", "image_to_text"):
        task = found[name]
        (strict,) = oracle_distances(task, held)["strict"]
        assert np.array_equal(strict == 0, task.multi_positive)
