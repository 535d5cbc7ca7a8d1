"""What becomes a pair: approved, of words alone, of the training split, and with its provenance."""

import json
from datetime import date
from pathlib import Path

import pytest

from caselight.data.features import text_key
from caselight.data.store import open_store
from caselight.data.texts import pair_text
from caselight.data.words import kept_words
from caselight.errors import DataError, FeedbackError, WordsError
from caselight.feedback.pairs import Approved, pair_lines
from caselight.home import Home
from caselight.types import Query
from tests.feedback.answers import KEEP, SMALL, WORDS, Asked, ask, asked, owner_of, split_of

NO_WORDS = KEEP.model_copy(update={"words": KEEP.words.model_copy(update={"keep": False})})
TRAIN = KEEP.from_mapping({**SMALL, "words": {"keep": True}})


def pairs(home: Path, *texts: str) -> Approved:
    return Home(home).export_feedback(texts=texts)


@pytest.fixture
def one(tmp_path: Path) -> Asked:
    return asked(tmp_path)


def test_a_pair_has_its_words_and_where_it_came_from(one: Asked, tmp_path: Path) -> None:
    study, other = one.of("train")[:2]
    one.approved([study])
    one.approved([other], relevant=False, by="Cid")
    found = Home(one.home).export_feedback(tmp_path / "pairs.jsonl")
    assert found.notes == ()
    lines = (tmp_path / "pairs.jsonl").read_text("utf-8").splitlines()
    assert lines == list(pair_lines(found.pairs))
    first, second = map(json.loads, lines)
    assert (first["text"], first["study"], first["relevant"]) == (WORDS, study, True)
    assert (second["study"], second["relevant"]) == (other, False)
    said = first["provenance"]
    assert (said["record"], said["by"], said["reviewer"]) == (one.record, "Ann", "Bob")
    assert said["source"] == "person"
    record = list(Home(one.home).log().records())[-1]
    assert record.event == "feedback.exported"
    assert record.payload["pairs"] == 2
    assert "kumquat" not in repr(found)
    with pytest.raises(DataError):
        Home(one.home).export_feedback(tmp_path / "pairs.jsonl")


def test_only_what_is_approved_and_not_undone_becomes_one(one: Asked) -> None:
    study, other, third = one.of("train")[:3]
    place = Home(one.home)
    place.give_feedback(one.record, [study], relevant=True, by="Ann")
    (no,) = place.give_feedback(one.record, [other], relevant=True, by="Ann")
    place.review_feedback([no.id], approve=False, reviewer="Bob")
    assert pairs(one.home) == Approved(pairs=(), notes=())
    one.approved([third])
    before = list(pair_lines(pairs(one.home).pairs))
    one.approved([other], by="Cid")
    (late,) = [f for f in place.feedback("approved") if f.study_uid == other]
    assert len(pairs(one.home).pairs) == 2
    place.undo_feedback(late.id)
    assert list(pair_lines(pairs(one.home).pairs)) == before


def test_studies_of_validation_and_test_are_never_learned_from(one: Asked) -> None:
    held_out = one.of("val")[:1] + one.of("test")[:1]
    one.approved([*held_out, *one.of("train")[:1]])
    found = pairs(one.home)
    assert [pair.study_uid for pair in found.pairs] == one.of("train")[:1]
    (note,) = found.notes
    assert "2 approved were left out, on studies outside the training split" in note


def test_words_that_are_a_text_of_a_held_out_study_are_never_learned_from(tmp_path: Path) -> None:
    home = asked(tmp_path).home
    splits = split_of(home)
    with open_store(home) as store:
        texts = {s.study_uid: pair_text(s, None, "report") for _, s in store.studies()}
    for split, n_pairs in (("test", 0), ("val", 0), ("train", 1)):
        uid = next(uid for uid, of in splits.items() if of == split)
        one = ask(home, f"  {str(texts[uid]).upper()} ")
        one.approved(one.of("train")[:1])
        (given,) = Home(home).feedback("approved")
        found = pairs(home)
        assert len(found.pairs) == n_pairs
        assert bool(found.notes) == (not n_pairs)
        Home(home).undo_feedback(given.id)


