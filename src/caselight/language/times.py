"""When, and compared with what: dates, relative times, priors and change."""

import calendar
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from caselight.language.nouns import Found

Change = Literal["prior", "change", "new", "unchanged", "follow-up"]
"""What a comparison is: with an earlier study, or what became of something since."""


@dataclass(frozen=True, slots=True)
class When:
    """A time that a text names."""

    first: date | None = field(repr=False)
    """The first day it may be; None for a relative time without a day to count from."""
    last: date | None = field(repr=False)
    relative: bool
    """Whether it was said from the day of speaking ("last year")."""


_MONTHS = {name.lower(): i for i, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): i for i, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_YEAR = r"(?:19\d\d|20[0-3]\d)"
_DATE = re.compile(
    rf"(?<![\w/.-])(?:(?P<iso>{_YEAR}[-/.]\d{{1,2}}[-/.]\d{{1,2}})"
    rf"|(?P<numbers>\d{{1,2}}[-/.]\d{{1,2}}[-/.]{_YEAR})"
    rf"|(?P<m1>{_MONTH})\.?\s++(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?:\s*+,\s*+|\s++)(?P<y1>{_YEAR})"
    rf"|(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s++(?P<m2>{_MONTH})\.?,?\s++(?P<y2>{_YEAR})"
    rf"|(?P<m3>{_MONTH})\.?,?\s++(?P<y3>{_YEAR})"
    rf"|(?P<year>{_YEAR})(?:\s*+(?:-|\u2013|to)\s*+(?P<until>{_YEAR}))?)"
    rf"(?![\w/]|[.-]\d|\s*+x\s*+\d|\s*+(?:%|mm|cm|ml|hu|mg|g|kg|cases|patients|images)\b)",
    re.I,
)
_COUNT = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_COUNT |= {"seven": 7, "eight": 8, "nine": 9, "ten": 10}
_RELATIVE = re.compile(
    rf"\b(?:(?P<n>\d{{1,3}}|{'|'.join(_COUNT)})\s++(?P<unit>day|week|month|year)s?\s++(?:ago|earlier|prior)"
    r"|(?P<last>last|past|previous)\s++(?P<of>week|month|year)|(?P<word>yesterday|today))\b",
    re.I,
)
_STUDY = (
    r"(?:stud(?:y|ies)|exam(?:ination)?s?|ct|mri?|film|radiographs?|imaging|x-?rays?|scans?|echo)"
)
_CHANGE = re.compile(
    r"(?P<none>\b(?:no|without|none)\s++(?:available\s++|relevant\s++|recent\s++)?"
    rf"(?:priors?|previous|comparisons?)\b(?:\s++{_STUDY})?(?:\s++available)?"
    r"(?:\s++(?:for|to)\s++compar(?:e|ison)\b)?|\bcomparisons?\s*+:\s*+none\b"
    rf"|\bpriors?\s++(?:{_STUDY}\s++)?(?:is\s++|are\s++)?(?:not\s++available|unavailable)\b)"
    r"|(?P<new>\bnew(?:ly)?(?:\s++since)?\b|\binterval\s++development\b)"
    r"|(?P<unchanged>\bunchanged\b|\bstable\b|\b(?:no|without)\s++(?:significant\s++|interval\s++)*change\b"
    r"|\bnot\s++(?:significantly\s++)?changed\b|\bsimilar\s++to\b|\bas\s++before\b)"
    r"|(?P<change>\binterval\s++\w+|\b(?:(?:increase|decrease|improve|enlarge|resolve)d|(?:progress|worsen)ed|increasing|decreasing|(?:progress|improv|worsen|enlarg|resolv)ing)\s++"
    r"(?:since|from|compared|in\s++the\s++interval)\b|\b(?:larger|smaller|worse|better)\s++than\s++(?:on\s++)?"
    r"(?:the\s++)?(?:prior|previous|before)\b)"
    r"|(?P<followup>\bfollow(?:ing)?[\s-]?up\b|\bf/u\b|\bsurveillance\b)"
    rf"|(?P<prior>\b(?:compar(?:ed|ing|ison|e)\b(?:\s++(?:is\s++)?(?:with|to|made))?(?:\s++(?:the|a|his|her))?"
    rf"(?:\s++(?:priors?|previous))?|priors\b|(?:prior|previous|earlier)\s++(?:\w+\s++)?{_STUDY}\b|"
    r"since\s++(?:the\s++)?(?:prior|previous|last)\b|\bprior\b(?=\s*+(?:[.,;)]|\Z))))",
    re.I,
)


