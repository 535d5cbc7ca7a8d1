"""A whole report split into its sections."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from caselight.data.administrative import administrative, signature_start
from caselight.data.headings import RESTART, heading_at_start, headings_inside
from caselight.types import SECTIONS

_TAG = re.compile(
    r"</?(?P<name>b|strong|i|em|u|p|br|div|span|font|h[1-6]|ul|ol|li|table|tbody|thead|tr|td|th|"
    r"html|head|body|pre|hr|center)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_INLINE = frozenset({"b", "strong", "i", "em", "u", "span", "font"})
# Three underscores are how shared reports blank a word.
_RULE = re.compile(r"\s*(?:[-=*~#\u2013\u2014]{3,}|--|==|\.{3,}|_{5,})\s*")
_SHORT = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[^\W_]{2})[)\"\u201d']{0,3}[.!?](?=\s|$)")
_ABOUT_TECHNIQUE = re.compile(
    r"obtained|acquired|performed|administ|contrast|reconstruct|reformat|protocol|sequences|slice",
    re.IGNORECASE,
)
_LEADING = ("indication", "comparison", "technique")
_FEWEST_WORDS = 8
_LONGEST_SIGNATURE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Lines without a blank one between them, under one heading."""

    section: str
    text: str
    opens: bool
    """Whether it is the first beneath its heading."""


def split_sections(text: str) -> dict[str, str]:
    """The words of a report by section.

    Every word of the body stands in exactly one section, in its order; the headings themselves and
    administrative lines (names, numbers, dates, signatures) stand in none. A heading that comes
    again adds to its section. A combined heading counts as its first part, so "FINDINGS AND
    IMPRESSION" is findings.

    What stands under no heading is findings where the report has no findings of its own and it
    reads like sentences, else notes. So is a paragraph of sentences behind a blank line under
    indication, comparison or technique (unless it goes on about technique): many reports have no
    heading before their findings. Addenda, wet reads and comments without headings
    of their own are notes.

    Args:
        text: plain text, or text with HTML's marks.

    Returns:
        Section to its text, keys in the order of `SECTIONS`, none empty; lines are stripped and
        one blank line at most stands between two.
    """
    pieces = list(_pieces(_plain(text)))
    has_findings = any(piece.section == "findings" for piece in pieces)
    gathered: dict[str, list[str]] = {}
    loose: str | None = None
    for piece in pieces:
        section = piece.section
        if piece.opens:
            loose = None
        if section == RESTART:
            section = loose or "notes"
        if not has_findings and _reads_like_body(piece.text):
            follows = section in _LEADING and not piece.opens
            more_of_it = section == "technique" and _ABOUT_TECHNIQUE.search(piece.text)
            if piece.section == RESTART or (follows and not more_of_it):
                loose = "findings"
        gathered.setdefault(loose or section, []).append(piece.text)
    return {name: "\n\n".join(gathered[name]) for name in SECTIONS if name in gathered}


def _plain(text: str) -> str:
    """Without HTML's marks, where there are any; line breaks as DICOM, HL7 and HTML write them."""
    text = text.replace("\\.br\\", "\n")
    if not _TAG.search(text):
        return text
    plain = _TAG.sub(lambda tag: "" if tag["name"].lower() in _INLINE else "\n", text)
    return html.unescape(plain).replace("\xa0", " ")


def _pieces(text: str) -> Iterator[_Piece]:
    section, opens, lines = RESTART, True, list[str]()
    for heading, words in _lines(text):
        if heading is None and words:
            lines.append(words)
            continue
        if lines:
            yield _Piece(section=section, text="\n".join(lines), opens=opens)
            lines, opens = [], False
        if heading is not None:
            section, opens = heading, True
            lines = [words] if words else []
    if lines:
        yield _Piece(section=section, text="\n".join(lines), opens=opens)


def _lines(text: str) -> Iterator[tuple[str | None, str]]:
    """A heading that begins here, if any, and the words that follow it; "" is a blank line."""
    lines = text.splitlines()
    name_follows = False
    for number, line in enumerate(lines):
        if not line.strip() or _RULE.fullmatch(line):
            name_follows = False
            yield None, ""
            continue
        below = lines[number + 1] if number + 1 < len(lines) else ""
        underlined = bool(_RULE.fullmatch(below))
        above = lines[number - 1] if number else ""
        opens = not above.strip() or bool(_RULE.fullmatch(above))
        parts = list(_parts(line, underlined=underlined, opens=opens))
        if name_follows and len(parts) == 1 and _is_signature(*parts[0]):
            name_follows = False
            continue
        found = administrative(line)
        name_follows = found is not None and found.bare
        yield from parts


def _parts(line: str, *, underlined: bool, opens: bool) -> Iterator[tuple[str | None, str]]:
    """The parts of one line, cut where headings begin; administrative parts are left out."""
    section: str | None = None
    cuts = list(headings_inside(line))
    ends = [cut.start for cut in cuts] + [len(line)]
    for start, end, inside in zip(
        [0, *(cut.end for cut in cuts)], ends, [None, *cuts], strict=True
    ):
        section = None if inside is None else inside.section
        rest = line[start:end]
        while rest.strip():
            if administrative(rest):
                rest = ""
                break
            heading = heading_at_start(rest, underlined=underlined, opens=opens)
            if heading is None:
                break
            if section is not None:
                yield section, ""
            section, rest = heading.section, rest[heading.end :]
        words = rest[: signature_start(rest)].strip()
        if words or section is not None:
            yield section, words


def _is_signature(section: str | None, words: str) -> bool:
    """Whether a line below a bare "Dictated by:" can be its name."""
    return (
        section is None
        and len(_SHORT.findall(words)) <= _LONGEST_SIGNATURE
        and (not words.endswith((".", ":")) or words.lower().endswith(("m.d.", "ph.d.")))
    )


def _reads_like_body(text: str) -> bool:
    """Whether a paragraph is sentences rather than a title."""
    end = _SENTENCE_END.search(text)
    if end is not None and len(text[: end.start()].split()) > 1:
        return True
    return len(text.split()) >= _FEWEST_WORDS and not text.isupper()
