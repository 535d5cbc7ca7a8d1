"""Texts that differ in one "no" or one side, to ask whether an encoder hears the difference.

A probe is four texts: one, the same said in other words, and the opposite of each. An encoder that
hears the word puts the text nearer to its paraphrase than to either opposite. Against the opposite
of the text, which shares nearly every word with it, an encoder that goes by shared words fails;
against the opposite of the paraphrase, which is worded like it, an encoder deaf to the one word is
right half of the time: chance.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from caselight.data.probe_words import FINDINGS, NEGATION, SIDED_FINDINGS, SIDED_TEMPLATES

ProbeKind = Literal["negation", "laterality"]

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")
_MAX_WORDS = 20
_NAME = r"(?P<name>[a-z][a-z-]*(?: [a-z][a-z-]*){0,4})"
_BE = r"(?:is|are|was|were)"
_SEEN = rf"(?: {_BE} (?:seen|identified|noted|present|demonstrated|visualized))?"
_DENIED = re.compile(rf"(?:there {_BE} )?no (?:evidence of )?{_NAME}{_SEEN}")
_AFFIRMED = re.compile(rf"there {_BE} (?:an? )?{_NAME}|{_NAME.replace('name', 'seen')} {_BE} seen")
_NOT_A_NAME = re.compile(
    r"\b(?:no|not|non|without|negative|absent|and|or|nor|but|with|which|that|to|for|as|if|than|"
    r"x{3,}|seen|visible|visualized|some|change|changes|interval|prior|previous|comparison|history|other|further|longer|more|less|"
    r"normal|clear|unremarkable|is|are|was|were|be|been|has|have|there|evidence|[a-z]+ly)\b"
)
_SINGULAR_S = re.compile(r"(?:sis|itis|us|ss|thorax)$")
_DENIALS = (
    ("{name} {be} absent", "{name} {be} present"),
    ("{name} {be} not seen", "{name} {be} seen"),
    ("negative for {name}", "positive for {name}"),
)
"""Said after a name: denied, affirmed. None of them has a word of `_DENIED` but the name."""

_SIDE = re.compile(r"\b(left|right)\b")
_OTHER = {"left": "right", "right": "left"}
_SIDED = re.compile(
    r"\b(?P<side>left|right) (?P<what>(?:[a-z]+ ){0,3}?(?:lung|lobe|base|apex|hemithorax|hilum|"
    r"hemidiaphragm|costophrenic angle|effusion|effusions|pneumothorax|clavicle|humerus|femur|hip|"
    r"shoulder|knee|kidney|ureter|adrenal|adrenal gland|ovary|breast|orbit|hemisphere|ventricle|"
    r"thalamus|cerebellum|artery|sinus|ganglia|nodule|mass|opacity|atelectasis|consolidation))"
    r"(?=$|[,;:]| (?:in|of|with|without|at|and|is|are|was|were|has|shows?|demonstrates?|reveals?|"
    r"showing|demonstrating|measuring|seen|noted|suggest\w*|consistent|compatible|concerning)\b)"
)
"""A name that ends here, so that its side may follow it."""
_UNPAIRED = re.compile(
    r"\b(?:both|bilateral|bilaterally|middle lobe|lingula|lingular|heart|cardiac|aort\w+|liver|"
    r"hepatic|spleen|stomach|atri\w+|ventricular|portal|arch|handed)\b"
)
"""What has one side only, or says both: swapping the side makes no opposite."""
_WRONG_ARTICLE = re.compile(r"\b(?:a [aeio]|an [^aeiou])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A text, the same in other words, and the opposite of both."""

    kind: ProbeKind
    name: str
    """What is denied or sided; probes of one name resemble each other."""
    text: str
    paraphrase: str
    opposite: str
    """The text with one "no" (or its like) or one side changed."""
    reworded_opposite: str
    """The paraphrase with the same changed."""


def built_in_probes() -> tuple[Probe, ...]:
    """Probes that need no data: every finding in every template, in both polarities or sides.

    Returns:
        Always the same probes in the same order: negation, then laterality.
    """
    return (*_built_in_negation(), *_built_in_laterality())


def negation_pairs(
    texts: Iterable[str], rng: np.random.Generator, n: int | None = None
) -> tuple[Probe, ...]:
    """Make negation probes from real sentences that deny or affirm one thing and say no more.

    Args:
        texts: reports or captions; sentences of up to 20 words are looked at.
        rng: chooses the sentences and their paraphrases.
        n: probes wanted; None takes every distinct sentence that fits.

    Returns:
        At most `n` probes, in an order that `rng` draws; fewer where the texts hold fewer.
    """
    return _draw(texts, _negation_probe, rng, n)


