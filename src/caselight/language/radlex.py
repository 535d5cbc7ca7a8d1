"""RadLex as BioPortal exports it: one CSV file, a class a row."""

import csv
import re
from pathlib import Path

from caselight.language.licensed import Progress, Term, bad, stream
from caselight.language.nouns import Category

_NEEDED = ("Class ID", "Preferred Label", "Synonyms", "Obsolete", "Parents")
_PART_OF = ("http://radlex.org/RID/Part_Of", "http://www.radlex.org/RID/Part_Of", "Part_Of")
_RID = re.compile(r"RID\d+$")
ROOTS: dict[str, Category] = {
    "anatomical entity": "anatomy",
    "clinical finding": "finding",
    "imaging observation": "finding",
    "foreign body": "device",
    "object": "device",
    "procedure": "procedure",
    "imaging modality": "modality",
}
"""Preferred label of a class, to what it and all below it become; the nearest one above counts.
What is below none of them, such as descriptors, is left out."""


def read_radlex(path: Path, *, progress: Progress) -> dict[str, Term]:
    """Read the classes below `ROOTS` that are not obsolete.

    Args:
        path: the CSV file.
        progress: told how far it is.

    Raises:
        LanguageError: `language.bad_terminology`.
    """
    names: dict[str, str] = {}
    synonyms: dict[str, list[str]] = {}
    parents: dict[str, list[str]] = {}
    part_of: dict[str, list[str]] = {}
    # A quoted cell may hold line ends, and some are longer than the reader allows by itself.
    limit = csv.field_size_limit(1 << 24)
    try:
        rows = csv.DictReader(stream(path, progress=progress))
        missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            raise bad(
                f"the first line of {path.name} does not name {', '.join(missing)}; expected "
                "RadLex in the CSV format of BioPortal"
            )
        part_column = next((name for name in _PART_OF if name in (rows.fieldnames or ())), None)
        for row in rows:
            id_ = _id(row["Class ID"])
            if id_ is None or (row["Obsolete"] or "").strip().lower() == "true":
                continue
            names[id_] = (row["Preferred Label"] or "").strip()
            synonyms[id_] = [
                one.strip() for one in (row["Synonyms"] or "").split("|") if one.strip()
            ]
            parents[id_] = _ids(row["Parents"])
            part_of[id_] = _ids(row[part_column]) if part_column else []
    except csv.Error as error:
        raise bad(f"{path.name} is no CSV file ({error}); expected that of BioPortal") from None
    finally:
        csv.field_size_limit(limit)
    return {
        id_: Term(name, category, synonyms[id_], parents[id_], part_of[id_])
        for id_, name in names.items()
        if name and (category := _category(id_, names, parents)) is not None
    }


def _category(id_: str, names: dict[str, str], parents: dict[str, list[str]]) -> Category | None:
    seen, queue = {id_}, [id_]
    for one in queue:
        if names.get(one, "").lower() in ROOTS:
            return ROOTS[names[one].lower()]
        fresh = [up for up in parents.get(one, ()) if up not in seen]
        seen.update(fresh)
        queue.extend(fresh)
    return None


def _ids(cell: str | None) -> list[str]:
    return [id_ for one in (cell or "").split("|") if (id_ := _id(one)) is not None]


def _id(cell: str | None) -> str | None:
    found = _RID.search((cell or "").strip())
    return None if found is None else found[0]
