"""Which words go with which image.

`auto` takes, in this order: the image's caption, the report (findings, then impression), the notes.
"""

from collections.abc import Mapping
from typing import get_args

from caselight.config import TextField
from caselight.types import Image, Study


def pair_text(study: Study, image: Image | None, field: TextField) -> str | None:
    """The text paired with an image, or with a study that has none; None where there is none."""
    caption = image.caption if image is not None else None
    if field == "caption":
        return caption
    if field == "report":
        return _report(study)
    if field == "auto":
        return caption or _report(study) or study.sections.get("notes")
    return study.sections.get(field)


def study_texts(study: Study, field: TextField) -> dict[str, int | None]:
    """Every distinct text of a study, with the position of the first image it speaks of.

    A study without images has its report under position None.
    """
    if not study.images:
        text = pair_text(study, None, field)
        return {} if text is None else {text: None}
    texts: dict[str, int | None] = {}
    for position, image in enumerate(study.images):
        text = pair_text(study, image, field)
        if text is not None:
            texts.setdefault(text, position)
    return texts


def all_texts(study: Study) -> set[str]:
    """Every text of a study that any field gives: what a tower may be shown of it unchanged."""
    found = {
        pair_text(study, image, field)
        for image in (None, *study.images)
        for field in get_args(TextField)
    }
    return {text for text in found if text is not None}


def searched_text(study: Study, image: Image | None) -> str:
    """The text that a search by words looks in: what was seen, not what was asked or how.

    The image's caption, then findings, impression and notes; empty where there is none of them.
    """
    return searched_words(None if image is None else image.caption, study.sections)


def searched_words(caption: str | None, sections: Mapping[str, str]) -> str:
    """The same, from a caption and the sections of a report."""
    parts = [caption, *(sections.get(name) for name in ("findings", "impression", "notes"))]
    return " ".join(part for part in parts if part)


def other_text(study: Study, image: Image, field: TextField) -> str | None:
    """The study's words besides the ones that `pair_text` takes: for the lexical baseline."""
    used = normalise_text(pair_text(study, image, field) or "")
    parts = [image.caption or "", *study.sections.values()]
    rest = [part for part in parts if part and normalise_text(part) not in used]
    return " ".join(rest) or None


def normalise_text(text: str) -> str:
    """Fold case and white space: texts that are equal after this say the same."""
    return " ".join(text.casefold().split())


def _report(study: Study) -> str | None:
    parts = [study.sections.get("findings"), study.sections.get("impression")]
    return " ".join(part for part in parts if part) or None
