"""Each kind of cell is read one way, or refused without being quoted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.columns import (
    COLUMN_NAMES,
    COLUMNS,
    TEXT_COLUMNS,
    UnreadableDateError,
    parse_mapping,
    read_age,
    read_date,
    read_labels,
    read_laterality,
    read_sex,
    read_split,
    read_text,
)
from caselight.errors import DataError
from caselight.types import SECTIONS


def test_columns_are_documented_once_each() -> None:
    assert len(set(COLUMN_NAMES)) == len(COLUMNS) == 20
    assert all(column.meaning.endswith(".") for column in COLUMNS)


@pytest.mark.parametrize(
    ("pairs", "remedy"),
    [
        (["findigs=x"], 'did you mean "findings"'),
        (["findings"], "write COLUMN=NAME"),
        (["findings="], "write COLUMN=NAME"),
        (["findings=a", "findings=b"], "name it once"),
    ],
)
def test_a_bad_mapping_says_what_is_near(pairs: list[str], remedy: str) -> None:
    with pytest.raises(DataError, match=remedy) as caught:
        parse_mapping(pairs)
    assert caught.value.code == "data.bad_mapping"


@pytest.mark.parametrize(
    ("cell", "years"),
    [
        (63, 63),
        (63.9, 63),
        ("63", 63),
        ("063Y", 63),
        ("023M", 1),
        ("051W", 0),
        ("365D", 0),
        ("366D", 1),
        (0, 0),
        (130, 130),
        ("", None),
        ("nan", None),
        (float("nan"), None),
        (None, None),
    ],
)
def test_ages_are_whole_years_rounded_down(cell: object, years: int | None) -> None:
    assert read_age(cell) == years


@pytest.mark.parametrize("cell", [131, -1, "old", "63Y", "1e2", True, [63], float("inf")])
def test_other_ages_are_refused(cell: object) -> None:
    with pytest.raises(ValueError, match=r"whole years|text or a number"):
        read_age(cell)


def test_words_for_sex_and_split_are_folded() -> None:
    assert [read_sex(x) for x in ("m", "Female", "OTHER", "U", "")] == ["M", "F", "O", None, None]
    assert [read_split(x) for x in ("dev", "Valid", "TEST", None)] == ["val", "val", "test", None]
    for reader in (read_sex, read_split):
        with pytest.raises(ValueError, match="or"):
            reader("sideways")


def test_words_for_sides_are_folded() -> None:
    words = ("l", "RIGHT", "Bilateral", "both", "unpaired", "U", "")
    assert [read_laterality(x) for x in words] == ["L", "R", "B", "B", None, None, None]
    with pytest.raises(ValueError, match="L, R or B"):
        read_laterality("sideways")


def test_a_whole_report_counts_as_text() -> None:
    assert {*SECTIONS, "report", "caption"} == set(TEXT_COLUMNS)


def test_dates_become_iso_days_or_are_refused() -> None:
    assert read_date("20200131") == read_date("2020-01-31T10:00:00Z") == "2020-01-31"
    assert read_date(20200131) == "2020-01-31"
    for odd in ("03/04/2020", "2020-13-01", "2020"):
        with pytest.raises(UnreadableDateError):
            read_date(odd)


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5), max_size=5))
def test_labels_read_alike_however_they_are_written(labels: list[str]) -> None:
    wanted = tuple(dict.fromkeys(x for x in labels if read_text(x) is not None))
    assert read_labels(labels) == wanted
    assert read_labels(json.dumps(labels)) == wanted
    assert read_labels("|".join(labels)) == wanted
    assert read_labels(" ; ".join(labels)) == wanted


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=4))
def test_any_cell_is_read_or_refused_without_quoting_it(cell: object) -> None:
    for column in COLUMNS:
        try:
            column.read(cell)
        except ValueError as expected:
            assert len(str(expected)) < 90  # noqa: PT017 (either outcome is right)
