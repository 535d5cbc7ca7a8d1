"""Lines of a report that are about people and paper rather than about what was seen."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from caselight.data.headings import fold

_NUMBER = r"(?: ?(?:number|num|no|nr|id|#)\.?)?"
_LABELS = (
    rf"accession{_NUMBER}|acc(?: ?(?:number|num|no|nr|#)\.?)",
    rf"(?:patient|pt)(?:'s)?(?: ?(?:name|id|identifier|mrn|dob|age|sex|gender|address|phone))?"
    rf"{_NUMBER}",
    rf"(?:first |last |given |family |full )?name|surname|mrn|mr ?#|medical record{_NUMBER}",
    r"dob|d\.o\.b\.?|date of birth|birth ?date|age(?: ?/ ?(?:sex|gender))?|sex(?: ?/ ?age)?|gender",
    r"(?:referring|ordering|requesting|attending|admitting|consulting)"
    r"(?: ?(?:physician|provider|doctor|md|dr|clinician|service|practitioner))?\.?"
    r"(?:'s name| name)?",
    r"(?:primary care|family|interpreting|reporting|reading|dictating|supervising|performing) "
    r"(?:physician|provider|doctor|md|dr|clinician|radiologist|practitioner)\.?(?: name)?",
    r"(?:dictated|transcribed|approved|authori[sz]ed|verified|signed|e-?signed|finali[sz]ed|"
    r"(?:electronically|digitally) (?:signed|approved|verified|authenticated))"
    r"(?: (?:and|&) (?:signed|approved|verified|reviewed))?(?: (?:by|on|at|date))?"
    r"(?: ?/ ?(?:date|time))?",
    r"(?:referred|requested|ordered|typed|validated|reviewed|reported|read|interpreted|performed)"
    r" (?:by|on)",
    r"radiologist|physician|provider|doctor|consultant|resident|fellow|technologist|operator|"
    r"transcriptionist|pcp|copies to|copy to",
    r"(?:study|exam|examination|report|service|procedure|order|visit|scan|dictation|birth|"
    r"transcription|signature|admission) ?(?:date|time)(?: ?(?:/|and|&) ?time)?",
    r"date(?: of (?:study|exam|examination|service|procedure|report|visit|dictation))?|time|"
    r"date ?(?:/|and|&) ?time|date (?:dictated|transcribed|signed|reported|performed)",
    r"hospital|facility|institution|department|ward|address|phone|telephone|tel|fax|email",
    r"(?:account|acct|visit|encounter|order|exam|study|hospital|nhs|insurance|job|document|report|"
    r"requisition|series|sop)(?: instance)?(?: ?(?:number|num|no|nr|id|uid|#)\.?)",
    r"study ?instance ?uid|ssn|report status",
)
_LABELLED = re.compile(rf"[\s*_#>|\-]*(?:{'|'.join(_LABELS)})\s*[*_]{{0,2}}\s*[:\uff1a#=]")
_BARE = re.compile(
    r"[\s*_#>|\-]*(?:(?:electronically|digitally) (?:signed|approved|verified|authenticated)\b|"
    r"(?:dictated|transcribed|e-?signed) (?:by|on)\b|page \d+ of \d+\s*$|"
    r"end of (?:the )?(?:report|document|impression)\b\W*$|"
    r"report (?:status )?final(?:i[sz]ed)?\s*$)"
)
_SIGNED = re.compile(
    r"(?:electronically|digitally) (?:signed|approved|verified|authenticated) (?:by|on)\b|"
    r"(?<=[.;)] )(?:dictated|transcribed|e-?signed) (?:by|on)\b"
)
_VALUE = r"\s*[*_]{0,2}\s*(?:[:\uff1a#=]\s*)+[*_]{0,2}\s*"
_ACCESSION = re.compile(
    rf"(?<![^\W_])acc(?:ession)?{_NUMBER}{_VALUE}(?P<value>[^\W_][\w./-]{{0,63}})", re.IGNORECASE
)
_STUDY_UID = re.compile(
    rf"study\s*(?:instance)?\s*uid{_VALUE}(?P<value>\d+(?:\.\d+)+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrative:
    """One administrative line."""

    bare: bool
    """Whether the label stands alone, so that its value may follow on the next line."""


def administrative(line: str) -> Administrative | None:
    """Whether a line opens with a label such as "MRN:" or "Electronically signed by"."""
    folded = fold(line)
    found = _LABELLED.match(folded)
    if found is not None:
        return Administrative(bare=not line[found.end() :].strip(" \t*_:#"))
    return Administrative(bare=False) if _BARE.match(folded) else None


def signature_start(line: str) -> int:
    """Where a signature begins inside a line; its length where there is none."""
    found = _SIGNED.search(fold(line))
    return len(line) if found is None else found.start()


def labelled_accessions(text: str) -> tuple[str, ...]:
    """Every accession number that a text names behind a label, each once, in order."""
    return tuple(dict.fromkeys(text[start:end] for start, end in accession_spans(text)))


def accession_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where accession numbers stand behind a label: first character and the one after the last."""
    for match in _ACCESSION.finditer(text):
        value = match["value"].rstrip("./-")
        if any(c.isdigit() for c in value):
            yield match.start("value"), match.start("value") + len(value)


def labelled_study_uids(text: str) -> tuple[str, ...]:
    """Every StudyInstanceUID that a text names behind a label, each once, in order."""
    return tuple(dict.fromkeys(match["value"] for match in _STUDY_UID.finditer(text)))
