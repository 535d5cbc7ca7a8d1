"""Approved feedback as pairs of words and a study."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from caselight.audit.digests import keyed_digest
from caselight.audit.record import AuditRecord
from caselight.config import WordsSettings
from caselight.data.feedback import FeedbackPair, read_feedback
from caselight.data.store import Store
from caselight.data.texts import all_texts, normalise_text
from caselight.data.words import has_words, open_words
from caselight.errors import FeedbackError
from caselight.feedback.answers import read_answers
from caselight.recording import Recorder

PAIR_VERSION = 1
"""Of a line of `feedback export`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """What a training may learn from, and what was left out."""

    pairs: tuple[FeedbackPair, ...]
    notes: tuple[str, ...]


NOTHING = Approved(pairs=(), notes=())
"""Where no feedback is asked for."""


def approved_pairs(
    store: Store,
    recorder: Recorder,
    *,
    settings: WordsSettings,
    today: date,
    texts: Iterable[str] = (),
) -> Approved:
    """Make pairs of approved feedback, in the order it was given.

    Args:
        store: the open home.
        recorder: of the home.
        settings: where the key of the kept words lies.
        today: the day, UTC.
        texts: words of queries, said again; each stands for every search that the log's digests
            say it was. Where they are not said, the kept words serve.

    Raises:
        FeedbackError: `feedback.other_words` for words that no approved feedback is about.
        WordsError: when kept words cannot be read, or were changed.
    """
    given = read_feedback(store.home, "approved")
    answers = read_answers(recorder, {one.record for one in given})
    said = _said(recorder, answers, texts)
    if has_words(store.home):
        with open_words(store.home, key=settings.key, today=today) as kept:
            words = kept.read(answers.keys() - said.keys())
        # The log decides: in a home put together from copies they may be of another answer.
        key = recorder.log.digest_key
        said |= {
            at: text
            for at, text in words.items()
            if keyed_digest(key, "text", text) == answers[at].payload["query"]["text"]
        }
    studies = store.find(store.rows_named({one.study_uid for one in given}).values())
    splits = {study.study_uid: study.split for study in studies.values()}
    seen = _held_out_texts(store) if given else set()
    left: Counter[str] = Counter()
    pairs: list[FeedbackPair] = []
    for one in given:
        answer, text = answers.get(one.record), said.get(one.record)
        if answer is None or not _is_words_alone(answer) or one.named:
            left["whose query was more than words: a picture, or a study"] += 1
        elif splits.get(one.study_uid) != "train":
            left["on studies outside the training split, which is never learned from"] += 1
        elif text is None:
            left["without the words of the query; keep words (words.keep), or say them again"] += 1
        elif normalise_text(text) in seen:
            left["whose words are a text of the validation or test split"] += 1
        else:
            pairs.append(
                FeedbackPair(
                    text=text, study_uid=one.study_uid, relevant=one.relevant, feedback=one
                )
            )
    agreed = _agreed(pairs)
    if len(agreed) < len(pairs):
        left["that contradict each other"] += len(pairs) - len(agreed)
    notes = tuple(f"{n} approved were left out, {why}" for why, n in sorted(left.items()))
    return Approved(pairs=tuple(agreed), notes=notes)


def pair_lines(pairs: Iterable[FeedbackPair]) -> Iterator[str]:
    """A line of JSON for each pair, for another program's training."""
    for pair in pairs:
        one = pair.feedback
        yield json.dumps(
            {
                "text": pair.text,
                "study": pair.study_uid,
                "relevant": pair.relevant,
                "provenance": {
                    "feedback": one.id,
                    "record": one.record,
                    "source": one.source,
                    "by": one.by,
                    "given": one.given,
                    "reviewer": one.reviewer,
                    "reviewed": one.reviewed,
                },
                "version": PAIR_VERSION,
            },
            ensure_ascii=False,
        )


def _said(
    recorder: Recorder, answers: Mapping[int, AuditRecord], texts: Iterable[str]
) -> dict[int, str]:
    """Words that were said again, by the record of each search that they were asked in."""
    said: dict[int, str] = {}
    for text in texts:
        digest = keyed_digest(recorder.log.digest_key, "text", text.strip())
        found = [at for at, one in answers.items() if one.payload["query"]["text"] == digest]
        if not found:
            raise FeedbackError(
                "found words that no approved feedback is about, expected those of such a query, "
                "letter by letter; `caselight feedback list --state approved` names the records",
                code="feedback.other_words",
            )
        said |= dict.fromkeys(found, text.strip())
    return said


def _is_words_alone(answer: AuditRecord) -> bool:
    asked = answer.payload["query"]
    return bool(asked["text"]) and not (asked["image"] or asked["like"] or asked["unlike"])


def _held_out_texts(store: Store) -> set[str]:
    """All texts of studies outside the training split, case and spacing aside."""
    return {
        normalise_text(text)
        for _, study in store.studies()
        if study.split != "train"
        for text in all_texts(study)
    }


def _agreed(pairs: Sequence[FeedbackPair]) -> list[FeedbackPair]:
    """Those of which nobody says the opposite of the same words and study."""
    said: dict[tuple[str, str], set[bool]] = {}
    for pair in pairs:
        said.setdefault(_what(pair), set()).add(pair.relevant)
    return [pair for pair in pairs if len(said[_what(pair)]) == 1]


def _what(pair: FeedbackPair) -> tuple[str, str]:
    return normalise_text(pair.text), pair.study_uid
