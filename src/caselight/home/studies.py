"""A home's studies: brought in, looked at, and the record of all that was done."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from caselight.audit.log import AuditLog
from caselight.data.archive import open_archive
from caselight.data.datasets import named_dataset
from caselight.data.datasets.opening import readable_place
from caselight.data.pixels import read_pixels
from caselight.data.store import create_store
from caselight.errors import QueryRefused
from caselight.home.opened import OpenedHome, PathLike
from caselight.ingest import ingest
from caselight.recording import Recorder
from caselight.types import Image, IngestReceipt, Pixels, Study


class Studies(OpenedHome):
    """The part of a home that has to do with studies."""

    def ingest(
        self,
        archive: PathLike,
        *,
        mapping: Mapping[str, str] | None = None,
        dataset: str | None = None,
    ) -> IngestReceipt:
        """Bring an archive in; see `caselight.ingest.ingest`.

        Args:
            archive: a folder with a manifest, a manifest, a public dataset, or a folder of DICOM
                files.
            mapping: our column to the archive's, where they differ.
            dataset: the public dataset to read it as; recognised if not given.

        Raises:
            DataError: when the archive as a whole cannot be read.
            StoreError: when the home cannot be made or written.
        """
        path, columns = Path(archive), dict(mapping or {})
        # Refuse before a home is made for nothing.
        if dataset is not None:
            readable_place(named_dataset(dataset), path)
        elif not path.exists():
            open_archive(path, mapping=columns)
        with create_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("ingest"):
                return ingest(
                    path,
                    store,
                    settings=self.config.ingest,
                    mapping=columns,
                    clock=time.perf_counter,
                    on_studies=lambda done, total: self._progress("reading studies", done, total),
                    recorder=recorder,
                    dataset=dataset,
                )

    def studies(self) -> Iterator[Study]:
        """Every study, in order of arrival.

        Raises:
            StoreError: when there is no home, or it cannot be read.
        """
        return (study for _, study in self._open_store().studies())

    def study(self, study_uid: str) -> Study:
        """The study of one id.

        Raises:
            QueryRefused: `query.no_such_study`.
            StoreError: when there is no home, or it cannot be read.
        """
        store = self._open_store()
        found = list(store.find(store.rows_named([study_uid]).values()).values())
        if not found:
            raise QueryRefused(
                "the home holds no study of that id; `studies()` gives them all",
                code="query.no_such_study",
            )
        return found[0]

    def pixels(self, image: Image) -> Pixels:
        """The exact pixels of a stored image, u8 or u16, [H, W] or [H, W, 3].

        Raises:
            DataError: `data.not_found` when the home does not hold the picture.
        """
        return read_pixels(self._open_store().pixels_path(image.digest), max_pixels=2**62)

    def thumbnail(self, image: Image) -> Path:
        """The path of a stored image's thumbnail, a small PNG of 8 bits."""
        return self._open_store().thumbnail_path(image.digest)

    def digest(self) -> str:
        """SHA-256 over all studies: equal in every home of the same archive."""
        return self._open_store().digest()

    def log(self) -> AuditLog:
        """The record of all that was done with this home; see docs/guide/audit.md.

        Raises:
            AuditError: when the log has lost a file.
            StoreError: when there is no home, or it cannot be read.
        """
        return self._recorder().log
