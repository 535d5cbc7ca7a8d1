"""Values that a filter accepts for a number or a day: one, a band, or a range with open ends.

`63`, `60s`, `60..69`, `..40` for years of age; `2024`, `2024-05`, `2024-05-17`, `2019..2020-06`,
`2021..` for days, where a year or a month stands for all of its days.
"""

import calendar
import datetime
import re
from functools import lru_cache

from caselight.errors import QueryRefused

_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_AGE = re.compile(r"[0-9]{1,3}")
_DECADE = re.compile(r"([0-9]{0,2})0s")
OLDEST = 130


@lru_cache(maxsize=256)
def age_band(text: str) -> tuple[int, int]:
    """The first and the last year of age that a value means, 0..130, both included.

    Raises:
        QueryRefused: `query.bad_filter`.
    """
    decade = _DECADE.fullmatch(text)
    if decade is not None:
        first = 10 * int(decade[1] or 0)
        last = first + 9
    else:
        low, high = _ends(text, "age")
        first = 0 if low is None else _age(low)
        last = OLDEST if high is None else _age(high)
    if first > OLDEST:
        raise _bad("age", text, f"nobody is {first}")
    if first > last:
        raise _bad("age", text, "the range runs backwards")
    return first, min(last, OLDEST)


@lru_cache(maxsize=256)
def date_range(text: str) -> tuple[str, str]:
    """The first and the last day that a value means, as YYYY-MM-DD, both included.

    Raises:
        QueryRefused: `query.bad_filter`.
    """
    low, high = _ends(text, "date")
    first = "0001-01-01" if low is None else _days(low)[0]
    last = "9999-12-31" if high is None else _days(high)[1]
    if first > last:
        raise _bad("date", text, "the range runs backwards")
    return first, last


def _ends(text: str, key: str) -> tuple[str | None, str | None]:
    low, dots, high = (part.strip() for part in text.partition(".."))
    if not dots:
        return low, low
    if not low and not high:
        raise _bad(key, text, "a range needs at least one end")
    return low or None, high or None


def _age(text: str) -> int:
    if _AGE.fullmatch(text) is None or int(text) > OLDEST:
        raise _bad("age", text, f"that is no age in whole years, 0 to {OLDEST}")
    return int(text)


def _days(text: str) -> tuple[str, str]:
    found = _DAY.fullmatch(text)
    if found is None:
        raise _bad("date", text, "that is no day, month or year")
    year, month, day = (None if part is None else int(part) for part in found.groups())
    try:
        assert year is not None  # noqa: S101 - the pattern has it
        first = datetime.date(year, 1 if month is None else month, 1 if day is None else day)
    except ValueError:
        raise _bad("date", text, "the calendar has no such day") from None
    month = month or 12
    last = first if day else datetime.date(year, month, calendar.monthrange(year, month)[1])
    return first.isoformat(), last.isoformat()


def _bad(key: str, text: str, why: str) -> QueryRefused:
    shape = {
        "age": "63, 60s, 60..69, ..40 or 80..",
        "date": "2024, 2024-05, 2024-05-17, 2019..2020-06, ..2020 or 2021..",
    }[key]
    return QueryRefused(f"found {key} {text!r}: {why}; write {shape}", code="query.bad_filter")
