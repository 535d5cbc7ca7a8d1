"""Galleries made by hand, and by chance."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from caselight.codes import pack_signs
from caselight.config import Config
from caselight.evaluation.gallery import Entry, Gallery
from caselight.evaluation.relevance import Task, make_tasks
from caselight.types import Codes, Image, Study

FEW = Config.from_mapping({"evaluate": {"n_resamples": 100}})


def entry(
    text: str | None = None,
    *,
    study: str,
    patient: str | None = None,
    other: str | None = None,
    labels: Sequence[str] = (),
    modality: str | None = None,
    view: str | None = None,
    site: str | None = None,
    image: str | None = None,
) -> Entry:
    """One image; its patient is its study's alone unless one is named."""
    held = Image(
        image_uid=image or study,
        digest=study,
        dhash="0" * 64,
        caption=text,
        view=view,
        modality=modality,
    )
    return Entry(
        study=Study(
            study_uid=study,
            patient_key=patient or study,
            images=(held,),
            sections={},
            labels=tuple(labels),
            date=None,
            age=None,
            sex=None,
            site=site,
            split="test",
            own_split=True,
        ),
        image=held,
        digests=(study,),
        text=text,
        other_text=other,
    )


def gallery(*entries: Entry) -> Gallery:
    return Gallery(entries)


def of_texts(texts: Sequence[str | None]) -> Gallery:
    """A gallery with one study an entry."""
    return gallery(*(entry(text, study=f"s{n:03d}") for n, text in enumerate(texts)))


def tasks(held: Gallery) -> dict[str, Task]:
    return {task.name: task for task in make_tasks(held)}


def codes(signs: np.ndarray[tuple[int, int], np.dtype[np.int8]]) -> Codes:
    return pack_signs(signs)


texts = st.lists(st.sampled_from(["a", "b", "B ", "c", "d", None]), min_size=1, max_size=9).filter(
    lambda found: any(text is not None for text in found)
)
"""Texts of a gallery; "b" and "B " say the same."""


@st.composite
def galleries(draw: st.DrawFn) -> Gallery:
    """Any gallery: equal texts, no texts, several images a study and studies a patient."""
    entries = []
    labels = st.lists(st.sampled_from("xyz"), unique=True, max_size=3)
    for n, text in enumerate(draw(texts)):
        study = draw(st.integers(0, n))
        entries.append(
            entry(
                text,
                study=f"s{study}",
                patient=f"p{study // 2}",
                labels=draw(labels) if study == n else (),
                image=f"i{n}",
            )
        )
    by_study = {e.study.study_uid: e.study for e in reversed(entries)}
    return gallery(
        *(
            Entry(
                study=by_study[e.study.study_uid],
                image=e.image,
                digests=e.digests,
                text=e.text,
                other_text=e.other_text,
            )
            for e in entries
        )
    )


def group_sizes(held: Gallery) -> list[int]:
    """For each text of a gallery, how often it occurs."""
    ids = [int(i) for i in held.text_ids if i >= 0]
    return [ids.count(i) for i in ids]


def pairs(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(n)]
