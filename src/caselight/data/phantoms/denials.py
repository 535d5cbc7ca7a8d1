"""The words of the phantom reports for what is not there, and for what is as it should be.

Authors and templates are those of `wording`.
"""

from caselight.data.phantoms.wording import Style

NOUN: dict[str, dict[Style, tuple[str, ...]]] = {
    "consolidation": {
        "full": ("focal consolidation", "airspace opacity", "consolidation"),
        "terse": ("consolidation", "focal consolidation"),
        "short": ("consolidation", "focal consolidation"),
    },
    "edema": {
        "full": ("pulmonary edema", "interstitial edema"),
        "terse": ("edema", "pulmonary edema"),
        "short": ("edema", "pulm. edema"),
    },
    "effusion": {
        "full": ("pleural effusion", "pleural fluid"),
        "terse": ("pleural effusion", "effusion"),
        "short": ("effusion", "pl. effusion"),
    },
    "nodule": {
        "full": ("suspicious nodule", "pulmonary nodule"),
        "terse": ("nodule", "lung nodule"),
        "short": ("nodule",),
    },
    "pneumothorax": {
        "full": ("pneumothorax",),
        "terse": ("pneumothorax",),
        "short": ("PTX",),
    },
}
"""What authors say is not there: finding, then author, to its name."""

ABSENT: dict[Style, tuple[str, ...]] = {
    "full": (
        "there is no {what}",
        "no {what} is seen",
        "no evidence of {what}",
        "no {what} is identified",
        "the study is negative for {what}",
        "there is no sign of {what}",
    ),
    "terse": ("no {what}", "negative for {what}", "no visible {what}", "without {what}"),
    "short": ("no {what}", "neg. for {what}", "-ve for {what}", "w/o {what}"),
}

NEGATIONS = ("no", "not", "negative", "neg.", "-ve", "without", "w/o", "resolved", "resolution")
"""Words one of which stands in every sentence that names what is not there."""

HEART: dict[Style, tuple[str, ...]] = {
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
}

LUNGS: dict[Style, tuple[str, ...]] = {
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
    "short": ("lungs clear", "lungs CTAB", "clear lungs bilat.", "lungs nl", "lung fields clear"),
}

OTHER: dict[Style, tuple[str, ...]] = {
    "full": (
        "the bony thorax is intact",
        "the visualized bones are unremarkable",
        "no acute bony abnormality is seen",
        "the mediastinal contours are normal",
        "the trachea is midline",
        "the aortic contour is normal",
        "the upper abdomen is unremarkable",
        "degenerative changes of the spine are mild",
    ),
    "terse": (
        "bones intact",
        "bony thorax unremarkable",
        "mediastinum normal",
        "trachea midline",
        "osseous structures intact",
        "aorta unremarkable",
        "normal mediastinal contours",
    ),
    "short": (
        "bones ok",
        "osseous structures WNL",
        "mediastinum nl",
        "trachea midline",
        "no acute fx",
        "aorta nl",
        "mediast. contours WNL",
    ),
}
"""Said of anybody."""

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

NORMAL: dict[Style, tuple[str, ...]] = {
    "full": (
        "no acute cardiopulmonary abnormality",
        "normal chest radiograph",
        "no radiographic evidence of acute disease",
        "no acute cardiopulmonary process",
        "the chest is normal",
    ),
    "terse": ("no acute disease", "normal chest", "no acute findings", "normal study"),
    "short": ("no acute dz", "nl CXR", "CXR WNL", "no acute CP process", "neg. CXR"),
}
