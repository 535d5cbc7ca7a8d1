"""A folder of DICOM files, and of reports beside them, as an archive of studies."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from caselight.data.dicom.documents import read_document
from caselight.data.dicom.facts import Facts, read_facts
from caselight.data.dicom.headers import same_bytes
from caselight.data.dicom.series import tell
from caselight.data.joins import FoundReport, Joins
from caselight.data.reports import read_report_file
from caselight.data.spool import Row, Spool, SpooledArchive, printable
from caselight.errors import DataError
from caselight.types import SourceImage

REPORT_SUFFIXES = (".txt", ".text", ".xml")
"""Of text files that are reports; any other file must be DICOM."""
_NO_REPORTS = frozenset(
    {"readme", "license", "licence", "copying", "notice", "changes", "changelog", "sha256sums"}
)
"""Stems of files that speak of the archive and of no study."""
_LAST = 10**9
"""The rank of an image whose series or instance has no number."""


class DicomFolder(SpooledArchive):
    """An archive of DICOM files, grouped by StudyInstanceUID."""


def archive_files(folder: Path) -> Iterator[Path]:
    """Files below a folder in order of path; hidden ones and DICOMDIR are passed over.

    Folders that are not entered come too, so that nothing is lost in silence: links in their place,
    and those that cannot be opened at the end.
    """
    closed: list[str] = []
    for place, folders, files in os.walk(folder, onerror=lambda e: closed.append(e.filename)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (link for name in folders if (link := Path(place) / name).is_symlink())
        for name in sorted(files):
            if not name.startswith(".") and name != "DICOMDIR":
                yield Path(place) / name
    yield from map(Path, sorted(closed))


def open_dicom_folder(folder: Path) -> DicomFolder:
    """Read the header of every DICOM file below a folder, and every report, and group them.

    Images of one StudyInstanceUID are one study, in order of series and instance number whatever
    their files are called; its site is the InstitutionName. Structured reports, encapsulated
    documents and text files become the sections of the study they name; see `joins.Joins`. Other
    DICOM files (presentation states, plans, key objects, directories) are left out and counted by
    kind, as is a copy of a file, byte for byte. A second file of one SOPInstanceUID with other
    content is refused, and so is a file that is neither DICOM nor a report. Pixels are looked at
    only when they are read.

    Returns:
        The archive, whose `rejected` is complete.
    """
    reader = _Reader(folder)
    for path in archive_files(folder):
        reader.take(path)
    return reader.finish()


class _Reader:
    """Turns files into spooled rows, and counts what is worth telling."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._inside = os.path.realpath(folder).rstrip(os.sep) + os.sep
        self._counts: Counter[str] = Counter()
        self._spool = Spool()
        self._joins = Joins(self._spool)
        self._n_files = 0

    def take(self, path: Path) -> None:
        """Spool one file, or refuse it."""
        self._n_files += 1
        place = printable(path.relative_to(self._folder).as_posix())
        try:
            if not os.path.realpath(path).startswith(self._inside):
                raise DataError(  # noqa: TRY301 (one way to refuse a file)
                    "links that lead outside of the folder are not followed; copy what it leads to",
                    code="data.path_outside",
                )
            if path.is_dir():
                self._pass_over(path)
            elif path.stem.casefold() in _NO_REPORTS:
                self._counts["files left out, named as a README is"] += 1
            elif path.suffix.lower() in REPORT_SUFFIXES:
                text = read_report_file(path)
                self._counts.update(text.notes)
                self._joins.add(FoundReport(place=place, text=text))
            else:
                self._take_dicom(path, place)
        except DataError as error:
            # Named as the archive names it: where the archive lies is nobody's business.
            reason = str(error).replace(str(path), place)
            self._spool.reject(place, code=error.code, reason=reason)

    def finish(self) -> DicomFolder:
        """Join the reports to their studies, and close the archive."""
        n_nameless = self._joins.resolve()
        if n_nameless:
            self._counts["reports without images, whose names nobody knows to take out"] = (
                n_nameless
            )
        notes = [f"{what}: {count}" for what, count in sorted(self._counts.items()) if count]
        return DicomFolder(self._spool, n_rows=self._n_files, notes=notes)

    def _pass_over(self, folder: Path) -> None:
        """Count a link to a folder that is read in its own place; refuse a folder that is shut."""
        if not folder.is_symlink():
            raise DataError(
                "the folder cannot be opened; give permission to read it", code="data.not_found"
            )
        self._counts["links to folders left out, since these are read in their own place"] += 1

    def _take_dicom(self, path: Path, place: str) -> None:
        facts = read_facts(path)
        if facts.kind == "other":
            self._counts[f"files left out, {facts.class_name}"] += 1
            return
        if facts.study_uid is None or facts.sop_uid is None:
            raise DataError(
                "the header lacks its StudyInstanceUID or SOPInstanceUID; export the file again",
                code="data.not_dicom",
            )
        if facts.kind == "image":
            self._take_image(path, place, facts, facts.study_uid, facts.sop_uid)
        else:
            self._take_document(path, place, facts)

    def _take_image(
        self, path: Path, place: str, facts: Facts, study_uid: str, sop_uid: str
    ) -> None:
        twin = self._spool.image(sop_uid)
        if twin is not None and same_bytes(twin, path):
            self._counts["files left out, copies of another byte for byte"] += 1
            return
        self._joins.saw_image(study_uid, facts.accession, facts.patient_id)
        numbers = (facts.series_number, facts.instance_number)
        series, instance = (_LAST if n is None else n % _LAST for n in numbers)
        image = SourceImage(
            path=path,
            name=sop_uid,
            view=facts.view,
            modality=facts.modality,
            laterality=facts.laterality,
            header=facts.plain(),
        )
        self._spool.add(
            Row(
                place=place,
                study_id=study_uid,
                image=image,
                image_key=sop_uid,
                patient_id=facts.patient_id,
                fields=_study_fields(facts),
                rank=f"{series:010} {facts.series_uid} {instance:010} {sop_uid}",
            )
        )

    def _take_document(self, path: Path, place: str, facts: Facts) -> None:
        text = read_document(path)
        self._counts.update(text.notes)
        tell(facts, self._counts)
        report = FoundReport(
            place=place,
            text=text,
            study_uid=facts.study_uid,
            accession=facts.accession,
            patient_id=facts.patient_id,
            names=(*facts.names, *facts.ids),
            fields=_study_fields(facts),
        )
        self._joins.add(report)


def _study_fields(facts: Facts) -> dict[str, object]:
    fields = {"date": facts.date, "age": facts.age, "sex": facts.sex, "site": facts.site}
    return {name: value for name, value in fields.items() if value is not None}
