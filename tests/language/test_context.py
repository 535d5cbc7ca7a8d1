"""What a sentence says of what it mentions.

Every sentence of the "dev" part is a test, but one that is known to fail; the "test" part is
counted by benchmarks/results_language.py and held here to a floor.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.context import read_context, scan_context
from tests.language.marked import unmark
from tests.language.sentences import Sentence, read_sentences

KNOWN_WRONG = {"Cysts in both kidneys, no hydronephrosis, stones on the left."}
"""A bare noun after a comma reads as the next item of the list: no rule tells them apart."""
FINDINGS = ("effusion", "pneumothorax", "nodule", "mass", "fracture", "mild edema", "two cysts")
findings = st.sampled_from(FINDINGS)
others = st.sampled_from(
    [
        "The heart is normal.",
        "Lungs are clear.",
        "No mass.",
        "Dr. Weber was called.",
        "Rule out PE?",
    ]
)


def certainties(marked: str) -> list[str]:
    text, spans = unmark(marked)
    return [said.certainty for said in read_context(text, spans)]


@pytest.mark.parametrize("sentence", read_sentences("dev"), ids=lambda one: one.text[:40])
def test_a_sentence_reads_as_a_person_read_it(sentence: Sentence) -> None:
    said = read_context(sentence.text, sentence.spans)
    right = tuple((one.certainty, one.about) for one in said) == sentence.expected
    assert right is not (sentence.text in KNOWN_WRONG)


def test_sentences_that_no_rule_was_written_for_are_mostly_read_rightly() -> None:
    held_out = read_sentences("test")
    right = [
        tuple((one.certainty, one.about) for one in read_context(s.text, s.spans)) == s.expected
        for s in held_out
    ]
    assert len(right) > 140
    assert sum(right) / len(right) > 0.8


@given(findings, st.sampled_from(["", "a ", "any "]))
def test_no_evidence_of_turns_a_finding_into_its_absence(finding: str, article: str) -> None:
    assert certainties(f"There is {article}[{finding}].") == ["present"]
    assert certainties(f"There is no evidence of [{finding}].") == ["absent"]
    assert certainties(f"No [{finding}].") == ["absent"]
    assert certainties(f"It is not without [{finding}].") == ["present"]


@given(st.lists(findings, min_size=1, max_size=6), st.sampled_from(["or", "and", "nor"]))
def test_a_denied_list_is_denied_to_its_end(names: list[str], last: str) -> None:
    names = [name.split()[-1] for name in names]
    marked = [f"[{name}]" for name in names]
    listed = ", ".join(marked[:-1]) + (f" {last} " if len(marked) > 1 else "") + marked[-1]
    assert set(certainties(f"No {listed} is seen.")) == {"absent"}
    assert certainties(f"No {listed}, but there is a [cyst].") == [
        *["absent"] * len(names),
        "present",
    ]


@given(st.sampled_from(read_sentences()), others, st.booleans())
def test_another_sentence_changes_nothing(one: Sentence, other: str, before: bool) -> None:
    if "\n" in one.text or one.text[-1] not in ".?":
        return
    text = f"{other} {one.text}" if before else f"{one.text} {other}"
    shift = len(other) + 1 if before else 0
    moved = [(start + shift, end + shift) for start, end in one.spans]
    alone = [(c.certainty, c.about) for c in read_context(one.text, one.spans)]
    assert [(c.certainty, c.about) for c in read_context(text, moved)] == alone


@given(st.sampled_from(read_sentences()), st.randoms(use_true_random=False))
def test_the_order_of_the_spans_changes_nothing(one: Sentence, random: object) -> None:
    order = list(range(len(one.spans)))
    random.shuffle(order)  # type: ignore[attr-defined]
    said = read_context(one.text, one.spans)
    shuffled = read_context(one.text, [one.spans[at] for at in order])
    assert shuffled == tuple(said[at] for at in order)


@given(st.text(), st.data())
def test_any_text_is_read_and_cues_lie_in_it(text: str, data: st.DataObject) -> None:
    n = len(text)
    starts = data.draw(st.lists(st.integers(0, max(0, n - 1)), max_size=4))
    spans = [(start, data.draw(st.integers(start, n))) for start in starts]
    scan = scan_context(text, spans)
    assert len(scan.contexts) == len(spans)
    for cue in [*scan.cues, *(cue for said in scan.contexts for cue in said.cues)]:
        assert 0 <= cue[0] < cue[1] <= n


def test_cues_are_the_words_that_decided() -> None:
    text, spans = unmark("No family history of [glaucoma].")
    (said,) = read_context(text, spans)
    assert [text[start:end] for start, end in said.cues] == ["No", "family history of"]
    text, spans = unmark("FAMILY HISTORY: [Stroke].")
    (said,) = read_context(text, spans)
    assert [text[start:end] for start, end in said.cues] == ["FAMILY HISTORY"]


def test_words_of_a_mention_are_no_cues() -> None:
    assert certainties("[Absent pulmonary valve] is known.") == ["present"]
    assert certainties("[Free air] and [exclusion cyst].") == ["present", "present"]


def test_a_mention_that_holds_its_denial_is_denied() -> None:
    assert certainties("The [heart is not enlarged].") == ["absent"]


def test_a_section_ends_with_the_next_heading() -> None:
    text, spans = unmark("INDICATION: [Cough]\nCOMPARISON: [Mass] in 2019.\nChest [edema].")
    assert [said.about for said in read_context(text, spans)] == ["asked", "history", "now"]
    text, spans = unmark("INDICATION: [Cough]\nCHEST: [edema].")
    assert [said.about for said in read_context(text, spans)] == ["asked", "now"]


def test_a_heading_may_stand_alone_on_its_line() -> None:
    text, spans = unmark("FAMILY HISTORY\n[Stroke]\nFINDINGS\n[Bleed]")
    assert [said.about for said in read_context(text, spans)] == ["family", "now"]


def test_a_hundred_thousand_characters_are_read() -> None:
    """In one sentence, without an end in sight."""
    for unit in ("no effusion, ", "effusion not seen ", "history of effusion "):
        text = unit * (100_000 // len(unit))
        spans = [found.span() for found in re.finditer("effusion", text)]
        assert len(read_context(text, spans)) == len(spans) > 4_000


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("Relative [hyperlucency] of the lung.", ("present", "now")),
        ("The parent artery has an [aneurysm].", ("present", "now")),
        ("Her sister had a [stroke].", ("present", "family")),
        ("A lesion (infective? [atelectasis]?) at the base.", ("uncertain", "now")),
        ("It could not be characterized (renal [cyst]).", ("present", "now")),
        ("No 5 mm [nodule] or mass.", ("absent", "now")),
    ],
)
def test_words_that_mislead(marked: str, expected: tuple[str, str]) -> None:
    text, spans = unmark(marked)
    (said,) = read_context(text, spans)
    assert (said.certainty, said.about) == expected
