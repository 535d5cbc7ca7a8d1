"""Made-up terminologies in the published formats; every id and most names are invented."""

import csv
from pathlib import Path

RADLEX_COLUMNS = (
    *("Class ID", "Preferred Label", "Synonyms", "Definitions", "Obsolete", "CUI"),
    *("Semantic Types", "Parents", "http://radlex.org/RID/Part_Of"),
)
_RID = "http://www.radlex.org/RID/RID"


def radlex(path: Path, *rows: tuple[str, ...]) -> Path:
    """A CSV of BioPortal: (number, label, synonyms, obsolete, parents, part of)."""
    rows = rows or (
        ("900", "anatomical entity", "", "false", "", ""),
        ("901", "clinical finding", "", "false", "", ""),
        ("902", "RadLex descriptor", "", "false", "", ""),
        ("1", "Lung", "pulmo|organ of\nbreathing", "false", "900", ""),
        ("2", "gamma lobe", "", "false", "900", "1"),
        ("3", "pneumothorax", "gas in the chest cavity", "false", "901", ""),
        ("4", "zebra pneumothorax", "ZPX|zebra + air", "false", "3", ""),
        ("5", "striped", "", "false", "902", ""),
        ("6", "old word", "", "true", "901", ""),
        (
            "7",
            "an observation whose name is far too long for any report to use",
            "",
            "false",
            "4",
            "",
        ),
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(RADLEX_COLUMNS)
        for number, label, synonyms, obsolete, parents, whole in rows:
            up = (
                "|".join(f"{_RID}{one}" for one in parents.split()) or "http://www.w3.org/owl#Thing"
            )
            part = f"{_RID}{whole}" if whole else ""
            out.writerow([_RID + number, label, synonyms, "", obsolete, "", "", up, part])
    return path


FULL, SYNONYM = "900000000000003001", "900000000000013009"
IS_A, SITE, OTHER = "116680003", "363698007", "246075003"


def snomed(folder: Path) -> Path:
    """A release of RF2 with three snapshot files."""
    files = folder / "Snapshot" / "Terminology"
    files.mkdir(parents=True)
    concepts = [(n, "0" if n == "106" else "1") for n in ("101", "102", "103", "104", "105", "106")]
    _table(
        files / "sct2_Concept_Snapshot_XX_20250101.txt",
        "id effectiveTime active moduleId definitionStatusId",
        [(n, "20250101", active, "1", "1") for n, active in concepts],
    )
    names = [
        ("101", "en", FULL, "Pneumothorax (disorder)"),
        ("101", "en", SYNONYM, "Gas in pleura"),
        ("102", "en", FULL, "Zebra pneumothorax (disorder)"),
        ("102", "en", SYNONYM, "Striped collapse"),
        ("102", "de", SYNONYM, "Zebrapneumothorax"),
        ("103", "en", FULL, "Gamma lobe of lung (body structure)"),
        ("104", "en", FULL, "Zebra (organism)"),
        ("105", "en", FULL, "Collapse with zebra (finding)"),
        ("105", "en", SYNONYM, "striped collapse"),
        ("106", "en", FULL, "Retired disorder (disorder)"),
    ]
    _table(
        files / "sct2_Description_Snapshot-en_XX_20250101.txt",
        "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
        [
            (str(n), "20250101", "1", "1", concept, language, kind, term, "1")
            for n, (concept, language, kind, term) in enumerate(names)
        ],
    )
    links = [
        ("1", "102", "101", IS_A),
        ("1", "102", "103", SITE),
        ("1", "102", "105", OTHER),
        ("1", "105", "102", IS_A),
        ("1", "102", "105", IS_A),
        ("0", "103", "101", IS_A),
        ("1", "102", "104", SITE),
    ]
    _table(
        files / "sct2_Relationship_Snapshot_XX_20250101.txt",
        "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId "
        "characteristicTypeId modifierId",
        [
            (str(n), "20250101", active, "1", a, b, "0", kind, "1", "1")
            for n, (active, a, b, kind) in enumerate(links)
        ],
    )
    return folder


def _table(path: Path, header: str, rows: list[tuple[str, ...]]) -> None:
    lines = ["\t".join(header.split()), *("\t".join(row) for row in rows)]
    path.write_text("\r\n".join(lines) + "\r\n", "utf-8")


def umls(folder: Path) -> Path:
    """META of a release, with three files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [
        # CUI, language, TS, STT, preferred, name, suppressed
        ("C1", "ENG", "P", "PF", "Y", "Pneumothorax", "N"),
        ("C1", "ENG", "S", "VO", "N", "Gas in pleura", "N"),
        ("C1", "GER", "S", "PF", "Y", "Luftbrust", "N"),
        ("C2", "ENG", "S", "VO", "N", "Zebra air", "N"),
        ("C2", "ENG", "P", "PF", "Y", "Zebra pneumothorax", "N"),
        ("C2", "ENG", "S", "PF", "N", "ZPX", "N"),
        ("C2", "ENG", "S", "PF", "N", "Old zebra", "O"),
        ("C3", "ENG", "P", "PF", "Y", "Zebra", "N"),
        ("C4", "ENG", "P", "PF", "Y", "Gamma lobe", "N"),
    ]
    _bars(
        folder / "MRCONSO.RRF",
        [
            (
                c,
                lat,
                ts,
                "L1",
                stt,
                "S1",
                pref,
                "A1",
                "",
                "",
                "",
                "XX",
                "PT",
                "1",
                name,
                "0",
                sup,
                "",
            )
            for c, lat, ts, stt, pref, name, sup in names
        ],
    )
    types = [("C1", "Disease or Syndrome"), ("C2", "Disease or Syndrome"), ("C3", "Mammal")]
    types.append(("C4", "Body Part, Organ, or Organ Component"))
    _bars(folder / "MRSTY.RRF", [(c, "T1", "A1", kind, "AT1", "") for c, kind in types])
    links = [
        ("C1", "C2", "isa", "N"),
        ("C2", "C1", "inverse_isa", "N"),
        ("C4", "C2", "has_finding_site", "N"),
        ("C3", "C2", "isa", "N"),
        ("C2", "C1", "isa", "O"),
    ]
    _bars(
        folder / "MRREL.RRF",
        [
            (a, "A1", "CUI", "PAR", b, "A2", "CUI", rela, "R1", "", "XX", "XX", "", "", sup, "")
            for a, b, rela, sup in links
        ],
    )
    return folder


def _bars(path: Path, rows: list[tuple[str, ...]]) -> None:
    path.write_text("".join("|".join(row) + "|\n" for row in rows), "utf-8")
