"""Misspelled words, and words that only look like it."""

import pytest

from caselight.language.lexicon import shipped_lexicon
from caselight.language.mentions import find_mentions
from caselight.language.spelling import english_words
from caselight.language.words import fold

KNOWN = shipped_lexicon()


def meant(word: str) -> str | None:
    return KNOWN.spelling.meant(fold(word), KNOWN.phrases.bases)


@pytest.mark.parametrize(
    ("word", "concept"),
    [
        ("pnuemothorax", "pneumothorax"),
        ("cardiomegally", "cardiomegaly"),
        ("neumonia", "pneumonia"),
        ("pnuemonia", "pneumonia"),
        ("emphysemia", "emphysema"),
        ("atelectisis", "atelectasis"),
        ("hemmorhage", "hemorrhage"),
        ("catract", "cataract"),
        ("glacoma", "glaucoma"),
        ("plueral efusion", "pleural-effusion"),
        ("scolliosis", "scoliosis"),
        ("hydronephosis", "hydronephrosis"),
    ],
)
def test_a_misspelled_name_is_found(word: str, concept: str) -> None:
    (found,) = find_mentions(word, KNOWN)
    assert (found.concept, found.named, found.span) == (concept, "misspelled", (0, len(word)))


@pytest.mark.parametrize(
    "word", ["patient", "diameter", "position", "clinical", "aphasia", "prognosis", "ancillary"]
)
def test_english_words_are_left_alone(word: str) -> None:
    assert meant(word) is None


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("hypotension", "hypertension"),
        ("extracranial", "intracranial"),
        ("postrenal", "prerenal"),
        ("unstenotic", "stenotic"),
    ],
)
def test_what_turns_a_meaning_is_no_error(word: str, other: str) -> None:
    assert meant(word) != KNOWN.phrases.bases.get(other, other)


@pytest.mark.parametrize(
    "word", ["lung", "mas", "hert", "", "no", "x" * 50, "12345678", "абвгдежз"]
)
def test_short_and_strange_words_are_left_alone(word: str) -> None:
    assert meant(word) is None


def test_the_english_words_are_none_of_the_lexicon_and_each_is_needed() -> None:
    ours = english_words()
    assert len(ours) > 500
    assert all(word == fold(word) and word not in KNOWN.phrases.bases for word in ours)
