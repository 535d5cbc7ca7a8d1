"""Give feedback on an answer, review it, and take it back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from caselight.audit.digests import keyed_digest, study_digest
from caselight.audit.receipts import MADE
from caselight.audit.record import AuditRecord
from caselight.data.feedback import Feedback, Source, open_feedback
from caselight.data.store import Store
from caselight.data.words import has_words, kept_words
from caselight.errors import FeedbackError
from caselight.feedback.answers import read_answers
from caselight.recording import Recorder

NAME_LENGTH = 100
"""Characters of a name, at most."""


def give(
    store: Store,
    recorder: Recorder,
    *,
    record: int,
    studies: Sequence[str],
    relevant: bool,
    by: str,
    source: Source,
    at: datetime,
    any_study: bool = False,
) -> tuple[Feedback, ...]:
    """Say of studies whether they answer what was asked; it waits for a reviewer then.

    Args:
        store: the open home; no erasure may run.
        recorder: puts it on the record.
        record: position of the answer, `search.answered`.
        studies: ids, at least one.
        relevant: whether they answer it.
        by: who says so.
        source: a person, or the mediator.
        at: now, with a zone.
        any_study: also studies of the home that were no hits.

    Raises:
        FeedbackError: `feedback.no_such_answer`, `feedback.not_a_hit`, `feedback.given_already` or
            `feedback.bad_name`.
        QueryRefused: `query.no_such_study`.
    """
    _check_name(by)
    answer = read_answers(recorder, [record]).get(record)
    if answer is None:
        raise FeedbackError(
            f"record {record} is no answer to a search; `caselight audit show --event "
            "search.answered` lists those, and every answer names its own",
            code="feedback.no_such_answer",
        )
    owners = {study: store.owner(study) for study in studies}
    salts = store.salts(owners.values())
    digests = {study: study_digest(salts[owner], study) for study, owner in owners.items()}
    hits = {hit["study"] for hit in answer.payload["hits"]}
    if not any_study and (missed := [s for s, digest in digests.items() if digest not in hits]):
        raise FeedbackError(
            f"{len(missed)} of {len(digests)} studies are no hits of record {record}; name hits "
            "of that answer, or add --like for any study of the home",
            code="feedback.not_a_hit",
        )
    named = _named(store, recorder, answer)
    given = tuple(
        Feedback(
            id="",
            record=record,
            study_uid=study,
            patient_key=owner,
            named=named,
            relevant=relevant,
            source=source,
            by=by,
            given=_stamp(at),
        )
        for study, owner in owners.items()
    )
    said = {
        "record": record,
        "studies": list(digests.values()),
        "relevant": relevant,
        "source": source,
        "by": _name_digest(recorder, by),
    }
    with open_feedback(store.home) as feedback:
        return feedback.add(given, record=lambda: recorder.say("feedback.given", said))


def review(
    store: Store,
    recorder: Recorder,
    ids: Sequence[str],
    *,
    approve: bool,
    reviewer: str,
    at: datetime,
) -> None:
    """Approve or reject what waits, all of the named or none.

    Raises:
        FeedbackError: `feedback.no_such_id`, `feedback.decided`, `feedback.own` when somebody would
            approve what they gave, or `feedback.bad_name`.
    """
    _check_name(reviewer)
    said = {
        "feedback": list(dict.fromkeys(ids)),
        "approved": approve,
        "reviewer": _name_digest(recorder, reviewer),
    }
    with open_feedback(store.home) as feedback:
        feedback.review(
            ids,
            approve=approve,
            reviewer=reviewer,
            at=_stamp(at),
            record=lambda: recorder.say("feedback.reviewed", said),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFrom:
    """A model that learned from feedback which was undone."""

    model: str
    """Fingerprint."""
    record: int
    """Position of the record of its making."""
    how: Literal["directly", "through"]
    """Through: it began from one that did."""


def undo(store: Store, recorder: Recorder, feedback: str) -> tuple[LearnedFrom, ...]:
    """Take feedback back, at any time.

    Returns:
        The models made here that learned from it, oldest first; train them again without it.

    Raises:
        FeedbackError: `feedback.no_such_id`, or `feedback.decided` for one that is undone.
    """
    learned: list[LearnedFrom] = []

    def record() -> None:
        # While the feedback is locked: a training that reads it later finds it undone.
        learned[:] = _learned(recorder.log.records(events=MADE), feedback)
        models = [one.model for one in learned]
        recorder.say("feedback.undone", {"feedback": feedback, "models": models})

    with open_feedback(store.home) as given:
        given.undo(feedback, record=record)
    return tuple(learned)


def _named(store: Store, recorder: Recorder, answer: AuditRecord) -> tuple[str, ...]:
    """Patients whom the query of an answer named, as far as its digests, or kept words, tell."""
    asked = answer.payload["query"]
    named: set[str] = set()
    if digests := {*asked["like"], *asked["unlike"]}:
        studies = [(uid, owner) for _, uid, owner in store.facts("study_uid", "patient_key")]
        salts = store.salts({owner for _, owner in studies})
        named |= {owner for uid, owner in studies if study_digest(salts[owner], uid) in digests}
    if asked["image"] is not None:
        key = recorder.log.digest_key
        for digest in {digest for _, _, digest in store.image_facts("digest")}:
            if keyed_digest(key, "picture", digest) == asked["image"]:
                named |= store.owners_of_picture(digest)
    if has_words(store.home):
        with kept_words(store.home) as kept:
            named |= set(kept.named(answer.position))
    return tuple(sorted(named))


def _learned(made: Iterable[AuditRecord], feedback: str) -> Iterator[LearnedFrom]:
    """Models that were trained with it, and those that began from one of them; oldest first."""
    models: set[str] = set()
    for record in made:
        said: Mapping[str, Any] = record.payload
        directly = feedback in said.get("feedback", ())
        # The same training done again is the same model.
        if said["model"] not in models and (directly or said["began"] in models):
            models.add(said["model"])
            yield LearnedFrom(
                model=said["model"],
                record=record.position,
                how="directly" if directly else "through",
            )


def _check_name(name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > NAME_LENGTH:
        raise FeedbackError(
            "found no name, or one that cannot be printed or is too long, expected who says so, "
            f"in at most {NAME_LENGTH} characters; give it with --by or --reviewer",
            code="feedback.bad_name",
        )


def _name_digest(recorder: Recorder, name: str) -> str:
    """A name on the record: who has the log's key, and a name, can see that it was this one."""
    return keyed_digest(recorder.log.digest_key, "name", " ".join(name.split()).casefold())


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
