"""Where a manifest and a DICOM header speak of one thing: who is believed, and what is told."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from caselight.data.dicom.facts import Facts
from caselight.data.dicom.views import same_modality, same_view
from caselight.types import SourceImage, SourceStudy

Trust = Literal["header", "manifest"]


def settle_image(
    image: SourceImage, facts: Facts, trust: Trust, notes: Counter[str]
) -> SourceImage:
    """The image with the view, laterality and modality of whoever is trusted.

    Where one is silent the other fills in. Words that say the same in two ways (X-ray and DX,
    LATERAL and LL) do not disagree, and the manifest's stands: it is what a person filters by.
    """
    return replace(
        image,
        view=_settled("view", image.view, facts.view, trust, notes, same=same_view),
        laterality=_settled("laterality", image.laterality, facts.laterality, trust, notes),
        modality=_settled(
            "modality", image.modality, facts.modality, trust, notes, same=same_modality
        ),
    )


def settle_study(
    source: SourceStudy, headers: Sequence[Facts], trust: Trust, notes: Counter[str]
) -> SourceStudy:
    """The study with the date, age and sex of whoever is trusted.

    A field of the headers is that of the first one that has it. The patient stays the manifest's,
    since the headers of shared sets often name one patient for all.
    """
    if source.patient_id is None and any(facts.patient_id for facts in headers):
        notes["studies without a patient_id in the manifest, though their headers have one"] += 1
    settled = {
        name: _settled(name, getattr(source, name), _first(headers, name), trust, notes)
        for name in ("date", "age", "sex")
    }
    return replace(source, **settled)


def _first(headers: Sequence[Facts], name: str) -> Any:
    found = (getattr(facts, name) for facts in headers)
    return next((value for value in found if value is not None), None)


def _settled(
    name: str,
    said: Any,
    header: Any,
    trust: Trust,
    notes: Counter[str],
    *,
    same: Callable[[Any, Any], bool] = lambda one, other: one == other,
) -> Any:
    if said is None or header is None:
        return header if said is None else said
    if same(said, header):
        return said
    notes[f"{name} in which manifest and header disagree, the {trust}'s taken"] += 1
    return header if trust == "header" else said
