"""What a radiologist of one of three tempers would dictate about a phantom study."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from caselight.data.phantoms.denials import ABSENT, HEART, LUNGS, NORMAL, NOUN, OTHER, SAME
from caselight.data.phantoms.findings import Finding, State
from caselight.data.phantoms.referral import INDICATIONS, QUESTIONS, REASONS
from caselight.data.phantoms.wording import (
    ADVICE,
    CHANGES,
    DEGREES,
    DOUBT,
    FOUND,
    PHRASE,
    RESOLVED,
    STYLES,
    Style,
)

MAX_SENTENCES = 5
"""The findings section has two to this many."""

_DOUBTFUL = 0.35
"""Chance that an author leaves open what is barely seen."""

_BARELY_SEEN = 0.35
"""A smaller finding may be left open."""

_IMPORTANCE = (
    "pneumothorax",
    "edema",
    "consolidation",
    "nodule",
    "effusion",
    "cardiomegaly",
    "atelectasis",
    "device",
)
"""The first of these that is there leads the impression and the indication."""

_IN_THE_LUNG = frozenset(
    {"atelectasis", "consolidation", "edema", "effusion", "nodule", "pneumothorax"}
)
"""With one of these nobody calls the lungs clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictation:
    """The sections of one report."""

    findings: str
    """Two to `MAX_SENTENCES` sentences: what is there, what has gone, what is not there."""
    impression: str
    """One or two sentences."""
    indication: str
    """What the referrer wrote, which may ask about what is not there."""
    comparison: str | None = None
    technique: str | None = None
    certainty: tuple[str, ...] = ()


def dictate(state: State, *, has_prior: bool, rng: np.random.Generator) -> Dictation:
    """Report one study.

    Every finding is named with its side or lobe; what is not there is only named in a sentence
    with one of `denials.NEGATIONS`, or by the referrer.

    Args:
        state: what the study shows.
        has_prior: whether the patient has an earlier study.
        rng: chooses the author and the words.
    """
    from dataclasses import replace
    keep = lambda fs: tuple(f for f in fs if f.name in FOUND and f.kind in (None, "pacemaker"))
    certainty = ("sure",) * len(state.findings)
    state = replace(state, findings=keep(state.findings), resolved=keep(state.resolved))
    style = STYLES[int(rng.integers(len(STYLES)))]
    return Dictation(
        findings=_findings(state, style, rng, has_prior=has_prior),
        impression=_impression(state, style, rng),
        indication=_indication(state, rng),
        certainty=certainty,
    )


def render_text(case) -> str:
    return f"Accession: {case.accession}\n\nFINDINGS:\n{case.dictation.findings}\n"


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _sentence(words: str) -> str:
    """Single spaces, a capital at the start, a full stop at the end."""
    words = " ".join(words.split())
    return words[:1].upper() + words[1:] + "."


def _join(parts: Sequence[str], word: str) -> str:
    """One part as it is; more with commas, and `word` before the last."""
    if len(parts) == 1:
        return parts[0]
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _fill(template: str, finding: Finding, style: Style, rng: np.random.Generator) -> str:
    """Put a finding's degree, side, lobe and measure in a template."""
    side = str(finding.side)
    lobe = f"{side} {finding.zone} lobe"
    if style == "short":
        side = side[:1].upper()
        lobe = f"{side}{str(finding.zone)[:1].upper()}L"
    mm = finding.size_mm or 0
    measure = f"{mm} mm" if rng.uniform() < 0.6 else f"{mm / 10:.1f} cm"
    degree = _pick(rng, DEGREES[finding.severity or "mild"])
    return template.format(degree=degree, side=side, lobe=lobe, mm=measure)


def _name(finding: Finding, style: Style, rng: np.random.Generator) -> str:
    return _fill(_pick(rng, PHRASE[finding.name][style]), finding, style, rng)


def _present(finding: Finding, style: Style, rng: np.random.Generator) -> str:
    """The sentence about one finding, with its change."""
    # An author who measures a nodule or sees a pacemaker does not doubt it.
    sure = finding.name in {"device", "nodule"} or finding.size >= _BARELY_SEEN
    if not sure and rng.uniform() < _DOUBTFUL:
        words = _pick(rng, DOUBT[style]).format(what=_name(finding, style, rng))
    else:
        words = _fill(_pick(rng, FOUND[finding.name][style]), finding, style, rng)
    if finding.change is not None:
        words += ", " + _pick(rng, CHANGES[finding.change][style])
    return _sentence(words)


