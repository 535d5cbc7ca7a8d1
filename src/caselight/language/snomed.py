"""SNOMED CT in Release Format 2: snapshot files of concepts, descriptions and relationships."""

import re
from pathlib import Path

from caselight.language.licensed import Progress, Term, bad, tabbed
from caselight.language.nouns import Category

_FULL_NAME, _SYNONYM = "900000000000003001", "900000000000013009"
_IS_A, _PART_OF, _SITE = "116680003", "123005000", "363698007"
_TAG = re.compile(r"^(.*) \(([^()]+)\)$")
TAGS: dict[str, Category] = {
    "finding": "finding",
    "disorder": "finding",
    "morphologic abnormality": "finding",
    "body structure": "anatomy",
    "physical object": "device",
    "procedure": "procedure",
}
"""What stands in brackets after a fully specified name, to what the concept becomes; others are
left out."""


def read_snomed(folder: Path, *, progress: Progress) -> dict[str, Term]:
    """Read the active concepts with a tag of `TAGS`, their English names and their links.

    Args:
        folder: the release, or its `Snapshot/Terminology`; anywhere below it the three files
            `sct2_Concept_Snapshot...`, `sct2_Description_Snapshot-en...` and
            `sct2_Relationship_Snapshot...` must stand once each.
        progress: told how far it is.

    Raises:
        LanguageError: `language.bad_terminology`.
    """
    active = {
        row["id"]
        for row in tabbed(_file(folder, "Concept"), ("id", "active"), progress=progress)
        if row["active"] == "1"
    }
    terms: dict[str, Term] = {}
    others: dict[str, list[str]] = {}
    named = ("active", "conceptId", "languageCode", "typeId", "term")
    for row in tabbed(_file(folder, "Description"), named, progress=progress):
        id_ = row["conceptId"]
        if row["active"] != "1" or row["languageCode"] != "en" or id_ not in active:
            continue
        if row["typeId"] == _SYNONYM:
            others.setdefault(id_, []).append(row["term"])
        elif row["typeId"] == _FULL_NAME and (found := _TAG.match(row["term"])):
            category = TAGS.get(found[2])
            if category is not None:
                terms[id_] = Term(found[1], category)
    for id_, term in terms.items():
        term.synonyms = others.get(id_, [])
    linked = ("active", "sourceId", "destinationId", "typeId")
    for row in tabbed(_file(folder, "Relationship"), linked, progress=progress):
        one = terms.get(row["sourceId"])
        if one is None or row["active"] != "1" or row["destinationId"] not in terms:
            continue
        links = {_IS_A: one.is_a, _PART_OF: one.part_of, _SITE: one.site}.get(row["typeId"])
        if links is not None:
            links.append(row["destinationId"])
    return terms


def _file(folder: Path, kind: str) -> Path:
    found = sorted(folder.rglob(f"*sct2_{kind}_Snapshot*.txt")) if folder.is_dir() else []
    if len(found) > 1:
        found = [one for one in found if "Snapshot-en" in one.name] or found
    if len(found) != 1:
        raise bad(
            f"{len(found)} files in {folder.name} are named sct2_{kind}_Snapshot..., expected 1; "
            "name the folder of one unpacked SNOMED CT release"
        )
    return found[0]
