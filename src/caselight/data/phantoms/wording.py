"""The words of the phantom reports for what is there, in three voices.

"full" writes sentences, "terse" leaves out the verbs, "short" abbreviates. A template has slots:
`{degree}` a word for the size, `{side}`, `{zone}` and `{lobe}` where, `{mm}` a diameter. It has no
full stop and no capital at its start; `sentences` adds both. Devices have a file of their own,
`device_words`, and so has what changes, `change_words`.
"""

from typing import Literal

Style = Literal["full", "terse", "short"]

STYLES: tuple[Style, ...] = ("full", "terse", "short")

FOUND: dict[str, dict[Style, tuple[str, ...]]] = {
    "atelectasis": {
        "full": (
            "there is {degree} linear atelectasis in the {lobe}",
            "{degree} platelike atelectasis is seen in the {lobe}",
            "band-like opacities in the {lobe} are in keeping with {degree} atelectasis",
            "the {lobe} shows {degree} subsegmental atelectasis",
        ),
        "terse": (
            "{degree} {lobe} atelectasis",
            "{degree} linear atelectasis, {lobe}",
            "platelike atelectasis in {lobe}, {degree}",
            "{lobe}: {degree} band atelectasis",
        ),
        "short": (
            "{degree} {lobe} atelectasis",
            "{degree} linear atelectasis {lobe}",
            "{lobe} platelike atelectasis, {degree}",
            "{degree} subsegm. atelectasis in {lobe}",
        ),
    },
    "cardiomegaly": {
        "full": (
            "there is {degree} cardiomegaly",
            "the cardiac silhouette shows {degree} enlargement",
            "{degree} enlargement of the heart is noted",
            "heart size is increased, with {degree} cardiomegaly",
        ),
        "terse": (
            "{degree} cardiomegaly",
            "{degree} cardiac enlargement",
            "enlarged heart, {degree}",
            "cardiac silhouette: {degree} enlargement",
        ),
        "short": (
            "{degree} cardiomegaly",
            "enlarged heart ({degree})",
            "{degree} CMG",
            "CTR > 0.5, {degree} cardiomegaly",
        ),
    },
    "consolidation": {
        "full": (
            "there is {degree} consolidation in the {lobe}",
            "{degree} airspace opacity is present in the {lobe}",
            "the {lobe} shows {degree} airspace consolidation",
            "a focus of {degree} consolidation projects over the {lobe}",
        ),
        "terse": (
            "{degree} {lobe} consolidation",
            "{degree} airspace opacity, {lobe}",
            "{lobe}: {degree} consolidation",
            "consolidation in {lobe}, {degree}",
        ),
        "short": (
            "{degree} {lobe} consolidation",
            "{degree} {lobe} airspace opacity",
            "{lobe} consolidation, {degree}",
            "{degree} airspace dz / consolidation {lobe}",
        ),
    },
    "edema": {
        "full": (
            "there is {degree} pulmonary edema",
            "bilateral perihilar haze is consistent with {degree} pulmonary edema",
            "{degree} bilateral interstitial edema is present",
            "{degree} perihilar edema is seen in both lungs",
        ),
        "terse": (
            "{degree} pulmonary edema",
            "{degree} bilateral perihilar edema",
            "perihilar haze, {degree} edema",
            "{degree} interstitial edema with Kerley lines",
        ),
        "short": (
            "{degree} pulm. edema",
            "{degree} bilat. edema",
            "perihilar haze c/w {degree} edema",
            "{degree} interstitial edema, Kerley B",
        ),
    },
    "effusion": {
        "full": (
            "there is a {degree} {side} pleural effusion",
            "a {degree} {side}-sided pleural effusion is present",
            "the {side} costophrenic angle is blunted by a {degree} pleural effusion",
            "{degree} {side} pleural effusion is seen layering at the base",
        ),
        "terse": (
            "{degree} {side} pleural effusion",
            "{side} pleural effusion, {degree}",
            "blunted {side} costophrenic angle, {degree} effusion",
            "{degree} {side}-sided effusion",
        ),
        "short": (
            "{degree} {side} pleural effusion",
            "{degree} {side} effusion",
            "{side} CPA blunted, {degree} effusion",
            "{side} pl. effusion, {degree}",
        ),
    },
    "bilateral effusion": {
        "full": (
            "there are {degree} bilateral pleural effusions",
            "{degree} pleural effusions are present on both sides, bilateral and layering",
            "both costophrenic angles are blunted by {degree} bilateral effusions",
            "{degree} bilateral pleural effusions are seen",
        ),
        "terse": (
            "{degree} bilateral pleural effusions",
            "bilateral pleural effusions, {degree}",
            "blunted costophrenic angles, {degree} bilateral effusions",
            "{degree} bilateral effusions",
        ),
        "short": (
            "{degree} bilat. pleural effusions",
            "{degree} bilat. effusions",
            "CPAs blunted bilat., {degree} effusions",
            "bilat. pl. effusions, {degree}",
        ),
    },
    "fracture": {
        "full": (
            "there is a {degree} fracture of a {side} {zone} rib",
            "a {side} {zone} rib shows a {degree} fracture",
            "a step in the cortex of a {side} {zone} rib indicates a {degree} fracture",
            "a {degree} {side} {zone} rib fracture is present",
        ),
        "terse": (
            "{degree} {side} {zone} rib fracture",
            "fracture of {side} {zone} rib, {degree}",
            "{side} {zone} rib: {degree} fracture",
            "cortical step in {side} {zone} rib, {degree} fracture",
        ),
        "short": (
            "{degree} {side} {zone} rib fx",
            "{side} {zone} rib fx, {degree}",
            "fx {side} {zone} rib ({degree})",
            "{side} {zone} rib cortical step c/w {degree} fx",
        ),
    },
    "healed fracture": {
        "full": (
            "there is an old healed fracture of a {side} {zone} rib",
            "a {side} {zone} rib shows an old, healed fracture",
            "an old {side} {zone} rib fracture has healed with callus",
            "deformity of a {side} {zone} rib is due to a healed fracture",
        ),
        "terse": (
            "old healed {side} {zone} rib fracture",
            "healed fracture of {side} {zone} rib",
            "{side} {zone} rib: old fracture, healed",
            "chronic {side} {zone} rib fracture with callus",
        ),
        "short": (
            "old {side} {zone} rib fx",
            "healed {side} {zone} rib fx",
            "{side} {zone} rib: old fx, healed",
            "chronic {side} {zone} rib fx w/ callus",
        ),
    },
    "nodule": {
        "full": (
            "there is a {mm} nodule in the {lobe}",
            "a rounded {mm} nodule projects over the {lobe}",
            "the {lobe} contains a well-defined nodule measuring {mm}",
            "a solitary nodule of {mm} is seen in the {lobe}",
        ),
        "terse": (
            "{mm} {lobe} nodule",
            "nodule in {lobe}, {mm}",
            "{lobe}: {mm} rounded nodule",
            "solitary {mm} nodule, {lobe}",
        ),
        "short": (
            "{mm} {lobe} nodule",
            "{lobe} nodule {mm}",
            "{lobe}: nodule, {mm}",
            "solitary {lobe} nodule ({mm})",
        ),
    },
    "pneumothorax": {
        "full": (
            "there is a {degree} {side} pneumothorax",
            "a {degree} {side}-sided pneumothorax is present with a visible pleural line",
            "a pleural line at the {side} apex indicates a {degree} pneumothorax",
            "{degree} {side} apical pneumothorax is seen",
        ),
        "terse": (
            "{degree} {side} pneumothorax",
            "{side} pneumothorax, {degree}",
            "{degree} {side} apical pneumothorax",
            "pleural line on the {side}, {degree} pneumothorax",
        ),
        "short": (
            "{degree} {side} PTX",
            "{side} PTX, {degree}",
            "{degree} {side} apical PTX",
            "{side} pleural line c/w {degree} PTX",
        ),
    },
}
"""Key of a finding (`sentences.word_key`), then voice, to sentences that say it is there."""

