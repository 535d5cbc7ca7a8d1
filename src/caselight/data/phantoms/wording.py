"""The words of the phantom reports: what three kinds of author write for the same thing.

"full" writes sentences, "terse" leaves out the verbs, "short" abbreviates. A template has slots:
`{degree}` a word for the size, `{side}` and `{lobe}` where, `{mm}` a diameter. It has no full
stop and no capital at its start; `reports` adds both.
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
    "device": {
        "full": (
            "a {side} chest pacemaker is in place with its lead over the right ventricle",
            "a {side}-sided pacemaker is seen with an intact lead",
            "the generator of a pacemaker projects over the {side} upper chest",
            "a cardiac pacemaker lies in the {side} chest wall",
        ),
        "terse": (
            "{side} chest pacemaker in place",
            "{side}-sided pacemaker, lead intact",
            "pacemaker generator over {side} chest",
            "{side} pacemaker with lead in right ventricle",
        ),
        "short": (
            "{side} PPM in situ",
            "{side} chest PPM, lead intact",
            "{side} pacer, RV lead",
            "PPM generator {side} chest",
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
"""Finding, then author, to sentences that say it is there."""

DOUBT: dict[Style, tuple[str, ...]] = {
    "full": (
        "{what} is possible",
        "there may be {what}",
        "{what} cannot be excluded",
        "appearances raise the question of {what}",
        "{what} is suspected",
    ),
    "terse": ("possible {what}", "probable {what}", "suspected {what}", "{what} not excluded"),
    "short": ("poss. {what}", "? {what}", "prob. {what}", "{what} not excluded"),
}
"""Sentences that leave it open; the finding is named by `PHRASE`."""

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
    "device": {
        "full": ("{side} chest pacemaker in place", "{side}-sided pacemaker"),
        "terse": ("{side} pacemaker", "{side} chest pacemaker"),
        "short": ("{side} PPM", "{side} pacer"),
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
"""Finding, then author, to a few words that name it."""

DEGREES: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "minor"),
    "mild": ("mild", "mild", "slight"),
    "moderate": ("moderate",),
    "large": ("large", "large", "sizeable"),
    "severe": ("severe", "severe", "marked"),
}
"""A severity of the truth to the words that authors use for it."""

CHANGES: dict[str, dict[Style, tuple[str, ...]]] = {
    "new": {
        "full": ("new since the prior study", "not seen previously", "new from the last exam"),
        "terse": ("new", "new since prior", "not seen previously"),
        "short": ("new", "new vs prior", "new c/t prior"),
    },
    "increased": {
        "full": (
            "increased since the prior study",
            "worse than on the prior study",
            "progressed since the last exam",
            "more marked than before",
        ),
        "terse": ("increased since prior", "worse than prior", "progressed", "increased"),
        "short": ("incr. vs prior", "worse vs prior", "increased", "progressed c/t prior"),
    },
    "decreased": {
        "full": (
            "decreased since the prior study",
            "improved from the prior study",
            "less marked than before",
            "smaller than on the last exam",
        ),
        "terse": ("decreased since prior", "improved", "less than prior", "improving"),
        "short": ("decr. vs prior", "improved vs prior", "decreased", "better c/t prior"),
    },
    "unchanged": {
        "full": (
            "unchanged from the prior study",
            "stable since the prior study",
            "similar to the last exam",
            "without change since the prior study",
        ),
        "terse": ("unchanged", "stable", "stable since prior", "as before"),
        "short": ("unchanged", "stable vs prior", "stable", "no change c/t prior"),
    },
}
"""What follows a sentence about something that has a past."""

RESOLVED: dict[Style, tuple[str, ...]] = {
    "full": (
        "the previously seen {what} {has} resolved",
        "the {what} seen on the prior study {has} resolved",
        "since the prior study, the {what} {has} resolved",
        "there has been complete resolution of the {what}",
    ),
    "terse": (
        "prior {what} resolved",
        "resolved {what}",
        "{what} resolved since prior",
        "interval resolution of {what}",
    ),
    "short": (
        "prior {what} resolved",
        "{what} resolved",
        "interval resolution of {what}",
        "{what}: resolved c/t prior",
    ),
}

ADVICE: dict[str, tuple[str, ...]] = {
    "consolidation": (
        "appearances suggest pneumonia",
        "likely pneumonia; follow to resolution",
        "correlate for infection",
        "follow-up film in six weeks is advised",
    ),
    "edema": (
        "findings suggest heart failure",
        "in keeping with fluid overload",
        "likely cardiogenic",
        "correlate with fluid status",
    ),
    "effusion": (
        "consider decubitus views",
        "ultrasound may help",
        "clinical correlation is advised",
        "follow-up is suggested",
    ),
    "nodule": (
        "CT is recommended",
        "further evaluation with CT is advised",
        "comparison with older films is suggested",
        "follow-up CT recommended",
    ),
    "pneumothorax": (
        "short-interval follow-up is advised",
        "the referring team was informed",
        "repeat film in six hours suggested",
        "findings were called to the ward",
    ),
}
"""A second sentence of an impression, by its main finding."""
