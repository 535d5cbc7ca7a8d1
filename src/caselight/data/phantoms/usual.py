"""The words of the phantom reports for what is as it should be, part by part of the chest."""

from dataclasses import dataclass
from typing import Literal

from caselight.data.phantoms.wording import Style

Part = Literal["devices", "lungs", "pleura", "heart", "bones", "other"]
"""What a templated report has a line for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """One thing that an author may say of a chest where it is true."""

    part: Part
    unless: frozenset[str]
    """Findings with any of which it is not true."""
    words: dict[Style, tuple[str, ...]]


_LUNGS = frozenset({"atelectasis", "consolidation", "edema", "effusion", "nodule", "pneumothorax"})
_NOTHING = frozenset[str]()

USUAL: tuple[Usual, ...] = (
    Usual(
        part="heart",
        unless=frozenset({"cardiomegaly"}),
        words={
            "full": (
                "the heart is normal in size",
                "heart size is within normal limits",
                "the cardiac silhouette is normal",
                "the cardiomediastinal silhouette is unremarkable",
                "the heart is not enlarged",
                "cardiac size and contour are normal",
            ),
            "terse": (
                "heart size normal",
                "normal heart size",
                "heart not enlarged",
                "normal cardiac silhouette",
                "cardiomediastinal contours normal",
            ),
            "short": (
                "heart nl",
                "heart size WNL",
                "nl heart size",
                "cardiac silhouette WNL",
                "CTR nl",
            ),
        },
    ),
    Usual(
        part="lungs",
        unless=_LUNGS,
        words={
            "full": (
                "the lungs are clear",
                "both lungs are clear and well expanded",
                "the lungs are well inflated and clear",
                "lung volumes are normal and the lungs are clear",
                "the lung fields are clear bilaterally",
                "the pulmonary parenchyma is unremarkable",
            ),
            "terse": (
                "lungs clear",
                "clear lungs",
                "lungs clear bilaterally",
                "lungs well expanded and clear",
                "clear lung fields",
            ),
            "short": ("lungs clear", "lungs CTAB", "clear lungs bilat.", "lung fields clear"),
        },
    ),
    Usual(
        part="lungs",
        unless=frozenset({"edema"}),
        words={
            "full": (
                "the pulmonary vasculature is normal",
                "vascular markings are within normal limits",
                "the pulmonary vessels are not congested",
                "there is no vascular redistribution",
            ),
            "terse": (
                "pulmonary vasculature normal",
                "no vascular congestion",
                "vascular markings normal",
            ),
            "short": ("vasc. markings WNL", "no vasc. congestion", "pulm. vessels nl"),
        },
    ),
    Usual(
        part="pleura",
        unless=frozenset({"effusion", "pneumothorax"}),
        words={
            "full": (
                "the costophrenic angles are sharp",
                "the pleural spaces are clear",
                "both costophrenic recesses are free",
                "the pleural surfaces are smooth",
            ),
            "terse": (
                "costophrenic angles sharp",
                "pleural spaces clear",
                "costophrenic recesses free",
            ),
            "short": ("CPAs sharp", "CP angles clear", "pleura nl"),
        },
    ),
    Usual(
        part="bones",
        unless=frozenset({"fracture"}),
        words={
            "full": (
                "the bony thorax is intact",
                "the visualized bones are unremarkable",
                "no acute bony abnormality is seen",
                "the ribs and collar bones are intact",
                "the osseous structures are unremarkable",
            ),
            "terse": (
                "bones intact",
                "bony thorax unremarkable",
                "osseous structures intact",
                "no acute bony abnormality",
            ),
            "short": ("bones ok", "osseous structures WNL", "no acute fx", "bones nl"),
        },
    ),
    Usual(
        part="bones",
        unless=_NOTHING,
        words={
            "full": (
                "degenerative changes of the spine are mild",
                "the thoracic spine shows age-related change",
                "vertebral body heights are maintained",
                "alignment of the thoracic spine is preserved",
            ),
            "terse": (
                "mild degenerative spine",
                "vertebral heights maintained",
                "spine alignment preserved",
            ),
            "short": ("mild DJD spine", "T-spine ok", "vertebral hts maintained"),
        },
    ),
    Usual(
        part="devices",
        unless=frozenset({"device"}),
        words={
            "full": (
                "no support devices are seen",
                "there are no lines or tubes",
                "no implanted device is present",
                "no hardware projects over the chest",
            ),
            "terse": ("no lines or tubes", "no support devices", "no hardware"),
            "short": ("no lines/tubes", "no hardware", "no devices"),
        },
    ),
    Usual(
        part="other",
        unless=_NOTHING,
        words={
            "full": (
                "the mediastinal contours are normal",
                "the mediastinum is not widened",
                "the upper mediastinum is unremarkable",
                "mediastinal width is within normal limits",
            ),
            "terse": (
                "mediastinum normal",
                "normal mediastinal contours",
                "mediastinum not widened",
            ),
            "short": ("mediastinum nl", "mediast. contours WNL", "mediast. ok"),
        },
    ),
    Usual(
        part="other",
        unless=_NOTHING,
        words={
            "full": (
                "the trachea is midline",
                "the trachea is central",
                "the airway is patent and midline",
                "there is no deviation of the trachea",
            ),
            "terse": ("trachea midline", "trachea central", "airway midline"),
            "short": ("trachea midline", "trachea central", "airway ok"),
        },
    ),
    Usual(
        part="heart",
        unless=_NOTHING,
        words={
            "full": (
                "the aortic contour is normal",
                "the thoracic aorta is mildly tortuous",
                "the aortic knob is well seen",
                "the aorta is not dilated",
            ),
            "terse": ("aorta unremarkable", "aortic contour normal", "tortuous aorta"),
            "short": ("aorta nl", "aortic knob ok", "tortuous Ao"),
        },
    ),
    Usual(
        part="lungs",
        unless=_NOTHING,
        words={
            "full": (
                "the hilar contours are normal",
                "the hila are symmetric",
                "both hila are of normal size",
                "there is no hilar mass",
            ),
            "terse": ("hila normal", "hilar contours normal", "hila symmetric"),
            "short": ("hila nl", "hila ok", "hilar contours WNL"),
        },
    ),
    Usual(
        part="other",
        unless=_NOTHING,
        words={
            "full": (
                "the upper abdomen is unremarkable",
                "there is no free air below the diaphragm",
                "the visible bowel gas pattern is normal",
                "the diaphragm is smooth on both sides",
            ),
            "terse": ("upper abdomen unremarkable", "no subdiaphragmatic air", "diaphragm smooth"),
            "short": ("upper abdomen nl", "no free air", "diaphragm ok"),
        },
    ),
    Usual(
        part="other",
        unless=_NOTHING,
        words={
            "full": (
                "the soft tissues are unremarkable",
                "the soft tissues of the chest wall are normal",
                "no soft tissue abnormality is seen",
                "there is no subcutaneous emphysema",
            ),
            "terse": ("soft tissues unremarkable", "soft tissues normal", "no surgical emphysema"),
            "short": ("soft tissues nl", "soft tissues WNL", "no s/c emphysema"),
        },
    ),
    Usual(
        part="other",
        unless=_NOTHING,
        words={
            "full": (
                "the patient is slightly rotated",
                "the film was taken in good inspiration",
                "the film is adequately exposed",
                "the depth of inspiration is moderate",
                "positioning is satisfactory",
            ),
            "terse": (
                "adequate inspiration",
                "slight rotation",
                "good technical quality",
                "exposure adequate",
            ),
            "short": ("adequate insp.", "slight rotation", "tech. adequate", "good insp. effort"),
        },
    ),
)

SAME: dict[Style, tuple[str, ...]] = {
    "full": (
        "no change since the prior study",
        "compared with the prior study there is no interval change",
        "the appearances are stable since the last exam",
        "the chest looks as it did on the prior study",
    ),
    "terse": ("no interval change", "stable since prior", "unchanged", "no change from prior"),
    "short": ("no change c/t prior", "stable vs prior", "unchanged", "no interval chg"),
}
"""A normal chest that was normal before."""

NOT_ACUTE: dict[Style, tuple[str, ...]] = {
    "full": (
        "no acute cardiopulmonary abnormality",
        "no radiographic evidence of acute disease",
        "no acute cardiopulmonary process",
        "there is no acute finding in the chest",
    ),
    "terse": ("no acute disease", "no acute findings", "no acute abnormality"),
    "short": ("no acute dz", "no acute CP process", "neg. for acute dz"),
}
"""A chest with nothing in it that is new: normal, or with a device or an old fracture alone."""

NORMAL: dict[Style, tuple[str, ...]] = {
    "full": (
        *NOT_ACUTE["full"],
        "normal chest radiograph",
        "the chest is normal",
        "the examination is within normal limits",
    ),
    "terse": (*NOT_ACUTE["terse"], "normal chest", "normal study"),
    "short": (*NOT_ACUTE["short"], "nl CXR", "CXR WNL", "neg. CXR"),
}
"""A chest with nothing in it."""
