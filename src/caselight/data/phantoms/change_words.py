"""The words of the phantom reports for how sure, how much, how changed, and what to do."""

from typing import Literal

from caselight.data.phantoms.wording import Style

Certainty = Literal["sure", "likely", "possible"]

DOUBT: dict[Certainty, dict[Style, tuple[str, ...]]] = {
    "likely": {
        "full": (
            "{what} {is_} suspected",
            "there {is_} probable {what}",
            "appearances favor {what}",
            "{what} {is_} likely",
        ),
        "terse": ("probable {what}", "suspected {what}", "likely {what}", "{what} favored"),
        "short": ("prob {what}", "likely {what}", "susp {what}"),
    },
    "possible": {
        "full": (
            "{what} {is_} possible",
            "there may be {what}",
            "{what} cannot be excluded",
            "appearances raise the question of {what}",
        ),
        "terse": ("possible {what}", "questionable {what}", "{what} not excluded"),
        "short": ("poss {what}", "? {what}", "{what} not excluded"),
    },
}
"""Sentences that leave it open; the finding is named by its phrase, and `{is_}` agrees with it."""

HEDGES: dict[Certainty, tuple[str, ...]] = {
    "sure": (),
    "likely": ("suspected", "probable", "favor", "favored", "likely", "prob", "susp"),
    "possible": ("possible", "may", "excluded", "question", "questionable", "poss", "?"),
}
"""Words one of which stands in every sentence that names a finding of that certainty."""

DEGREES: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "minor"),
    "mild": ("mild", "mild", "slight"),
    "moderate": ("moderate",),
    "large": ("large", "large", "sizeable"),
    "severe": ("severe", "severe", "marked"),
    "healed": ("healed",),
    "nondisplaced": ("nondisplaced", "nondisplaced", "undisplaced"),
    "displaced": ("displaced",),
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

HEALING: dict[Style, tuple[str, ...]] = {
    "full": (
        "healing since the prior study",
        "with more callus than on the prior study",
        "further healed since the last exam",
    ),
    "terse": ("healing", "more callus than prior", "healing since prior"),
    "short": ("healing", "healing c/t prior", "more callus vs prior"),
}
"""How a fracture gets less."""

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
    "fracture": (
        "correlate with point tenderness",
        "analgesia and follow-up as needed",
        "correlate with the mechanism of injury",
        "dedicated rib views if it changes management",
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

CLOSING: dict[Style, tuple[str, ...]] = {
    "full": (
        "clinical correlation is advised",
        "follow-up as clinically indicated",
        "further imaging only if symptoms persist",
        "the report was discussed with the referring team",
        "please correlate with the clinical findings",
        "comparison with outside films would be of value",
    ),
    "terse": (
        "correlate clinically",
        "follow-up as indicated",
        "repeat if symptoms persist",
        "discussed with referring team",
        "outside films would help",
    ),
    "short": ("correlate clin.", "f/u as indicated", "f/u prn", "d/w team", "repeat prn"),
}
"""What may close the impression of anybody's report."""
