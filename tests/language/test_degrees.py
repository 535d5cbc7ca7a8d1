import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.degrees import fits, read_severities, read_sizes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mild-to-moderate regurgitation", ["moderate"]),
        ("mild to moderate", ["moderate"]),
        ("trace effusion", ["trivial"]),
        ("small, moderate and large", ["mild", "moderate", "severe"]),
        ("1+ MR, 2+ TR, 3+ AR, 4+ PR", ["mild", "moderate", "severe", "severe"]),
        ("1+ to 2+ TR", ["moderate"]),
        ("markedly dilated", ["severe"]),
        ("grade 2 mitral regurgitation", ["moderate"]),
        ("A1+B, 12+ cases, 5+", []),
        ("smallest", []),
    ],
)
def test_severities(text: str, said: list[str]) -> None:
    assert [one.value for one in read_severities(text)] == said


def test_large_grades_fluid_and_not_a_mass() -> None:
    assert fits("large", "pleural-effusion")
    assert not fits("large", "mass")
    assert fits("severe", "mass")


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("3 x 4 cm", [(30, 40)]),
        ("2 x 3.5 x 1 cm", [(10, 35)]),
        ("4 mm x 5 mm", [(4, 5)]),
        ("5-mm", [(5, 5)]),
        ("3 to 5 mm", [(3, 5)]),
        ("between 3 and 5 mm", [(3, 5)]),
        ("8 mm to 1 cm", [(8, 10)]),
        ("less than 6 mm", [(0, 6)]),
        ("up to 2 cm", [(0, 20)]),
        ("<6mm", [(0, 6)]),
        ("at least 2 cm", [(20, math.inf)]),
        ("> 2 cm", [(20, math.inf)]),
        ("300 \u00b5m", [(0.3, 0.3)]),
        ("3,5 cm", [(35, 35)]),
        ("5 mm and a mass of 2 cm", [(5, 5), (20, 20)]),
        ("2 inches, 120 mmHg, 25 mm Hg, 20 mm/s, 5", []),
    ],
)
def test_sizes(text: str, sizes: list[tuple[float, float]]) -> None:
    assert [one.value for one in read_sizes(text)] == [pytest.approx(one) for one in sizes]


@given(st.integers(1, 999), st.integers(1, 999))
def test_a_range_is_in_order_and_a_centimetre_is_ten_millimetres(a: int, b: int) -> None:
    (in_mm,), (in_cm,) = read_sizes(f"{a} x {b} mm"), read_sizes(f"{a} x {b} cm")
    assert in_mm.value == (min(a, b), max(a, b))
    assert in_cm.value == (10 * min(a, b), 10 * max(a, b))


@given(st.text() | st.text(alphabet="0123456789. x<cm+-to"))
def test_any_text_is_read(text: str) -> None:
    found = [*read_severities(text), *read_sizes(text)]
    assert all(0 <= one.span[0] < one.span[1] <= len(text) for one in found)
    assert all(one.value[0] <= one.value[1] for one in read_sizes(text))
