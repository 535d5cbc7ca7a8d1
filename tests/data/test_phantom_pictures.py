"""The phantoms' films: sides to be seen, shadows where the truth says, scanners that differ."""

from collections.abc import Callable
from functools import cache

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.data.phantoms.anatomy import Anatomy, Side, draw_anatomy
from caselight.data.phantoms.archive import window_film
from caselight.data.phantoms.detectors import SCANNERS
from caselight.data.phantoms.findings import (
    DEVICES,
    IN_A_ZONE,
    NAMES,
    ONE_SIDED,
    SIDED_DEVICES,
    Finding,
)
from caselight.data.phantoms.masks import HEART, LEFT_LUNG, RIGHT_LUNG
from caselight.data.phantoms.radiograph import Film, render_lateral, render_pa

SIZE = 128

Render = Callable[..., Film]


def finding(
    name: str,
    *,
    side: str | None = "left",
    size: float = 0.7,
    kind: str | None = None,
    zone: str | None = "lower",
) -> Finding:
    sided = name in ONE_SIDED or kind in SIDED_DEVICES
    return Finding(
        name=name,
        side=side if sided else "bilateral" if name == "edema" else None,  # type: ignore[arg-type]
        zone=zone if name in IN_A_ZONE else None,  # type: ignore[arg-type]
        kind=kind,
        size=size,
        texture=5,
        change=None,
    )


def body(patient: int = 3) -> Anatomy:
    return draw_anatomy(np.random.default_rng(patient), sex="M", age=60)


def film(
    *found: Finding,
    patient: int = 3,
    scanner: str = "site-a/1",
    size: int = SIZE,
    render: Render = render_pa,
) -> Film:
    """One body, one pose, one exposure: only the findings differ between calls."""
    rng = np.random.default_rng([patient, 1])
    return render(body(patient), found, scanner=SCANNERS[scanner], rng=rng, size=size)


def grey(shown: Film) -> NDArray[np.int16]:
    """Levels 0..255 of "site-a/1"."""
    return window_film(shown.pixels, SCANNERS["site-a/1"]).astype(np.int16)


@cache
def gain(item: Finding, patient: int = 3) -> NDArray[np.int16]:
    """What a finding alone adds to the grey of a frontal film."""
    return grey(film(item, patient=patient)) - grey(film(patient=patient))


EVERY = [
    *(finding(name) for name in NAMES if name != "device"),
    *(finding("device", kind=kind) for kind in DEVICES),
]

STILL = [item for item in EVERY if item.name not in {"atelectasis", "cardiomegaly"}]
"""The other two move dome and heart, whose old place their box need not hold."""


def named(item: Finding) -> str:
    return item.kind or item.name


