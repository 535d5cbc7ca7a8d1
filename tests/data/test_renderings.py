"""Another way to say a report says the same: what is denied, where, how much, in which section."""

import itertools
import re
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.config import TextField
from caselight.data.abbreviations import ABBREVIATIONS, contract, expand
from caselight.data.phantoms.change_words import HEDGES
from caselight.data.phantoms.denials import NEGATIONS
from caselight.data.phantoms.patients import draw_cases
from caselight.data.renderings import renderings
from caselight.data.sentence_groups import read_layout, reordered, split_sentences
from caselight.data.texts import normalise_text
from caselight.data.wordiness import telegraphic
from caselight.types import Study

REPORTS = [
    {
        name: words
        for name in ("findings", "impression")
        if (words := getattr(case.dictation, name)) is not None
    }
    for case in itertools.islice(draw_cases(17), 250)
]
HEDGED = [word for words in HEDGES.values() for word in words]
FACTS = {
    "denied": "|".join(map(re.escape, [*NEGATIONS, "cannot", "never", "none"])),
    "doubted": "|".join(map(re.escape, HEDGED)),
    "side": r"left|right|bilat(?:eral(?:ly)?)?|both|[LR]|R[UML]L|L[UL]L",
    "measured": r"\d+(?:\.\d+)?(?: ?[cm]m)?",
    "degree": "small|minor|mild|slight|moderate|large|sizeable|severe|marked",
    "changed": "new|increased|decreased|worse|improved|stable|unchanged|prior|previous(?:ly)?",
}


def facts(text: str) -> Mapping[str, Counter[str]]:
    """How often each word that a meaning hangs on is there, found without the code under test."""
    return {
        name: Counter(re.findall(rf"(?<!\w)(?:{words})(?!\w)", text.lower(), re.IGNORECASE))
        for name, words in FACTS.items()
    }


def study(**sections: str) -> Study:
    return Study(
        study_uid="s",
        patient_key="p",
        images=(),
        sections=sections,
        labels=(),
        date=None,
        age=None,
        sex=None,
        site=None,
        split="train",
        own_split=False,
    )


def said(
    text: str, *, field: TextField = "findings", n: int = 6, seed: int = 0, **sections: str
) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    return renderings(study(**sections), text, field, n=n, rng=rng)


@given(st.sampled_from(REPORTS), st.integers(0, 2**32 - 1))
def test_what_is_denied_doubted_measured_and_where_stays(
    sections: Mapping[str, str], seed: int
) -> None:
    for text in sections.values():
        told = facts(text)
        for rendering in said(text, seed=seed):
            assert facts(rendering) == told


@given(st.sampled_from(REPORTS), st.integers(0, 2**32 - 1))
def test_renderings_are_new_distinct_and_drawn_by_the_generator(
    sections: Mapping[str, str], seed: int
) -> None:
    text = " ".join(sections.values())
    found = said(text, field="auto", seed=seed, **sections)
    assert found == said(text, field="auto", seed=seed, **sections)
    folded = [normalise_text(one) for one in (text, *found)]
    assert len(set(folded)) == len(folded)
    assert len(found) <= 6
    assert found[:3] == said(text, field="auto", seed=seed, n=3, **sections)


def test_a_report_has_as_many_renderings_as_are_wanted() -> None:
    full = [r for r in REPORTS if len(r) == 2]
    found = [said(" ".join(r.values()), field="auto", n=4, seed=7, **r) for r in full]
    assert all(len(one) == 4 for one in found)
    short = [
        len(rendering) < 0.5 * len(" ".join(report.values()))
        for report, several in zip(full, found, strict=True)
        for rendering in several
    ]
    assert 0.1 < np.mean(short) < 0.4


FINDINGS = "Alpha amber lies here. Alpha birch lies there. Alpha cedar lies low. Alpha delta."
IMPRESSION = "Beta ember lies here. Beta fjord lies there. Beta grove lies high."


@pytest.mark.parametrize("field", ["auto", "report"])
def test_sentences_keep_to_their_section_and_sections_go_whole(field: TextField) -> None:
    found = [
        words
        for seed in range(20)
        for words in said(
            f"{FINDINGS} {IMPRESSION}",
            field=field,
            seed=seed,
            findings=FINDINGS,
            impression=IMPRESSION,
        )
    ]
    orders = {" ".join(re.findall(r"alpha|beta", words.lower())) for words in found}
    alphas, betas = "alpha alpha alpha alpha", "beta beta beta"
    assert orders == {alphas, betas, f"{alphas} {betas}"}
    named = {tuple(re.findall(r"amber|birch|cedar|delta", words)) for words in found}
    assert len(named) > 10
    assert {len(set(names)) for names in named} == {0, 4}


