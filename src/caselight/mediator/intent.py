"""What a question wants: to find, to rule in or out, to compare, to follow up, to teach.

Rules over the words; the first of the table that fits decides, and a question that fits none wants
to find. Source of the intents: paper 000, section 5 ("the perceived diagnostic intent").
"""

import re
from collections.abc import Mapping

from caselight.mediator.plan import Intent

_PRIOR = r"(?:prior|previous|old|older|last|baseline|earlier|outside|preop\w*)"
_CUES: Mapping[Intent, tuple[str, ...]] = {
    "teach": (
        r"teach\w*",
        r"text ?book",
        r"classic(?:al)?(?: \w+){0,2} (?:example|case|appearance|sign|presentation|look|image)s?",
        r"classic(?:al)?",
        r"(?:good|nice|great|typical|illustrative|best) (?:\w+ ){0,2}examples?",
        r"typical (?:\w+ ){0,3}(?:appearance|findings?|features|look|case|pattern)s?",
        r"(?:for|show|to) (?:(?:the|my|our|medical) )?(?:students?|residents?|trainees|juniors)",
        r"lecture|board review|atlas|what does .{1,60} look like",
        r"for (?:a )?(?:talk|slide|conference)",
    ),
    "follow_up": (
        r"(?:compar\w+|changes?d?|new|interval)(?: \w+){0,3} (?:to|with|since|from|and)"
        rf"(?: \w+){{0,2}} {_PRIOR}",
        r"follow(?:ed|ing)?[ -]?ups?|f/u|fu ct|surveillance|re-?staging|serial (?:\w+ )?\w+s",
        r"interval|progress(?:ion|ed|ing|ive)|regress(?:ion|ed|ing)|worsen\w+|improv\w+",
        r"(?:new|changed?|grown|growth|larger|smaller|bigger|growing|stable|unchanged) "
        r"(?:since|from|after|compared|over)",
        r"(?:treatment |tumou?r |therapy )?respon\w+ (?:to|after)|response|post[ -]?treatment",
        r"after (?:\w+ ){0,2}(?:therapy|treatment|chemo\w*|antibiotics|radiation|drainage)",
        rf"since (?:the )?{_PRIOR}|vs\.? {_PRIOR}|versus {_PRIOR}",
        rf"{_PRIOR} (?:study|exam|film|scan)",
        r"recurren\w+|resol(?:ution|ving)",
    ),
    "compare": (
        r"vs\b\.?|versus|compar\w+|difference\w*|different\w*|distinguish\w*",
        r"tell (?:\w+ ){1,4}(?:from|apart)|mimic\w*|as opposed to|side by side",
    ),
    "rule_out": (
        r"rul(?:e|es|ed|ing) (?:it )?out|r ?/ ?o\b|ro\b(?= \w)",
        r"(?:to|please|helps?) exclude|exclude\b(?! (?:patients?|cases?|studies))",
        r"(?:make|be|making) sure (?:there (?:is|are)|there's|it is|it's|it isn'?t|no)(?: not?)?",
        r"not miss|could (?:it|this) not be",
    ),
    "rule_in": (
        r"confirm\w*|suspect\w*|susp\b\.?|suspicio\w+|concern\w*(?: for| of)|worr(?:y|ied|isome)",
        r"quer(?:y|ied)\b|possibl[ey]|probabl[ey]|likely|presumed|question of",
        r"\b(?:q|question) ?\?|(?:is|could|might|may|can) (?:this|it|that|these)\b",
        r"does (?:this|it|that) look|looks? like|consistent with|compatible with|c/?w\b",
        r"evidence of",
        r"evaluat\w+ for|eval\b(?: for)?|assess\w* for|check\w* for|look(?:ing)? for",
    ),
}
_PATTERNS = [
    (intent, re.compile("|".join(rf"(?:(?<!\w){one}(?!\w))" for one in cues), re.IGNORECASE))
    for intent, cues in _CUES.items()
]
_QUERIED = re.compile(r"\?\s*\w")
"""A question mark before a word: "?pneumonia"."""
_NOT_WISHED = re.compile(
    r"\b(?:cannot|can't|can not|unable to|not) (?:rule out|exclude)\b|\bno evidence of\b|"
    r"\bwithout evidence of\b|\bnot? (?:likely|suspicious)\b",
    re.IGNORECASE,
)
"""Says what a picture shows, not what the question wants."""


def intent_of(text: str) -> Intent:
    """Say what a question wants; "find" where its words do not say."""
    wished = _NOT_WISHED.sub(" ", re.sub(r"\s+", " ", text))
    for intent, pattern in _PATTERNS:
        if pattern.search(wished):
            return intent
    return "rule_in" if _QUERIED.search(wished) else "find"
