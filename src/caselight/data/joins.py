"""Reports beside images: which study each belongs to."""

import json
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from caselight.data.reports import ReportText
from caselight.data.spool import Row, Spool

_SCHEMA = """
CREATE TABLE imaged (
    study TEXT NOT NULL, accession TEXT NOT NULL, patient TEXT NOT NULL,
    PRIMARY KEY (study, accession, patient)
) WITHOUT ROWID;
CREATE INDEX imaged_accession ON imaged (accession);
CREATE TABLE report (
    place TEXT PRIMARY KEY, study TEXT, accession TEXT, patient TEXT, payload TEXT NOT NULL
) WITHOUT ROWID;
"""
_AFTER_IMAGES = "~"
"""Ranks reports behind the images of their study, whose ranks begin with digits."""

_MOST_COUNTED = 9
"""Studies of one accession number beyond this are not counted: some sets give all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReport:
    """One report of an archive, before it is known whose."""

    place: str
    text: ReportText
    study_uid: str | None = None
    """Of its own header; what the text says comes second."""
    accession: str | None = field(default=None, repr=False)
    patient_id: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    fields: dict[str, Any] = field(default_factory=dict, repr=False)


class Joins:
    """Reports wait here, on disk, until every image of the archive has been seen."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._database = spool.database
        self._database.executescript(_SCHEMA)

    def saw_image(self, study_uid: str, accession: str | None, patient_id: str | None) -> None:
        """Remember that a study has an image, and under which accession number."""
        self._database.execute(
            "INSERT OR IGNORE INTO imaged VALUES (?, ?, ?)",
            (study_uid, _key(accession) or "", patient_id or ""),
        )

    def add(self, report: FoundReport) -> None:
        """Keep one report."""
        payload = [dict(report.text.sections), report.names, report.fields]
        self._database.execute(
            "INSERT INTO report VALUES (?, ?, ?, ?, ?)",
            (
                report.place,
                report.study_uid or report.text.study_uid,
                _key(report.accession or report.text.accession),
                report.patient_id,
                json.dumps(payload),
            ),
        )

    def resolve(self) -> int:
        """Give every report to its study, in order of place; call once, when all is read.

        A report goes to the study with images that it names; else to the one study whose images
        have its accession number; else to the one whose UID or accession number is the stem of
        its file's name. An accession number or a file's name joins no two patients. A report whose
        accession number several studies have is refused. One that matches nothing is a study of
        words alone, by the study UID it has, else by its path.

        Returns:
            Reports without a header and without a match: nobody knows which names they hold.
        """
        n_nameless = 0
        # A second cursor writes while this one reads, but into other tables.
        for place, study, accession, patient, payload in self._database.execute(
            "SELECT place, study, accession, patient, payload FROM report ORDER BY place"
        ):
            stem = PurePath(place).stem
            found = self._studies(study, accession, stem, patient)
            if len(found) > 1:
                count = f"{len(found)} or more" if len(found) == _MOST_COUNTED else str(len(found))
                self._spool.reject(
                    place,
                    code="data.ambiguous_report",
                    reason=f"the report's accession number belongs to {count} studies with "
                    "images; write the study's UID into the report, or name its file by it",
                )
                continue
            sections, names, fields = json.loads(payload)
            n_nameless += not found and not names
            alone = study or PurePath(place).with_suffix("").as_posix()
            self._spool.add(
                Row(
                    place=place,
                    study_id=found[0] if found else alone,
                    patient_id=patient,
                    fields={**fields, **sections},
                    names=tuple(names),
                    appends=True,
                    rank=_AFTER_IMAGES + place,
                )
            )
        return n_nameless

    def _studies(
        self, study: str | None, accession: str | None, stem: str, patient: str | None
    ) -> list[str]:
        """The studies with images that a report may belong to: by the first key that fits any."""
        for column, key, guessed in (
            ("study", study, False),
            ("accession", accession, True),
            ("study", stem, True),
            ("accession", _key(stem), True),
        ):
            # One patient is checked by the spool where the study is named, and here where it is
            # only guessed from a number or from what the file is called.
            of_patient = " AND ?2 IN ('', patient)" if guessed else ""
            found = self._database.execute(
                f"SELECT DISTINCT study FROM imaged WHERE {column} = ?1{of_patient}"  # noqa: S608
                f" LIMIT {_MOST_COUNTED}",
                (key, patient or "") if of_patient else (key,),
            ).fetchall()
            if key and found:
                return [name for (name,) in found]
        return []


def _key(accession: str | None) -> str | None:
    """Accession numbers are equal whatever their case and the white space around them."""
    return accession.strip().casefold() or None if accession else None
