"""The words of a report that turn its meaning: denials, sides, numbers, contraries, masked words.

Two texts whose turning words differ say two things, however alike they look. That is a rule for
caution: it parts texts that say the same with other turning words, and it does not know what a
"no" belongs to beyond the order in which such words stand.
"""

import re

from caselight.data.texts import normalise_text

_WORD = re.compile(r"w/o|\w+n['\u2019]t|\d+(?:\.\d+)?|[^\W\d_]+|_{2,}")
_LIST_NUMBER = re.compile(r"(?:^|(?<=[.;] ))\d{1,2}[.)](?= )")
"""The "2." before the second line of an impression counts nothing."""

_DENIALS = frozenset(
    (
        *("no", "not", "non", "nor", "none", "neither", "never", "without", "w/o", "cannot"),
        *("absent", "absence", "negative", "free", "lack", "lacks", "resolved", "resolution"),
        *("removed", "removal", "excluded", "excludes", "unlikely", "denies"),
    )
)
_MASKED = re.compile(r"x{3,}|_{2,}")
"""What stands where a name or a date was taken out, and sometimes where a finding was."""
_SIDES = {
    **dict.fromkeys(("left", "l", "lt", "leftward"), "left"),
    **dict.fromkeys(("right", "r", "rt", "rightward"), "right"),
    **dict.fromkeys(("bilateral", "bilaterally", "both"), "both"),
}
_NUMBERS = {
    **dict.fromkeys(("one", "first", "single", "solitary"), "1"),
    **dict.fromkeys(("two", "second"), "2"),
    **dict.fromkeys(("three", "third"), "3"),
    **dict.fromkeys(("four", "fourth"), "4"),
    **dict.fromkeys(("five", "fifth"), "5"),
    **dict.fromkeys(("six", "sixth"), "6"),
    **dict.fromkeys(("seven", "seventh"), "7"),
    **dict.fromkeys(("eight", "eighth"), "8"),
    **dict.fromkeys(("nine", "ninth"), "9"),
    **dict.fromkeys(("ten", "tenth"), "10"),
}
_CONTRARIES = (
    ("upper", "superior"),
    ("lower", "inferior"),
    ("anterior", "ventral"),
    ("posterior", "dorsal"),
    ("increase", "increased", "increasing", "larger", "elevated"),
    ("decrease", "decreased", "decreasing", "smaller", "diminished", "reduced"),
    ("high", "higher", "hyperintense", "hyperintensity", "bright"),
    ("low", "hypointense", "hypointensity", "dark"),
    ("isointense", "iso", "isodense"),
    ("hyperdense", "hyperattenuating", "hyperdensity"),
    ("hypodense", "hypoattenuating", "hypodensity"),
    ("improved", "improving", "improvement"),
    ("worse", "worsened", "worsening", "progression"),
    ("acute",),
    ("chronic", "old"),
    ("mild", "minimal", "slight", "small", "tiny"),
    ("moderate",),
    ("severe", "large", "massive", "marked"),
    ("abnormal",),
    ("middle",),
    ("medial",),
    ("lateral",),
    ("frontal",),
    ("parietal",),
    ("occipital",),
    ("temporal",),
    ("benign",),
    ("malignant",),
)
"""Each line one meaning; texts must have the same meanings, in any order and number."""
_MEANING = {word: line[0] for line in _CONTRARIES for word in line}


def words_of(text: str) -> list[str]:
    """The words and numbers of a text in their order, without case, hyphens and list numbers."""
    return _WORD.findall(_LIST_NUMBER.sub("", normalise_text(text)))


def turning_words(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Read off the words that turn a meaning.

    Returns:
        Denials, sides ("left", "right", "both"), numbers and masked words in the order they stand,
        so that "left effusion, right nodule" differs from "right effusion, left nodule"; and the
        set of contraries (upper, increased, acute, ...), each by the first word of its meaning.
    """
    words = words_of(text)
    marks = (
        _mark(word, before_number=after[:1].isdigit())
        for word, after in zip(words, [*words[1:], ""], strict=True)
    )
    order = tuple(mark for mark in marks if mark is not None)
    return order, frozenset(_MEANING[word] for word in words if word in _MEANING)


def _mark(word: str, *, before_number: bool) -> str | None:
    if word in ("l", "r") and before_number:
        return None  # L5 is a vertebra
    if _MASKED.fullmatch(word):
        return "masked"
    if word in _DENIALS:
        return word
    if word.endswith(("n't", "n\u2019t")):
        return "not"
    if word.startswith("non") and len(word) > len("none"):
        return "non"
    if word[0].isdigit():
        return word
    return _SIDES.get(word) or _NUMBERS.get(word)
