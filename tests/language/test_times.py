from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.times import read_changes, read_dates

TODAY = date(2020, 3, 15)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2019-03-04", "2019-03-04", "2019-03-04"),
        ("25/12/2019", "2019-12-25", "2019-12-25"),
        ("12/25/2019", "2019-12-25", "2019-12-25"),
        ("03/04/2019", "2019-01-01", "2019-12-31"),
        ("Mar 4, 2019", "2019-03-04", "2019-03-04"),
        ("4th March 2019", "2019-03-04", "2019-03-04"),
        ("February 2020", "2020-02-01", "2020-02-29"),
        ("since 2019", "2019-01-01", "2019-12-31"),
        ("2018 to 2019", "2018-01-01", "2019-12-31"),
    ],
)
def test_dates(text: str, first: str, last: str) -> None:
    (found,) = read_dates(text)
    assert (str(found.value.first), str(found.value.last)) == (first, last)
    assert not found.value.relative


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("last year", "2019-01-01", "2019-12-31"),
        ("two years ago", "2018-01-01", "2018-12-31"),
        ("last month", "2020-02-01", "2020-02-29"),
        ("3 months ago", "2019-12-01", "2019-12-31"),
        ("last week", "2020-03-02", "2020-03-08"),
        ("3 days ago", "2020-03-12", "2020-03-12"),
        ("yesterday", "2020-03-14", "2020-03-14"),
    ],
)
def test_relative_times_count_from_a_day_or_from_none(text: str, first: str, last: str) -> None:
    (found,) = read_dates(text, today=TODAY)
    assert (str(found.value.first), str(found.value.last)) == (first, last)
    (unresolved,) = read_dates(text)
    assert (unresolved.value.first, unresolved.value.last) == (None, None)
    assert unresolved.value.relative


@pytest.mark.parametrize(
    "text", ["31 February 2019", "2019 mm", "2048 x 2048", "12019", "1:2019.5"]
)
def test_what_is_no_date_is_left_out(text: str) -> None:
    assert [one for one in read_dates(text) if text != "31 February 2019"] == []
    assert all(one.value.first != date(2019, 2, 28) for one in read_dates(text))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("compared to prior", ["prior"]),
        ("Comparison with the previous CT", ["prior"]),
        ("interval increase", ["change"]),
        ("new since last", ["new"]),
        ("stable; unchanged; no significant change", ["unchanged"] * 3),
        ("follow-up", ["follow-up"]),
        ("no prior studies for comparison", []),
        ("Comparison: none", []),
        ("prior pneumonia, renewed", []),
    ],
)
def test_comparisons(text: str, kinds: list[str]) -> None:
    assert [one.value for one in read_changes(text)] == kinds


@given(st.dates(date(1900, 1, 1), date(2039, 12, 31)))
def test_every_day_is_read(day: date) -> None:
    for text in (
        day.isoformat(),
        f"{day.day} {day:%B} {day.year}",
        f"{day:%b} {day.day}, {day.year}",
    ):
        (found,) = read_dates(text)
        assert (found.value.first, found.value.last) == (day, day)


@given(st.text() | st.text(alphabet="0123456789-/. lastyear"), st.none() | st.dates())
def test_any_text_is_read(text: str, today: date | None) -> None:
    found = [*read_dates(text, today=today), *read_changes(text)]
    assert all(0 <= one.span[0] < one.span[1] <= len(text) for one in found)
