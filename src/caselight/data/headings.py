"""The headings of reports: which spelling names which section, and where in a line one stands.

Spellings are compared without case and diacritics. A heading may carry words before its noun ("CT
FINDINGS", "FINAL IMPRESSION") and may name two sections ("FINDINGS AND IMPRESSION"); the first
decides.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

RESTART = ""
"""The section of a heading that opens a report inside a file: what follows has none yet."""

_SPELLINGS = {
    "findings": (
        "findings|finding|report text|body of report|hallazgos|hallazgo|befund|befunde|resultats|"
        "achados|reperti|bulgular",
        "find|report|description|observations|observation|results|result|narrative",
    ),
    "impression": (
        "impressions|impression|imp|impr|conclusions|conclusion|opinion|recommendations|"
        "recommendation|radiological diagnosis|radiologic diagnosis|final diagnosis|impresion|"
        "conclusiones|beurteilung|zusammenfassung|impressao|conclusao|conclusioni|sonuc",
        "diagnosis|diagnoses|assessment|interpretation|summary|plan|diagnostico",
    ),
    "indication": (
        "indications|indication|clinical indications|clinical indication|clinical history|"
        "patient history|brief history|medical history|relevant history|provided history|"
        "past medical history|history of present illness|history and indication|"
        "clinical information|clinical info|clinical data|clinical details|clinical statement|"
        "clinical question|clinical background|clinical context|clinical concern|"
        "clinical diagnosis|clinical impression|clinical findings|clinical notes|"
        "provided clinical information|provided clinical history|underlying medical condition|"
        "medical condition|chief complaint|presenting complaint|hx|"
        "indicacion|datos clinicos|motivo de consulta|klinische angaben|klinische information|"
        "fragestellung|indikation|anamnese|renseignements cliniques|indicacao|"
        "informacao clinica|klinik bilgi",
        "history|reason|clinical|question|request|symptoms|motivo",
    ),
    "comparison": (
        "comparisons|comparison|comparison studies|comparison study|comparison exams|"
        "comparison exam|comparison films|comparison film|comparison made|compared with|"
        "compared to|prior studies|prior study|prior exams|prior exam|prior examinations|"
        "prior examination|prior imaging|prior films|previous studies|previous study|"
        "previous exams|previous exam|previous examinations|previous examination|"
        "previous imaging|prior findings|previous findings|relevant priors|comparacion|"
        "comparaison|comparacao|vergleich|voraufnahmen|voraufnahme|voruntersuchungen|"
        "voruntersuchung",
        "priors|prior|correlation|comp",
    ),
    "technique": (
        "techniques|technique|procedure description|procedure performed|procedures performed|"
        "examination performed|exam performed|study performed|exam type|type of exam|"
        "type of examination|study type|type of study|scan technique|scanning technique|"
        "exam description|study description|exam title|exam name|tecnica|technik|teknik|"
        "current procedure descriptions",
        "tech|procedures|procedure|examinations|examination|exams|exam|study|protocol|methods|method|"
        "views|projections|contrast|radiation dose|test|modality|untersuchung",
    ),
    "notes": (
        "addendum|addenda|wet read version|wet read|preliminary read|preliminary interpretation|"
        "notification|notifications",
        "notes|note|comments|comment|remarks|remark|discussion|communication",
    ),
    RESTART: (
        "final report|radiology report|preliminary report|diagnostic imaging report|imaging report",
        "",
    ),
}
"""Section to its strong spellings and its weak ones: words that also open ordinary lines, so that
nothing short of a colon, or capitals alone on a line, makes a heading of them."""

_FOR = (
    r"(?:indications?|reasons?|clinical history|history|clinical indications?) for "
    r"(?:the |this |your )?(?:examination|exam|study|procedure|visit|test|scan|request|referral|"
    r"order|imaging|consultation|ct|mri|x-?ray)"
)
_BEFORE = (
    r"additional|other|incidental|main|key|major|pertinent|relevant|significant|general|overall|"
    r"final|preliminary|radiological|radiologic|radiographic|radiology|imaging|ct|cta|mri|mra|mr|"
    r"us|ultrasound|sonographic|x-ray|xray|cxr|chest|abdominal|abdomen|pelvis|head|brain|spine|"
    r"cardiac|pulmonary|mammographic|pet/ct|pet|examination|exam"
)
_SECTION_OF = {
    spelling: section
    for section, levels in _SPELLINGS.items()
    for level in levels
    for spelling in level.split("|")
    if spelling
}
_WEAK = frozenset(word for _, weak in _SPELLINGS.values() for word in weak.split("|") if word)


def _noun() -> str:
    spellings = sorted(_SECTION_OF, key=len, reverse=True)
    return f"(?:{_FOR}|{'|'.join(word.replace(' ', ' +') for word in spellings)})"


_PHRASE = re.compile(
    rf"(?:(?:{_BEFORE}) +){{0,3}}?(?P<noun>{_noun()})(?:\(s\)|\(es\))?"
    rf"(?P<more>(?: *(?:/|&|,|\+|\band\b|\bund\b|\bet\b|\by\b) *(?:(?:{_BEFORE}) +){{0,3}}?"
    rf"{_noun()}(?:\(s\))?)*)"
    # Addenda and wet reads are numbered.
    r"(?: *#? ?\d{1,2}(?= *(?::(?!\d)|[)\]*]|$)))?"
    r"(?![^\W_]|')"
)
_LEAD = re.compile(
    r"(?:[\s>#*_=~•·\-\u2013\u2014|]+|\(?\d{1,2}[.)]\s+|[ivx]{1,4}\.\s+|[a-h][.)]\s+)*"
)
_OPEN = re.compile(r"[\[(<{]\s*")
_CLOSE = re.compile(r"[*_]{0,3}\s*(?P<colon>[:\uff1a]-?)?\s*[*_]{0,3}")
_MARKED = re.compile(r"[#*_=~•\-\u2013\u2014\[(<{]")
_SENTENCE_ENDS = re.compile(r"(?:[.;:!?)\]>\"”|]\s*|\s{2,}|\t\s*)$")
_WIDE = re.compile(r"\.\s+(?=[^\W\d_])|\t\s*|\s{2,}")
_SET_OFF = re.compile(r"\s+[-\u2013\u2014]+\s+|\s*[\u2013\u2014]\s*|-+\s+|\s*\|\s*|[*_]{1,3}\s+")
_LOOK_BACK = 80
_WORDS_BEFORE = re.compile(r"[^\s:.;|]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One heading found in a line."""

    section: str
    """One of `types.SECTIONS`, or `RESTART`."""
    start: int
    """Where it begins in the line, its decoration included."""
    end: int
    """Where the words beneath it begin."""


