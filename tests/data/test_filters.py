"""Narrowing by metadata."""

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.bands import age_band
from caselight.data.filters import KNOWN, check_filters, matches, parse_filters
from caselight.errors import QueryRefused
from caselight.types import Image, Study

PA = Image(
    image_uid="a",
    digest="a",
    dhash="0" * 64,
    caption=None,
    view="PA",
    modality="DX",
    laterality="L",
    window="bone",
)
SIDE = replace(PA, image_uid="b", view="LATERAL", modality=None, laterality=None, window=None)
STUDY = Study(
    study_uid="S-1",
    patient_key="p",
    images=(PA, SIDE),
    sections={},
    labels=("Pleural effusion", "nodule"),
    date="2024-05-17",
    age=63,
    sex="F",
    site="North",
    split="train",
    own_split=True,
)
BLANK = replace(STUDY, images=(), labels=(), date=None, age=None, sex=None, site=None)


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("age", "63", "6"),
        ("age", "60s", "50s"),
        ("age", "60..63", "64..70"),
        ("age", "63..", "64.."),
        ("age", "..63", "..62"),
        ("age", "20s|63", "20s|62"),
        ("date", "2024-05-17", "2024-05-18"),
        ("date", "2024-05", "2024-06"),
        ("date", "2024", "2023"),
        ("date", "2023..2024-05", "2023..2024-04"),
        ("date", "2024-05-17..", "2024-05-18.."),
        ("date", "..2024-05-17", "..2024-05-16"),
        ("date", "2019|2024", "2019|2023"),
        ("label", "pleural EFFUSION", "effusion"),
        ("label", "nodule", "nod"),
        ("label", "mass|nodule", "mass|nod"),
        ("laterality", "l", "r"),
        ("modality", "dx", "ct"),
        ("sex", "f", "m"),
        ("site", "north", "nor"),
        ("split", "TRAIN", "test"),
        ("study", "s-1", "s-2"),
        ("view", "pa", "ap"),
        ("view", "ap | pa", "ap|lateral"),
        ("window", "Bone", "lung"),
    ],
)
def test_every_key_tells_right_from_wrong(key: str, right: str, wrong: str) -> None:
    assert matches(STUDY, PA, {key: right})
    assert not matches(STUDY, PA, {key: wrong})
    if key not in ("split", "study"):
        assert not matches(BLANK, None, {key: right})


def test_the_test_above_knows_every_key() -> None:
    (mark,) = test_every_key_tells_right_from_wrong.pytestmark  # type: ignore[attr-defined]
    assert {key for key, *_ in mark.args[1]} == set(KNOWN)


def test_all_filters_must_hold() -> None:
    assert matches(STUDY, PA, {"sex": "F", "age": "63"})
    assert not matches(STUDY, PA, {"sex": "F", "age": "64"})
    assert matches(STUDY, PA, {})


def test_an_image_answers_for_itself_and_a_report_for_all_images() -> None:
    assert not matches(STUDY, SIDE, {"view": "PA"})
    assert matches(STUDY, None, {"view": "PA"})
    assert matches(STUDY, None, {"view": "LATERAL"})
    assert not matches(STUDY, SIDE, {"modality": "none"})


def test_pairs_are_read_with_space_and_equals_in_values() -> None:
    assert parse_filters(["sex = F", "site=a=b"]) == {"sex": "F", "site": "a=b"}
    assert parse_filters([]) == {}


@pytest.mark.parametrize("pair", ["sex", "sex=", "sex=  ", "", "=F", "Sex=F", "colour=red"])
def test_another_shape_or_key_is_refused(pair: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        parse_filters([pair])
    assert caught.value.code == "query.bad_filter"


def test_a_mapping_is_checked_as_pairs_are() -> None:
    check_filters({**dict.fromkeys(KNOWN, "x"), "age": "1", "date": "2024"})
    with pytest.raises(QueryRefused, match="there is no filter 'patient'"):
        check_filters({"patient": "x"})


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        ("age=70..60", "backwards"),
        ("age=131", "no age"),
        ("age=-1", "no age"),
        ("age=old", "no age"),
        ("age=65s", "no age"),
        ("age=140s", "nobody is 140"),
        ("age=..", "at least one end"),
        ("age=1..2..3", "no age"),
        ("age=\u0663", "no age"),
        ("date=2020..2019", "backwards"),
        ("date=2024-02-30", "calendar"),
        ("date=2023-02-29", "calendar"),
        ("date=2024-13", "calendar"),
        ("date=0000", "calendar"),
        ("date=2024-00", "calendar"),
        ("date=2024-05-00", "calendar"),
        ("date=2024-00-05", "calendar"),
        ("date=24-05", "no day"),
        ("date=05", "no day"),
        ("date=2024-5", "no day"),
        ("date=..", "at least one end"),
        ("date=last year", "no day"),
        ("sex=F|", "empty value"),
        ("view=|", "empty value"),
    ],
)
def test_a_value_that_nothing_can_have_is_refused(pair: str, why: str) -> None:
    with pytest.raises(QueryRefused, match=why) as caught:
        parse_filters([pair])
    assert caught.value.code == "query.bad_filter"


days = st.dates(datetime.date(1990, 1, 1), datetime.date(2030, 12, 31)).map(str)


@given(days, days, days)
def test_a_range_holds_the_days_between_its_ends(one: str, other: str, day: str) -> None:
    first, last = sorted((one, other))
    study = replace(STUDY, date=day)
    assert matches(study, None, {"date": f"{first}..{last}"}) == (first <= day <= last)
    assert matches(study, None, {"date": f"{first}.."}) == (first <= day)
    assert matches(study, None, {"date": f"..{last}"}) == (day <= last)
    assert matches(study, None, {"date": day[:7]})
    assert matches(study, None, {"date": f"{day[:4]}..{day[:4]}"})


@given(st.integers(0, 130), st.integers(0, 130), st.integers(0, 130))
def test_a_band_holds_the_years_between_its_ends(one: int, other: int, age: int) -> None:
    first, last = sorted((one, other))
    study = replace(STUDY, age=age)
    assert matches(study, None, {"age": f"{first}..{last}"}) == (first <= age <= last)
    assert matches(study, None, {"age": f"{first}..|..{last}"})
    decade = f"{age // 10 * 10}s"
    assert matches(study, None, {"age": decade})
    assert age_band(decade)[0] <= age <= age_band(decade)[1]
