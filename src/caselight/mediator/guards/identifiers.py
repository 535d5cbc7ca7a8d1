"""The layer `identifiers`: who a text is about."""

import re
from collections import Counter
from collections.abc import Iterator

from caselight.data.administrative import accession_spans
from caselight.data.name_words import EPONYMOUS, PLAIN_WORDS
from caselight.mediator.guards.findings import Finding, Identifier, Kind, Span

LAYER = "identifiers"
_IS = r"(?:\s*(?:number|no\.?|num\.?|id|nr\.?|\#))?\s*(?:is\s+|[:=#]\s*|\s)\s*"
_VALUE = r"(?P<value>(?=[\w./-]*\d)[^\W_][\w./-]{3,31})"
_DATE = (
    r"(?P<value>\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{8}"
    r"|\d{1,2}(?:st|nd|rd|th)?\s+(?:of\s+)?[a-z]{3,9}\.?,?\s+\d{4}|[a-z]{3,9}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})"
)
_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))  # type: ignore[misc]
    for kind, pattern in (
        ("email", r"(?P<value>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})"),
        ("uid", r"(?<![\w.])(?P<value>[0-2]\.\d{1,9}(?:\.\d{1,39}){4,12})(?![\w])"),
        (
            "social_security",
            r"(?<![\w-])(?P<value>(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4})(?![\w-])",
        ),
        (
            "social_security",
            rf"\b(?:ssn|social security|nhs|national insurance|ni number){_IS}"
            r"(?P<value>[a-z]{0,2}[ -]?\d[\d -]{6,12}\d[a-z]?)",
        ),
        (
            "insurance",
            rf"\b(?:insurance|policy|member|subscriber|medicare|medicaid)\b{_IS}{_VALUE}",
        ),
        (
            "record_number",
            r"\b(?:mrn|mr\#|medical record|hospital|chart|case file|urn|pid|account"
            rf"|pat(?:ient)?\.? ?(?:id|no\.?|number))\b{_IS}{_VALUE}",
        ),
        (
            "birth_date",
            r"\b(?:d\.?o\.?b\.?|date of birth|birth ?date|birthday|born(?: on)?)"
            rf"\s*(?:is\s+|[:=]\s*)?{_DATE}",
        ),
        (
            "phone",
            r"\b(?:tel(?:ephone)?|phone|mobile|cell|fax|call(?: back)?(?: at)?|contact)\b\.?"
            r"(?:\s*(?:number|no\.?))?\s*[:=]?\s*(?P<value>\+?\(?\d[\d ()./-]{5,18}\d)",
        ),
        (
            "phone",
            r"(?<![\w.+-])(?P<value>\+\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}"
            r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w.-]*\w)",
        ),
    )
)
_PART = r"(?:[^\W\d_a-z][^\W\d_]*(?:['\u2019-][^\W\d_]+)*|[^\W\d_a-z]\.)"
_NEXT = r"(?:[^\W\d_a-z][^\W\d_A-Z]+(?:['\u2019-][^\W\d_]+)*|[^\W\d_a-z]\.)"
_NOBLE = r"(?:(?:van|von|der|de|del|di|da|bin|al) )*"
_NAME = rf"(?P<value>{_NOBLE}{_PART}(?: {_NOBLE}{_NEXT}){{0,3}})"
_LISTED = rf"(?P<value>{_NOBLE}{_PART}(?:,? {_NOBLE}{_NEXT}){{0,3}})"
_ANY_PART = r"[^\W\d_][^\W\d_]+(?:['\u2019-][^\W\d_]+)*"
_TITLED = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Mx|Herr|Frau|Mme|Sra?)\b\.?[^\S\n]+{_NAME}"
    rf"|\b(?:MRS|MISS|(?:MR|MS)\.)\s+(?P<shouted>{_ANY_PART})"
    rf"|\b(?:mrs|(?:mr|ms)\.)\s+(?P<lower>{_ANY_PART})"
)
_DOCTOR = re.compile(
    rf"\b(?:Dr|Prof|Doctor|Professor)\b\.?[^\S\n]+{_NAME}"
    rf"|\b(?:PROF|DR\.|prof\.|dr\.)\s+(?P<other>{_ANY_PART})"
)
_LABELLED = re.compile(
    r"\b(?:[Pp]atient|PATIENT|[Pp]t|PT)(?:'s)?\s+(?:(?i:name|named|called))\s*(?:is\s+|[:=]\s*|\s)"
    rf"{_LISTED}|\b(?:[Nn]ame|NAME)\s*(?:is\s+|[:=]\s*)(?P<own>{_PART}(?:[ ,]{{1,2}}{_PART})*)"
    rf"|\b(?:[Pp]atient|PATIENT|[Pp]t)\s*[:=]\s*(?P<colon>{_PART}[ ,]{{1,2}}{_PART})"
    r"|\b(?:[Pp]atient|[Pp]t\.?)\s+(?P<plain>[^\W\d_a-z][^\W\d_A-Z]+ [^\W\d_a-z][^\W\d_A-Z]+)"
)
_DICOM_NAME = re.compile(r"(?<![\w^])(?P<value>[^\W\d_]{2,}\^[^\W\d_]+(?:\^[^\W\d_]*)*)")
_AFTER = re.compile(r"(?:['\u2019]s?)?[ -]+([^\W\d_]+)")


def identifiers(text: str) -> Finding:
    """Find what says who somebody is, so that it can be taken out before the text goes on.

    Stops: names behind a title or a label and DICOM person names; numbers behind a label (medical
    record, accession, insurance, social security, NHS), social security numbers by their shape;
    dates of birth behind a label; phone numbers, e-mail addresses, DICOM UIDs.
    Does not stop: a name without a title or a label, an address, a rare disease with a place and a
    date. Ages, sizes, values, the dates of studies, diseases named after people and their doctors'
    scores are left alone.

    Args:
        text: the text as it was given, so that the places are places in it.

    Returns:
        Kinds and places, in order, no two overlapping; never what stands there.
    """
    taken: list[Identifier] = []
    for kind, (start, end) in (*_labelled(text), *_names(text)):
        if all(end <= one.span[0] or start >= one.span[1] for one in taken):
            taken.append(Identifier(kind=kind, span=(start, end)))
    taken.sort(key=lambda one: one.span)
    counts = Counter[str](one.kind for one in taken)
    return Finding(
        layer=LAYER,
        action="ask" if taken else "pass",
        counts=tuple(sorted(counts.items())),
        identifiers=tuple(taken),
    )


def _labelled(text: str) -> Iterator[tuple[Kind, Span]]:
    for span in accession_spans(text):
        yield "accession_number", span
    for kind, pattern in _PATTERNS:
        for found in pattern.finditer(text):
            yield kind, found.span("value")


def _names(text: str) -> Iterator[tuple[Kind, Span]]:
    for pattern in (_DICOM_NAME, _TITLED, _DOCTOR, _LABELLED):
        for found in pattern.finditer(text):
            group = found.lastgroup or "value"
            start, end = found.span(group)
            words = re.findall(r"[^\W\d_]+", found[group].lower())
            sure = pattern is _DICOM_NAME or (pattern is _TITLED and group == "value")
            # "MR. Brain" and "Patient Has" are no people, "Dr Graves' disease" is a disease.
            if sure or (words[0] not in PLAIN_WORDS and not _eponym(text, words[-1], end)):
                yield "name", (start, end)


def _eponym(text: str, last: str, end: int) -> bool:
    """Whether a name is a part of what a disease, a sign or a device is called."""
    after = _AFTER.match(text, end)
    return last in EPONYMOUS or (after is not None and after[1].lower() in EPONYMOUS)