def fold(text: str) -> str:
    """Lower case without diacritics, every character in its own place."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    lowered = unicodedata.normalize("NFKD", character)[:1].lower()
    return lowered if len(lowered) == 1 else character


def section_named(title: str) -> str | None:
    """The section that a title names as a whole, None where it names none."""
    found = _PHRASE.fullmatch(" ".join(fold(title).split()).strip(" :.-*"))
    return (_section(found) or None) if found else None


def heading_at_start(line: str, *, underlined: bool, opens: bool) -> Heading | None:
    """The heading that a line opens with.

    A spelling is a heading before a colon, in any case. Capitals or a capital suffice where it
    stands alone, is marked (underlined, numbered, bold, in brackets) or is set off by a dash, a
    full stop or wide space; capitals alone where ordinary words follow at once.

    Args:
        line: one line.
        underlined: whether a rule stands below it.
        opens: whether nothing stands in the line above it.
    """
    folded = fold(line)
    lead = _LEAD.match(folded)
    at = lead.end() if lead else 0
    opened = _OPEN.match(folded, at)
    found = _PHRASE.match(folded, opened.end() if opened else at)
    if found is None:
        return None
    words = line[found.start() : found.end()]
    weak = found["noun"] in _WEAK and not found["more"]
    end = found.end()
    if opened:
        closed = re.compile(r"\s*[\])>}]").match(folded, end)
        if closed is None:
            return None
        end = closed.end()
    close = _CLOSE.match(folded, end)
    marked = underlined or bool(_MARKED.search(line, 0, found.start()))
    if close is not None and close["colon"]:
        # Marks behind the colon close those before the words; without such they are the text's own.
        end = close.end() if re.search(r"[*_]", line[: found.start()]) else close.end("colon")
        return Heading(section=_section(found), start=0, end=end)
    rest = line[end:]
    bare = rest.strip(" \t*_=~#-\u2013\u2014|.")
    if not bare and not re.search(r"_\.", rest):
        alone = marked or words.isupper() or (words[0].isupper() and (opens or not weak))
        return Heading(section=_section(found), start=0, end=len(line)) if alone else None
    if not words[0].isupper() or _section(found) == RESTART:
        return None
    set_off = _SET_OFF.match(rest)
    if set_off and (not weak or words.isupper()):
        return Heading(section=_section(found), start=0, end=end + set_off.end())
    # A capital alone, and nothing to set it off: only where a paragraph opens so.
    rest_is_text = any(character.islower() for character in rest)
    if (
        opens
        and words.isupper()
        and rest[:1].isspace()
        and rest_is_text
        and _opens_text(rest, weak)
    ):
        return Heading(section=_section(found), start=0, end=end)
    if weak:
        return None
    wide = _WIDE.match(rest)
    if opened or (wide and (words.isupper() or rest[wide.end() :][:1].isupper())):
        return Heading(section=_section(found), start=0, end=end + (wide.end() if wide else 0))
    if words.isupper() and rest[:1].isspace() and _opens_text(rest, True):
        return Heading(section=_section(found), start=0, end=end)
    return None


def _opens_text(rest: str, ordinary: bool) -> bool:
    """Whether words begin here: with a number, a bracket or a capital, of an ordinary word even."""
    word = rest.split()[0]
    if not word[0].isalpha():
        return word[0].isdigit() or word[0] == "("
    return word[0].isupper() and not (ordinary and len(word) > 1 and word.isupper())


def headings_inside(line: str) -> Iterator[Heading]:
    """Headings with a colon behind the first words of a line.

    Only in capitals, or with a capital behind the end of a sentence or wide space: "comparison:"
    inside a sentence is a word like any other. In a line that opens with a heading a capital is
    enough.
    """
    folded = fold(line)
    lead = _LEAD.match(folded)
    first = lead.end() if lead else 0
    opened = _PHRASE.match(folded, first)
    headed = opened is not None and folded[opened.end() :].lstrip(" *_").startswith((":", "\uff1a"))
    after = 0
    for colon in re.finditer(r"[:\uff1a]", line):
        window = max(after, colon.start() - _LOOK_BACK)
        starts = [word.start() for word in _WORDS_BEFORE.finditer(line, window, colon.start())]
        for start in starts[-9:]:
            found = _PHRASE.match(folded, start)
            if found is None or folded[found.end() : colon.start()].strip(" *_"):
                continue
            if start <= first:
                break
            begin = _stands_out(line, start, found, headed=headed)
            if begin is not None:
                after = colon.end()
                yield Heading(section=_section(found), start=begin, end=after)
                break


def _stands_out(line: str, start: int, found: re.Match[str], *, headed: bool) -> int | None:
    """Where a heading inside a line begins, None where it is a word like any other."""
    words, before = line[start : found.end()], line[max(0, start - _LOOK_BACK) : start]
    ended = bool(_SENTENCE_ENDS.search(before))
    if words.isupper():
        previous = before.split()[-1] if before.strip() else ""
        return start if ended or headed or not previous.isupper() else None
    noun = found.start("noun")
    if line[noun : found.end()].isupper() or not words[0].isupper():
        return None
    # Without an end before it, what comes before the noun may be the last words of a sentence.
    if ended:
        return start
    return start if headed and start == noun else None


def _section(found: re.Match[str]) -> str:
    noun = " ".join(found["noun"].split())
    return _SECTION_OF.get(noun, "indication")
