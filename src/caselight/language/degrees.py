"""How bad and how large, as words and numbers say it."""

import math
import re
from typing import cast

from caselight.language.nouns import Found, Severity

_ORDER: tuple[Severity, ...] = ("trivial", "mild", "moderate", "severe")
_WORDS = {
    "trivial": r"trivial|trace|minimal(?:ly)?|tiny|minute|physiologic(?:al)?|negligible",
    "mild": r"mild(?:ly)?|slight(?:ly)?|minor|low[- ]grade",
    "moderate": r"moderate(?:ly)?(?:[- ]sized)?|medium(?:[- ]sized)?",
    "severe": r"severe(?:ly)?|marked(?:ly)?|massive(?:ly)?|extensive(?:ly)?|critical|gross(?:ly)?|"
    r"high[- ]grade|tension",
}
_AMOUNTS = {"mild": r"small", "severe": r"large"}
"""Words of size: how bad it is only for what is an amount (fluid, air, blood)."""
_ALL = "|".join([*_WORDS.values(), *_AMOUNTS.values()])
_SEVERITY = re.compile(
    rf"\b(?P<words>(?:{_ALL})(?:\s*+(?:-|/|\bto\b|\bor\b)\s*+(?:to\s*+-?\s*+)?(?:{_ALL}))?)\b"
    r"|(?<![\w.,+/])(?P<grade>[1-4])\s?\+(?:\s*+(?:-|to)\s*+(?P<upper>[1-4])\s?\+)?(?![\w/])"
    r"|\bgrade\s++(?P<roman>[1-4]|i{1,3}|iv)(?=\s++(?:mitral|aortic|tricuspid|pulmonic|regurgitation))",
    re.I,
)
_GRADES: dict[str, Severity] = {
    "1": "mild",
    "2": "moderate",
    "3": "severe",
    "4": "severe",
    "i": "mild",
    "ii": "moderate",
    "iii": "severe",
    "iv": "severe",
}
_ONLY_AMOUNT = re.compile(rf"(?:{'|'.join(_AMOUNTS.values())})", re.I)
_AS_AMOUNT = re.compile(
    r"effusion|pneumothorax|haemothorax|hemothorax|ascites|fluid|collection|ha?emorrhage|"
    r"ha?ematoma|hernia|shunt|pneumoperitoneum",
    re.I,
)

_N = r"\d{1,4}(?:[.,]\d{1,2})?"
_UNIT = (
    r"(?P<unit>mm|cm|millimet(?:er|re)s?|centimet(?:er|re)s?|\u00b5m|\u03bcm|microns?|"
    r"micromet(?:er|re)s?)"
)
_TIMES = r"\s*+(?:x|\u00d7|by)\s*+"
_SMALL_UNIT = r"(?:\s*+-?\s*+(?:mm|cm))?"
_SIZE = re.compile(
    r"(?:(?P<below>less\s++than|smaller\s++than|under|below|up\s++to|at\s++most|<=?|\u2264)\s*+"
    r"|(?P<above>at\s++least|more\s++than|greater\s++than|larger\s++than|over|above|exceeding|>=?|\u2265)\s*+"
    r"|\bbetween\s++)?"
    rf"(?<![\w.,])(?P<first>{_N})(?P<unit1>\s*+-?\s*+(?:mm|cm))?"
    rf"(?:{_TIMES}(?P<second>{_N}){_SMALL_UNIT}(?:{_TIMES}(?P<third>{_N}))?"
    rf"|\s*+(?:-|\u2013|to|and)\s*+(?P<until>{_N}))?"
    rf"[\s-]*+{_UNIT}(?![\w/])(?!\s*+(?:hg|h2o)\b)",
    re.I,
)


def read_severities(text: str) -> tuple[Found[Severity], ...]:
    """Read words and echo grades of severity, in order.

    Of a range ("mild to moderate", "2-3+") the greater counts. Grades: 1+ mild, 2+ moderate, 3+
    and 4+ severe. "Small" and "large" are read, too; `fits` says what they may be said of.
    """
    read = []
    for found in _SEVERITY.finditer(text):
        if found["words"]:
            said = [
                level
                for level in _ORDER
                if re.search(
                    rf"\b(?:{_WORDS[level]}{'|' + _AMOUNTS[level] if level in _AMOUNTS else ''})\b",
                    found[0],
                    re.I,
                )
            ]
            read.append(Found(span=found.span(), value=max(said, key=_ORDER.index)))
        else:
            grade = found["upper"] or found["grade"] or found["roman"]
            read.append(Found(span=found.span(), value=_GRADES[cast("str", grade).lower()]))
    return tuple(read)


def fits(word: str, concept: str) -> bool:
    """Whether a word may grade a concept: "large" an effusion, but not a mass."""
    return not _ONLY_AMOUNT.fullmatch(word) or bool(_AS_AMOUNT.search(concept))


def read_sizes(text: str) -> tuple[Found[tuple[float, float]], ...]:
    """Read lengths in millimetres, the least and the greatest said, in order.

    "3 x 4 cm" is (30, 40), "5-mm" (5, 5), "3 to 5 mm" (3, 5), "less than 6 mm" (0, 6), "at least
    2 cm" (20, infinity). Millimetres, centimetres and micrometres; inches are not read, nor is a
    pressure in mmHg or a number without a unit.
    """
    read = []
    for found in _SIZE.finditer(text):
        unit = _mm(found["unit"])
        first_unit = _mm(found["unit1"].strip(" -")) if found["unit1"] else unit
        sizes = [_number(found["first"]) * first_unit]
        sizes += [_number(found[key]) * unit for key in ("second", "third", "until") if found[key]]
        least, greatest = min(sizes), max(sizes)
        if found["below"]:
            least = 0.0
        elif found["above"]:
            greatest = math.inf
        read.append(Found(span=found.span(), value=(least, greatest)))
    return tuple(read)


def _mm(unit: str) -> float:
    unit = unit.lower()
    return 10.0 if unit.startswith("c") else 1.0 if unit.startswith(("mm", "milli")) else 0.001


def _number(digits: str) -> float:
    return float(digits.replace(",", "."))
