"""What words restrict the cases to: "in women", "only CT". A patient at hand restricts nothing.

"A 63-year-old woman with effusion" describes whom the question is about, and narrows nothing; "in
women over 60" does. A modality or a view narrows with a word such as "only" alone: else it is a
criterion, which a study without that field can still meet.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from caselight.language.lexicon import Lexicon
from caselight.language.nouns import Mention, Span

MODALITIES: Mapping[str, str] = {
    "computed-tomography": "CT",
    "magnetic-resonance-imaging": "MR",
    "radiography": "DX|CR|XR",
    "ultrasound": "US",
    "echocardiography": "US",
    "mammography": "MG",
    "fluoroscopy": "RF|XA",
    "positron-emission-tomography": "PT",
    "nuclear-medicine": "NM",
    "fundus-photography": "OP|XC",
    "optical-coherence-tomography": "OPT",
}
"""Concept, with its kinds, to the values of DICOM's Modality (0008,0060) that a filter takes."""
VIEWS: Mapping[str, str] = {
    "posteroanterior-view": "PA",
    "anteroposterior-view": "AP",
    "lateral-view": "LATERAL|LL",
}

_PEOPLE = r"(?:patients?|cases?|studies|people|subjects|examples?|scans?|films?|images?|exams?)"
_SEX = {
    "F": (rf"women|females|girls|ladies|female (?:{_PEOPLE}|\w{{3,}}s)|female only|only female",),
    "M": (rf"men|males|boys|gentlemen|male (?:{_PEOPLE}|\w{{3,}}s)|male only|only male",),
}
_NUMBER = r"(\d{1,3})"
_AGE = r"(1[2-9]|[2-9]\d|1[01]\d)"
"""A number that is more likely an age than years gone by."""
_YEARS = r"(?: ?(?:years?|yrs?|yo|y/o)(?: old| of age)?)?"
_NO_UNIT = r"(?! ?(?:mm|cm|ml|%|hu|mmhg|\d))"
_OVER = r"(?:over|above|older than|greater than|aged? >=?|aged over|>=?)"
_UNDER = r"(?:under|below|younger than|less than|aged? <=?|aged under|<=?)"
_TO = r" ?(?:to|and|-|\u2013) ?"
_AGES: tuple[tuple[str, str], ...] = (
    (
        rf"(?:aged?|ages|between)(?: ages?)?(?: of)?(?: from)? {_NUMBER}{_TO}{_NUMBER}{_YEARS}",
        "{0}..{1}",
    ),
    (rf"{_NUMBER}{_TO}{_NUMBER} ?(?:years?|yrs?)[ -]?olds?", "{0}..{1}"),
    (rf"(?:{_PEOPLE}|women|men|females|males) {_NUMBER}{_TO}{_NUMBER}{_YEARS}", "{0}..{1}"),
    (rf"(?:in|of) their (?:(?:early|mid|late)[ -]?)?{_NUMBER}'?s", "{0}s"),
    (rf"{_OVER} ?(?:the age of )?{_AGE}{_YEARS}{_NO_UNIT}", "{0}.."),
    (rf"{_UNDER} ?(?:the age of )?{_AGE}{_YEARS}{_NO_UNIT}", "..{0}"),
    (r"neonat(?:es?|al)|newborns?|infants?(?! \w+ old)|preterms?|premature babies|babies", "..1"),
    (
        rf"children|kids|child(?:hood)? {_PEOPLE}|pa?ediatrics?|adolescents|teen\w*|girls|boys",
        "..17",
    ),
    (r"elderly|older adults|geriatric|seniors", "65.."),
    (rf"adults|adult {_PEOPLE}", "18.."),
)
"""Words to the age filter they ask for, the first that fits."""
_ONLY_BEFORE = re.compile(
    r"(?:only|just|exclusively|(?:restrict\w*|limit\w*|confine\w*) (?:it |them )?to)"
    r"(?: (?:on|in|the|a|show|use))*$",
    re.IGNORECASE,
)
_ONLY_AFTER = re.compile(
    rf"^(?:{_PEOPLE}|s)? ?(?:only|exclusively|please only|alone)(?!\w)", re.IGNORECASE
)


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


_SEXES = [(sex, _whole("|".join(cues))) for sex, cues in _SEX.items()]
_BANDS = [(_whole(pattern), shape) for pattern, shape in _AGES]


_EYES = _whole(
    r"(?:only |just )(?P<a>left|right)[ -]?(?:sided )?\w+s|(?P<b>left|right) \w+s (?:only|alone)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """One filter, and the words that ask for it."""

    key: str
    value: str
    span: Span


def restrictions(
    text: str, mentions: Sequence[Mention], lexicon: Lexicon
) -> tuple[Restriction, ...]:
    """Read what words restrict the cases wanted to.

    Args:
        text: a question.
        mentions: what it names; modalities and views are taken from here.
        lexicon: that they were found with.

    Returns:
        At most one of a key, the first of the text.
    """
    found = [*_people(text), *_of_mentions(text, mentions, lexicon)]
    first: dict[str, Restriction] = {}
    for one in sorted(found, key=lambda restriction: restriction.span):
        first.setdefault(one.key, one)
    return tuple(first.values())


def _people(text: str) -> list[Restriction]:
    found = [
        Restriction(key="sex", value=sex, span=match.span())
        for sex, pattern in _SEXES
        for match in pattern.finditer(text)
    ]
    for match in _EYES.finditer(text):
        side = (match["a"] or match["b"])[0].upper()
        found.append(Restriction(key="laterality", value=side, span=match.span()))
    for pattern, shape in _BANDS:
        if said := pattern.search(text):
            value = _in_order(shape.format(*said.groups()))
            return [*found, Restriction(key="age", value=value, span=said.span())]
    return found


def _in_order(value: str) -> str:
    """An age range as a filter takes it: the lesser age first; "under 50" is up to 49."""
    low, dots, high = value.partition("..")
    if dots and low and high and int(low) > int(high):
        return f"{high}..{low}"
    if dots and not low and high not in ("1", "17"):
        return f"..{int(high) - 1}"
    return value


def _of_mentions(text: str, mentions: Sequence[Mention], lexicon: Lexicon) -> list[Restriction]:
    found = []
    for mention in mentions:
        start, end = mention.span
        narrow = _ONLY_BEFORE.search(text[:start].rstrip()) or _ONLY_AFTER.search(
            text[end:].lstrip()
        )
        if narrow is None or mention.certainty == "absent":
            continue
        kinds = (mention.concept, *lexicon.ancestors(mention.concept))
        for key, values in (("modality", MODALITIES), ("view", VIEWS)):
            value = next((values[kind] for kind in kinds if kind in values), None)
            if value is not None:
                found.append(Restriction(key=key, value=value, span=mention.span))
    return found
