"""Sections of MIMIC-CXR reports, by the rule that the dataset's own section parser follows.

A section begins at a line that starts with one space and a heading in capitals with a colon. The
last impression and the last findings count. A report with neither has its last paragraph taken for
findings; some sixty reports have their body under a heading that says something else, or none, and
are listed by number in `mimic_special`.

Ours, on top of that: history stands in for a missing indication, the examination for a missing
technique, and what is left (addendum, recommendations, wet reading, notification) becomes notes.

Source: `section_parser.py` and `create_section_files.py` of MIT-LCP/mimic-cxr (MIT licence), read
for their rule; not compared on the reports themselves, which are under credentialed access.
"""

import re

from caselight.data.datasets.mimic_special import BODY_AT, BODY_UNDER

_HEADING = re.compile(r"\n ([A-Z ()/,-]+):\s")
_BREAK = "\n \n"
_NAMES = {
    "comparisons": "comparison",
    "reason for examination": "indication",
    "reason for exam": "indication",
    "clinical indication": "indication",
    "idication": "indication",  # codespell:ignore
    "clinical information": "history",
    "pfi": "history",
    "exam": "examination",
    "type of examination": "examination",
    "reference exam": "comparison",
    "comparision": "comparison",  # codespell:ignore
    "comparsion": "comparison",  # codespell:ignore
    "comparrison": "comparison",  # codespell:ignore
    "comparisions": "comparison",  # codespell:ignore
    "conclusion": "impression",
    "findings and impression": "impression",
    "findings/impression": "impression",
    "findings/ impression": "impression",
    # The parser's own table has this one as an impression.
    "ndication": "impression",
    "recommendation": "recommendations",
    "recommendation(s)": "recommendations",
    "wetread": "wet read",
    "reference findings": "findings",
}
_MISSPELT = {
    "impression": "impresson imprression imoression impressoin imprssion impresion imperssion "
    "mpression impession",
    "findings": "finding findins findindgs findgings findngs findnings finidngs",
}
_NAMES.update({word: name for name, words in _MISSPELT.items() for word in words.split()})
_WITHIN = ("impression", "findings", "history", "comparison", "addendum")
_KEPT = ("technique", "examination", "indication", "recommendations", "notification", "wet read")
_VIEWS = re.compile(
    "chest|portable|pa and lateral|lateral and pa|ap and lateral|lateral and ap|frontal and|"
    "two views|frontal view|pa view|ap view|one view|lateral view|bone window|frontal upright|"
    "frontal semi-upright|ribs|pa and lat"
)
_OURS = {
    "findings": ("findings", "last_paragraph"),
    "impression": ("impression",),
    "indication": ("indication", "history"),
    "comparison": ("comparison",),
    "technique": ("technique", "examination"),
}


def mimic_sections(text: str, *, study: str) -> dict[str, str]:
    """Split one report.

    Args:
        text: the whole file.
        study: its number as the file is named, such as "s50000001".

    Returns:
        Keys among `types.SECTIONS`; empty sections are left out. Runs of white space, with which
        the files are wrapped, become one space.
    """
    if study in BODY_AT:
        start, end = BODY_AT[study]
        return _tidy({"findings": text[start:end]})
    parts = _parts(text)
    under = BODY_UNDER.get(study)
    if under is not None and under in dict(parts):
        body = [words for name, words in parts if name == under][-1]
        return _tidy({"findings": body})
    found: dict[str, str] = {}
    for section, names in _OURS.items():
        for name in names:
            words = [words for found_name, words in parts if found_name == name]
            if words and words[-1].strip():
                found[section] = words[-1]
                break
    named = {name for names in _OURS.values() for name in names} | {"preamble"}
    found["notes"] = "\n".join(words for name, words in parts if name not in named)
    return _tidy(found)


def _parts(text: str) -> list[tuple[str, str]]:
    """(normal name, words) in order; the first is the preamble, or the whole report."""
    first = _HEADING.search(text)
    if first is None:
        parts = [("full report", text)]
    else:
        parts = [("preamble", text[: first.start(1)])]
        heading: re.Match[str] | None = first
        while heading is not None:
            begin = heading.end()
            # A heading on the heading's own line is no heading.
            skip = max(text[begin:].find("\n"), 0)
            following = _HEADING.search(text, begin + skip)
            end = len(text) if following is None else following.start()
            parts.append((_name(heading.group(1)), text[begin:end]))
            heading = following
    # A title such as "CHEST, PA AND LATERAL:" before the first section looks like findings.
    parts = [
        (name, words)
        for name, words in parts
        if words.strip() or name not in ("findings", "impression")
    ]
    names = {name for name, _ in parts}
    if not names & {"findings", "impression"} and parts and _BREAK in parts[-1][1]:
        name, words = parts.pop()
        head, _, rest = words.partition(_BREAK)
        parts += [(name, head), ("last_paragraph", rest)]
    return parts


def _name(heading: str) -> str:
    name = heading.lower().strip()
    if name in _NAMES:
        return _NAMES[name]
    if name in _KEPT:
        return name
    within = next((word for word in _WITHIN if word in name), None)
    if within is not None:
        return within
    return "findings" if _VIEWS.search(name) else name


def _tidy(sections: dict[str, str]) -> dict[str, str]:
    tidy = {name: " ".join(words.split()) for name, words in sections.items()}
    return {name: words for name, words in tidy.items() if words}
