"""Patients out of a home for good."""

from pathlib import Path

from caselight.data.store import open_store
from caselight.errors import UsageError
from caselight.home.opened import OpenedHome, PathLike
from caselight.recording import Recorder
from caselight.types import ErasureReceipt


class Erasures(OpenedHome):
    """The part of a home that forgets."""

    def erase(
        self,
        *,
        patient: str | None = None,
        patient_id: str | None = None,
        study: str | None = None,
        dry_run: bool = False,
    ) -> ErasureReceipt:
        """Erase a patient for good; see docs/guide/erase.md. Nothing asks whether you are sure.

        Give exactly one of the first three.

        Args:
            patient: the pseudonym, as `Study.patient_key` has it.
            patient_id: the id that the archive knows the patient by; it is not kept.
            study: the id of any study of the patient.
            dry_run: only say what would be removed.

        Raises:
            AuditError: when it cannot be recorded; nothing is erased then.
            EraseError: `erase.no_such_patient`, or when the list of the erased is damaged.
            QueryRefused: `query.no_such_study`.
            StoreError: when the home cannot be written; the same call goes on later.
            UsageError: unless exactly one is given.
        """
        from caselight.erasing import erase, finish, key_of, pending_of, plan

        _check_one(patient, patient_id, study)
        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                begun = None if study is None or dry_run else pending_of(store, study)
                if begun is not None:
                    return next(one for one in finish(store, recorder) if one.patient == begun)
                key = key_of(store, patient=patient, patient_id=patient_id, study=study)
                return (plan if dry_run else erase)(store, recorder, key)

    def finish_erasures(self) -> tuple[ErasureReceipt, ...]:
        """Finish what killed erasures left undone, and sweep what belongs to nobody.

        Raises like `erase`.
        """
        from caselight.erasing import finish

        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                return finish(store, recorder)

    def apply_tombstones(self, path: PathLike) -> tuple[ErasureReceipt, ...]:
        """Erase everybody on a list of the erased from this home, a restored backup.

        Args:
            path: the file `tombstones` of the home that this one is a copy of.

        Raises:
            EraseError: `erase.bad_list`, or `erase.other_home` for a list of another key.
        """
        from caselight.erasing import apply_list

        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                return apply_list(store, recorder, Path(path))

    def readmit(self, *, patient: str | None = None, patient_id: str | None = None) -> None:
        """Take a patient off the list of the erased, so that their studies may come in again.

        Raises:
            EraseError: `erase.no_such_patient` for one who is not on it.
            UsageError: unless exactly one is given.
        """
        from caselight.erasing import key_of, readmit

        _check_one(patient, patient_id, None)
        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                readmit(store, recorder, key_of(store, patient=patient, patient_id=patient_id))

    def erasure(self, record: int) -> ErasureReceipt:
        """The receipt of an erasure once more.

        Args:
            record: position of its record `patient.erased`.

        Raises:
            AuditError: `audit.no_such_record`.
        """
        from caselight.erasing import receipt_of

        return receipt_of(self._recorder(), record)


def _check_one(*given: str | None) -> None:
    if sum(one is not None for one in given) != 1:
        raise UsageError(
            "found none or several ways to name the patient, expected one; give the pseudonym, the "
            "archive's own id, or a study"
        )
