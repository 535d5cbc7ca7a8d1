"""The UMLS Metathesaurus in Rich Release Format: MRCONSO, MRREL and MRSTY."""

from collections.abc import Iterator
from pathlib import Path

from caselight.language.licensed import Progress, Term, bad, stream
from caselight.language.nouns import Category

_CONSO, _REL, _STY = 18, 16, 6
"""Fields of each file."""
TYPES: dict[str, Category] = {
    "Finding": "finding",
    "Sign or Symptom": "finding",
    "Disease or Syndrome": "finding",
    "Neoplastic Process": "finding",
    "Pathologic Function": "finding",
    "Acquired Abnormality": "finding",
    "Anatomical Abnormality": "finding",
    "Congenital Abnormality": "finding",
    "Injury or Poisoning": "finding",
    "Body Part, Organ, or Organ Component": "anatomy",
    "Body Location or Region": "anatomy",
    "Body Space or Junction": "anatomy",
    "Body System": "anatomy",
    "Tissue": "anatomy",
    "Medical Device": "device",
    "Diagnostic Procedure": "procedure",
    "Therapeutic or Preventive Procedure": "procedure",
}
"""Semantic type to what a concept becomes; concepts of other types are left out."""
_UP = {"isa": "is_a", "part_of": "part_of", "has_finding_site": "site"}


def read_umls(folder: Path, *, progress: Progress) -> dict[str, Term]:
    """Read the concepts whose semantic type is in `TYPES`: English names that are not suppressed.

    Args:
        folder: `META` of a release, with `MRCONSO.RRF`, `MRREL.RRF` and `MRSTY.RRF`.
        progress: told how far it is.

    Raises:
        LanguageError: `language.bad_terminology`.
    """
    kinds: dict[str, Category] = {}
    for cells in _rows(folder / "MRSTY.RRF", _STY, progress):
        if cells[3] in TYPES:
            kinds.setdefault(cells[0], TYPES[cells[3]])
    terms: dict[str, Term] = {}
    for cells in _rows(folder / "MRCONSO.RRF", _CONSO, progress):
        id_, language, status, form, preferred = cells[0], cells[1], cells[2], cells[4], cells[6]
        if id_ not in kinds or language != "ENG" or cells[16] not in ("N", ""):
            continue
        name = cells[14]
        term = terms.setdefault(id_, Term("", kinds[id_]))
        if (status, form, preferred) == ("P", "PF", "Y") and not term.name:
            term.name = name
        elif name not in term.synonyms:
            term.synonyms.append(name)
    for term in terms.values():
        term.name = term.name or term.synonyms.pop(0)
    for cells in _rows(folder / "MRREL.RRF", _REL, progress):
        # "CUI1 ... CUI2 RELA": the second concept has this relation to the first.
        links = _UP.get(cells[7])
        lower, upper = terms.get(cells[4]), cells[0]
        if links is None or lower is None or upper not in terms or cells[14] not in ("N", ""):
            continue
        if upper not in getattr(lower, links):
            getattr(lower, links).append(upper)
    return terms


def _rows(path: Path, n_fields: int, progress: Progress) -> Iterator[list[str]]:
    for number, line in enumerate(stream(path, progress=progress), 1):
        cells = line.rstrip("\r\n").split("|")
        # Each field ends in a bar, the last one, too.
        if len(cells) != n_fields + 1:
            raise bad(
                f"line {number} of {path.name} has {len(cells) - 1} fields, expected {n_fields}; "
                "name the folder META of an unpacked UMLS release"
            )
        yield cells