def laterality_pairs(
    texts: Iterable[str], rng: np.random.Generator, n: int | None = None
) -> tuple[Probe, ...]:
    """Make laterality probes from real sentences that name one side of something paired.

    Arguments and result are those of `negation_pairs`. A sentence that also names an organ without
    a partner, or both sides, is left out: the swapped sentence would describe nobody.
    """
    return _draw(texts, _laterality_probe, rng, n)


def _draw(
    texts: Iterable[str],
    make: Callable[[str, np.random.Generator], Probe | None],
    rng: np.random.Generator,
    n: int | None,
) -> tuple[Probe, ...]:
    distinct = sorted({sentence for text in texts for sentence in _sentences(text)})
    probes: list[Probe] = []
    for i in rng.permutation(len(distinct)):
        if n is not None and len(probes) == n:
            break
        probe = make(distinct[i], rng)
        if probe is not None:
            probes.append(probe)
    return tuple(probes)


def _sentences(text: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        words = sentence.casefold().strip(" .;!?").split()
        if 1 < len(words) <= _MAX_WORDS:
            yield " ".join(words)


def _negation_probe(sentence: str, rng: np.random.Generator) -> Probe | None:
    said = _DENIED.fullmatch(sentence)
    if said is not None:
        name, opposite, denied = said["name"], re.sub(r"\bno ", "", sentence, count=1), True
    else:
        said = _AFFIRMED.fullmatch(sentence)
        if said is None:
            return None
        name, denied = said["name"] or said["seen"], False
        opposite = re.sub(rf"\b(?:an? )?{re.escape(name)}", f"no {name}", sentence, count=1)
    if _NOT_A_NAME.search(name):
        return None
    be = "are" if name.endswith("s") and not _SINGULAR_S.search(name) else "is"
    pair = [form.format(name=name, be=be) for form in _DENIALS[rng.integers(len(_DENIALS))]]
    same, other = pair if denied else reversed(pair)
    if same == sentence:
        return None
    return _probe("negation", name, sentence, same, opposite, other)


def _laterality_probe(sentence: str, rng: np.random.Generator) -> Probe | None:
    sides, sided = _SIDE.findall(sentence), _SIDED.search(sentence)
    if len(sides) != 1 or sided is None or _UNPAIRED.search(sentence):
        return None
    wording = ("{what} on the {side}", "{what} on the {side} side")[rng.integers(2)]
    said = wording.format(what=sided["what"], side=sided["side"])
    same = f"{sentence[: sided.start()]}{said}{sentence[sided.end() :]}"
    if _WRONG_ARTICLE.search(same):
        return None
    return _probe("laterality", sided["what"], sentence, same, _swap(sentence), _swap(same))


def _swap(text: str) -> str:
    return _SIDE.sub(lambda side: _OTHER[side[1]], text)


def _built_in_negation() -> Iterator[Probe]:
    for i, (article, name) in enumerate(FINDINGS):
        said = [
            tuple(form.format(name=name, a_name=f"{article}{name}") for form in forms)
            for forms in NEGATION
        ]
        for one, other in _partners(said, i):
            for polarity in (0, 1):
                yield _probe(
                    "negation",
                    name,
                    *(one[polarity], other[polarity]),
                    *(one[1 - polarity], other[1 - polarity]),
                )


def _built_in_laterality() -> Iterator[Probe]:
    for i, (article, name) in enumerate(SIDED_FINDINGS):
        said = [
            tuple(form.format(side=side, name=name, a=article) for side in ("left", "right"))
            for form in SIDED_TEMPLATES
        ]
        for one, other in _partners(said, i):
            for side in (0, 1):
                yield _probe(
                    "laterality", name, *(one[side], other[side]), *(one[1 - side], other[1 - side])
                )


def _partners(
    said: Sequence[tuple[str, ...]], turn: int
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Give every wording another as its paraphrase; over the turns, every other one."""
    step = 1 + turn % (len(said) - 1)
    for i, one in enumerate(said):
        yield one, said[(i + step) % len(said)]


def _probe(
    kind: ProbeKind, name: str, text: str, paraphrase: str, opposite: str, reworded_opposite: str
) -> Probe:
    said = (text, paraphrase, opposite, reworded_opposite)
    one, same, other, reworded = (f"{words[0].upper()}{words[1:]}." for words in said)
    return Probe(
        kind=kind,
        name=name,
        text=one,
        paraphrase=same,
        opposite=other,
        reworded_opposite=reworded,
    )
