"""What stands before the findings of a phantom report: why, how, and compared with what."""

import datetime

import numpy as np

from caselight.data.phantoms.authors import Author
from caselight.data.phantoms.sentences import pick
from caselight.data.phantoms.wording import Style

REASONS: dict[str, tuple[str, ...]] = {
    "atelectasis": ("postoperative day 2", "shallow breathing", "recent abdominal surgery"),
    "cardiomegaly": ("hypertension", "reduced exercise tolerance", "heart murmur", "palpitations"),
    "central_line": ("after line placement", "check of catheter", "long-term intravenous therapy"),
    "chest_drain": ("check of tube position", "day 1 after thoracic surgery", "chest pain"),
    "consolidation": ("cough and fever", "productive cough", "fever and chills", "raised CRP"),
    "edema": ("shortness of breath", "orthopnea", "leg swelling", "acute dyspnea"),
    "effusion": ("dyspnea", "dullness at the base", "pleuritic pain", "shortness of breath"),
    "endotracheal_tube": ("check of tube position", "intensive care routine", "after intubation"),
    "fracture": ("fall from standing height", "chest trauma", "road accident", "local tenderness"),
    "nasogastric_tube": ("check of tube position", "feeding problems", "before feeding"),
    "nodule": (
        "unclear weight loss",
        "smoker with cough",
        "hemoptysis",
        "staging of a known tumor",
    ),
    "pacemaker": ("check of pacemaker leads", "bradycardia", "after implantation", "syncope"),
    "pneumothorax": ("sudden chest pain", "chest trauma", "acute dyspnea", "after line placement"),
    "sternal_wires": ("after bypass surgery", "chest pain", "follow-up of valve surgery"),
    "normal": (
        "preoperative assessment",
        "routine check",
        "chest pain",
        "cough",
        "employment screening",
        "fever of unknown origin",
        "positive tuberculin test",
    ),
}
"""Main finding, a device's kind, or "normal", to what brought the patient in."""

QUESTIONS = (
    "pneumonia",
    "heart failure",
    "acute disease",
    "effusion",
    "pneumothorax",
    "infiltrate",
    "mass",
    "fluid overload",
    "rib fracture",
)
"""What a referrer asks about, whether it is there or not."""

INDICATIONS: tuple[str, ...] = (
    "{reason}",
    "{reason}; evaluate for {question}",
    "{reason}, assess for {question}",
    "{reason}, rule out {question}",
    "{reason}, {question}?",
    "{reason}. Question of {question}",
)

COMPARED: dict[Style, tuple[str, ...]] = {
    "full": (
        "chest radiograph of {day}",
        "the study of {day}",
        "comparison is made with the chest film dated {day}",
        "prior chest radiograph dated {day}",
    ),
    "terse": ("chest radiograph {day}", "{day}", "film of {day}", "study of {day}"),
    "short": ("CXR {day}", "film {day}", "{day}"),
}

FIRST: dict[Style, tuple[str, ...]] = {
    "full": (
        "no prior studies are available for comparison",
        "none available",
        "there are no earlier films",
    ),
    "terse": ("none", "no prior studies", "none available"),
    "short": ("none", "no priors", "n/a"),
}

VIEWS: dict[int, dict[Style, tuple[str, ...]]] = {
    1: {
        "full": (
            "a single frontal view of the chest was obtained",
            "posteroanterior radiograph of the chest",
            "frontal chest radiograph",
        ),
        "terse": ("PA chest", "single frontal view", "frontal chest radiograph"),
        "short": ("CXR PA", "PA CXR", "1 view"),
    },
    2: {
        "full": (
            "frontal and lateral views of the chest were obtained",
            "posteroanterior and lateral radiographs of the chest",
            "two views of the chest",
        ),
        "terse": ("PA and lateral chest", "two views", "frontal and lateral chest"),
        "short": ("CXR PA+lat", "PA/lat CXR", "2 views"),
    },
}

_ELSEWHERE = 0.2
"""Chance that the symptoms point away from what is found."""

_NO_COMPARISON, _NO_TECHNIQUE = 0.3, 0.3
"""Chance that an author leaves the section out, whatever the study shows."""


def indication(topic: str | None, rng: np.random.Generator) -> str:
    """What the referrer wrote: words for the main finding, most of the time."""
    if rng.uniform() < _ELSEWHERE:
        topic = pick(rng, tuple(REASONS))
    reason = pick(rng, REASONS[topic or "normal"])
    return pick(rng, INDICATIONS).format(reason=reason, question=pick(rng, QUESTIONS))


def comparison(prior: datetime.date | None, author: Author, rng: np.random.Generator) -> str | None:
    """The study before, by its day, or that there is none; None where it is left out."""
    if rng.uniform() < _NO_COMPARISON:
        return None
    templates = FIRST if prior is None else COMPARED
    day = "" if prior is None else prior.strftime(author.dates)
    words = pick(rng, templates[author.voice]).format(day=day)
    return words[:1].upper() + words[1:] + "."


def technique(n_views: int, author: Author, rng: np.random.Generator) -> str | None:
    """The views, one or two; None where it is left out."""
    if rng.uniform() < _NO_TECHNIQUE:
        return None
    words = pick(rng, VIEWS[n_views][author.voice])
    return words[:1].upper() + words[1:] + "."
