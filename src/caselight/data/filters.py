"""Narrowing by metadata: `sex=F`, `age=60s`, `date=2019..2020-06`, `label=effusion|nodule`."""

from collections.abc import Iterable, Mapping

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
_FIELDS = {"study": "study_uid"}


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
    return all(_matches(study, images, key, value) for key, value in filters.items())


def _matches(study: Study, images: Iterable[Image], key: str, value: str) -> bool:
    if key == "age":
        age = study.age
        return age is not None and any(
            first <= age <= last for first, last in map(age_band, _values(value))
        )
    if key == "date":
        # Days written YYYY-MM-DD come in order of time.
        day = study.date
        return day is not None and any(
            first <= day <= last for first, last in map(date_range, _values(value))
        )
    if key == "label":
        held: Iterable[str | None] = study.labels
    elif key in OF_IMAGE:
        held = [getattr(image, key) for image in images]
    else:
        held = [getattr(study, _FIELDS.get(key, key))]
    return not {one.casefold() for one in held if one}.isdisjoint(_values(value.casefold()))


def _values(value: str) -> list[str]:
    return [one.strip() for one in value.split("|")]
