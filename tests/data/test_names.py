"""Known names leave a text; words that only look like names stay."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.names import remove_names

WORDS = (
    "Small",
    "small",
    "SMALL",
    "effusion",
    "John",
    "Dr.",
    "J.",
    "Ng",
    "Smith",
    "smith's",
    "Baker",
    "cyst",
    "van",
    "Berg",
    ",",
    "-",
    "\n",
    "12345",
    "[name]",
    "left",
    "Long",
    "Mr",
)
NAMES = ("SMITH^JOHN^Q", "Small^Ng", "van Berg^Long", "Baker^J", "12345", "Cyst^John", "Name^Id")
texts = st.text() | st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
names = st.lists(st.sampled_from(NAMES) | st.text(max_size=12), max_size=4)


@pytest.mark.parametrize(
    "said",
    [
        "Smith",
        "SMITH",
        "smith",
        "SMITH, John",
        "John Smith",
        "J. Smith",
        "J Smith",
        "John Q. Smith",
        "JOHN Q SMITH",
        "Smith^John",
        "Smíth",
        "Smi\u0301th",
    ],
)
def test_a_name_goes_however_it_is_written(said: str) -> None:
    text, count = remove_names(f"Told {said} about the effusion.", ["SMITH^JOHN^QUENTIN^Dr^MD"])
    assert (text, count) == ("Told [name] about the effusion.", 1)


def test_a_title_and_a_last_full_stop_stay() -> None:
    assert remove_names("Told Smith, J.", ["SMITH^JOHN"]) == ("Told [name].", 1)
    assert remove_names("Dr. Smith, MD", ["SMITH^JOHN^^Dr^MD"]) == ("Dr. [name], MD", 1)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("small left effusion", "Small^John"),
        ("Small left effusion.", "Small^John"),
        ("SMALL LEFT EFFUSION.", "Small^Left"),
        ("White matter of long bones. Long bones.", "White^Long"),
        ("MR HEAD WITHOUT CONTRAST", "Head^Ann"),
        ("DR LONG BONES", "Long^Ann"),
        ("unknown etiology", "Unknown^Anonymous"),
        ("in the right base. No effusion", "Base^No"),
        ("no Ng tube", "Ng^Mei"),
        ("Hodgkin lymphoma; Hodgkin's disease", "Hodgkin^Ann"),
        ("smithy, Smithson, blacksmith", "Smith^John"),
        ("Chest small. John's wort", "Small^Bone"),
    ],
)
def test_a_clinical_word_stays(text: str, name: str) -> None:
    assert remove_names(text, [name]) == (text, 0)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Dr. Small saw a small effusion.", "Dr. [name] saw a small effusion."),
        ("Dr Small saw it", "Dr [name] saw it"),
        ("SMALL, JOHN: SMALL EFFUSION", "[name]: SMALL EFFUSION"),
        ("DR. SMALL: SMALL EFFUSION", "DR. [name]: SMALL EFFUSION"),
        ("J. Small reads", "[name] reads"),
        ("John Small reads", "[name] reads"),
    ],
)
def test_a_clinical_word_goes_beside_what_makes_it_a_name(text: str, left: str) -> None:
    assert remove_names(text, ["Small^John"]) == (left, 1)


def test_two_plain_words_of_one_person_make_a_name() -> None:
    assert remove_names("Long White reads. White Long too.", ["White^Long"]) == (
        "[name] reads. [name] too.",
        2,
    )


def test_particles_and_short_parts_go_with_their_name() -> None:
    assert remove_names("Anna van der Berg; van", ["van der Berg^Anna"]) == ("[name]; van", 1)
    assert remove_names("Mei Ng; Ng tube", ["Ng^Mei"]) == ("[name]; Ng tube", 1)


def test_umlauts_may_be_spelled_out_on_either_side() -> None:
    for name in ("Mueller^Hans", "Müller^Hans"):
        assert remove_names("Mueller, Müller", [name]) == ("[name]", 1)
    assert remove_names("O'Brien; OBrien; o\u2019brien", ["O'Brien^Pat"])[1] == 3


def test_other_alphabets_of_a_name_are_read() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    text, count = remove_names("山田太郎 Yamada 山田様 山田 やまだ たろう", [name])
    assert (text, count) == ("[name] [name] [name]様 山田 [name]", 4)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("MRN 0012345.", "MRN [id]."),
        ("12345-6 112345 1.12345", "12345-6 112345 1.12345"),
        ("ID: 77, 77 mm", "ID: [id], 77 mm"),
        ("ab-1234 and AB-12345", "[id] and AB-12345"),
    ],
)
def test_ids_go_where_they_stand_alone(text: str, left: str) -> None:
    assert remove_names(text, ["12345", "77", "AB-1234"])[0] == left


def test_a_long_row_of_initials_takes_no_longer_than_other_words() -> None:
    # Asked again and again from the start, these would take minutes.
    text = "John " + "J " * 20_000
    start = time.perf_counter()
    assert remove_names(text, ["Long^John"])[0].split() == ["[name]"]
    assert time.perf_counter() - start < 5


def test_a_count_is_of_places() -> None:
    assert remove_names("John Smith and John, Smith", ["Smith^John"])[1] == 2
    assert remove_names("John\nSmith", ["Smith^John"]) == ("[name]\n[name]", 2)


@given(texts, names)
def test_names_are_taken_out_once(text: str, known: list[str]) -> None:
    once, count = remove_names(text, known)
    assert remove_names(once, known) == (once, 0)
    assert (count == 0) == (once == text)


@given(texts)
def test_without_names_nothing_is_touched(text: str) -> None:
    assert remove_names(text, []) == (text, 0)
    assert remove_names(text, ["", "^", "^^^Dr", "=", "?"]) == (text, 0)


@given(texts, names)
def test_words_that_stay_keep_their_order(text: str, known: list[str]) -> None:
    left, _ = remove_names(text, known)
    whole, position = list(text), 0
    for character in re.sub(r"\[(?:name|id)\]", "", left):
        position = whole.index(character, position) + 1
