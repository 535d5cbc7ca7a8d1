"""What two splits share is found, and what one split shares with itself is not."""

from collections.abc import Mapping
from itertools import count

import pytest

from caselight.data.leaks import Leak, scan_leaks
from caselight.types import Image, Study

_serial = count()


def study(
    split: str,
    *,
    patient: str | None = None,
    pictures: tuple[tuple[str, int], ...] = (),
    captions: tuple[str | None, ...] = (),
    sections: Mapping[str, str] | None = None,
) -> Study:
    """A study; each picture is a digest and the number whose bits are its difference hash."""
    uid = f"study-{next(_serial)}"
    images = tuple(
        Image(
            image_uid=f"{uid}/{n}",
            digest=digest,
            dhash=f"{code:064x}",
            caption=captions[n] if n < len(captions) else None,
            view=None,
            modality=None,
        )
        for n, (digest, code) in enumerate(pictures)
    )
    return Study(
        study_uid=uid,
        patient_key=patient or uid,
        images=images,
        sections=sections or {},
        labels=(),
        date=None,
        age=None,
        sex=None,
        site=None,
        split=split,
        own_split=True,
    )


def only(leaks: tuple[Leak, ...]) -> Leak:
    assert len(leaks) == 1
    return leaks[0]


def test_a_patient_in_two_splits_is_found_once() -> None:
    a, b, c = study("train", patient="p"), study("train", patient="p"), study("test", patient="p")
    leak = only(scan_leaks([a, b, c, study("test")], near_bits=12))
    assert (leak.kind, leak.splits, leak.count) == ("patient", ("train", "test"), 1)
    assert leak.examples == ((a.study_uid, c.study_uid),)


def test_splits_are_named_in_order_whatever_comes_first() -> None:
    leak = only(scan_leaks([study("test", patient="p"), study("val", patient="p")], near_bits=0))
    assert leak.splits == ("val", "test")


def test_equal_pixels_are_no_near_duplicates_as_well() -> None:
    leak = only(
        scan_leaks(
            [study("train", pictures=(("d", 5),)), study("val", pictures=(("d", 5),))], near_bits=12
        )
    )
    assert (leak.kind, leak.count) == ("pixels", 1)


@pytest.mark.parametrize(("near_bits", "found"), [(2, 0), (3, 1), (4, 1)])
def test_near_duplicates_differ_by_at_most_near_bits(near_bits: int, found: int) -> None:
    studies = [study("train", pictures=(("d", 0),)), study("test", pictures=(("e", 0b111),))]
    leaks = scan_leaks(studies, near_bits=near_bits)
    assert [leak.count for leak in leaks if leak.kind == "near_duplicate"] == [1] * found


def test_near_duplicates_are_found_beyond_one_block() -> None:
    far = [study("train", pictures=((f"d{n}", (1 << 256) - 1 - n),)) for n in range(600)]
    last = study("train", pictures=(("x", 0),))
    leak = only(scan_leaks([*far, last, study("val", pictures=(("y", 1),))], near_bits=4))
    assert (leak.kind, leak.count) == ("near_duplicate", 1)
    assert leak.examples[0][0] == last.study_uid


def test_texts_are_compared_without_case_and_spacing() -> None:
    report = {"findings": "Clear  lungs.", "impression": "Normal"}
    a = study("train", sections=report)
    b = study("val", sections={"findings": "clear lungs.", "impression": " NORMAL"})
    assert only(scan_leaks([a, b], near_bits=0)).kind == "text"


def test_captions_and_notes_are_texts_too() -> None:
    a = study("train", pictures=(("d", 0),), captions=("Axial slice",), sections={"notes": "Fell"})
    b = study(
        "test",
        pictures=(("e", (1 << 256) - 1),),
        captions=("axial slice",),
        sections={"notes": "fell"},
    )
    leak = only(scan_leaks([a, b], near_bits=0))
    assert (leak.kind, leak.count) == ("text", 2)


def test_an_indication_or_no_text_is_no_leak() -> None:
    same = {"indication": "Cough"}
    assert (
        scan_leaks([study("train", sections=same), study("val", sections=same)], near_bits=0) == ()
    )


def test_what_one_split_shares_with_itself_is_no_leak() -> None:
    twins = [study("train", patient="p", pictures=(("d", 0),), sections={"notes": "x"})] * 2
    assert scan_leaks([*twins, study("test")], near_bits=12) == ()


def test_at_most_five_examples_are_kept() -> None:
    pairs = [study(split, patient=f"p{n}") for n in range(9) for split in ("train", "test")]
    leak = only(scan_leaks(pairs, near_bits=0))
    assert (leak.count, len(leak.examples)) == (9, 5)
