"""The words of the phantom reports for what is not there; voices are those of `wording`."""

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
    "fracture": {
        "full": ("rib fracture", "displaced rib fracture", "fracture"),
        "terse": ("rib fracture", "displaced fracture"),
        "short": ("rib fx", "fx"),
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
"""What authors say is not there: finding, then voice, to its name."""

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

NEGATIONS = (
    *("no", "not", "negative", "neg.", "-ve", "without", "w/o"),
    *("resolved", "resolution", "removed", "removal"),
)
"""Words one of which stands in every sentence that names what is not there."""
