"""Narrowing by metadata: `sex=F`, `age=60s`, `date=2019..2020-06`, `label=effusion|nodule`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from caselight.data.bands import age_band, date_range
from caselight.errors import QueryRefused
from caselight.types import Image, Study

KNOWN: Mapping[str, str] = {
    "age": "whole years, or a band: 63, 60s, 60..69, ..40, 80..",
    "date": "a day, month or year, or a range: 2024-05, 2019..2020-06, 2021..",
    "label": "one of the study's labels",
    "laterality": "of the image: L, R or B",
    "modality": "of the image",
    "sex": "F, M or O",
    "site": "as the archive spells it",
    "split": "train, val or test",
    "study": "the study's id",
    "view": "of the image",
    "window": "of a CT image: file, lung, soft-tissue or bone",
}
"""Every key a filter may use, with its meaning; case is ignored in values."""

OF_IMAGE = ("laterality", "modality", "view", "window")
COLUMNS = {"study": "study_uid", "label": "labels"}
"""What the store calls a key, where it calls it otherwise."""


def parse_filters(pairs: Iterable[str]) -> dict[str, str]:
    """Read `key=value` pairs.

    Raises:
        QueryRefused: `query.bad_filter` for another shape, an unknown key, or a value that nothing
            can have.
    """
    filters = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not value.strip():
            raise QueryRefused(
                f"found filter {pair!r}, expected key=value, for example sex=F",
                code="query.bad_filter",
            )
        if key.strip() in filters:
            raise QueryRefused(
                f"found filter {key.strip()!r} twice, expected once; a hit has to match them all, "
                "and one of several values is written a|b",
                code="query.bad_filter",
            )
        filters[key.strip()] = value.strip()
    check_filters(filters)
    return filters


def check_filters(filters: Mapping[str, str]) -> None:
    """Refuse a key that nothing is stored under, and a value that nothing can have.

    Raises:
        QueryRefused: `query.bad_filter`.
    """
    for key, value in filters.items():
        if key not in KNOWN:
            raise QueryRefused(
                f"there is no filter {key!r}; use one of {', '.join(KNOWN)}",
                code="query.bad_filter",
            )
        for one in _values(value):
            if not one:
                raise QueryRefused(
                    f"filter {key!r} has an empty value between bars; write a|b",
                    code="query.bad_filter",
                )
            if key == "age":
                age_band(one)
            elif key == "date":
                date_range(one)


def matches(study: Study, image: Image | None, filters: Mapping[str, str]) -> bool:
    """Whether a study, and the image at hand, have all the metadata asked for.

    Of values joined by `|`, one is enough. A row without an image matches an image's key when any
    image of its study does.

    Raises:
        QueryRefused: `query.bad_filter` for a value that nothing can have.
    """
    images = study.images if image is None else (image,)
    return all(condition(key, value)(_held(study, images, key)) for key, value in filters.items())


def condition(key: str, value: str) -> Callable[[Iterable[Any]], bool]:
    """What tells whether any of the things that are held under a key is one that is asked for.

    Raises:
        QueryRefused: `query.bad_filter` for a value that nothing can have.
    """
    if key in ("age", "date"):
        # Days written YYYY-MM-DD come in order of time.
        between = [(age_band if key == "age" else date_range)(one) for one in _values(value)]
        return lambda held: any(
            first <= one <= last for one in held if one is not None for first, last in between
        )
    wanted = set(_values(value.casefold()))
    return lambda held: not wanted.isdisjoint(one.casefold() for one in held if one)


def _held(study: Study, images: Iterable[Image], key: str) -> Iterable[Any]:
    if key == "label":
        return study.labels
    if key in OF_IMAGE:
        return [getattr(image, key) for image in images]
    return [getattr(study, COLUMNS.get(key, key))]


def _values(value: str) -> list[str]:
    return [one.strip() for one in value.split("|")]
