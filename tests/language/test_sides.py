import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.sides import read_sides


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("left-sided effusion", ["left"]),
        ("R lung, (L) base", ["right", "left"]),
        ("Lt hip, Rt. knee", ["left", "right"]),
        ("bibasilar atelectasis", ["bilateral"]),
        ("both lungs", ["bilateral"]),
        ("effusions, L>R", ["bilateral"]),
        ("left greater than right", ["bilateral"]),
        ("left and right", ["bilateral"]),
        ("OD clear, OS drusen, OU glaucoma", ["right", "left", "bilateral"]),
        ("left mass, contralateral nodes, ipsilateral nodes", ["left", "right", "left"]),
        ("contralateral nodes", []),
        ("bilateral effusions, contralateral shift", ["bilateral"]),
        ("R/O fracture of L1, T2 R-wave 3 l", ["right"]),
        ("right now", []),
        ("left-handed", []),
        ("the patient left AMA", []),
        ("both mass and edema", []),
        ("copyright, cleft, rightly", []),
        ("os odontoideum", []),
    ],
)
def test_sides(text: str, sides: list[str]) -> None:
    assert [one.value for one in read_sides(text)] == sides


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert all(0 <= one.span[0] < one.span[1] <= len(text) for one in read_sides(text))


@given(st.text(alphabet="LR>OUDSleftrigh bo"), st.sampled_from(["left", "right"]))
def test_the_place_is_that_of_the_word(text: str, side: str) -> None:
    whole = f"{text}. the {side} lung"
    last = read_sides(whole)[-1]
    assert (whole[slice(*last.span)], last.value) == (side, side)
