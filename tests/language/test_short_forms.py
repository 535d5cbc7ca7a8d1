"""Abbreviations: where they are some, and which meaning is meant."""

import pytest

from caselight.language.lexicon import shipped_lexicon
from caselight.language.mentions import abbreviation_choices, find_mentions

KNOWN = shipped_lexicon()


def meaning(text: str, short: str, **hint: str) -> str | None:
    """The concept that an abbreviation of a text was taken for."""
    at = text.index(short)
    found = [one for one in find_mentions(text, KNOWN, **hint) if one.span == (at, at + len(short))]  # type: ignore[arg-type]
    return found[0].concept if found else None


@pytest.mark.parametrize(
    ("text", "short", "expected"),
    [
        ("rule out PE, CT angiogram", "PE", "pulmonary-embolism"),
        ("r/o pe", "pe", "pulmonary-embolism"),
        ("Echo: large circumferential PE with RV collapse", "PE", "pericardial-effusion"),
        ("severe MR and dilated LA on echo", "MR", "mitral-regurgitation"),
        ("axial MR of the brain, T2", "MR", "magnetic-resonance-imaging"),
        ("MS plaques in the white matter", "MS", "multiple-sclerosis"),
        ("rheumatic MS with a mean gradient of 9", "MS", "mitral-stenosis"),
        ("erosions of the hands in RA", "RA", "rheumatoid-arthritis"),
        ("dilated RA and RV", "RA", "right-atrium"),
        ("calcific AS, AVA 0.8", "AS", "aortic-stenosis"),
        ("sacroiliitis in AS", "AS", "ankylosing-spondylitis"),
        ("stent in the proximal LAD", "LAD", "left-anterior-descending-artery"),
        ("axillary and mediastinal LAD, lymphoma?", "LAD", "mediastinal-lymphadenopathy"),
        ("ECG with LAD and a long QRS", "LAD", "left-axis-deviation"),
        ("PA and lateral views of the chest", "PA", "posteroanterior-view"),
        ("main PA dilated, pulmonary hypertension", "PA", "pulmonary-artery"),
        ("old MI, s/p CABG", "MI", "myocardial-infarction"),
        ("RD with a horseshoe tear of the retina", "RD", "retinal-detachment"),
        ("premature newborn with RD and grunting", "RD", "respiratory-distress"),
        ("ASD with a shunt", "ASD", "atrial-septal-defect"),
        ("multifocal ASD in the lower lobes, pneumonia", "ASD", "consolidation"),
        ("PVD with a Weiss ring, floaters", "PVD", "vitreous-degeneration"),
        ("claudication, PVD of both legs", "PVD", "peripheral-arterial-disease"),
        ("pulmonary embolism (PE) is unlikely", "PE", "pulmonary-embolism"),
    ],
)
def test_the_context_decides(text: str, short: str, expected: str) -> None:
    assert meaning(text, short) == expected


@pytest.mark.parametrize("text", ["MS?", "RA", "MI?", "PA", "LAD", "RD"])
def test_an_abbreviation_without_context_is_left_out_and_reported(text: str) -> None:
    short = text[:3].strip(" ?")
    assert meaning(text, short) is None
    choice = abbreviation_choices(text, KNOWN)[0]
    assert choice.chosen is None
    assert len(choice.meanings) > 1
    assert text[slice(*choice.span)] == short


def test_a_specialty_decides_where_the_words_do_not() -> None:
    assert meaning("MS?", "MS", specialty="cardiology") == "mitral-stenosis"
    assert meaning("RD", "RD", specialty="ophthalmology") == "retinal-detachment"


@pytest.mark.parametrize(
    "text",
    [
        "as he had said, us or me",
        "Ms Smith and Mr Jones saw Dr Low",
        "5 mm and 3 cm",
        "THE PATIENT CAME TO US OR WENT AS HE CAN",
        "my dad can do it all",
        "too much gas, dx pending",
        "pa",
    ],
)
def test_everyday_words_are_no_abbreviations(text: str) -> None:
    assert find_mentions(text, KNOWN) == ()
    assert abbreviation_choices(text, KNOWN) == ()


def test_capitals_say_nothing_where_all_is_capitals() -> None:
    assert meaning("NO DVT OR COPD SEEN", "DVT") == "deep-vein-thrombosis"
    assert meaning("IT IS AS BEFORE", "AS") is None
    assert meaning("IT IS AS BEFORE", "IT") is None


def test_capitals_are_an_abbreviation_where_small_letters_are_a_word() -> None:
    assert meaning("TOE showed a vegetation", "TOE") == "transesophageal-echocardiography"
    assert meaning("broken toe", "toe") == "foot"


def test_plurals_of_abbreviations_are_known() -> None:
    assert meaning("bilateral DVTs", "DVTs") == "deep-vein-thrombosis"
