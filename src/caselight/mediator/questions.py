"""How questions are said, where that is not how reports are said.

A report lists: "history of hypertension, diabetes", "no effusion, pneumothorax". A question moves
on at a comma: "h/o rheumatic fever, mitral stenosis" asks for the stenosis. A question also wishes
("make sure there is no pneumothorax" looks for one) and parts ("cavity other than TB"), and what it
names together it puts in one phrase, so that a finding and its place share a side.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from caselight.language.lexicon import Lexicon
from caselight.language.nouns import Mention, Side, Span

_ENDS = re.compile(
    r"[,;:]|\b(?:with|without|w/o?|no|but|not|vs\.?|versus|and then)\b", re.IGNORECASE
)
"""What ends a phrase."""
_WISHES = re.compile(
    r"(?:make|making|be|being) sure (?:that )?(?:(?:there|it|this) )?(?:is|isn'?t|are)?(?:'s)? ?"
    r"(?:not|no|n't)?(?: an?)?(?: missed)?\s*$",
    re.IGNORECASE,
)
"""Stands before what must not be there, so is looked for."""
_PARTS = re.compile(
    r"\b(?:other than|except(?: for)?|excluding|apart from|instead of|rather than|but not)"
    r"(?: (?:an?|the|any|in|for))*\s*$",
    re.IGNORECASE,
)
"""Stands before what is not wanted."""
_LISTED = re.compile(r"\b(?:and|or|nor)\b", re.IGNORECASE)
_SOFT_CUES = frozenset({"not", "isn't", "rather than", "instead of", "but not", "other than"})
"""Deny one thing, not a list of them: "not diabetic, flame hemorrhages"."""
_SIDES: dict[str, Side] = {"left-": "left", "right-": "right"}
_EXAMS = ("modality", "view")
_EFFUSION = "effusion"
_OTHER_EFFUSIONS = ("joint", "limb", "knee", "pericardium", "ear", "mastoid")


def as_asked(text: str, mentions: Sequence[Mention], lexicon: Lexicon) -> tuple[Mention, ...]:
    """Return the mentions of a question as it means them.

    Args:
        text: the question.
        mentions: as a report would mean them, in order.
        lexicon: that they were found with.
    """
    read = [_said(text, mention, lexicon) for mention in mentions]
    read = _with_sides(text, read, lexicon)
    read = [_plain(mention, lexicon) for mention in read]
    return tuple(_pleural(one, read, lexicon) for one in read if not _inside(one, read, lexicon))


def _said(text: str, mention: Mention, lexicon: Lexicon) -> Mention:
    """One mention with what a question's own words make of it."""
    before = text[: mention.span[0]]
    if lexicon[mention.concept].category in _EXAMS:
        # "No aneurysm on CTA" denies the aneurysm.
        return replace(mention, certainty="present", about="now")
    if _WISHES.search(before):
        return replace(mention, certainty="present", about="asked")
    if _PARTS.search(before):
        return replace(mention, certainty="absent")
    if mention.about in ("history", "family") and _moved_on(text, mention):
        return replace(mention, about="now")
    soft = any(text[slice(*cue)].casefold() in _SOFT_CUES for cue in mention.cues)
    if mention.certainty == "absent" and soft and _moved_on(text, mention):
        return replace(mention, certainty="present")
    return mention


def _moved_on(text: str, mention: Mention) -> bool:
    """Whether a comma stands between a mention and all that decided it, and no list goes on."""
    cues = [cue for cue in mention.cues if cue[1] <= mention.span[0]]
    if not cues:
        return False
    between = text[max(cues)[1] : mention.span[0]]
    return bool(re.search("[,;]", between)) and not _LISTED.search(between.rpartition(",")[2])


def _with_sides(text: str, mentions: Sequence[Mention], lexicon: Lexicon) -> list[Mention]:
    """A finding and its place in one phrase have one side, whichever of them it was said of."""
    out = list(mentions)
    for phrase in _phrases(text, mentions):
        own = [out[i] for i in phrase]
        sides = {side for one in own if (side := one.side or _named_side(one.concept)) is not None}
        if len(sides) != 1:
            continue
        side = sides.pop()
        for i in phrase:
            kind = lexicon[out[i].concept]
            if out[i].side is None and kind.category in ("finding", "anatomy", "device"):
                placed = any(lexicon[one.concept].category == "anatomy" for one in own)
                if kind.sided or (kind.category == "finding" and placed):
                    out[i] = replace(out[i], side=side)
    return out


def _phrases(text: str, mentions: Sequence[Mention]) -> list[list[int]]:
    """The places of the mentions of each phrase."""
    if not mentions:
        return []
    phrases = [[0]]
    for i, (one, other) in enumerate(pairwise(mentions), start=1):
        if _ENDS.search(text[one.span[1] : other.span[0]]):
            phrases.append([])
        phrases[-1].append(i)
    return phrases


def _named_side(concept: str) -> Side | None:
    return next((side for start, side in _SIDES.items() if concept.startswith(start)), None)


def _plain(mention: Mention, lexicon: Lexicon) -> Mention:
    """Without what the concept says by its own name, and what an exam cannot have."""
    if lexicon[mention.concept].category in _EXAMS:
        return replace(mention, side=None, severity=None, size_mm=None)
    if _named_side(mention.concept) is not None:
        mention = replace(mention, side=None)
    if mention.severity is not None and mention.concept.startswith(f"{mention.severity}-"):
        mention = replace(mention, severity=None)
    return mention


def _inside(mention: Mention, mentions: Sequence[Mention], lexicon: Lexicon) -> bool:
    """Whether a place is named only as a part of the name of a finding that is there, too."""
    if lexicon[mention.concept].category != "anatomy":
        return False
    place = lexicon[mention.concept]
    of_place = {word for name in (place.name, *place.synonyms) for word in name.split()}
    for other in mentions:
        concept = lexicon[other.concept]
        if concept.category != "finding" or not _near(mention.span, other.span):
            continue
        if any(_alike(a, b) for a in of_place for b in concept.name.split()):
            return True
    return False


def _near(one: Span, other: Span) -> bool:
    return min(abs(one[0] - other[1]), abs(other[0] - one[1])) <= 2


def _alike(one: str, other: str) -> bool:
    """Whether two words are equal or begin alike: "atrium", "atrial"."""
    return one == other or (len(one) > 4 and one[:4] == other[:4])


def _pleural(mention: Mention, mentions: Sequence[Mention], lexicon: Lexicon) -> Mention:
    """An effusion without a place is the pleura's, unless a joint, the heart or an ear is named."""
    if mention.concept != _EFFUSION:
        return mention
    named = " ".join(one.concept for one in mentions)
    if any(other in named for other in _OTHER_EFFUSIONS):
        return mention
    return (
        replace(mention, concept="pleural-effusion") if "pleural-effusion" in lexicon else mention
    )
