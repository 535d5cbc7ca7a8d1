"""What goes on the record, and how it is said there: the log of a home, with its studies.

Every verb that reads or changes a home tells its recorder. What is answered is recorded first: an
answer whose record could not be written is never given.
"""

import contextlib
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from caselight.audit.digests import (
    keyed_digest,
    patient_digest,
    query_payload,
    study_digest,
    subgroup,
)
from caselight.audit.log import FOLDER, AuditLog, open_log
from caselight.audit.notes import Signer, Verifier
from caselight.audit.record import Entry
from caselight.data.store import NewStudy, Store
from caselight.errors import AuditError, Error
from caselight.merkle import leaf_digest, root_of
from caselight.types import IngestReceipt, Query, Study

_LISTED = ("erasure.finished", "patient.readmitted", "backup.cleansed")
TRAINED_ON = "trained-on"
"""Folder of the log with a file a model: the digests of the patients it was trained on."""


class Recorder:
    """Speaks to the log of one open home."""

    def __init__(self, store: Store, *, actor: str) -> None:
        self.store = store
        self.actor = actor

    @cached_property
    def log(self) -> AuditLog:
        """The log of the home, made where there is none yet."""
        return open_log(self.store.home)

    @cached_property
    def verifier(self) -> Verifier:
        """Reads what this home's log and index are signed with, and cannot sign."""
        return self.log.files.verifier()

    @property
    def signer(self) -> Signer:
        """Signs for this home; for who writes its index."""
        return self.log.files.signer()

    @contextlib.contextmanager
    def refusals(self, request: str) -> Iterator[None]:
        """Put on the record that a request was refused, and by which code."""
        try:
            yield
        except AuditError:
            raise  # the log itself is at fault, and cannot be asked to say so
        except Error as error:
            self.say("request.refused", {"request": request, "code": error.code})
            raise

    def say(self, event: str, payload: Mapping[str, Any]) -> int:
        """Record one thing; returns its position."""
        return self.log.append(Entry(event=event, actor=self.actor, payload=payload))[0]

    def n_listed(self) -> int:
        """How many were on the list of the erased when the record last spoke of it.

        There may be more, whom a killed erasure has put there, and never fewer.
        """
        said = [record.payload.get("listed", 0) for record in self.log.records(events=_LISTED)]
        return int(said[-1]) if said else 0

    def ingesting(self, batch: Sequence[NewStudy], salts: Mapping[str, bytes]) -> None:
        """Record studies that are about to come in, each under its patient's salt."""
        self.log.append(
            *(
                Entry(
                    event="study.ingested",
                    actor=self.actor,
                    payload={
                        "study": study_digest(salts[new.study.patient_key], new.study.study_uid),
                        "patient": patient_digest(
                            salts[new.study.patient_key], new.study.patient_key
                        ),
                        "content": keyed_digest(
                            salts[new.study.patient_key], "content", new.content_digest
                        ),
                        "images": len(new.study.images),
                        "sections": len(new.study.sections),
                        **subgroup(new.study),
                    },
                )
                for new in batch
            )
        )

    def ingested(self, receipt: IngestReceipt, origin: str, *, erased: int) -> int:
        """Record that an ingest came to its end, and left out so many of erased patients."""
        refused = Counter(one.code for one in receipt.rejected)
        return self.say(
            "ingest.finished",
            {
                "archive": keyed_digest(self.log.digest_key, "archive", origin),
                "accepted": receipt.accepted,
                "updated": receipt.updated,
                "unchanged": receipt.unchanged,
                "refused": dict(sorted(refused.items())),
                "images": receipt.images,
                "erased": erased,
            },
        )

    def answered(
        self,
        query: Query,
        studies: Sequence[Study],
        *,
        named: Mapping[str, Study],
        picture: str | None,
        said: Mapping[str, Any],
    ) -> int:
        """Record an answer.

        Args:
            query: what was asked.
            studies: the studies of its hits, best first.
            named: the studies that the query is to be like or unlike.
            picture: digest of the pixels it was asked with, or None.
            said: model, index and cost.
        """
        owners = {study.patient_key for study in (*studies, *named.values())}
        salts = self.store.salts(owners)
        return self.say(
            "search.answered",
            {
                "query": query_payload(
                    query,
                    key=self.log.digest_key,
                    picture=picture,
                    salts={uid: salts[study.patient_key] for uid, study in named.items()},
                ),
                "hits": [
                    {
                        "study": study_digest(salts[study.patient_key], study.study_uid),
                        **subgroup(study),
                    }
                    for study in studies
                ],
                **said,
            },
        )

    def digests_of(self, *, study: str | None, words: str | None) -> list[str]:
        """What records say instead of a study's id, or of the words of a query.

        Raises:
            QueryRefused: `query.no_such_study` for a study that the home does not hold.
        """
        found = []
        if words is not None:
            found.append(keyed_digest(self.log.digest_key, "text", words.strip()))
        if study is not None:
            owner = self.store.owner(study)
            found.append(study_digest(self.store.salts([owner])[owner], study))
        return found

    def trained(
        self, event: str, model: str, patients: Iterable[str], said: Mapping[str, Any]
    ) -> int:
        """Record a model, and keep beside the log whom it was trained on.

        The list holds digests under the patients' salts, and the record its Merkle root: that a
        patient was among them can be proven as long as the salt is known, and by a receipt later.

        Args:
            event: what was made.
            model: its fingerprint, 64 hex digits.
            patients: pseudonyms of all whose studies it may have learned from.
            said: what else there is to say.
        """
        salts = self.store.salts(patients)
        digests = sorted(patient_digest(salt, key) for key, salt in salts.items())
        self._keep(model, digests)
        return self.say(
            event,
            {
                "model": model,
                "patients": len(digests),
                "patients_root": root_of([leaf_digest(d.encode()) for d in digests]).hex(),
                **said,
            },
        )

    def trained_on(self) -> dict[str, list[str]]:
        """Fingerprint of each model that was trained here to the digests of its patients."""
        folder = self.store.home / FOLDER / TRAINED_ON
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return {path.name: path.read_text("utf-8").split() for path in files if path.name[0] != "."}

    def _keep(self, model: str, digests: Sequence[str]) -> None:
        _ = self.log  # makes the folder
        folder = self.store.home / FOLDER / TRAINED_ON
        try:
            folder.mkdir(exist_ok=True)
            staged = folder / f".{secrets.token_hex(8)}"
            with staged.open("w", encoding="utf-8") as file:
                file.write("".join(f"{digest}\n" for digest in digests))
                file.flush()
                os.fsync(file.fileno())
            staged.replace(folder / model)
        except OSError as error:
            raise AuditError(
                f"whom a model was trained on cannot be kept ({error.strerror}); make room, or "
                "mend the folder and its permissions, and run the same command again",
                code="audit.not_written",
            ) from error