def read_dates(text: str, *, today: date | None = None) -> tuple[Found[When], ...]:
    """Read dates and relative times, in order.

    A year or a month is all its days. "03/04/2019" may be either of two days, so its whole year
    stands for it. What is no date ("31 February") is left out.

    Args:
        text: any text.
        today: the day from which "last year" and "3 days ago" count; without one they are not
            resolved.
    """
    read = []
    for found in _DATE.finditer(text):
        days = _days(found)
        if days is not None:
            read.append(Found(span=found.span(), value=When(*days, relative=False)))
    for found in _RELATIVE.finditer(text):
        first, last = _since(found, today) if today else (None, None)
        read.append(Found(span=found.span(), value=When(first, last, relative=True)))
    return tuple(sorted(read, key=lambda one: one.span))


def read_changes(text: str) -> tuple[Found[Change], ...]:
    """Read comparisons with earlier studies and what they found, in order.

    "No prior studies" and "comparison: none" are no comparison.
    """
    read: list[Found[Change]] = []
    for found in _CHANGE.finditer(text):
        match found.lastgroup:
            case "new" | "unchanged" | "change" | "prior" as kind:
                read.append(Found(span=found.span(), value=kind))
            case "followup":
                read.append(Found(span=found.span(), value="follow-up"))
    return tuple(read)


def _days(found: re.Match[str]) -> tuple[date, date] | None:
    """The first and the last day of a date; None where there is no such day."""
    try:
        if found["iso"]:
            year, month, day = (int(one) for one in re.split(r"[-/.]", found["iso"]))
            return _one(year, month, day)
        if found["numbers"]:
            a, b, year = (int(one) for one in re.split(r"[-/.]", found["numbers"]))
            if a <= 12 and b <= 12 and a != b:
                return date(year, 1, 1), date(year, 12, 31)
            return _one(year, b, a) if a > 12 else _one(year, a, b)
        for n in "12":
            if found[f"y{n}"]:
                month = _MONTHS[found[f"m{n}"].lower()]
                return _one(int(found[f"y{n}"]), month, int(found[f"d{n}"]))
        if found["y3"]:
            year, month = int(found["y3"]), _MONTHS[found["m3"].lower()]
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        years = sorted((int(found["year"]), int(found["until"] or found["year"])))
        return date(years[0], 1, 1), date(years[1], 12, 31)
    except ValueError:
        return None


def _one(year: int, month: int, day: int) -> tuple[date, date]:
    return date(year, month, day), date(year, month, day)


def _since(found: re.Match[str], today: date) -> tuple[date | None, date | None]:
    """The days that a relative time may mean, as wide as its unit."""
    if found["word"]:
        day = today - timedelta(days=found["word"].lower() == "yesterday")
        return day, day
    said = found["n"]
    count = 1 if said is None else _COUNT.get(said.lower()) or int(said) if said else 1
    unit = (found["unit"] or found["of"]).lower()
    if unit == "day":
        return today - timedelta(days=count), today - timedelta(days=count)
    if unit == "week":
        monday = today - timedelta(days=today.weekday() + 7 * count)
        return monday, monday + timedelta(days=6)
    if unit == "year":
        year = today.year - count
        return (date(year, 1, 1), date(year, 12, 31)) if year > 0 else (None, None)
    year, month = divmod(today.year * 12 + today.month - 1 - count, 12)
    if year < 1:
        return None, None
    return date(year, month + 1, 1), date(year, month + 1, calendar.monthrange(year, month + 1)[1])
