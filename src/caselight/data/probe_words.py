"""The words of the built-in probes: findings, and the ways to deny them or to give their side."""

FINDINGS = (
    ("a ", "pneumothorax"),
    ("a ", "pleural effusion"),
    ("a ", "pericardial effusion"),
    ("a ", "pulmonary nodule"),
    ("a ", "lung mass"),
    ("a ", "rib fracture"),
    ("a ", "hiatal hernia"),
    ("a ", "pulmonary embolism"),
    ("a ", "liver lesion"),
    ("a ", "kidney stone"),
    ("a ", "bowel obstruction"),
    ("a ", "subdural hematoma"),
    ("a ", "midline shift"),
    ("an ", "acute infarct"),
    ("an ", "aortic aneurysm"),
    ("", "cardiomegaly"),
    ("", "consolidation"),
    ("", "pulmonary edema"),
    ("", "atelectasis"),
    ("", "pneumonia"),
    ("", "emphysema"),
    ("", "hydronephrosis"),
    ("", "ascites"),
    ("", "free air"),
    ("", "intracranial hemorrhage"),
    ("", "lymphadenopathy"),
)
"""Article and name; the chest first, then the rest of the body."""

NEGATION = (
    ("no {name}", "{name}"),
    ("there is no {name}", "there is {a_name}"),
    ("{name} is not seen", "{name} is seen"),
    ("{name} is absent", "{name} is present"),
    ("negative for {name}", "positive for {name}"),
    ("no evidence of {name}", "evidence of {name}"),
    ("without {name}", "with {name}"),
    ("no {name} is identified", "{a_name} is identified"),
    ("findings rule out {name}", "findings confirm {name}"),
    ("the study shows no {name}", "the study shows {a_name}"),
    ("{name} was not demonstrated", "{name} was demonstrated"),
    ("the examination does not show {name}", "the examination does show {name}"),
)
"""Denied and affirmed, equal but for the word that denies."""

SIDED_FINDINGS = (
    ("a ", "pleural effusion"),
    ("a ", "pneumothorax"),
    ("a ", "hilar mass"),
    ("a ", "rib fracture"),
    ("a ", "lower lobe consolidation"),
    ("an ", "upper lobe nodule"),
    ("a ", "clavicle fracture"),
    ("a ", "hip fracture"),
    ("a ", "renal cyst"),
    ("a ", "kidney stone"),
    ("an ", "adrenal nodule"),
    ("an ", "ovarian cyst"),
    ("a ", "breast mass"),
    ("an ", "inguinal hernia"),
    ("a ", "subdural hematoma"),
    ("a ", "middle cerebral artery infarct"),
    ("a ", "vestibular schwannoma"),
    ("a ", "frontal lobe lesion"),
    ("", "hydronephrosis"),
    ("", "apical scarring"),
    ("", "basal atelectasis"),
    ("", "maxillary sinus opacification"),
    ("", "mastoid opacification"),
    ("", "axillary lymphadenopathy"),
)
"""Article and name of what either side may have."""

SIDED_TEMPLATES = (
    "{side} {name}",
    "{name} on the {side}",
    "{name}, {side}-sided",
    "{name} is present on the {side} side",
    "on the {side}, there is {a}{name}",
    "the {side} side shows {a}{name}",
    "{name}, {side}",
    "{a}{name} is seen on the {side}",
)
"""Every one names the side once."""
