"""What the phantoms are drawn with: points stay in place, lines go where they are told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.data.phantoms.field import Field, Pose, make_field
from caselight.data.phantoms.shapes import profile

SIZE = 128
UPRIGHT = Pose(shift_x=0.0, shift_y=0.0, tilt=0.0, zoom=1.0, breath=0.0)


@given(
    st.floats(-0.016, 0.016), st.floats(-0.03, 0.03), st.floats(-0.03, 0.03), st.floats(0.96, 1.04)
)
@settings(max_examples=30, deadline=None)
def test_a_point_comes_to_lie_where_the_field_says(
    shift_x: float, shift_y: float, tilt: float, zoom: float
) -> None:
    pose = Pose(shift_x=shift_x, shift_y=shift_y, tilt=tilt, zoom=zoom, breath=0.0)
    field = make_field(pose, SIZE)
    spot = ((field.x - 0.2) / 0.02) ** 2 + ((field.y - 0.3) / 0.02) ** 2
    shown = field.develop(np.exp(-spot).astype(np.float32))
    rows, columns = (np.arange(SIZE) + 0.5 for _ in range(2))
    seen = (shown.sum(axis=0) @ columns / shown.sum(), shown.sum(axis=1) @ rows / shown.sum())
    at = np.array([0.2]), np.array([0.3])
    column, row = field.film(field.columns(at[0]), field.rows(at[1]))
    assert seen == pytest.approx((float(column[0]), float(row[0])), abs=0.15)


@given(st.floats(0.0, 0.9), st.floats(0.0, 0.9))
@settings(deadline=None)
def test_a_box_covers_its_rectangle(x: float, y: float) -> None:
    field: Field = make_field(UPRIGHT, SIZE)
    box = field.box(x - 0.5, y, x - 0.4, y + 0.1)
    across, down = field.part(box)
    edge = 1.0 / SIZE
    assert across.min() <= x - 0.5 + edge
    assert across.max() >= x - 0.4 - edge
    assert down.min() <= y + edge
    assert down.max() >= y + 0.1 - edge


@given(st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=8))
@settings(deadline=None)
def test_a_profile_goes_through_its_knots_and_never_beyond_its_neighbours(
    heights: list[float],
) -> None:
    knots = tuple((float(n), height) for n, height in enumerate(heights))
    at = np.linspace(-1.0, len(heights), 97, dtype=np.float32)
    line = profile(knots, at)
    through = profile(knots, np.arange(len(heights), dtype=np.float32))
    assert through == pytest.approx(heights, abs=1e-5)
    for place, value in zip(at, line, strict=True):
        k = int(np.clip(np.floor(place), 0, len(heights) - 2))
        low, high = sorted(heights[k : k + 2])
        assert low - 1e-5 <= value <= high + 1e-5
