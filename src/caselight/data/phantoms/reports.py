"""What one of several radiologists would dictate about a phantom study.

How long a report is does not tell what it reports: the author's length is drawn first, and what
is there, what has gone, what is not there and what is as usual fill it up in that order.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caselight.data.phantoms.authors import AUTHORS, CONNECTORS, Author
from caselight.data.phantoms.change_words import ADVICE, CLOSING, Certainty
from caselight.data.phantoms.findings import Finding, State
from caselight.data.phantoms.referral import comparison, indication, technique
from caselight.data.phantoms.sentences import (
    PART,
    absent,
    changed,
    doubted,
    gone,
    join,
    name,
    pick,
    present,
    sentence,
)
from caselight.data.phantoms.usual import NORMAL, NOT_ACUTE, SAME, USUAL, Part

if TYPE_CHECKING:
    from caselight.data.phantoms.patients import Case

_IMPRESSION_ONLY, _FINDINGS_ONLY = 0.12, 0.06
"""Share of reports that have one section alone."""

_DOUBTFUL = 0.45
"""Chance that an author leaves open what is barely seen."""

_BARELY_SEEN = 0.35
"""A smaller finding may be left open."""

_NEVER_DOUBTED = frozenset({"device", "nodule"})
"""An author who measures a nodule or sees a device does not doubt it."""

_IMPORTANCE = (
    "pneumothorax",
    "edema",
    "consolidation",
    "nodule",
    "effusion",
    "fracture",
    "cardiomegaly",
    "atelectasis",
    "device",
)
"""The first of these that is there leads the impression and the indication."""

_N_IN_IMPRESSION = 3
"""An impression that follows a findings section names at most so many."""

_BRIEF = ("indication", "technique", "comparison")
"""Sections that stand beside their heading where it ends in a colon or a dash."""

Said = list[tuple[Part, str]]
"""Sentences without capital and stop, each with the part of the chest it speaks of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictation:
    """The sections of one report; at least one of `findings` and `impression` is there."""

    findings: str | None
    """What is there, what has gone, what is not there."""
    impression: str | None
    """The main of it; without a findings section, all that is there."""
    indication: str
    """What the referrer wrote, which may ask about what is not there."""
    comparison: str | None
    """The study before, or that there is none; None where the author leaves it out."""
    technique: str | None
    """The views; None where the author leaves it out."""
    certainty: tuple[Certainty, ...]
    """How sure the author is of each of the state's findings, in their order."""


def dictate(
    state: State,
    *,
    author: str,
    n_views: int,
    prior: datetime.date | None,
    rng: np.random.Generator,
) -> Dictation:
    """Report one study.

    Every finding is named, with its side or lobe, in the findings, or in the impression where
    there is no findings section; a doubted one only beside one of `change_words.HEDGES`. What is
    not there is only named in a sentence with one of `denials.NEGATIONS`, or by the referrer.

    Args:
        state: what the study shows.
        author: a key of `authors.AUTHORS`.
        n_views: 1 for a frontal film, 2 with one from the side.
        prior: day of the patient's study before; None where there is none.
        rng: chooses the words.
    """
    writer = AUTHORS[author]
    certainty = tuple(_certainty(finding, rng) for finding in state.findings)
    sections = rng.uniform()
    has_findings = sections >= _IMPRESSION_ONLY
    has_impression = not has_findings or sections < 1.0 - _FINDINGS_ONLY
    length = float(rng.uniform(*writer.length))
    sure = dict(zip(state.findings, certainty, strict=True))
    impression = findings = None
    if has_impression:
        room = length * (rng.uniform(0.20, 0.40) if has_findings else 0.6)
        impression = _impression(state, sure, writer, rng, room=room, whole=not has_findings)
    if has_findings:
        room = length - len(impression or "") if has_impression else 0.8 * length
        findings = _findings(state, sure, writer, rng, room=room, has_prior=prior is not None)
    main = _main(state)
    return Dictation(
        findings=findings,
        impression=impression,
        indication=sentence(indication(None if main is None else main.kind or main.name, rng)),
        comparison=comparison(prior, writer, rng),
        technique=technique(n_views, writer, rng),
        certainty=certainty,
    )


def render_text(case: "Case") -> str:
    """A whole report as its author would file it: plain text, the accession on the first line."""
    author, dictation = AUTHORS[case.author], case.dictation
    blocks = [f"Accession: {case.accession}"]
    for section, heading in author.headings.items():
        text: str | None = getattr(dictation, section)
        if text is not None:
            beside = author.form == "telegraphic" or (section in _BRIEF and heading[-1] in ":-")
            blocks.append(f"{heading}{' ' if beside else chr(10)}{text}")
    return ("\n" if author.form == "telegraphic" else "\n\n").join(blocks) + "\n"


def _certainty(finding: Finding, rng: np.random.Generator) -> Certainty:
    chance = rng.uniform()
    if finding.name in _NEVER_DOUBTED or finding.size >= _BARELY_SEEN or chance >= _DOUBTFUL:
        return "sure"
    return "likely" if chance < 0.5 * _DOUBTFUL else "possible"


