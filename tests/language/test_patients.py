import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.patients import read_ages, read_sexes


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("63 yo", [(63, 63)]),
        ("63-year-old man", [(63, 63)]),
        ("63 y/o", [(63, 63)]),
        ("63yoM", [(63, 63)]),
        ("67F", [(67, 67)]),
        ("F/67", [(67, 67)]),
        ("67 F", [(67, 67)]),
        ("age: 45", [(45, 45)]),
        ("6 months old", [(0.5, 0.5)]),
        ("6-month-old", [(0.5, 0.5)]),
        ("in his 60s", [(60, 69)]),
        ("over 70", [(70, math.inf)]),
        ("patients over 70 with COPD", [(70, math.inf)]),
        ("women under 50", [(0, 50)]),
        ("aged 40-60", [(40, 60)]),
        ("40 to 60 years old", [(40, 60)]),
        ("older than 18 years", [(18, math.inf)]),
        ("infant", [(0, 1)]),
        ("neonate", [(0, 28 / 365.25)]),
        ("paediatric, pediatric", [(0, 17), (0, 17)]),
        ("elderly", [(65, math.inf)]),
        ("over 70 mm, over 70%, 12F drain, 3 M pixel, 150 years old, C5 F, 60s", []),
    ],
)
def test_ages(text: str, ages: list[tuple[float, float]]) -> None:
    assert [one.value for one in read_ages(text)] == [pytest.approx(one) for one in ages]


@pytest.mark.parametrize(
    ("text", "sexes"),
    [
        ("woman", ["F"]),
        ("a 63yoM", ["M"]),
        ("67F", ["F"]),
        ("F/67", ["F"]),
        ("67 y/o F with pain", ["F"]),
        ("Sex: M", ["M"]),
        ("men and women", ["M", "F"]),
        ("she told her mother", []),
        ("trans woman", []),
        ("12F drain, vitamin M, L1 F", []),
    ],
)
def test_sexes(text: str, sexes: list[str]) -> None:
    assert [one.value for one in read_sexes(text)] == sexes


@given(st.integers(0, 125), st.sampled_from(["{} yo", "{}-year-old", "{} years old", "aged {}"]))
def test_every_age_is_read_in_every_form(years: int, form: str) -> None:
    assert [one.value for one in read_ages(form.format(years))] == [(years, years)]


@given(st.text() | st.text(alphabet="0123456789 yo/MF-oldver<>agebtwn"))
def test_any_text_is_read(text: str) -> None:
    found = [*read_ages(text), *read_sexes(text)]
    assert all(0 <= one.span[0] < one.span[1] <= len(text) for one in found)
    assert all(0 <= one.value[0] <= one.value[1] for one in read_ages(text))
