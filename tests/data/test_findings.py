"""What the reader of findings makes of sentences, and the laws of agreement."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.finding_words import MIDLINE, NAMES
from caselight.data.findings import Finding, Polarity, Side, agreement, read_findings


def said(text: str) -> set[str]:
    """Findings in short: "+name", "-name" or "?name", then "@side"."""
    mark = {"present": "+", "absent": "-", "uncertain": "?"}
    return {
        f"{mark[f.polarity]}{f.name}{'@' + f.side if f.side else ''}" for f in read_findings(text)
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a pneumothorax.", {"+pneumothorax"}),
        ("No pneumothorax.", {"-pneumothorax"}),
        ("NO\n  PNEUMOTHORAX OR PLEURAL EFFUSION", {"-pneumothorax", "-pleural effusion"}),
        ("Without consolidation, effusion, or edema.", {"-consolidation", "-pleural effusion",
                                                        "-edema"}),
        ("Pneumothorax is absent.", {"-pneumothorax"}),
        ("Pleural effusion-thickening was not observed.", {"-pleural effusion"}),
        ("Nodule, mass were not detected.", {"-lung nodule", "-mass"}),
        ("A nodule is seen, pleural effusion was not detected.",
         {"+lung nodule", "-pleural effusion"}),
        ("The effusion has resolved.", {"-pleural effusion"}),
        ("Interval resolution of pneumonia.", {"-pneumonia"}),
        ("Lungs are free of focal airspace disease.", {"-consolidation"}),
        ("Negative for fracture.", {"-fracture"}),
        ("Heart is not enlarged.", {"-cardiomegaly"}),
        ("The heart size is mildly enlarged.", {"+cardiomegaly"}),
        ("No effusion but there is atelectasis.", {"-pleural effusion", "+atelectasis"}),
        ("No mass with calcification.", {"-mass", "+calcification"}),
        ("No effusion. Atelectasis.", {"-pleural effusion", "+atelectasis"}),
        ("No significant change in the nodule.", {"+lung nodule"}),
        ("Possible pneumonia.", {"?pneumonia"}),
        ("Pneumonia cannot be excluded.", {"?pneumonia"}),
        ("Cannot exclude a fracture.", {"?fracture"}),
        ("Atelectasis versus pneumonia.", {"?atelectasis", "?pneumonia"}),
        ("Opacity suspicious for malignancy.", {"+opacity", "?mass"}),
        ("No nodule suspicious for malignancy.", {"-lung nodule", "-mass"}),
        ("No effusion, possible pneumonia.", {"-pleural effusion", "?pneumonia"}),
        ("No consolidation, suspicious opacity, or pneumothorax.",
         {"-consolidation", "-opacity", "-pneumothorax"}),
        ("May be due to infarct.", {"?infarct"}),
        ("History of pneumonia. Evaluate for fracture.", set()),
        ("Opacity measuring 2.5 cm without cavitation.", {"+opacity", "-cavity"}),
        ("Heart size is normal.", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_what_is_denied_doubted_and_said(text: str, expected: set[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Small left pleural effusion.", {"+pleural effusion@left"}),
        ("Pleural effusion on the right.", {"+pleural effusion@right"}),
        ("Bilateral pleural effusions.", {"+pleural effusion@bilateral"}),
        ("Effusions, left and right.", {"+pleural effusion@bilateral"}),
        ("Nodules in both lungs.", {"+lung nodule@bilateral"}),
        ("Left effusion, right nodule.", {"+pleural effusion@left", "+lung nodule@right"}),
        ("Left effusion and a nodule in the right lung.",
         {"+pleural effusion@left", "+lung nodule@right"}),
        ("No right pneumothorax.", {"-pneumothorax@right"}),
        ("Right lung is clear and there is cardiomegaly.", {"+cardiomegaly"}),
        ("Hiatal hernia on the left.", {"+hiatal hernia"}),
    ],
)  # fmt: skip
def test_the_side_is_the_one_in_the_phrase(text: str, expected: set[str]) -> None:
    assert said(text) == expected


def test_the_longer_name_counts_and_what_is_present_wins() -> None:
    assert said("pericardial effusion") == {"+pericardial effusion"}
    assert said("pulmonary nodular opacity") == {"+lung nodule"}
    assert said("No nodule. Possible nodule. There is a nodule.") == {"+lung nodule"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_can_be_read(name: str) -> None:
    """A name in the table that no text could give would be dead words."""
    text = {"device": "pacemaker", "organomegaly": "hepatomegaly"}.get(name, name)
    assert said(f"There is {text}.") == {f"+{name}"}
    assert said(f"There is no {text}.") == {f"-{name}"}


def test_midline_names_are_names() -> None:
    assert set(NAMES) >= MIDLINE


FINDINGS = st.builds(
    Finding,
    name=st.sampled_from(["nodule", "effusion", "mass"]),
    polarity=st.sampled_from(list[Polarity](["present", "absent", "uncertain"])),
    side=st.sampled_from(list[Side | None]([None, "left", "right", "bilateral"])),
)
TEXTS = st.lists(FINDINGS, max_size=4, unique_by=lambda f: (f.name, f.side))


@given(TEXTS, TEXTS)
def test_agreement_is_symmetric_and_a_fraction(a: list[Finding], b: list[Finding]) -> None:
    one, other = agreement(a, b), agreement(b, a)
    assert one == other
    assert one is None or 0 <= one <= 1


@given(TEXTS)
def test_a_text_agrees_with_itself_where_it_says_anything_whole(a: list[Finding]) -> None:
    plain = [f for f in a if f.polarity == "present"]
    assert agreement(plain, plain) == (1.0 if plain else None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("pleural effusion", "pleural effusion", 1.0),
        ("left pleural effusion", "pleural effusion", 1.0),
        ("left pleural effusion", "right pleural effusion", 0.0),
        ("pleural effusion and mass", "pleural effusion", 0.5),
        ("pleural effusion and mass", "pleural effusion. no mass", 0.0),
        ("left effusion", "no right effusion; left effusion", 1.0),
        ("no effusion", "no effusion or pneumothorax", 1.0),
        ("no effusion", "no pneumothorax", None),
        ("possible mass", "possible mass", None),
        ("mass", "heart size is normal", 0.0),
        ("the lungs are clear", "heart size is normal", None),
        ("mass. right mass", "right mass. left mass", 1.0),
    ],
)
def test_agreement_of_texts(one: str, other: str, expected: float | None) -> None:
    assert agreement(read_findings(one), read_findings(other)) == expected


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    found = read_findings(text)
    assert len({(f.name, f.side) for f in found}) == len(found)
    assert found == read_findings(text.upper().lower())


@pytest.mark.realdata
@pytest.mark.slow
def test_chest_ct_reports_are_read_as_their_labels_say(real_data: Path) -> None:
    """On the 200 validation reports; the words were mended on the other 800."""
    named = {
        "Atelectasis": "atelectasis",
        "Cardiomegaly": "cardiomegaly",
        "Consolidation": "consolidation",
        "Emphysema": "emphysema",
        "Hiatal hernia": "hiatal hernia",
        "Lung nodule": "lung nodule",
        "Pericardial effusion": "pericardial effusion",
        "Pleural effusion": "pleural effusion",
    }
    lines = (real_data / "text" / "ctrate_reports.jsonl").read_text("utf-8").splitlines()
    reports = [report for report in map(json.loads, lines) if report["split"] == "val"]
    right = wrong = 0
    for report in reports:
        found = {f.name for f in read_findings(report["text"]) if f.polarity == "present"}
        for label, name in named.items():
            right += 2 * ((label in report["labels"]) and name in found)
            wrong += (label in report["labels"]) != (name in found)
    assert right / (right + wrong) > 0.9
