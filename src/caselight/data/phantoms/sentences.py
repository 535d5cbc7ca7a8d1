"""Single sentences of the phantom reports: what is there, what has gone, what is not there."""

from collections.abc import Collection, Sequence

import numpy as np

from caselight.data.phantoms import device_words
from caselight.data.phantoms.change_words import (
    CHANGES,
    DEGREES,
    DOUBT,
    HEALING,
    RESOLVED,
    Certainty,
)
from caselight.data.phantoms.denials import ABSENT, NOUN
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.usual import Part
from caselight.data.phantoms.wording import FOUND, PHRASE, Style

PART: dict[str, Part] = {
    "atelectasis": "lungs",
    "cardiomegaly": "heart",
    "consolidation": "lungs",
    "device": "devices",
    "edema": "lungs",
    "effusion": "pleura",
    "fracture": "bones",
    "nodule": "lungs",
    "pneumothorax": "pleura",
}
"""Finding to the line of a template that it stands on."""


def pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """One of them."""
    return choices[int(rng.integers(len(choices)))]


def sentence(words: str) -> str:
    """Single spaces, a capital at the start, a full stop at the end."""
    words = " ".join(words.split()).removesuffix(".")
    return words[:1].upper() + words[1:] + "."


def join(parts: Sequence[str], word: str) -> str:
    """One part as it is; more with commas, and `word` before the last."""
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def word_key(finding: Finding) -> str:
    """What a finding's words are filed under: its kind, its name, or a special case of it."""
    if finding.kind is not None:
        return finding.kind
    if finding.severity == "healed":
        return "healed fracture"
    if finding.name == "effusion" and finding.side == "bilateral":
        return "bilateral effusion"
    return finding.name


def name(finding: Finding, voice: Style, rng: np.random.Generator) -> str:
    """A finding in a few words, with its side or lobe."""
    words = device_words.PHRASE if finding.kind is not None else PHRASE
    return _fill(pick(rng, words[word_key(finding)][voice]), finding, voice, rng)


def present(finding: Finding, certainty: Certainty, voice: Style, rng: np.random.Generator) -> str:
    """The words for one finding, with its change."""
    if certainty != "sure":
        words = doubted(finding, certainty, voice, rng)
    else:
        found = device_words.FOUND if finding.kind is not None else FOUND
        words = _fill(pick(rng, found[word_key(finding)][voice]), finding, voice, rng)
    return words + changed(finding, voice, rng)


def doubted(finding: Finding, certainty: Certainty, voice: Style, rng: np.random.Generator) -> str:
    """The words for a finding that is left open."""
    template, is_ = pick(rng, DOUBT[certainty][voice]), "are" if _many(finding) else "is"
    return template.format(what=name(finding, voice, rng), is_=is_)


def changed(finding: Finding, voice: Style, rng: np.random.Generator) -> str:
    """What follows the words for a finding that has a past; empty where it has none."""
    if finding.change is None:
        return ""
    if finding.kind is not None:
        choices = device_words.CHANGES[finding.change][voice]
    elif finding.name == "fracture" and finding.change == "decreased":
        choices = HEALING[voice]
    else:
        choices = CHANGES[finding.change][voice]
    return ", " + pick(rng, choices)


def gone(findings: Sequence[Finding], voice: Style, rng: np.random.Generator) -> list[str]:
    """The words for what has healed, then for what was taken out; no degree that it once had."""
    said = []
    healed = [finding for finding in findings if finding.kind is None]
    taken = [finding for finding in findings if finding.kind is not None]
    for group, templates in ((healed, RESOLVED), (taken, device_words.REMOVED)):
        if not group:
            continue
        names = []
        for finding in group:
            words = (
                PHRASE[word_key(finding)][voice][0]
                if finding.kind is None
                else device_words.PLAIN[finding.kind][voice]
            )
            names.append(_fill(words.replace("{degree}", "").strip(), finding, voice, rng))
        what, has = join(names, "and"), "have" if len(group) > 1 or _many(group[0]) else "has"
        said.append(pick(rng, templates[voice]).format(what=what, has=has))
    return said


def absent(
    named: Collection[str], voice: Style, rng: np.random.Generator, *, most: int = 3
) -> tuple[str, tuple[str, ...]] | None:
    """Words that deny one to `most` findings that are not in `named`, and which; None if none."""
    free = [noun for noun in NOUN if noun not in named]
    if not free:
        return None
    n_denied = int(rng.integers(1, min(most, len(free)) + 1))
    denied = tuple(free[int(k)] for k in rng.permutation(len(free))[:n_denied])
    nouns = [pick(rng, NOUN[noun][voice]) for noun in denied]
    return pick(rng, ABSENT[voice]).format(what=join(nouns, "or")), denied


def _many(finding: Finding) -> bool:
    """Whether its name is a plural."""
    return word_key(finding) in {"bilateral effusion", "sternal_wires"}


def _fill(template: str, finding: Finding, voice: Style, rng: np.random.Generator) -> str:
    """Put a finding's degree, side, zone, lobe and measure in a template."""
    side, zone = str(finding.side), str(finding.zone)
    lobe = f"{side} {zone} lobe"
    if voice == "short":
        side = side[:1].upper()
        lobe = f"{side}{zone[:1].upper()}L"
    mm = finding.size_mm or 0
    measure = f"{mm} mm" if rng.uniform() < 0.6 else f"{mm / 10:.1f} cm"
    degree = "" if finding.severity is None else pick(rng, DEGREES[finding.severity])
    return template.format(degree=degree, side=side, zone=zone, lobe=lobe, mm=measure)
