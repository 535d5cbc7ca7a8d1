"""Other ways to say the same report, for training a text branch that minds what is said, not how.

What is denied, doubted, measured and on which side is said with the same words in every rendering.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from caselight.config import TextField
from caselight.data.abbreviations import contract, expand
from caselight.data.sentence_groups import Group, Layout, read_layout, reordered
from caselight.data.texts import normalise_text
from caselight.data.wordiness import telegraphic
from caselight.types import Study

_DROP_SECTION = 0.4
"""Chance that a report with findings and impression is told by one of them alone."""
_REORDER = 0.6
_JOIN = 0.25
"""Chance that full stops between sentences become semicolons."""
_TRIES = 16
"""Draws for each rendering wanted: what cannot be varied is not tried for ever."""

_SAYS_NOTHING = re.compile(
    r"\W*(?:(?:as|see|same as|per|please see|as per|as described|as detailed)\W+)"
    r"(?:the )?(?:above|findings?|report|body of (?:the )?report|below)\W*",
    re.IGNORECASE,
)
"""A section that only points at the other one."""

_WORDS: tuple[Callable[[str], str], ...] = (str, expand, contract)
_STYLES: tuple[Callable[[str], str], ...] = (str, telegraphic)


def renderings(
    study: Study, text: str, field: TextField, *, n: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """Say a text in other ways.

    A caption's first rendering is itself followed by the findings of its study, where the study has
    any: a caption tells what its picture shows, and leaves out what the case is. Each further one
    draws, one by one: findings or impression alone, where the text is a report that
    has both and each says something; the order of the sentences within each section, as far as
    they do not lean on each other; abbreviations written out or short; a telegram's style;
    semicolons between sentences. Findings stay before impression, and no sentence changes section.

    Args:
        study: the study the text is of.
        text: what `texts.pair_text` gives for the study, or one of its images, and `field`.
        field: where the text comes from.
        n: renderings wanted.
        rng: draws them.

    Returns:
        At most `n` texts, none equal to `text` or to another when case and white space are folded;
        fewer where there are not so many ways to say it.
    """
    layouts = [read_layout(section) for section in _sections(study, text, field)]
    telling = [k for k, layout in enumerate(layouts) if not _SAYS_NOTHING.fullmatch(_flat(layout))]
    seen, found = {normalise_text(text)}, list[str]()
    findings = study.sections.get("findings")
    if n and findings and any(image.caption == text for image in study.images):
        found.append(f"{text} {findings}")
        seen.add(normalise_text(found[0]))
    for _ in range(_TRIES * n):
        if len(found) == n:
            break
        kept: Sequence[Layout] = layouts
        if len(layouts) > 1 and telling and rng.random() < _DROP_SECTION:
            kept = [layouts[telling[int(rng.integers(len(telling)))]]]
        rendering = _rendered(kept, rng)
        if normalise_text(rendering) not in seen:
            seen.add(normalise_text(rendering))
            found.append(rendering)
    return tuple(found)


def _sections(study: Study, text: str, field: TextField) -> tuple[str, ...]:
    """Findings and impression, where the text is the two of them together; else the text alone."""
    both = study.sections.get("findings"), study.sections.get("impression")
    parts = tuple(part for part in both if part)
    return parts if field in ("auto", "report") and text == " ".join(parts) else (text,)


def _rendered(layouts: Sequence[Layout], rng: np.random.Generator) -> str:
    reorder, join = rng.random() < _REORDER, rng.random() < _JOIN
    words = _WORDS[int(rng.integers(len(_WORDS)))]
    style = _STYLES[int(rng.integers(len(_STYLES)))]
    if reorder:
        layouts = [reordered(layout, rng) for layout in layouts]
    return " ".join(
        "\n".join(_line(line, lambda said: words(style(said)), join=join) for line in layout.lines)
        for layout in layouts
    )


def _line(groups: Sequence[Group], say: Callable[[str], str], *, join: bool) -> str:
    told = [" ".join(say(sentence) for sentence in group.sentences) for group in groups]
    openings = [" ".join(part for part in (g.number, g.label) if part) for g in groups]
    if join and not any(openings):
        return _joined(told)
    return " ".join(
        f"{opening} {words}".strip() for opening, words in zip(openings, told, strict=True)
    )


def _joined(told: Sequence[str]) -> str:
    """Semicolons for full stops, except the last; what follows one begins in lower case."""
    line = told[0]
    for words in told[1:]:
        # A capital that stands alone or among others is a side's or an abbreviation's.
        plain = words[:1].lower() + words[1:] if words[1:2].islower() else words
        line = f"{line[:-1]}; {plain}" if line.endswith(".") else f"{line} {words}"
    return line


def _flat(layout: Layout) -> str:
    return " ".join(sentence for line in layout.lines for g in line for sentence in g.sentences)