@pytest.mark.parametrize("pointer", ["As above.", "See findings", "1. As above.", "Same as above."])
def test_a_section_that_only_points_at_the_other_is_never_alone(pointer: str) -> None:
    for seed in range(10):
        found = said(
            f"{FINDINGS} {pointer}", field="auto", seed=seed, findings=FINDINGS, impression=pointer
        )
        assert all("alpha" in words.lower() for words in found)
        assert any("above" not in words and "findings" not in words for words in found)


@pytest.mark.parametrize("field", ["findings", "caption", "notes", "impression"])
def test_only_a_report_has_sections_to_drop(field: TextField) -> None:
    found = said(FINDINGS, field=field, n=12, findings=FINDINGS, impression=IMPRESSION)
    assert found
    assert all(len(re.findall("alpha", words.lower())) == 4 for words in found)
    assert not any("beta" in words.lower() for words in found)


def test_a_caption_of_a_study_with_a_report_is_its_own_text() -> None:
    found = said("Amber alone. Birch too.", field="auto", findings=FINDINGS, impression=IMPRESSION)
    assert found
    assert all("amber" in words.lower() and "birch" in words.lower() for words in found)


@pytest.mark.parametrize("text", ["Cardiomegaly.", "cardiomegaly", "Nodule", "5 mm", ".", "No."])
def test_what_cannot_be_varied_is_not(text: str) -> None:
    assert said(text) == ()


def test_one_word_with_one_abbreviation_has_one_rendering() -> None:
    assert said("Pneumothorax.") == ("PTX.",)


def test_none_wanted_none_made() -> None:
    assert said(FINDINGS, n=0) == ()


def orders(text: str, n: int = 40) -> set[str]:
    """The orders that a text may take, sentences parted by a bar."""
    rng = np.random.default_rng(0)
    return {
        " | ".join(
            " ".join(part for part in (g.number, g.label, *g.sentences) if part)
            for line in reordered(read_layout(text), rng).lines
            for g in line
        )
        for _ in range(n)
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A one is. B two is.", {"A one is. | B two is.", "B two is. | A one is."}),
        ("A nodule is seen. It is new.", {"A nodule is seen. It is new."}),
        ("Small effusion. Unchanged.", {"Small effusion. Unchanged."}),
        ("Left fracture. No other fracture.", {"Left fracture. | No other fracture."}),
        (
            "Otherwise normal. Big heart. Wide hila.",
            {
                "Otherwise normal. | Big heart. | Wide hila.",
                "Otherwise normal. | Wide hila. | Big heart.",
            },
        ),
        ("1. Big heart.\n2. Wide hila.", {"1. Big heart. | 2. Wide hila.",
                                           "1. Wide hila. | 2. Big heart."}),
        ("1. Big heart. 2. Wide hila.", {"1. Big heart. | 2. Wide hila.",
                                          "1. Wide hila. | 2. Big heart."}),
        (
            "Heart: Big. No change.\nHila: Wide.",
            {"Heart: Big. No change. | Hila: Wide.", "Hila: Wide. | Heart: Big. No change."},
        ),
        ("- big heart\n- wide hila", {"- big heart | - wide hila", "- wide hila | - big heart"}),
        ("The heart is\nbig and wide.", {"The heart is big and wide."}),
        ("CHEST\n\nThe heart is big.", {"CHEST | The heart is big."}),
        ("Mild pulm. HTN noted.", {"Mild pulm. HTN noted."}),
        ("Neg. CXR.", {"Neg. CXR."}),
        ("seen by Dr. Smith.", {"seen by Dr. Smith."}),
    ],
)  # fmt: skip
def test_only_what_stands_alone_changes_place(text: str, expected: set[str]) -> None:
    assert orders(text) == expected


PIECES = ("Big heart.", "no PTX.", "1.", "-", "Lungs:", "5.5 mm", "It is new.", "?", "\n", "\n\n",
          "Dr. Smith said.", "(L.)", "Otherwise ok.", "e.g. Alpha", "Why?", "2)", ".")  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(0, 99))