# -- sides -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", range(3))
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("size", [0.15, 0.9])
@pytest.mark.parametrize("name", ONE_SIDED)
def test_a_finding_changes_pixels_of_its_side_only(
    name: str, size: float, side: Side, patient: int
) -> None:
    changed = gain(finding(name, side=side, size=size), patient) != 0
    # The patient's left is on the right of the image.
    left, right = changed[:, SIZE // 2 :].sum(), changed[:, : SIZE // 2].sum()
    mine, other = (left, right) if side == "left" else (right, left)
    # The smallest here is a nodule of 13 mm: four pixels across.
    assert mine >= 10
    assert other == 0


def test_left_and_right_can_be_told_apart() -> None:
    """Apex of the heart, knob of the aorta and air of the stomach lie on the image's right."""
    gains = []
    for patient in range(6):
        shown, person = film(patient=patient), body(patient)
        assert shown.mask is not None
        _, columns = np.nonzero(shown.mask & HEART)
        lungs = np.nonzero(shown.mask & (LEFT_LUNG | RIGHT_LUNG))[1]
        middle = (lungs.min() + lungs.max()) / 2
        assert columns.max() - middle > 1.4 * (middle - columns.min())
        picture = grey(shown).astype(float)
        mirrored = picture[:, ::-1]
        row = round((person.apex_y + 0.20) * SIZE)
        knob = (slice(row - 2, row + 3), slice(round(0.55 * SIZE), round(0.59 * SIZE)))
        gains.append(picture[knob].mean() - mirrored[knob].mean())
        low = round((person.dome_right + person.dome_drop + 0.055) * SIZE)
        stomach = (slice(low - 2, low + 4), slice(round(0.62 * SIZE), round(0.75 * SIZE)))
        assert picture[stomach].min() < mirrored[stomach].min() - 8
    # Young aortas are small, so the knob is looked for in all of them together.
    assert np.mean(gains) > 10


@pytest.mark.parametrize("scanner", SCANNERS)
def test_the_letter_lies_on_its_side_and_not_over_the_lungs(scanner: str) -> None:
    shown = film(scanner=scanner, size=256)
    picture = window_film(shown.pixels, SCANNERS[scanner])
    corner = slice(12, 32), slice(12, 32)
    right, left = picture[corner].astype(int), picture[:, ::-1][corner].astype(int)
    mine, other = (left, right) if SCANNERS[scanner].letter == "L" else (right, left)
    assert mine.max() > other.max() + 40
    assert shown.mask is not None
    assert not shown.mask[corner].any()


def test_only_the_letter_of_its_scanner_is_on_a_film() -> None:
    assert {scanner.letter for scanner in SCANNERS.values()} == {"L", "R"}


# -- findings --------------------------------------------------------------------------------------


def test_an_effusion_whitens_the_base_of_its_side() -> None:
    added = gain(finding("effusion"))
    lower, half = slice(SIZE // 2, None), SIZE // 2
    assert added[lower, half:].mean() > 5
    assert added[: SIZE // 4].max() < 20


def test_an_effusion_of_both_sides_whitens_both() -> None:
    both = finding("effusion", side="bilateral")
    added = gain(both)[SIZE // 2 :]
    assert added[:, SIZE // 2 :].mean() > 5
    assert added[:, : SIZE // 2].mean() > 5


def test_a_pneumothorax_darkens_the_apex_and_shows_a_line() -> None:
    added = gain(finding("pneumothorax", side="right", size=0.8))
    assert (added < -4).sum() > 50
    assert (added > 8).sum() > 50
    free = np.argwhere(added < -4).mean(axis=0)
    assert free[1] < SIZE // 2


def test_edema_brightens_both_lungs() -> None:
    added = gain(finding("edema"))
    assert added[:, : SIZE // 2].mean() > 2
    assert added[:, SIZE // 2 :].mean() > 2


def test_cardiomegaly_widens_the_heart_beyond_half_the_chest() -> None:
    for size in (0.1, 0.9):
        shown = film(finding("cardiomegaly", size=size))
        assert heart_ratio(shown) > 0.48 + 0.1 * size
    assert heart_ratio(film()) < 0.5


def heart_ratio(shown: Film) -> float:
    assert shown.mask is not None
    widths = [np.ptp(np.nonzero(shown.mask & bits)[1]) for bits in (HEART, LEFT_LUNG | RIGHT_LUNG)]
    return float(widths[0] / widths[1])


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_box_of_a_pacemaker_lies_on_its_side_and_its_lead_ends_in_the_heart(
    side: Side,
) -> None:
    added = gain(finding("device", kind="pacemaker", side=side))
    upper = added[: SIZE // 2]
    left, right = upper[:, int(0.70 * SIZE) :].sum(), upper[:, : int(0.30 * SIZE)].sum()
    mine, other = (left, right) if side == "left" else (right, left)
    assert mine > 2000
    assert other == 0
    assert added[int(0.6 * SIZE) :, SIZE // 2 :].sum() > 100


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("zone", ["upper", "middle", "lower"])
def test_lobes_lie_one_above_the_other(side: Side, zone: str) -> None:
    heights = {"upper": (0.1, 0.47), "middle": (0.45, 0.75), "lower": (0.5, 0.85)}
    for name in ("consolidation", "nodule", "fracture"):
        added = np.abs(gain(finding(name, side=side, zone=zone, size=0.5)))
        row = float((added.sum(axis=1) * np.arange(SIZE)).sum() / added.sum() / SIZE)
        low, high = heights[zone] if name != "fracture" else (0.15, 0.75)
        assert low < row < high, (name, row)


# Devices have no size worth a difference, and a healed rib shows more than a cracked one.
@pytest.mark.parametrize("name", [n for n in NAMES if n not in {"device", "fracture"}])
def test_a_larger_finding_changes_more(name: str) -> None:
    changes = []
    for size in (0.1, 0.45, 0.95):
        larger = finding(name, size=size)
        changes.append(np.abs(gain(larger)).astype(float).sum())
    assert changes[0] < changes[1] < changes[2]


def test_small_findings_are_faint() -> None:
    for name in ("consolidation", "edema", "effusion", "nodule"):
        faint = gain(finding(name, size=0.08)).astype(float).sum()
        plain = gain(finding(name, size=0.9)).astype(float).sum()
        assert faint < 0.3 * plain, name


@pytest.mark.parametrize("item", EVERY, ids=named)
def test_the_film_from_the_side_shows_it_too(item: Finding) -> None:
    usual, shown = (film(*found, render=render_lateral) for found in ((), (item,)))
    change = np.abs(grey(shown) - grey(usual))
    assert (change > 2).sum() >= 10
    assert shown.boxes[0] is not None
    assert shown.mask is None


def test_from_the_side_fluid_fills_the_angle_behind_and_the_middle_lobe_lies_in_front() -> None:
    def middle(item: Finding) -> tuple[float, float]:
        usual, shown = (grey(film(*f, render=render_lateral)) for f in ((), (item,)))
        change = np.clip(shown - usual, 0, None).astype(float)
        row, column = ((change * grid).sum() / change.sum() for grid in np.indices(change.shape))
        return float(row / SIZE), float(column / SIZE)

    row, column = middle(finding("effusion", size=0.15))
    assert row > 0.65
    assert column > 0.55
    assert middle(finding("consolidation", side="right", zone="middle"))[1] < 0.5
    assert middle(finding("consolidation", side="right", zone="lower"))[1] > 0.55


# -- truth -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("patient", [3, 8])
@pytest.mark.parametrize("item", STILL, ids=named)
def test_the_box_holds_what_the_finding_changes(item: Finding, patient: int) -> None:
    box = film(item, patient=patient).boxes[0]
    assert box is not None
    left, top, right, bottom = box
    assert 0 <= left < right <= SIZE
    assert 0 <= top < bottom <= SIZE
    change = np.abs(gain(item, patient)).astype(float)
    assert change[top:bottom, left:right].sum() > 0.93 * change.sum()
    # Not the whole film: what is seen touches, or nearly, each edge of the box.
    seen = np.argwhere(change > 3)
    assert seen.min(axis=0)[0] - top <= 10
    assert seen.min(axis=0)[1] - left <= 10
    assert bottom - seen.max(axis=0)[0] <= 11
    assert right - seen.max(axis=0)[1] <= 11


def test_the_box_of_a_large_heart_is_the_heart() -> None:
    shown = film(finding("cardiomegaly"))
    assert shown.mask is not None
    rows, columns = np.nonzero(shown.mask & HEART)
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert shown.boxes[0] == pytest.approx(found, abs=3)


@pytest.mark.parametrize("patient", range(4))
def test_masks_lie_where_lungs_and_heart_are(patient: int) -> None:
    shown = film(patient=patient)
    mask, picture = shown.mask, grey(shown)
    assert mask is not None
    assert set(np.unique(mask)) <= set(range(8))
    right, left, heart = ((mask & bit) > 0 for bit in (RIGHT_LUNG, LEFT_LUNG, HEART))
    assert not (right & left).any()
    assert np.nonzero(right)[1].mean() < 0.4 * SIZE
    assert np.nonzero(left)[1].mean() > 0.6 * SIZE
    for part, least, most in ((right, 0.10, 0.30), (left, 0.08, 0.28), (heart, 0.06, 0.20)):
        assert least < part.mean() < most
    assert picture[heart & ~right & ~left].mean() > picture[right | left].mean() + 50


def test_findings_leave_the_mask_as_it_is_and_a_large_heart_does_not() -> None:
    usual, filled, large = (
        film(*found).mask
        for found in ((), (finding("effusion"), finding("nodule")), (finding("cardiomegaly"),))
    )
    assert usual is not None
    assert filled is not None
    assert large is not None
    assert np.array_equal(filled, usual)
    assert not np.array_equal(large, usual)


# -- films -----------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sampled_from(sorted(SCANNERS)), st.booleans())
@settings(max_examples=12, deadline=None)
def test_the_same_generator_draws_the_same_film(seed: int, scanner: str, lateral: bool) -> None:
    render = render_lateral if lateral else render_pa
    person = draw_anatomy(np.random.default_rng(seed), sex="F", age=50)
    films = [
        render(person, (), scanner=SCANNERS[scanner], rng=np.random.default_rng(seed), size=64)
        for _ in range(2)
    ]
    black, white = SCANNERS[scanner].levels
    assert np.array_equal(films[0].pixels, films[1].pixels)
    assert films[0].pixels.dtype == np.uint16
    assert black <= films[0].pixels.min() < films[0].pixels.max() <= white


def test_dense_is_bright_and_the_air_around_the_patient_is_black() -> None:
    usual = grey(film())
    assert usual[: SIZE // 20, SIZE // 5 : SIZE // 4].mean() < 60
    lung = usual[int(0.45 * SIZE), int(0.22 * SIZE) : int(0.30 * SIZE)].mean()
    heart = usual[int(0.64 * SIZE), int(0.50 * SIZE) : int(0.58 * SIZE)].mean()
    assert heart > lung + 60


def test_scanners_make_films_that_differ() -> None:
    films = {
        name: window_film(film(scanner=name, size=256).pixels, SCANNERS[name]).astype(float)
        for name in SCANNERS
    }
    looks = []
    for picture in films.values():
        lung = picture[100:130, 55:80]
        looks.append((lung.mean(), np.diff(lung, axis=1).std(), picture[:, :3].mean()))
    spread = np.ptp(np.array(looks), axis=0)
    assert (spread > (15, 0.7, 15)).all(), spread


def test_any_size_shows_the_same_chest() -> None:
    small, large = (
        window_film(film(scanner="site-b/1", size=size).pixels, SCANNERS["site-b/1"])
        for size in (64, 256)
    )
    shrunk = np.asarray(PIL.Image.fromarray(large).resize((64, 64), PIL.Image.Resampling.BOX))
    # The exposure is drawn alike and the noise is not; it averages out over the picture.
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.97


def test_several_findings_are_drawn_together() -> None:
    items = [finding("effusion", side="right"), finding("nodule", zone="upper")]
    together = grey(film(*items)) - grey(film())
    apart = gain(items[0]) + gain(items[1])
    # They lie in two lungs, so each is as it is alone.
    assert np.array_equal(together, apart)
