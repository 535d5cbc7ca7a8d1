"""Ways in which reports write their headings, to compose whole reports whose truth is known."""

import random
import textwrap

SEEN = {
    "findings": (
        "FINDINGS|FINDING|REPORT|DESCRIPTION|OBSERVATIONS|CHEST FINDINGS|IMAGING FINDINGS|RESULT"
    ),
    "impression": (
        "IMPRESSION|IMPRESSIONS|IMP|CONCLUSION|CONCLUSIONS|OPINION|SUMMARY|IMPRESSION AND PLAN|"
        "IMPRESSION/RECOMMENDATIONS|FINAL IMPRESSION"
    ),
    "indication": (
        "INDICATION|INDICATIONS|HISTORY|CLINICAL HISTORY|REASON FOR EXAM|REASON FOR STUDY|"
        "CLINICAL INFORMATION|CLINICAL INDICATION|CLINICAL DETAILS|HX"
    ),
    "comparison": "COMPARISON|COMPARISONS|PRIOR STUDIES|COMPARISON STUDIES|PRIOR|PREVIOUS EXAMS",
    "technique": "TECHNIQUE|PROCEDURE|EXAMINATION|EXAM|EXAM TYPE|PROTOCOL",
}
"""Spellings that the rules were written with."""
HELD_OUT = {
    "findings": "RADIOGRAPHIC FINDINGS|CT THORAX FINDINGS|FINDINGS OF THE EXAMINATION|APPEARANCES",
    "impression": (
        "DIAGNOSTIC IMPRESSION|RADIOLOGICAL CONCLUSION|ASSESSMENT AND PLAN|FINAL ASSESSMENT|"
        "OVERALL IMPRESSION"
    ),
    "indication": (
        "INDICATION FOR EXAMINATION|PERTINENT HISTORY|REASON FOR REFERRAL|CLINICAL SUMMARY|"
        "REASON FOR THE EXAM|HISTORY/INDICATION"
    ),
    "comparison": "PRIOR RADIOGRAPHS|COMPARED TO PRIOR|PREVIOUS STUDIES|COMPARISON EXAMINATIONS",
    "technique": "TYPE OF EXAMINATION|IMAGING PROTOCOL|TECHNICAL FACTORS|EXAMS",
}
"""Spellings written down before the first measurement and never used to change a rule."""

ORDERS = (
    ("technique", "indication", "comparison", "findings", "impression"),
    ("indication", "technique", "comparison", "findings", "impression"),
    ("indication", "comparison", "technique", "findings", "impression"),
    ("impression", "indication", "comparison", "technique", "findings"),
)
STYLES = (
    "capitals, colon",
    "capitals, colon, own line",
    "capitals, own line",
    "capital, own line",
    "capital, colon",
    "small, colon",
    "underlined",
    "bold",
    "marked with #",
    "numbered",
    "dash",
    "brackets",
    "HTML",
    "one line, capitals",
    "one line, capital",
    "space before colon, wrapped",
    "no separator",
    "all in capitals",
    "no heading for findings",
)
ABOVE = (
    "Patient: XXXX    MRN: 0000000\nDOB: 01/01/1900   Sex: F",
    "Name: XXXX\nAccession Number: A0000000\nReferring physician: XXXX",
    "                                 FINAL REPORT",
    "",
)
BELOW = (
    "Electronically signed by: XXXX, MD on 01/01/2000",
    "Dictated by:\nXXXX, M.D.",
    "Transcribed by: XXXX\nReport status: Final",
    "",
)


def compose(
    sections: dict[str, str], style: str, spellings: dict[str, str], rng: random.Random
) -> str:
    """One whole report in one style; sections in one of the usual orders."""
    blocks = []
    for section in rng.choice(ORDERS):
        if section not in sections:
            continue
        heading = rng.choice(spellings[section].split("|"))
        blocks.append(_block(style, heading, sections[section], len(blocks) + 1, section))
    joiner = " " if style.startswith("one line") else "\n\n"
    body = joiner.join(blocks)
    if style == "all in capitals":
        body = body.upper()
    return "\n\n".join(part for part in (rng.choice(ABOVE), body, rng.choice(BELOW)) if part)


def _block(style: str, heading: str, text: str, number: int, section: str) -> str:
    title = heading.capitalize()
    if style == "no heading for findings":
        return text if section == "findings" else f"{heading}: {text}"
    blocks = {
        "capitals, colon": f"{heading}: {text}",
        "capitals, colon, own line": f"{heading}:\n{text}",
        "capitals, own line": f"{heading}\n{text}",
        "capital, own line": f"{title}\n\n{text}",
        "capital, colon": f"{title}: {text}",
        "small, colon": f"{heading.lower()}: {text}",
        "underlined": f"{title}\n{'-' * len(title)}\n{text}",
        "bold": f"**{title}:** {text}",
        "marked with #": f"## {title}\n{text}",
        "numbered": f"{number}. {heading}:\n{text}",
        "dash": f"{heading} - {text}",
        "brackets": f"[{heading}]\n{text}",
        "HTML": f"<b>{heading}:</b> {text}<br/>",
        "one line, capitals": f"{heading}: {text}",
        "one line, capital": f"{title}: {text}",
        "no separator": f"{heading} {text}",
        "all in capitals": f"{heading}:\n{text}",
        "space before colon, wrapped": textwrap.fill(f" {heading} :  {text}", 78),
    }
    return blocks[style]