def test_no_word_is_lost_in_any_order(pieces: list[str], seed: int) -> None:
    text = " ".join(pieces)
    layout = read_layout(text)
    for one in (layout, reordered(layout, np.random.default_rng(seed))):
        words = [
            word
            for line in one.lines
            for g in line
            for part in (g.number, g.label, *g.sentences)
            for word in part.split()
        ]
        if one is layout:
            assert words == text.split()
        assert Counter(words) == Counter(text.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Heart is big. Lungs clear!", ["Heart is big.", "Lungs clear!"]),
        ("A 1.5 cm nodule. 2 mm stone.", ["A 1.5 cm nodule.", "2 mm stone."]),
        ("the heart is big. lungs clear.", ["the heart is big. lungs clear."]),
        ('He said "clear." No effusion.', ['He said "clear."', "No effusion."]),
        ("1. Big. 2. Small.", ["1. Big.", "2. Small."]),
        ("Nodule approx. 5 mm. Clear.", ["Nodule approx. 5 mm.", "Clear."]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(line: str, expected: list[str]) -> None:
    assert split_sentences(line) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("There is no pleural effusion.", "No pleural effusion."),
        ("There is a 5 mm nodule in the left lung.", "5 mm nodule in left lung."),
        ("No nodule is seen.", "No nodule."),
        ("Edema is seen in both lungs.", "Edema in both lungs."),
        ("The heart is normal in size.", "Heart normal in size."),
        ("An effusion is not seen.", "Effusion is not seen."),
        ("The heart is not enlarged.", "Heart is not enlarged."),
        ("A nodule is again seen.", "Nodule is again seen."),
        ("There are a few nodules.", "A few nodules."),
        ("If an effusion is present, drain.", "If effusion is present, drain."),
        ("Hepatitis A and a type A dissection.", "Hepatitis A and type A dissection."),
        ("THERE IS NO EFFUSION.", "NO EFFUSION."),
        ("There may be an effusion.", "There may be effusion."),
        ("no effusion", "no effusion"),
    ],
)
def test_a_telegram_leaves_out_fillers_alone(sentence: str, expected: str) -> None:
    assert telegraphic(sentence) == expected


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("CXR.", "Chest x-ray."),
        ("Small PTX is seen.", "Small pneumothorax is seen."),
        ("Fx of a rib; old fx.", "Fracture of a rib; old fracture."),
        ("Mild pulm. edema.", "Mild pulmonary edema."),
        ("S/p CABG with h/o DVT.", "Status post coronary artery bypass grafting with history of "
                                   "deep vein thrombosis."),
        ("NSCLC, not SCLC.", "Non-small cell lung cancer, not small cell lung cancer."),
        ("65 y/o, heart WNL.", "65 year-old, heart within normal limits."),
        ("OLD FX AND TB.", "OLD FRACTURE AND TUBERCULOSIS."),
    ],
)  # fmt: skip
def test_abbreviations_go_both_ways(short: str, long: str) -> None:
    assert expand(short) == long
    assert contract(long) == short


@pytest.mark.parametrize(
    "text",
    [
        "abnormal diseases",
        "fxs of CTs",
        "CT-guided and CT/PET",
        "cabg",
        "Edema, pulm.",
        "normality",
        "us, is, it, or, no, am, as",
        "OF US: TIPS, CAD AND PE",
    ],
)
def test_what_only_looks_like_an_abbreviation_stays(text: str) -> None:
    assert expand(text) == text


def test_an_abbreviation_that_is_being_explained_stays() -> None:
    text = "Computed tomography (CT) of the chest."
    assert expand(text) == contract(text) == text


# A dotted form is only known before a word in small letters, which another may take away.
FORMS = [form for pair in ABBREVIATIONS.items() if not pair[0].endswith(".") for form in pair]
words = st.lists(
    st.sampled_from([*FORMS, "left", "no", "of", "5 mm", "lung.", "(", ";"]), max_size=10
).map(" ".join)


@given(words)
def test_writing_short_and_out_again_is_writing_out(text: str) -> None:
    assert expand(contract(text)).lower() == expand(text).lower()
    assert expand(expand(text)) == expand(text)
    assert contract(contract(text)) == contract(text)


@given(words)
def test_abbreviations_hold_no_side_and_no_denial(text: str) -> None:
    for other in (expand(text), contract(text)):
        for name in ("denied", "side", "measured"):
            assert facts(other)[name] == facts(text)[name]


def test_every_abbreviation_has_its_own_meaning() -> None:
    assert len(set(ABBREVIATIONS.values())) == len(ABBREVIATIONS) >= 60
    assert not {"PE", "MI", "ICD", "CPA", "PA", "MS", "RA", "US", "RUL", "w/o"} & set(ABBREVIATIONS)
    assert len({short.lower() for short in ABBREVIATIONS}) == len(ABBREVIATIONS)
