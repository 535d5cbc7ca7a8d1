"""Who a text is about is found by kind and place; diseases, ages and dates are not people."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.mediator.guards.identifiers import identifiers
from tests.mediator.guards.texts import CLINICAL

CASES = [
    ("Mr. Winterbottom with cough", "name", "Winterbottom"),
    ("Mrs Ada van der Berg, effusion", "name", "Ada van der Berg"),
    ("Mr White: nodule?", "name", "White"),
    ("Ms Winterbottom nodule", "name", "Winterbottom"),
    ("Mr. Winterbottom, CXR", "name", "Winterbottom"),
    ("mrs winterbottom cxr", "name", "winterbottom"),
    ("MR. WINTERBOTTOM CXR", "name", "WINTERBOTTOM"),
    ("seen by Dr. Okonkwo yesterday", "name", "Okonkwo"),
    ("patient Ada Lovelace, effusion", "name", "Ada Lovelace"),
    ("Patient name: Lovelace, Ada", "name", "Lovelace, Ada"),
    ("LOVELACE^ADA effusion", "name", "LOVELACE^ADA"),
    ("MRN 1234567 chest", "record_number", "1234567"),
    ("mrn: AB-12345", "record_number", "AB-12345"),
    ("patient id 77-1234 CT", "record_number", "77-1234"),
    ("Accession: A12345", "accession_number", "A12345"),
    ("acc# 998877", "accession_number", "998877"),
    ("DOB 01/02/1960", "birth_date", "01/02/1960"),
    ("born on 3 March 1950", "birth_date", "3 March 1950"),
    ("date of birth: 1950-03-03", "birth_date", "1950-03-03"),
    ("call (555) 123-4567", "phone", "(555) 123-4567"),
    ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
    ("tel 020 7946 0958", "phone", "020 7946 0958"),
    ("ada@example.org", "email", "ada@example.org"),
    ("123-45-6789", "social_security", "123-45-6789"),
    ("NHS number 943 476 5919", "social_security", "943 476 5919"),
    ("insurance no. XK-998877", "insurance", "XK-998877"),
    ("1.2.840.113619.2.55.3", "uid", "1.2.840.113619.2.55.3"),
]


@pytest.mark.parametrize(("text", "kind", "value"), CASES)
def test_each_kind_is_found_where_it_stands(text: str, kind: str, value: str) -> None:
    found = identifiers(text)
    assert [(one.kind, text[slice(*one.span)]) for one in found.identifiers] == [(kind, value)]
    assert found.action == "ask"


@pytest.mark.parametrize(
    "text",
    [
        *CLINICAL,
        "67-year-old, 54M, 3 month old infant, 12 x 15 x 20 mm",
        "CT of 12/03/2019 and 2020-01-31, follow-up in 6-12 months",
        "BP 120/80, HR 60-100, WBC 11.2, Hb 10.5, Na 138, creatinine 1.2",
        "Hodgkin lymphoma, Baker cyst, Dr. Baker cyst, Bell's palsy, Hill-Sachs lesion",
        "MR. Abdomen and Pelvis with contrast",
        "Patient has cough. Patient With Fever. Pt denies chest pain",
        "segment 4a/8, T12-L1 level, C5-C6 disc, stage IIIB, Gleason 3+4",
        "ICD-10 J18.9, LI-RADS 4, BI-RADS 5, 100-200-300 mg",
        "Dear Sir, I have a question about asthma",
        "hospital course was uneventful, account of symptoms",
    ],
)
def test_clinical_text_names_nobody(text: str) -> None:
    assert identifiers(text).identifiers == ()


def test_several_are_given_in_order_and_never_overlap() -> None:
    text = "Mr. Winterbottom, DOB 3 March 1950, MRN 1234567, tel 555-123-4567"
    found = identifiers(text)
    assert [one.kind for one in found.identifiers] == [
        *("name", "birth_date", "record_number", "phone")
    ]
    assert found.counts == (("birth_date", 1), ("name", 1), ("phone", 1), ("record_number", 1))


def test_what_was_found_holds_no_word_of_it() -> None:
    assert "Winterbottom" not in repr(identifiers("Mr. Winterbottom"))


@given(st.text(st.characters(), max_size=200))
def test_places_lie_in_the_text_whatever_it_is(text: str) -> None:
    places = [one.span for one in identifiers(text).identifiers]
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(places))
