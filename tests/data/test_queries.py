"""A query is refused before anything is opened for it, and a refusal repeats nothing private."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from caselight.config import Config, IngestSettings
from caselight.data.queries import check_query, parse_patient, read_query_pictures
from caselight.errors import DataError, QueryRefused
from caselight.types import Query

WORDS, PICTURE = {"text": "effusion"}, {"image": Path("film.png")}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, {}),
        ("age=63", {"age": "63"}),
        ("sex=f, age = 0", {"sex": "F", "age": "0"}),
        ("age=130,sex=O", {"age": "130", "sex": "O"}),
    ],
)
def test_a_patient_is_read(said: str | None, meant: dict[str, str]) -> None:
    assert parse_patient(said) == meant


@pytest.mark.parametrize(
    "said",
    ["", "63", "age=", "age=131", "age=-1", "age=6.5", "age=²", "sex=W", "name=Lehmann7",
     "age=63,age=63", "age=63,", pytest.param(f"age={'9' * 5000}", id="5000 digits")],
)  # fmt: skip
def test_a_patient_of_another_shape_is_refused_without_repeating_it(said: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        parse_patient(said)
    assert caught.value.code == "query.bad_patient"
    assert "Lehmann" not in str(caught.value)
    assert "131" not in str(caught.value)


def test_a_query_shows_no_patient_when_it_is_printed() -> None:
    assert "63" not in repr(Query(text="effusion", patient={"age": "63"}))


@pytest.mark.parametrize(
    "query",
    [
        WORDS,
        PICTURE,
        {"like": ("s1",)},
        {**WORDS, **PICTURE, "image_weight": 0.0, "fusion": "ranks"},
        {**WORDS, **PICTURE, "by": "both", "like": ("s1",), "unlike": ("s2", "s3")},
        {**PICTURE, "unlike": ("s1",)},
        {**WORDS, "by": "words", "patient": {"sex": "F"}},
    ],
)
def test_what_goes_together_is_taken(query: dict[str, Any]) -> None:
    check_query(Query(**query))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "query.empty"),
        ({"text": " \n"}, "query.empty"),
        ({"unlike": ("s1",)}, "query.empty"),
        ({"text": "\ud800"}, "query.bad_text"),
        ({**WORDS, "k": 0}, "query.bad_k"),
        ({**WORDS, "filters": {"colour": "red"}}, "query.bad_filter"),
        ({**WORDS, "filters": {"date": "2020..2019"}}, "query.bad_filter"),
        ({**WORDS, "patient": {"age": "old"}}, "query.bad_patient"),
        ({**WORDS, "like": ("s1",), "unlike": ("s2", "s1")}, "query.bad_combination"),
        ({**PICTURE, "by": "words"}, "query.bad_combination"),
        ({**PICTURE, "by": "both"}, "query.bad_combination"),
        ({**WORDS, **PICTURE, "by": "words"}, "query.bad_combination"),
        ({**WORDS, "by": "words", "like": ("s1",)}, "query.bad_combination"),
        ({**WORDS, "by": "words", "unlike": ("s1",)}, "query.bad_combination"),
        ({**WORDS, "image_weight": 0.5}, "query.bad_weight"),
        ({**PICTURE, "fusion": "vectors"}, "query.bad_weight"),
        ({**WORDS, **PICTURE, "image_weight": 1.01}, "query.bad_weight"),
        ({**WORDS, **PICTURE, "image_weight": -0.1}, "query.bad_weight"),
        ({**WORDS, **PICTURE, "image_weight": float("nan")}, "query.bad_weight"),
        ({**WORDS, "target": "images"}, "query.bad_value"),
        ({**WORDS, "by": "wrods"}, "query.bad_value"),
        ({**WORDS, "group": "patients"}, "query.bad_value"),
        ({**WORDS, **PICTURE, "fusion": "rank"}, "query.bad_value"),
        ({**WORDS, **PICTURE, "image_weight": "0.5"}, "query.bad_value"),
        ({"text": 5}, "query.bad_value"),
        ({"image": "film.png"}, "query.bad_value"),
        ({"like": "s1"}, "query.bad_value"),
        ({"like": (1,)}, "query.bad_value"),
        ({**WORDS, "k": 2.5}, "query.bad_value"),
        ({**WORDS, "k": True}, "query.bad_value"),
        ({**WORDS, "keep_own": "no"}, "query.bad_value"),
        ({**WORDS, "filters": {"age": 63}}, "query.bad_value"),
        ({**WORDS, "patient": {"age": 63}}, "query.bad_value"),
    ],
)
def test_what_cannot_be_asked_is_refused(query: dict[str, Any], code: str) -> None:
    with pytest.raises(QueryRefused) as caught:
        check_query(Query(**query))
    assert caught.value.code == code


# -- the pictures of a query -----------------------------------------------------------------------


def shipped(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert found is not None, f"pydicom ships {name}"
    return Path(found)


def settings(**values: object) -> IngestSettings:
    return Config.from_mapping({"ingest": values}).ingest


@pytest.mark.parametrize(("stack_frames", "n_pictures"), [(1, 1), (4, 4), ("all", 30)])
def test_as_many_frames_are_taken_as_ingest_takes(stack_frames: object, n_pictures: int) -> None:
    path = shipped("examples_ybr_color.dcm")
    pictures = read_query_pictures(path, settings(stack_frames=stack_frames))
    assert [one.shape for one in pictures] == [(240, 320, 3)] * n_pictures


def test_a_ct_slice_is_asked_in_its_windows() -> None:
    path = shipped("CT_small.dcm")
    both = read_query_pictures(path, settings(ct_windows=["lung", "bone"]))
    (lung,) = read_query_pictures(path, settings(ct_windows=["lung"]))
    assert len(both) == 2
    assert np.array_equal(both[0], lung)
    assert not np.array_equal(both[1], lung)


def test_a_query_that_cannot_be_read_is_refused_with_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    for path, code in (
        (tmp_path / "a.png", "data.not_an_image"),
        (tmp_path / "b.png", "data.not_found"),
        (tmp_path, "data.not_an_image"),
    ):
        with pytest.raises(DataError) as caught:
            read_query_pictures(path, settings())
        assert caught.value.code == code