def _gone(resolved: Sequence[Finding], style: Style, rng: np.random.Generator) -> str:
    """The sentence about what has healed; named without the degree it once had."""
    plain = [PHRASE[finding.name][style][0].replace("{degree}", "") for finding in resolved]
    names = [
        _fill(name, finding, style, rng).strip()
        for name, finding in zip(plain, resolved, strict=True)
    ]
    what, has = _join(names, "and"), "has" if len(names) == 1 else "have"
    return _sentence(_pick(rng, RESOLVED[style]).format(what=what, has=has))


def _absent(named: set[str], style: Style, rng: np.random.Generator) -> str | None:
    """A sentence denying one to three findings that are not in `named`; None if all are."""
    free = [name for name in NOUN if name not in named]
    if not free:
        return None
    n_denied = int(rng.integers(1, min(3, len(free)) + 1))
    denied = [free[int(k)] for k in rng.permutation(len(free))[:n_denied]]
    nouns = [_pick(rng, NOUN[name][style]) for name in denied]
    return _sentence(_pick(rng, ABSENT[style]).format(what=_join(nouns, "or")))


def _findings(state: State, style: Style, rng: np.random.Generator, *, has_prior: bool) -> str:
    named = {finding.name for finding in (*state.findings, *state.resolved)}
    present = {finding.name for finding in state.findings}
    seen = [_present(finding, style, rng) for finding in state.findings]
    seen = [seen[int(k)] for k in rng.permutation(len(seen))]
    if state.resolved:
        seen.append(_gone(state.resolved, style, rng))
    rest = [_absent(named, style, rng), _sentence(_pick(rng, OTHER[style]))]
    if "cardiomegaly" not in present:
        rest.append(_sentence(_pick(rng, HEART[style])))
    if not present & _IN_THE_LUNG:
        rest.append(_sentence(_pick(rng, LUNGS[style])))
    if has_prior and not named:
        rest.append(_sentence(_pick(rng, SAME[style])))
    said = [sentence for sentence in rest if sentence is not None]
    least = max(1, 3 - len(seen))
    most = min(MAX_SENTENCES - len(seen), len(said))
    n_said = int(rng.integers(least, max(least, most) + 1))
    # What is denied comes first among equals: nearly every report says what it did not find.
    order = [0, *(1 + rng.permutation(len(said) - 1))]
    kept = [said[int(k)] for k in order[:n_said]]
    kept = [kept[int(k)] for k in rng.permutation(len(kept))]
    return " ".join([*seen, *kept])


def _main(state: State) -> Finding | None:
    """The finding that matters most; None for a normal study."""
    return min(state.findings, key=lambda f: _IMPORTANCE.index(f.name), default=None)


def _impression(state: State, style: Style, rng: np.random.Generator) -> str:
    main = _main(state)
    if main is None:
        return _sentence(_pick(rng, NORMAL[style]))
    ordered = sorted(state.findings, key=lambda f: _IMPORTANCE.index(f.name))
    words = _join([_name(finding, style, rng) for finding in ordered], "and")
    if main.change is not None and len(ordered) == 1:
        words += ", " + _pick(rng, CHANGES[main.change][style])
    sentences = [_sentence(words)]
    if main.name == "device":
        sentences.append(_sentence(_pick(rng, NORMAL[style][:1])))
    elif main.name in ADVICE and rng.uniform() < 0.5:
        sentences.append(_sentence(_pick(rng, ADVICE[main.name])))
    return " ".join(sentences)


def _indication(state: State, rng: np.random.Generator) -> str:
    main = _main(state)
    # Symptoms point to the finding most of the time, and elsewhere at other times.
    topic = main.name if main is not None else "normal"
    if rng.uniform() < 0.2:
        topic = _pick(rng, tuple(REASONS))
    template = _pick(rng, INDICATIONS)
    return _sentence(
        template.format(reason=_pick(rng, REASONS[topic]), question=_pick(rng, QUESTIONS))
    )