def _findings(
    state: State,
    sure: dict[Finding, Certainty],
    author: Author,
    rng: np.random.Generator,
    *,
    room: float,
    has_prior: bool,
) -> str:
    """All that is there and that has gone, then what is not there as far as there is room."""
    voice = author.voice
    seen: Said = [
        (PART[finding.name], present(finding, certainty, voice, rng))
        for finding, certainty in sure.items()
    ]
    seen = [seen[int(k)] for k in rng.permutation(len(seen))]
    names = {finding.name for finding in state.findings}
    named = names | {finding.name for finding in state.resolved}
    seen += [("other", words) for words in gone(state.resolved, voice, rng)]
    rest: Said = [
        (usual.part, pick(rng, usual.words[voice])) for usual in USUAL if not usual.unless & names
    ]
    if has_prior and not named:
        rest.append(("other", pick(rng, SAME[voice])))
    rest = [rest[int(k)] for k in rng.permutation(len(rest))]
    denied = set(named)
    # What is denied comes first among equals: nearly every report says what it did not find.
    for place in (0, 3):
        words = absent(denied, voice, rng)
        if words is not None:
            rest.insert(min(place, len(rest)), (_denied_part(words[1]), words[0]))
            denied |= set(words[1])
    kept = _fit(seen, rest, room, least=1)
    kept = [kept[int(k)] for k in rng.permutation(len(kept))]
    return _layout([*seen, *kept], author, rng)


def _denied_part(denied: Sequence[str]) -> Part:
    parts = {PART[name] for name in denied}
    return parts.pop() if len(parts) == 1 else "other"


def _fit(seen: Said, rest: Said, room: float, *, least: int) -> Said:
    """As many of `rest` as come nearest to the room that `seen` leaves, and at least `least`."""
    used = sum(len(words) + 2 for _, words in seen)
    kept: Said = []
    for part, words in rest:
        if len(kept) >= least and used + 0.5 * len(words) > room:
            break
        kept.append((part, words))
        used += len(words) + 2
    return kept


def _layout(said: Said, author: Author, rng: np.random.Generator) -> str:
    """Sentences as one paragraph, or as a line for each part of the author's template."""
    if author.form == "templated":
        lines = []
        for part, label in author.parts.items():
            about = [sentence(words) for where, words in said if where == part]
            if about:
                lines.append(f"{label} {' '.join(about)}")
        return "\n".join(lines)
    if author.form == "narrative":
        said = [
            (part, pick(rng, CONNECTORS) + words if n > 0 and rng.uniform() < 0.2 else words)
            for n, (part, words) in enumerate(said)
        ]
    return " ".join(sentence(words) for _, words in said)


def _ranked(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (_IMPORTANCE.index(f.name), f.kind or ""))


def _main(state: State) -> Finding | None:
    """The finding that matters most; None for a normal study."""
    return next(iter(_ranked(state.findings)), None)


def _impression(
    state: State,
    sure: dict[Finding, Certainty],
    author: Author,
    rng: np.random.Generator,
    *,
    room: float,
    whole: bool,
) -> str:
    """What matters; all of it if `whole`."""
    voice = author.voice
    ranked = _ranked(state.findings)
    quiet = all(f.name == "device" or f.severity == "healed" for f in ranked)
    told = ranked if whole else [] if quiet else ranked[:_N_IN_IMPRESSION]
    said: list[str] = []
    if quiet:
        said.append(pick(rng, (NOT_ACUTE if ranked else NORMAL)[voice]))
    plain = [finding for finding in told if sure[finding] == "sure"]
    # More than three in one sentence are hard to read.
    for start in range(0, len(plain), 3):
        group = plain[start : start + 3]
        words = join([name(finding, voice, rng) for finding in group], "and")
        said.append(words + (changed(group[0], voice, rng) if len(group) == 1 else ""))
    said += [doubted(f, sure[f], voice, rng) for f in told if sure[f] != "sure"]
    if whole:
        said += gone(state.resolved, voice, rng)
    rest: Said = []
    if told and told[0].name in ADVICE and told[0].severity != "healed" and len(plain) == len(told):
        rest.append(("other", pick(rng, ADVICE[told[0].name])))
    denied = {finding.name for finding in (*state.findings, *state.resolved)}
    for _ in range(3 if whole else 2):
        no = absent(denied, voice, rng, most=2)
        if no is not None:
            rest.append(("other", no[0]))
            denied |= set(no[1])
    closings = CLOSING[voice]
    order = rng.permutation(len(closings))[: 3 if whole else 2]
    rest += [("other", closings[int(k)]) for k in order]
    rest = [rest[int(k)] for k in rng.permutation(len(rest))]
    said += [words for _, words in _fit([("other", w) for w in said], rest, room, least=0)]
    if author.form == "templated" and len(said) > 1:
        return "\n".join(f"{n}. {sentence(words)}" for n, words in enumerate(said, start=1))
    return " ".join(sentence(words) for words in said)
