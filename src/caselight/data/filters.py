"""Narrowing by metadata: `sex=F`, `modality=X-ray`, `label=effusion`."""

from collections.abc import Iterable, Mapping

from caselight.errors import QueryRefused
from caselight.types import Image, Study

KNOWN: Mapping[str, str] = {
    "age": "whole years",
    "date": "the study's day, or how it begins: 2024 or 2024-05",
    "label": "one of the study's labels",
    "modality": "of the image",
    "sex": "F, M or O",
    "site": "as the archive spells it",
    "split": "train, val or test",
    "study": "the study's id",
    "view": "of the image",
}
"""Every key a filter may use, with its meaning; case is ignored in values."""


def parse_filters(pairs: Iterable[str]) -> dict[str, str]:
    """Read `key=value` pairs.

    Raises:
        QueryRefused: `query.bad_filter` for another shape or an unknown key.
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
                f"found filter {key.strip()!r} twice, expected once; a hit has to match them all",
                code="query.bad_filter",
            )
        filters[key.strip()] = value.strip()
    check_filters(filters)
    return filters


def check_filters(filters: Mapping[str, str]) -> None:
    """Refuse a key that nothing is stored under.

    Raises:
        QueryRefused: `query.bad_filter`.
    """
    for key in filters:
        if key not in KNOWN:
            raise QueryRefused(
                f"there is no filter {key!r}; use one of {', '.join(KNOWN)}",
                code="query.bad_filter",
            )


def matches(study: Study, image: Image | None, filters: Mapping[str, str]) -> bool:
    """Whether a study, and the image at hand, have all the metadata asked for.

    A row without an image matches an image's key when any image of its study does.
    """
    images = study.images if image is None else (image,)
    for key, wanted in filters.items():
        value = wanted.casefold()
        if key == "label":
            held = [label.casefold() for label in study.labels]
        elif key in ("modality", "view"):
            held = [(getattr(i, key) or "").casefold() for i in images]
        elif key == "date":
            held = [value] if (study.date or "").startswith(value) else []
        else:
            name = "study_uid" if key == "study" else key
            held = [str(getattr(study, name)).casefold()]
        if value not in held:
            return False
    return True
