"""Narrowing by metadata."""

from dataclasses import replace

import pytest

from caselight.data.filters import KNOWN, check_filters, matches, parse_filters
from caselight.errors import QueryRefused
from caselight.types import Image, Study

PA = Image(image_uid="a", digest="a", dhash="0" * 64, caption=None, view="PA", modality="DX")
SIDE = replace(PA, image_uid="b", view="LATERAL", modality=None)
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
        ("date", "2024-05-17", "2024-05-18"),
        ("date", "2024-05", "2024-06"),
        ("date", "2024", "05"),
        ("label", "pleural EFFUSION", "effusion"),
        ("label", "nodule", "nod"),
        ("modality", "dx", "ct"),
        ("sex", "f", "m"),
        ("site", "north", "nor"),
        ("split", "TRAIN", "test"),
        ("study", "s-1", "s-2"),
        ("view", "pa", "ap"),
    ],
)
def test_every_key_tells_right_from_wrong(key: str, right: str, wrong: str) -> None:
    assert matches(STUDY, PA, {key: right})
    assert not matches(STUDY, PA, {key: wrong})
    if key not in ("split", "study"):
        assert not matches(BLANK, None, {key: right})


def test_the_test_above_knows_every_key() -> None:
    keys = {"age", "date", "label", "modality", "sex", "site", "split", "study", "view"}
    assert set(KNOWN) == keys


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
    check_filters(dict.fromkeys(KNOWN, "x"))
    with pytest.raises(QueryRefused, match="there is no filter 'patient'"):
        check_filters({"patient": "x"})
