"""Where texts name what the lexicon knows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.lexicon import shipped_lexicon
from caselight.language.mentions import abbreviation_choices, find_mentions
from caselight.language.words import fold, fold_phrase, plurals

KNOWN = shipped_lexicon()
PARTS = (
    "lung",
    "left",
    "PE",
    "pe",
    "no",
    "mass",
    "heart",
    "enlarged",
    "is",
    "and",
    "or",
    ", ",
    ". ",
)
FRAGMENTS = (*PARTS, "\n", "oedema", "Crohn's", "MS", "-", "/", "pleural", "effusion", "non", "5th")


def named(text: str) -> list[tuple[str, str]]:
    """What a text names: the words as they stand there, and the concept."""
    return [(text[slice(*one.span)], one.concept) for one in find_mentions(text, KNOWN)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "left lower lobe opacity",
            [("left lower lobe", "left-lower-lobe"), ("opacity", "opacity")],
        ),
        ("Pulmonary NODULES", [("Pulmonary NODULES", "lung-nodule")]),
        ("ground glass opacities", [("ground glass opacities", "ground-glass-opacity")]),
        ("groundglass opacity", [("groundglass opacity", "ground-glass-opacity")]),
        ("bone metastases", [("bone metastases", "bone-metastasis")]),
        ("cerebral haemorrhage", [("cerebral haemorrhage", "intracranial-hemorrhage")]),
        ("Crohn\u2019s disease", [("Crohn\u2019s disease", "crohn-disease")]),
        ("heart attack", [("heart attack", "myocardial-infarction")]),
        ("water on the knee", [("water on the knee", "joint-effusion")]),
        ("lung. Mass", [("lung", "lung"), ("Mass", "mass")]),
        (
            "moderate non-proliferative retinopathy",
            [
                (
                    "moderate non-proliferative retinopathy",
                    "moderate-nonproliferative-diabetic-retinopathy",
                )
            ],
        ),
        ("non-proliferative", []),
        ("apical 4-chamber view", [("apical 4-chamber", "apical-four-chamber-view")]),
        ("Please call me tomorrow about the bill.", []),
        ("", []),
    ],
)
def test_names_are_found_in_any_spelling(text: str, expected: list[tuple[str, str]]) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The heart is not enlarged", [("heart", "heart"), ("enlarged", "cardiomegaly")]),
        ("Heart size is mildly enlarged", [("Heart size", "heart"), ("enlarged", "cardiomegaly")]),
        ("enlarged spleen", [("enlarged spleen", "splenomegaly")]),
        (
            "a mass in the right upper lobe",
            [("mass", "lung-mass"), ("right upper lobe", "right-upper-lobe")],
        ),
        ("fracture of the left 5th rib", [("fracture", "rib-fracture"), ("rib", "rib")]),
        ("mass in the right lobe of the liver", [("mass", "liver-lesion"), ("liver", "liver")]),
        (
            "the aorta is dilated and tortuous",
            [("aorta", "aorta"), ("dilated", "aortic-ectasia"), ("tortuous", "tortuous-aorta")],
        ),
        ("the lungs are clear", [("lungs", "lung"), ("clear", "clear-lungs")]),
        # The halves of a pair that do not meet are what they are alone.
        (
            "The heart is normal, the spleen enlarged.",
            [("heart", "heart"), ("spleen", "spleen"), ("enlarged", "splenomegaly")],
        ),
        ("Clear margins", []),
        ("mass. The lung", [("mass", "mass"), ("lung", "lung")]),
        ("mass beside a lung", [("mass", "mass"), ("lung", "lung")]),
    ],
)
def test_what_is_found_takes_its_place_from_its_phrase(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert named(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "No pleural or pericardial effusion",
            [("pleural", "pleural-effusion"), ("pericardial effusion", "pericardial-effusion")],
        ),
        (
            "hilar, mediastinal lymphadenopathy",
            [
                ("hilar", "hilar-lymphadenopathy"),
                ("mediastinal lymphadenopathy", "mediastinal-lymphadenopathy"),
            ],
        ),
        (
            "right upper and middle lobe",
            [("right upper", "right-upper-lobe"), ("middle lobe", "right-middle-lobe")],
        ),
        (
            "wet or dry macular degeneration",
            [
                ("wet", "wet-age-related-macular-degeneration"),
                ("dry macular degeneration", "dry-age-related-macular-degeneration"),
            ],
        ),
        (
            "pleural thickening and mass",
            [("pleural thickening", "pleural-thickening"), ("mass", "mass")],
        ),
    ],
)
def test_a_head_is_shared_over_and_and_or(text: str, expected: list[tuple[str, str]]) -> None:
    assert named(text) == expected


def test_how_it_was_named_is_said() -> None:
    text = "pneumothoraces, enlarged heart, COPD and cardiomegally"
    assert [(one.concept, one.named) for one in find_mentions(text, KNOWN)] == [
        ("pneumothorax", "name"),
        ("cardiomegaly", "synonym"),
        ("chronic-obstructive-pulmonary-disease", "abbreviation"),
        ("cardiomegaly", "misspelled"),
    ]


def test_every_name_and_plural_is_found_as_its_concept_or_said_to_be_ambiguous() -> None:
    bases = KNOWN.phrases.bases
    for concept in KNOWN:
        for name in KNOWN.synonyms_of(concept.key):
            last = fold_phrase(name)[-1]
            several = [
                f"{name[: -len(last)]}{plural}"
                for plural in plurals(last)
                # "asbestoses" are more of asbestos before they are more of asbestosis.
                if name.endswith(last) and bases.get(fold(plural)) == bases.get(last, "")
            ]
            for written in (name, *(several if name not in concept.abbreviations else ())):
                found = find_mentions(written, KNOWN)
                whole = [(one.concept, one.span) for one in found] == [
                    (concept.key, (0, len(written)))
                ]
                choices = abbreviation_choices(written, KNOWN)
                assert whole or any(concept.key in one.meanings for one in choices), written


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    for one in find_mentions(text, KNOWN):
        assert 0 <= one.span[0] < one.span[1] <= len(text)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(" ".join))
def test_mentions_are_in_order_do_not_overlap_and_begin_and_end_with_words(text: str) -> None:
    found = find_mentions(text, KNOWN)
    assert all(a.span[1] <= b.span[0] for a, b in pairwise(found))
    for one in found:
        covered = text[slice(*one.span)]
        assert covered == covered.strip(" ,.\n")
        assert one.concept in KNOWN
    assert find_mentions(text, KNOWN) == found


@given(st.text("qwxz 0123456789.,;", max_size=200))
def test_a_text_without_words_of_the_lexicon_names_nothing(text: str) -> None:
    assert find_mentions(text, KNOWN) == ()


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(" ".join))
def test_a_sentence_is_read_alike_wherever_it_stands(text: str) -> None:
    """Names alone; abbreviations look at the rest of the text, and so are left out."""

    def names(whole: str, shift: int) -> list[tuple[int, str]]:
        return [
            (one.span[0] - shift, one.concept)
            for one in find_mentions(whole, KNOWN)
            if one.named != "abbreviation" and one.span[0] >= shift
        ]

    before = "See below.\n"
    assert names(before + text, len(before)) == names(text, 0)


@pytest.mark.parametrize(
    "part", ["PE ", "mass ", "pleural or pericardial effusion and ", "pnuemothoracx ", "MS, ", "x"]
)
def test_a_very_long_text_is_read_whole(part: str) -> None:
    """Work grows with the length, not with its square, or this would not end."""
    text = (part * 100_000)[:99_000] + " or pneumonia."
    assert find_mentions(text, KNOWN)[-1].concept == "pneumonia"
