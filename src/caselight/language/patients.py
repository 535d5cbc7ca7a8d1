"""Whom a text speaks of: age and sex, as words and numbers say them."""

import math
import re
from typing import Literal

from caselight.language.nouns import Found

Sex = Literal["F", "M"]
AgeRange = tuple[float, float]

_N = r"(?P<{0}>\d{{1,3}}(?:\.\d)?)"
_YEARS = r"(?:years?|yrs?|y)"
_OLD = rf"(?:[\s-]*+{_YEARS}[\s-]*+(?:old|o|of\s++age)\b|[\s-]*+y[./]?o\b\.?|[\s-]*+yo(?=[MFmf]\b))"
_MONTHS = r"[\s-]*+(?P<unit>months?|mos?|weeks?|wks?|days?)[\s-]*+old\b"
_PEOPLE = r"(?:patients?|women|men|people|adults|persons|males|females|age|aged|ages)"
_OVER = r"(?P<over>over|above|older\s++than|at\s++least|>=?|\u2265)"
_UNDER = r"(?P<under>under|below|younger\s++than|less\s++than|<=?|\u2264)"
_NO_TUBE = r"(?!\s*+(?:catheter|sheath|drain|tube|pigtail|french))"
"""A "12F drain" is as wide as twelve French."""
_AGE = re.compile(
    rf"\bin\s++(?:his|her|their|the)\s++(?P<decade>[1-9]0)'?s\b"
    rf"|\b(?:(?:between|aged?|ages)\s++)?{_N.format('from')}\s*+(?:-|\u2013|to|and)\s*+"
    rf"{_N.format('to')}(?:{_OLD}|\s*+{_YEARS}\b)"
    rf"|\b(?:aged?|ages)\s++{_N.format('from2')}\s*+(?:-|\u2013|to)\s*+{_N.format('to2')}\b"
    rf"|(?:(?<=\W)|\A)(?:{_OVER}|{_UNDER})\s*+(?:the\s++age\s++of\s++)?{_N.format('bound')}"
    rf"(?:{_OLD}|\s*+{_YEARS}\b)"
    rf"|\b{_PEOPLE}\s++(?:are\s++)?(?:(?P<over2>over|above|older\s++than|>)|"
    rf"(?P<under2>under|below|younger\s++than|<))\s*+{_N.format('bound2')}\b(?!\s*+(?:%|mm|cm|kg|ml))"
    rf"|\b(?:(?P<over3>over|older\s++than)|(?P<under3>under|younger\s++than))\s++(?:the\s++age\s++of\s++)?"
    rf"{_N.format('bound3')}(?=\s*+(?:[,.;)]|\Z))"
    rf"|\b{_N.format('small')}{_MONTHS}"
    rf"|\baged?(?:\s*+:\s*+|\s++)(?:of\s++)?{_N.format('aged')}\b(?!\s*+(?:%|mm|cm))"
    rf"|(?<![\w.,]){_N.format('exact')}{_OLD}"
    rf"|(?<![\w.,/]){_N.format('letter')}(?:(?<=\d\d)\s)?(?P<sex>[MF])(?![\w/]){_NO_TUBE}"
    rf"|(?<![\w/])(?P<sex2>[MF])\s?/\s?{_N.format('letter2')}(?![\w/])",
    re.I,
)
_WORDS: dict[str, AgeRange] = {
    r"newborns?|neonat(?:es?|al)": (0.0, 28 / 365.25),
    r"infants?|infantile|bab(?:y|ies)": (0.0, 1.0),
    r"toddlers?": (1.0, 3.0),
    r"child(?:ren)?": (0.0, 17.0),
    r"pa?ediatrics?": (0.0, 17.0),
    r"adolescents?|teenagers?|teenaged?": (10.0, 19.0),
    r"adults?": (18.0, math.inf),
    r"elderly|geriatric": (65.0, math.inf),
}
_STAGE = re.compile("|".join(rf"(?P<w{i}>\b(?:{w})\b)" for i, w in enumerate(_WORDS)), re.I)
_STAGES = list(_WORDS.values())
_IN_YEARS = {"mo": 1 / 12, "we": 7 / 365.25, "wk": 7 / 365.25, "da": 1 / 365.25}
_SEX = re.compile(
    r"\b(?P<F>wom[ae]n|females?|girls?|lady|ladies)\b|\b(?P<M>m[ae]n|males?|boys?|gentlem[ae]n)\b",
    re.I,
)
_SEX_LETTER = re.compile(
    rf"(?<![\w.,/])\d{{1,3}}(?:{_OLD})?[\s-]?(?P<after>[MF])(?![\w/'])(?i:{_NO_TUBE})|(?<![\w/])(?P<before>[MF])\s?/\s?"
    rf"\d{{1,3}}(?![\w/])|\b(?i:sex)\s*+:?\s*+(?P<said>[MF])\b"
)
_OLDEST = 125.0


def read_ages(text: str) -> tuple[Found[AgeRange], ...]:
    """Read ages in years, the least and the greatest said, in order; equal where it is one.

    "63-year-old", "63 yo", "67F", "F/67", "6 months old" (0.5), "in his 60s" (60, 69), "over 70"
    (70, infinity), "aged 40 to 60", and words: newborn and neonate (the first 28 days), infant (to
    1), toddler (1 to 3), child and paediatric (to 17), adolescent (10 to 19), adult (from 18),
    elderly (from 65). Ends are included. A number above 125 is no age.
    """
    read = []
    for found in _AGE.finditer(text):
        value = _age(found)
        letters = found["letter"] or found["letter2"]
        # Letters that stand for a sex are capitals: "3 m" is a length.
        capital = not letters or (found["sex"] or found["sex2"]).isupper()
        if value is not None and capital:
            read.append(Found(span=found.span(), value=value))
    for found in _STAGE.finditer(text):
        stage = _STAGES[int((found.lastgroup or "w0")[1:])]
        read.append(Found(span=found.span(), value=stage))
    return tuple(sorted(read, key=lambda one: one.span))


def _age(found: re.Match[str]) -> AgeRange | None:
    if found["decade"]:
        return float(found["decade"]), float(found["decade"]) + 9
    for first, last in (("from", "to"), ("from2", "to2")):
        if found[first]:
            ends = sorted((float(found[first]), float(found[last])))
            return (ends[0], ends[1]) if ends[1] <= _OLDEST else None
    for bound, over in (("bound", "over"), ("bound2", "over2"), ("bound3", "over3")):
        if found[bound]:
            at = float(found[bound])
            return None if at > _OLDEST else (at, math.inf) if found[over] else (0.0, at)
    if found["small"]:
        years = float(found["small"]) * _IN_YEARS[found["unit"][:2].lower()]
        return years, years
    years = float(next(found[k] for k in ("aged", "exact", "letter", "letter2") if found[k]))
    return (years, years) if years <= _OLDEST else None


def read_sexes(text: str) -> tuple[Found[Sex], ...]:
    """Read the sexes that a text names: nouns ("woman") and the letter beside an age, in order.

    Pronouns and relatives are not read: they may be of somebody else.
    """
    read: list[Found[Sex]] = [
        Found(span=found.span(), value="F" if found["F"] else "M")
        for found in _SEX.finditer(text)
        if not text[max(0, found.start() - 7) : found.start()]
        .lower()
        .rstrip(" -")
        .endswith("trans")
    ]
    for found in _SEX_LETTER.finditer(text):
        key = next(key for key in ("after", "before", "said") if found[key])
        read.append(Found(span=found.span(key), value="F" if found[key] == "F" else "M"))
    return tuple(sorted(read, key=lambda one: one.span))