@pytest.mark.parametrize("more", ["like", "unlike", "id"])
def test_a_query_of_more_than_words_becomes_no_pair(tmp_path: Path, more: str) -> None:
    home = asked(tmp_path).home
    if more == "id":
        query = Query(text="amber as in s004", k=24)
    else:
        query = Query(text="amber", k=24, **{more: ("s004",)})  # type: ignore[arg-type]
    one = ask(home, query)
    one.approved(one.of("train")[:1])
    found = pairs(home)
    assert found.pairs == ()
    assert "more than words" in found.notes[0]


def test_those_that_contradict_each_other_are_left_out(one: Asked) -> None:
    study, other = one.of("train")[:2]
    again = ask(one.home, f"  {WORDS.upper()}  ")
    one.approved([study, other])
    again.approved([study], relevant=False, by="Cid")
    found = pairs(one.home)
    assert [pair.study_uid for pair in found.pairs] == [other]
    assert "2 approved were left out, that contradict each other" in found.notes


# Words that are not kept ---------------------------------------------------------------------


def test_without_kept_words_they_are_said_again_letter_by_letter(tmp_path: Path) -> None:
    one = asked(tmp_path, config=NO_WORDS)
    assert not (one.home / "words.sqlite").exists()
    one.approved(one.of("train")[:1])
    found = pairs(one.home)
    assert found.pairs == ()
    assert "without the words" in found.notes[0]
    (pair,) = pairs(one.home, f" {WORDS} ").pairs
    assert pair.text == WORDS
    for wrong in (WORDS.upper(), WORDS[:-1], "", "amber"):
        with pytest.raises(FeedbackError) as refused:
            pairs(one.home, wrong)
        assert refused.value.code == "feedback.other_words"


def test_forgotten_words_can_be_said_again_and_a_damaged_row_is_named(one: Asked) -> None:
    one.approved(one.of("train")[:1])
    (one.home / "words-key").unlink()
    with pytest.raises(WordsError) as refused:
        pairs(one.home)
    assert refused.value.code == "words.no_key"
    assert len(pairs(one.home, WORDS).pairs) == 1, "words that are said need no key"
    assert Home(one.home).forget_words(record=one.record).words == 1
    assert pairs(one.home).pairs == ()
    assert len(pairs(one.home, WORDS).pairs) == 1


def test_kept_words_of_another_answer_are_not_taken_for_these(one: Asked) -> None:
    """As in a home that was put together from copies of different days."""
    one.approved(one.of("train")[:1])
    assert len(pairs(one.home).pairs) == 1
    with kept_words(one.home) as store:
        said = {"today": date(2099, 1, 1), "days": 9, "named": ()}
        assert store.keep(one.record, "other words", unchanged=lambda: True, **said)  # type: ignore[arg-type]
        assert store.read([one.record]) == {one.record: "other words"}
    found = pairs(one.home)
    assert found.pairs == ()
    assert "without the words" in found.notes[0]
    assert len(pairs(one.home, WORDS).pairs) == 1


# Training -----------------------------------------------------------------------------------


def test_a_training_learns_from_it_and_says_so_on_its_record(one: Asked, tmp_path: Path) -> None:
    studies = one.of("train")[:2]
    one.approved([*studies, *one.of("test")[:1]])
    one.approved(one.of("train")[2:3], relevant=False)
    ids = {f.id: f.study_uid for f in Home(one.home).feedback("approved")}
    with Home(one.home, config=TRAIN) as place:
        plain = place.train(tmp_path / "plain")
        receipt = place.train(tmp_path / "taught", feedback=True)
        again = place.train(tmp_path / "again", feedback=True)
        n_images = sum(len(place.study(study).images) for study in studies)
    assert (plain.feedback, plain.notes) == ((), ())
    assert receipt.n_pairs == plain.n_pairs + n_images
    assert receipt.n_val_pairs == plain.n_val_pairs
    assert {ids[one] for one in receipt.feedback} == set(studies)
    assert receipt.fingerprint != plain.fingerprint
    assert receipt.fingerprint == again.fingerprint, "same data, same model"
    assert "outside the training split" in receipt.notes[0]
    record = [r for r in place.log().records() if r.event == "model.trained"][-1]
    assert record.payload["feedback"] == list(receipt.feedback)
    run = json.loads((tmp_path / "taught" / "run.json").read_text("utf-8"))
    assert run["feedback"] == list(receipt.feedback)
    learned = place.undo_feedback(receipt.feedback[0])
    assert [one.model for one in learned] == [receipt.fingerprint]


