"""What was said of a home's answers, and the words of queries that it keeps."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from caselight.data.feedback import Feedback, Source, State, read_feedback
from caselight.data.new_files import new_file
from caselight.data.words import has_words, open_words
from caselight.errors import StoreError, UsageError
from caselight.home.opened import OpenedHome, PathLike

if TYPE_CHECKING:
    from caselight.data.store import Store
    from caselight.feedback.giving import LearnedFrom
    from caselight.feedback.keeping import Forgotten, Keep
    from caselight.feedback.pairs import Approved


class Feedbacks(OpenedHome):
    """The part of a home that hears what its answers were worth; see docs/guide/feedback.md."""

    _swept_words = False

    def give_feedback(
        self,
        record: int,
        studies: Sequence[str],
        *,
        relevant: bool,
        by: str | None = None,
        source: Source = "person",
        any_study: bool = False,
    ) -> tuple[Feedback, ...]:
        """Say of studies whether they answer a search; it waits for a reviewer then.

        Args:
            record: of the answer, `SearchResult.record`.
            studies: ids of hits, at least one.
            relevant: whether they answer it.
            by: who says so; the actor if not given.
            source: a person, or the mediator.
            any_study: also studies of the home that were no hits.

        Raises:
            FeedbackError: for a record that is no answer, a study that is no hit, or a word that
                was given already.
            QueryRefused: `query.no_such_study`.
            StoreError: `store.in_use` while a patient is erased.
            UsageError: for no study, or a source that is none.
        """
        from caselight.feedback.giving import give

        if not studies:
            raise UsageError("found no study, expected at least one; name hits of the answer")
        _check_choice("source", source, get_args(Source))
        with self._at_work("feedback"):
            return give(
                self._open_store(),
                self._recorder(),
                record=record,
                studies=studies,
                relevant=relevant,
                by=self._actor if by is None else by,
                source=source,
                at=datetime.now(UTC),
                any_study=any_study,
            )

    def feedback(self, state: State | None = None) -> tuple[Feedback, ...]:
        """All feedback, or what is in one state, in the order it was given.

        Raises:
            UsageError: for a state that is none.
        """
        if state is not None:
            _check_choice("state", state, get_args(State))
        self._open_store()
        return read_feedback(self.path, state)

    def review_feedback(
        self, ids: Sequence[str], *, approve: bool, reviewer: str | None = None
    ) -> None:
        """Approve or reject what waits, all of the named or none.

        Args:
            ids: at least one.
            approve: whether it may be learned from.
            reviewer: who says so, and did not give it; the actor if not given.

        Raises:
            FeedbackError: for one that does not wait, or is the reviewer's own.
            UsageError: for no id.
        """
        from caselight.feedback.giving import review

        if not ids:
            raise UsageError("found no id, expected at least one; name feedback that waits")
        recorder = self._recorder()
        with recorder.refusals("feedback"):
            review(
                self._open_store(),
                recorder,
                ids,
                approve=approve,
                reviewer=self._actor if reviewer is None else reviewer,
                at=datetime.now(UTC),
            )

    def undo_feedback(self, feedback: str) -> "tuple[LearnedFrom, ...]":
        """Take feedback back, at any time.

        Returns:
            The models made here that learned from it, oldest first.

        Raises:
            FeedbackError: for an id that is none, or one that is undone.
        """
        from caselight.feedback.giving import undo

        recorder = self._recorder()
        with recorder.refusals("feedback"):
            return undo(self._open_store(), recorder, feedback)

    def export_feedback(
        self, out: PathLike | None = None, *, texts: Sequence[str] = ()
    ) -> "Approved":
        """Approved feedback as pairs of words and a study of the training split.

        Args:
            out: a new file, a line of JSON for each; nothing is written if not given.
            texts: words of queries, said again where they are not kept.

        Raises:
            DataError: `data.not_empty`.
            FeedbackError: for words that no approved feedback is about.
            WordsError: when kept words cannot be read.
        """
        from caselight.feedback.pairs import pair_lines

        with self._at_work("feedback"):
            found = self._taught(texts)
            self._recorder().say(
                "feedback.exported",
                {"pairs": len(found.pairs), "feedback": [p.feedback.id for p in found.pairs]},
            )
            if out is not None:
                with new_file(Path(out)) as staged:
                    staged.write_text("".join(f"{x}\n" for x in pair_lines(found.pairs)), "utf-8")
        return found

    def forget_words(
        self, *, before: date | None = None, record: int | None = None, everything: bool = False
    ) -> "Forgotten":
        """Delete kept words. Give exactly one.

        Args:
            before: those of searches before this day, UTC.
            record: those of one search.
            everything: all of them, and the key.

        Raises:
            StoreError: when the home cannot be written.
            UsageError: unless exactly one is given.
        """
        from caselight.feedback.keeping import forget

        if (before is not None) + (record is not None) + everything != 1:
            raise UsageError(
                "found none or several ways to say what to forget, expected one; give a day, a "
                "record, or all"
            )
        recorder = self._recorder()
        with recorder.refusals("feedback"):
            return forget(
                self._open_store(),
                recorder,
                settings=self.config.words,
                today=_today(),
                before=before,
                record=record,
                everything=everything,
            )

    def _taught(self, texts: Sequence[str]) -> "Approved":
        from caselight.feedback.pairs import approved_pairs

        return approved_pairs(
            self._open_store(),
            self._recorder(),
            settings=self.config.words,
            today=_today(),
            texts=texts,
        )

    def _keep(self, store: "Store") -> "Keep | None":
        """What keeps the words of a search; None where they are not kept."""
        from caselight.feedback.keeping import words_keeper

        if self.config.words.keep:
            return words_keeper(
                store, self.config.words, is_identifying=self._is_identifying, today=_today
            )
        if not self._swept_words and has_words(self.path):
            # Those that were kept before it was switched off still end with their day.
            try:
                with open_words(self.path, key=None, today=_today()):
                    self._swept_words = True
            except StoreError as error:
                note = f"words that were kept too long could not be deleted: {error}"
                return lambda *_: note
        return None

    def _still_approved(self, learned: Sequence[str]) -> tuple[str, ...]:
        """What to note of feedback that was undone while a model learned from it."""
        undone = set(learned) - {one.id for one in read_feedback(self.path, "approved")}
        if not undone:
            return ()
        return (f"{len(undone)} feedback was undone or erased meanwhile; train again without it",)


def _check_choice(what: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise UsageError(f"found the {what} {given!r}, expected one of {', '.join(known)}; use one")


def _today() -> date:
    return datetime.now(UTC).date()
