"""Reports in XML: HL7's Clinical Document Architecture, and plain XML whose labels say enough."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from caselight.data.administrative import (
    administrative,
    labelled_accessions,
    labelled_study_uids,
)
from caselight.data.headings import section_named
from caselight.errors import DataError
from caselight.types import SECTIONS

_DEEPEST = 100
_INLINE = frozenset({"content", "sup", "sub", "linkHtml", "b", "i", "em", "strong", "u", "span"})
_TITLES = ("title", "caption")
_LOINC = {
    "18782-3": "findings",
    "59776-5": "findings",
    "19005-8": "impression",
    "55110-1": "impression",
    "18783-0": "impression",
    "18785-6": "indication",
    "11329-0": "indication",
    "55115-0": "indication",
    "18834-2": "comparison",
    "55114-3": "comparison",
    "55111-9": "technique",
    "55107-7": "notes",
}
"""LOINC codes of sections; DICOM PS3.20 2024, annex A, and PS3.16, CID 7001."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """What an XML report says."""

    text: str = field(repr=False)
    """Its words, each section under a plain heading."""
    accession: str | None = field(repr=False)
    study_uid: str | None = field(repr=False)


def headed_text(pieces: Sequence[tuple[str | None, str]]) -> str:
    """Words by section as one text that `split_sections` takes apart again.

    Args:
        pieces: section, or None for words under no heading, and words; a section's stand together.
    """
    gathered: dict[str | None, list[str]] = {}
    for section, words in pieces:
        # A blank line would end a section that has no heading after it.
        lines = words.splitlines() if section is None else filter(str.strip, words.splitlines())
        gathered.setdefault(section, []).append("\n".join(lines))
    blocks = ["\n".join(gathered[None])] if None in gathered else []
    blocks += [
        "\n".join([f"{section.upper()}:", *gathered[section]])
        for section in SECTIONS
        if section in gathered
    ]
    return "\n\n".join(blocks)


def xml_report(data: bytes) -> Markup:
    """Read an XML report without trusting it.

    Raises:
        DataError: data.not_text where it declares a document type or entities, or an encoding that
            cannot be read; data.truncated where it is not well-formed.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.words
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, UnicodeError, LookupError, ValueError):
        raise DataError(
            "the XML is not well-formed or its encoding is unknown; export the report again in "
            "UTF-8",
            code="data.truncated",
        ) from None
    return reader.report()


def _refuse_doctype(*_: object) -> None:
    raise DataError(
        "the XML declares a document type, which could make it grow without bounds; export the "
        "report without DOCTYPE",
        code="data.not_text",
    )


@dataclass(slots=True, kw_only=True)
class _Element:
    name: str
    section: str | None
    read: bool
    """Whether its words are the report's."""
    coded: bool = False
    """Whether its section is known by a code, so that its title says nothing more."""
    words: list[str] = field(default_factory=list)


class _Reader:
    """Gathers words by section while the parser walks."""

    def __init__(self) -> None:
        self._open: list[_Element] = []
        self._pieces: list[tuple[str | None, str]] = []
        self._cda = False
        self._accessions: list[str] = []
        self._orders: list[str] = []
        self._uids: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if len(self._open) >= _DEEPEST:
            raise DataError(
                f"the XML is nested deeper than {_DEEPEST} elements; export the report again",
                code="data.too_large",
            )
        local = name.rpartition(" ")[2]
        values = {key.rpartition(" ")[2].lower(): value for key, value in attributes.items()}
        above = self._open[-1] if self._open else None
        if above is None:
            self._cda = local == "ClinicalDocument"
        else:
            self._flush(above, ends=local not in _INLINE)
        if self._cda:
            self._note_cda(local, values)
        section = above.section if above is not None else None
        read = above.read if above is not None else not self._cda
        if self._cda:
            read = read or local == "structuredBody" or local == "nonXMLBody"
            read = read and values.get("representation") != "B64"
            if local == "code" and above is not None and above.name == "section":
                above.coded = values.get("code") in _LOINC
                above.section = _LOINC.get(values.get("code", ""), above.section)
        else:
            titles = [_spaced(local), *(values.get(key, "") for key in ("label", "title", "name"))]
            named = [found for title in titles if (found := section_named(title)) is not None]
            section = named[0] if named and above is not None else section
            read = read and administrative(f"{_spaced(local)}:") is None
        self._open.append(_Element(name=local, section=section, read=read))

    def words(self, text: str) -> None:
        """Words inside of the innermost element."""
        if self._open:
            self._open[-1].words.append(text)

    def end(self, _: str) -> None:
        """The innermost element ends."""
        element = self._open.pop()
        text = "".join(element.words)
        if not self._cda:
            line = f"{_spaced(element.name)}: {text.strip()}"
            self._accessions += labelled_accessions(line)
            self._uids += labelled_study_uids(line)
        above = self._open[-1] if self._open else None
        if above is not None and element.name in _INLINE:
            if element.read:
                above.words.append(text)
            return
        if above is not None and above.name == "section" and element.name in _TITLES:
            named = section_named(text)
            if named is not None and not above.coded:
                above.section = named
            if named is not None or above.coded:
                return
        self._flush(element, ends=True)

    def report(self) -> Markup:
        """Everything gathered."""
        accessions = list(dict.fromkeys(self._accessions or self._orders))
        uids = list(dict.fromkeys(self._uids))
        return Markup(
            text=headed_text(self._pieces),
            accession=accessions[0] if len(accessions) == 1 else None,
            study_uid=uids[0] if len(uids) == 1 else None,
        )

    def _flush(self, element: _Element, *, ends: bool) -> None:
        if not ends:
            return
        words = " ".join("".join(element.words).split())
        element.words.clear()
        if words and element.read:
            self._pieces.append((element.section, words))

    def _note_cda(self, local: str, values: dict[str, str]) -> None:
        """Numbers from the header of a CDA document; DICOM PS3.20 2024, 7.1."""
        if local == "accessionNumber" and values.get("extension"):
            self._accessions.append(values["extension"])
        path = [element.name for element in self._open[-2:]]
        if local == "id" and path == ["inFulfillmentOf", "order"] and values.get("extension"):
            self._orders.append(values["extension"])
        if local == "id" and path == ["documentationOf", "serviceEvent"] and values.get("root"):
            self._uids.append(values["root"])


def _spaced(name: str) -> str:
    """An element's name as words: "AccessionNumber", "study_uid"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[_.\-]+", " ", name)
