"""Who reports the phantom studies: eight authors of four habits, each with headings of their own.

A "headed" author puts each section under its heading; a "telegraphic" one writes a line a section,
abbreviated; a "narrative" one writes paragraphs that flow; a "templated" one fills a line for each
part of the chest, and numbers the impression.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from caselight.data.phantoms.usual import Part
from caselight.data.phantoms.wording import Style

Form = Literal["headed", "telegraphic", "narrative", "templated"]
Section = Literal["indication", "technique", "comparison", "findings", "impression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """How one author reports."""

    form: Form
    voice: Style
    headings: Mapping[Section, str]
    """Section to its heading as it is spelled, in the order of the report."""
    dates: str
    """How a day is written, for `datetime.date.strftime`."""
    length: tuple[int, int]
    """Characters of findings and impression together, from and to, whatever the study shows."""
    parts: Mapping[Part, str]
    """Part of the chest to its label, in the order of the template; empty for other forms."""


_LABELS: dict[Part, str] = {
    "devices": "Lines and tubes:",
    "lungs": "Lungs:",
    "pleura": "Pleura:",
    "heart": "Heart and vessels:",
    "bones": "Bones:",
    "other": "Other:",
}
_BRIEF_LABELS: dict[Part, str] = {
    "lungs": "Lungs -",
    "pleura": "Pleura -",
    "heart": "CV -",
    "other": "Misc -",
    "bones": "MSK -",
    "devices": "Devices -",
}

AUTHORS: dict[str, Author] = {
    "headed-1": Author(
        form="headed",
        voice="full",
        headings={
            "indication": "INDICATION:",
            "comparison": "COMPARISON:",
            "technique": "TECHNIQUE:",
            "findings": "FINDINGS:",
            "impression": "IMPRESSION:",
        },
        dates="%B %d, %Y",
        length=(330, 760),
        parts={},
    ),
    "headed-2": Author(
        form="headed",
        voice="terse",
        headings={
            "indication": "Clinical history -",
            "technique": "Examination -",
            "comparison": "Comparison -",
            "findings": "Findings -",
            "impression": "Conclusion -",
        },
        dates="%d.%m.%Y",
        length=(250, 560),
        parts={},
    ),
    "telegraphic-1": Author(
        form="telegraphic",
        voice="short",
        headings={
            "indication": "Hx:",
            "technique": "Tech:",
            "comparison": "Comp:",
            "findings": "Find:",
            "impression": "IMP:",
        },
        dates="%m/%d/%y",
        length=(190, 430),
        parts={},
    ),
    "telegraphic-2": Author(
        form="telegraphic",
        voice="terse",
        headings={
            "technique": "Exam:",
            "indication": "Reason:",
            "findings": "Report:",
            "comparison": "Prior:",
            "impression": "Opinion:",
        },
        dates="%Y-%m-%d",
        length=(230, 520),
        parts={},
    ),
    "narrative-1": Author(
        form="narrative",
        voice="full",
        headings={
            "indication": "History",
            "technique": "Study",
            "comparison": "Comparison studies",
            "findings": "Report",
            "impression": "Impression and plan",
        },
        dates="%d %B %Y",
        length=(360, 800),
        parts={},
    ),
    "narrative-2": Author(
        form="narrative",
        voice="full",
        headings={
            "technique": "Procedure:",
            "indication": "Clinical information:",
            "comparison": "Compared with:",
            "findings": "Description:",
            "impression": "Summary:",
        },
        dates="%d %b %Y",
        length=(360, 800),
        parts={},
    ),
    "templated-1": Author(
        form="templated",
        voice="terse",
        headings={
            "technique": "EXAM:",
            "indication": "CLINICAL INDICATION:",
            "comparison": "COMPARISON:",
            "findings": "FINDINGS",
            "impression": "IMPRESSION",
        },
        dates="%Y-%m-%d",
        length=(270, 590),
        parts=_LABELS,
    ),
    "templated-2": Author(
        form="templated",
        voice="short",
        headings={
            "indication": "Clin. hx",
            "comparison": "Comparison",
            "technique": "Technique",
            "findings": "Finding(s)",
            "impression": "Impr.",
        },
        dates="%m/%d/%Y",
        length=(230, 480),
        parts=_BRIEF_LABELS,
    ),
}
"""Name to author."""

CONNECTORS = ("in addition, ", "furthermore, ", "moreover, ", "also, ")
"""How a narrative author may begin a sentence."""