def test_what_waits_was_rejected_or_undone_changes_no_model(one: Asked, tmp_path: Path) -> None:
    waits, no, undone, against = one.of("train")[:4]
    place = Home(one.home)
    place.give_feedback(one.record, [waits], relevant=True, by="Ann")
    (given,) = place.give_feedback(one.record, [no], relevant=True, by="Ann")
    place.review_feedback([given.id], approve=False, reviewer="Bob")
    one.approved([undone])
    place.undo_feedback(place.feedback("approved")[0].id)
    one.approved([against], relevant=False)
    with Home(one.home, config=TRAIN) as taught:
        plain = taught.train(tmp_path / "plain")
        receipt = taught.train(tmp_path / "taught", feedback=True)
    assert receipt.feedback == ()
    assert receipt.fingerprint == plain.fingerprint


def test_whoever_is_learned_from_by_feedback_alone_is_on_the_models_list(one: Asked) -> None:
    study = one.of("train")[0]
    one.approved([study])
    # Only a pair of feedback is left for that study: its own text is not trained on.
    config = TRAIN.model_copy(
        update={"train": TRAIN.train.model_copy(update={"text": "caption", "unpaired": False})}
    )
    other = one.of("train")[1]
    again = ask(one.home, "another heath")
    again.approved([other], by="Cid")
    with Home(one.home, config=config) as place:
        receipt = place.train(feedback=True)
    assert set(receipt.patients) == {owner_of(one.home, uid) for uid in (study, other)}
    found = Home(one.home).erase(study=study, dry_run=True)
    assert receipt.fingerprint in {m.model for m in found.models if m.learned == "directly"}


def test_words_leave_no_trace_in_what_a_training_keeps(one: Asked, tmp_path: Path) -> None:
    one.approved(one.of("train")[:1])
    with Home(one.home, config=TRAIN) as place:
        assert place.train(tmp_path / "m", feedback=True).feedback
    key = text_key(WORDS).encode()
    for path in [*one.home.rglob("*"), *tmp_path.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            assert b"kumquat" not in data, path
            assert key not in data, path


def test_undone_while_it_was_learned_from_is_noted(one: Asked) -> None:
    one.approved(one.of("train")[:1])
    (given,) = Home(one.home).feedback()
    with Home(one.home, config=TRAIN) as place:
        receipt = place.train(
            feedback=True,
            on_epoch=lambda log: (
                Home(one.home).undo_feedback(given.id)
                if (log.stage, log.epoch) == ("float", 1)
                else None
            ),
        )
    assert receipt.feedback == (given.id,)
    assert "undone" in receipt.notes[-1]


def test_a_search_for_settings_learns_from_it_too(one: Asked, tmp_path: Path) -> None:
    one.approved(one.of("train", "test")[:24])
    with Home(one.home, config=TRAIN) as place:
        space = {"train.lr": [1e-3, 1e-2]}
        place.tune(tmp_path / "tuned", budget_s=1e-3, space=space, goal="float")
        receipt = place.tune(
            tmp_path / "tuned", budget_s=1e-3, space=space, goal="float", feedback=True
        )
    assert "outside the training split" in receipt.notes[0]
    lines = (tmp_path / "tuned" / "trials.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 2, "with feedback it is another trial"
    record = [r for r in place.log().records() if r.event == "model.tuned"][-1]
    assert len(record.payload["feedback"]) == len(one.of("train"))


def test_a_text_tower_that_is_trained_too_learns_from_it_and_caches_nothing(
    one: Asked, tmp_path: Path
) -> None:
    one.approved(one.of("train")[:2])
    config = TRAIN.from_mapping(
        {
            **SMALL,
            "towers": {"image": "toy-conv", "text": "toy-embedding"},
            "finetune": {"towers": "both", "part": 1.0},
            "words": {"keep": True},
        }
    )
    with Home(one.home, config=config) as place:
        assert len(place.train(tmp_path / "m", feedback=True).feedback) == 2
    key = text_key(WORDS).encode()
    for path in [*one.home.rglob("*"), *(tmp_path / "m").rglob("*")]:
        assert not path.is_file() or key not in path.read_bytes(), path
