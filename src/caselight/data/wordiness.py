"""The style of one sentence: dictated in full, or as a telegram."""

import re

_CONDITION = re.compile(r"\b(?:if|that|which|what|who|as|when|where|whether|unless)\b", re.I)
_THERE_IS = re.compile(r"^there (?:is|are) ", re.IGNORECASE)
_IS_SEEN = re.compile(
    r" (?:is|are) (?:seen|noted|present|identified|demonstrated|visuali[sz]ed|visible|"
    r"observed|evident)(?=[.,;]|$| (?:in|on|at|over|within|along)\b)",
    re.IGNORECASE,
)
_IS = re.compile(
    r" (?:is|are) (?=(?:normal|unremarkable|clear|intact|enlarged|stable|unchanged|midline|sharp|"
    r"within)\b)",
    re.IGNORECASE,
)
# A capital "A" inside a sentence is a name: hepatitis A, a type A dissection.
_ARTICLE = re.compile(
    r"(?:^(?:The|THE|An?)|(?<![\w-])(?:the|THE|an?)) "
    r"(?!(?:few|little|lot|bit|number|couple)\b)(?=\w)"
)


def telegraphic(sentence: str) -> str:
    """Leave out what a hurried author would: "there is", "is seen", articles.

    A word that denies, hedges, measures or names a side stays, and a sentence with a clause of its
    own ("if", "which", ...) keeps its verbs.
    """
    words = sentence
    if not _CONDITION.search(sentence):
        words = _IS.sub(" ", _IS_SEEN.sub("", _THERE_IS.sub("", words)))
    words = _ARTICLE.sub("", words)
    return words[:1].upper() + words[1:] if sentence[:1].isupper() else words