PHRASE: dict[str, dict[Style, tuple[str, ...]]] = {
    "atelectasis": {
        "full": ("{degree} {lobe} atelectasis", "{degree} atelectasis in the {lobe}"),
        "terse": ("{lobe} atelectasis", "{degree} {lobe} atelectasis"),
        "short": ("{lobe} atelectasis", "{degree} {lobe} atelectasis"),
    },
    "cardiomegaly": {
        "full": ("{degree} cardiomegaly", "{degree} enlargement of the heart"),
        "terse": ("cardiomegaly", "{degree} cardiomegaly"),
        "short": ("cardiomegaly", "{degree} CMG"),
    },
    "consolidation": {
        "full": ("{degree} {lobe} consolidation", "{degree} consolidation in the {lobe}"),
        "terse": ("{lobe} consolidation", "{degree} {lobe} airspace opacity"),
        "short": ("{lobe} consolidation", "{degree} {lobe} consolidation"),
    },
    "edema": {
        "full": ("{degree} pulmonary edema", "{degree} bilateral pulmonary edema"),
        "terse": ("{degree} pulmonary edema", "{degree} edema"),
        "short": ("{degree} edema", "{degree} pulm. edema"),
    },
    "effusion": {
        "full": ("{degree} {side} pleural effusion", "{degree} {side}-sided pleural effusion"),
        "terse": ("{side} pleural effusion", "{degree} {side} effusion"),
        "short": ("{side} pleural effusion", "{degree} {side} effusion"),
    },
    "bilateral effusion": {
        "full": ("{degree} bilateral pleural effusions", "{degree} bilateral effusions"),
        "terse": ("bilateral pleural effusions", "{degree} bilateral effusions"),
        "short": ("bilat. effusions", "{degree} bilat. effusions"),
    },
    "fracture": {
        "full": ("{degree} {side} {zone} rib fracture", "{degree} fracture of a {side} {zone} rib"),
        "terse": ("{side} {zone} rib fracture", "{degree} {side} {zone} rib fracture"),
        "short": ("{side} {zone} rib fx", "{degree} {side} {zone} rib fx"),
    },
    "healed fracture": {
        "full": ("old {side} {zone} rib fracture", "healed fracture of a {side} {zone} rib"),
        "terse": ("old {side} {zone} rib fracture", "healed {side} {zone} rib fracture"),
        "short": ("old {side} {zone} rib fx", "healed {side} {zone} rib fx"),
    },
    "nodule": {
        "full": ("{mm} {lobe} nodule", "{mm} nodule in the {lobe}"),
        "terse": ("{lobe} nodule", "{mm} {lobe} nodule"),
        "short": ("{lobe} nodule", "{mm} {lobe} nodule"),
    },
    "pneumothorax": {
        "full": ("{degree} {side} pneumothorax", "{degree} {side}-sided pneumothorax"),
        "terse": ("{side} pneumothorax", "{degree} {side} pneumothorax"),
        "short": ("{side} PTX", "{degree} {side} PTX"),
    },
}
"""Key of a finding, then voice, to a few words that name it."""
