"""Folding: what differs in spelling alone becomes one word."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.words import fold, fold_names, fold_phrase, plurals, words


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(word: str) -> None:
    assert fold(fold(word)) == fold(word)


@given(st.text(max_size=200))
def test_spans_are_where_the_words_stand(text: str) -> None:
    found = words(text)
    for word in found:
        first, end = word.span
        assert text[first:end].startswith(word.raw[0])
    assert [word.span for word in found] == sorted(word.span for word in found)
    assert all(a.span[1] <= b.span[0] for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("haemorrhage", "hemorrhage"),
        ("Oedema", "edema"),
        ("tumour", "tumor"),
        ("ischaemic", "ischemic"),
        ("oesophageal", "esophageal"),
        ("centre", "center"),
        ("calibre", "caliber"),
        ("visualised", "visualized"),
        ("paediatric", "pediatric"),
        ("aneurism", "aneurysm"),
        ("diarrhoea", "diarrhea"),
    ],
)
def test_british_spelling_is_american(british: str, american: str) -> None:
    assert fold(british) == fold(american)


@pytest.mark.parametrize(
    "word", ["aerated", "does", "shoe", "toe", "hour", "four", "trachea", "mass"]
)
def test_other_words_stay_as_they_are(word: str) -> None:
    assert fold(word) == word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Crohn's", ["crohn"]),
        ("Crohn\u2019s", ["crohn"]),
        ("Ménière", ["meniere"]),
        ("oe\u0301dema", ["edema"]),
        ("T2-weighted X-ray", ["t2", "weighted", "x", "ray"]),
        ("pneumo\u00adthorax", ["pneumothorax"]),
        ("V/Q, r/o", ["v/q", "r/o"]),
        ("PET/CT", ["pet", "ct"]),
        ("", []),
        ("... !?", []),
    ],
)
def test_a_text_becomes_words(text: str, expected: list[str]) -> None:
    assert [word.folded for word in words(text)] == expected


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("opacity", "opacities"),
        ("metastasis", "metastases"),
        ("bronchus", "bronchi"),
        ("bulla", "bullae"),
        ("hilum", "hila"),
        ("apex", "apices"),
        ("pneumothorax", "pneumothoraces"),
        ("foramen", "foramina"),
        ("mass", "masses"),
        ("granuloma", "granulomata"),
        ("lens", "lenses"),
    ],
)
def test_plurals_are_english_and_latin(one: str, many: str) -> None:
    assert many in plurals(one)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_many_names_fold_as_each_does(names: list[str]) -> None:
    assert fold_names(names) == {name: fold_phrase(name) for name in names}


def test_a_word_does_not_show_itself() -> None:
    assert repr(words("Doe")) == "[Word(span=(0, 3))]"
