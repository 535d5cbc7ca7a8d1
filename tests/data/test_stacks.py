"""Images of one stack and window are one picture; everything else stands by itself."""

from hypothesis import given
from hypothesis import strategies as st

from caselight.data.stacks import pictures
from caselight.types import Image, Window


def image(number: int, stack: str | None = None, window: Window | None = None) -> Image:
    return Image(
        image_uid=f"1.2.{number}",
        digest=f"{number:064x}",
        dhash="0" * 64,
        caption=None,
        view=None,
        modality=None,
        stack=stack,
        window=window,
    )


IMAGES = st.lists(
    st.tuples(st.sampled_from((None, "1", "2")), st.sampled_from((None, "lung", "bone"))),
    max_size=12,
).map(lambda drawn: [image(n, stack, window) for n, (stack, window) in enumerate(drawn)])


@given(IMAGES)
def test_every_image_is_in_exactly_one_picture(images: list[Image]) -> None:
    for pool in ("none", "mean", "max"):
        grouped = [one for picture in pictures(images, pool) for one in picture.images]
        assert sorted(i.image_uid for i in grouped) == sorted(i.image_uid for i in images)


@given(IMAGES)
def test_a_picture_never_mixes_stacks_or_windows(images: list[Image]) -> None:
    found = pictures(images, "mean")
    for picture in found:
        assert len({(i.stack, i.window) for i in picture.images}) == 1
        assert images[picture.position] in picture.images
    stacked = [p for p in found if p.images[0].stack is not None]
    keys = [(p.images[0].stack, p.images[0].window) for p in stacked]
    assert len(keys) == len(set(keys))


def test_without_pooling_every_image_is_its_own_picture() -> None:
    images = [image(n, "1") for n in range(3)]
    assert [p.position for p in pictures(images, "none")] == [0, 1, 2]


def test_the_middle_slice_stands_for_its_stack() -> None:
    images = [image(9), *(image(n, "1") for n in range(5))]
    assert [p.position for p in pictures(images, "max")] == [0, 3]
