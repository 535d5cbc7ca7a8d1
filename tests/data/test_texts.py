"""Which words go with which image."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.config import TextField
from caselight.data.texts import normalise_text, other_text, pair_text, study_texts
from caselight.types import SECTIONS, Image, Study


def image(caption: str | None = None, uid: str = "a") -> Image:
    return Image(
        image_uid=uid, digest=uid, dhash="0" * 64, caption=caption, view=None, modality=None
    )


def study(images: tuple[Image, ...], sections: Mapping[str, str]) -> Study:
    return Study(
        study_uid="s",
        patient_key="p",
        images=images,
        sections=sections,
        labels=(),
        date=None,
        age=None,
        sex=None,
        site=None,
        split="train",
        own_split=False,
    )


FULL = {"findings": "F.", "impression": "I.", "indication": "Q.", "notes": "N."}


@pytest.mark.parametrize(
    ("field", "caption", "sections", "expected"),
    [
        ("auto", "C.", FULL, "C."),
        ("auto", None, FULL, "F. I."),
        ("auto", None, {"impression": "I.", "notes": "N."}, "I."),
        ("auto", None, {"notes": "N.", "indication": "Q."}, "N."),
        ("auto", None, {"indication": "Q."}, None),
        ("caption", "C.", FULL, "C."),
        ("caption", None, FULL, None),
        ("report", "C.", FULL, "F. I."),
        ("report", "C.", {"notes": "N."}, None),
        ("findings", "C.", FULL, "F."),
        ("impression", "C.", FULL, "I."),
        ("indication", "C.", FULL, "Q."),
        ("notes", "C.", FULL, "N."),
        ("notes", "C.", {}, None),
    ],
)
def test_the_field_decides(
    field: TextField, caption: str | None, sections: Mapping[str, str], expected: str | None
) -> None:
    held = study((image(caption),), sections)
    assert pair_text(held, held.images[0], field) == expected


def test_a_study_without_images_has_its_report() -> None:
    assert pair_text(study((), FULL), None, "auto") == "F. I."
    assert study_texts(study((), FULL), "auto") == {"F. I.": None}
    assert study_texts(study((), {}), "auto") == {}
    assert study_texts(study((), FULL), "caption") == {}


def test_a_text_of_several_images_counts_once_at_the_first() -> None:
    images = (image("One.", "a"), image(None, "b"), image("One.", "c"), image(None, "d"))
    assert study_texts(study(images, {"findings": "F."}), "auto") == {"One.": 0, "F.": 1}
    assert study_texts(study(images, {"findings": "F."}), "findings") == {"F.": 0}


def test_the_other_words_are_all_but_the_paired_ones() -> None:
    held = study((image("C."),), FULL)
    assert other_text(held, held.images[0], "auto") == "F. I. Q. N."
    assert other_text(held, held.images[0], "report") == "C. Q. N."
    assert other_text(study((image(),), {"findings": "F."}), image(), "auto") is None


@given(
    st.dictionaries(st.sampled_from(SECTIONS), st.text("abc ", min_size=1), max_size=4),
    st.none() | st.text("abc", min_size=1),
    st.sampled_from(("auto", "caption", "report", "notes")),
)
def test_every_text_of_a_study_is_the_text_of_its_image(
    sections: dict[str, str], caption: str | None, field: TextField
) -> None:
    held = study((image(caption, "a"), image(None, "b")), sections)
    for text, place in study_texts(held, field).items():
        assert place is not None
        assert pair_text(held, held.images[place], field) == text


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise_text(text)
    assert normalise_text(once) == once
    assert normalise_text(f"  {text}\n") == once


def test_case_and_space_say_nothing() -> None:
    assert normalise_text("No  Effusion.\n") == normalise_text("no effusion.")
    assert normalise_text("effusion") != normalise_text("no effusion")
