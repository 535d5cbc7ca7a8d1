"""How a radiograph was taken: one word for the many ways of saying it."""

from collections.abc import Sequence

_MEANINGS = {
    "postero-anterior": "PA",
    "posteroanterior": "PA",
    "postero anterior": "PA",
    "antero-posterior": "AP",
    "anteroposterior": "AP",
    "antero posterior": "AP",
    "left lateral": "LL",
    "right lateral": "RL",
    "lateral": "LATERAL",
    "cranio-caudal": "CC",
    "craniocaudal": "CC",
    "medio-lateral oblique": "MLO",
    "mediolateral oblique": "MLO",
    "medio-lateral": "ML",
    "mediolateral": "ML",
    "latero-medial": "LM",
    "lateromedial": "LM",
}
"""Code meanings of DICOM's view codes (PS3.16, CID 4010 and 4014) to values of ViewPosition."""
_LATERALS = frozenset({"lateral", "lat", "l", "ll", "rl", "rll", "lld", "rld"})
_SAME_VIEWS = (
    _LATERALS,
    frozenset({"axial", "transverse", "transversal", "tra", "ax"}),
    frozenset({"coronal", "cor"}),
    frozenset({"sagittal", "sag"}),
)
_SAME_MODALITIES = (
    frozenset({"x-ray", "xray", "xr", "x ray", "radiograph", "cr", "dx", "dr", "rg"}),
    frozenset({"ct", "computed tomography"}),
    frozenset({"mr", "mri", "magnetic resonance"}),
    frozenset({"us", "ultrasound", "ultrasonography"}),
    frozenset({"pt", "pet"}),
    frozenset({"nm", "nuclear medicine", "scintigraphy"}),
    frozenset({"mg", "mammography", "mammogram"}),
    frozenset({"op", "fundus", "fundus photography"}),
)


def view_of(position: str | None, meanings: Sequence[str | None]) -> str | None:
    """The view: ViewPosition, else the meaning of the view's code, shortened where it is known."""
    if position is not None:
        return position
    meaning = next((text for text in meanings if text is not None), None)
    return None if meaning is None else _MEANINGS.get(meaning.casefold(), meaning)


def same_view(one: str, other: str) -> bool:
    """Whether two words for a view do not contradict each other: LATERAL and LL do not."""
    return _same(one, other, _SAME_VIEWS)


def same_modality(one: str, other: str) -> bool:
    """Whether two words name one modality: X-ray and DX do."""
    return _same(one, other, _SAME_MODALITIES)


def _same(one: str, other: str, groups: Sequence[frozenset[str]]) -> bool:
    a, b = one.strip().casefold(), other.strip().casefold()
    return a == b or any(a in group and b in group for group in groups)
