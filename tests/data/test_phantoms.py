"""The words of the phantoms: true to what is there, as long whatever is there, rarely the same."""

import itertools
import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from caselight.data.phantoms import device_words
from caselight.data.phantoms.authors import AUTHORS, CONNECTORS
from caselight.data.phantoms.change_words import CHANGES, HEALING, HEDGES, Certainty
from caselight.data.phantoms.denials import NEGATIONS
from caselight.data.phantoms.findings import DEVICES, NAMES, Finding
from caselight.data.phantoms.patients import Case, draw_cases, draw_patient
from caselight.data.phantoms.referral import REASONS
from caselight.data.phantoms.reports import render_text
from caselight.data.phantoms.sentences import sentence
from caselight.data.phantoms.usual import USUAL

MENTIONS = {
    "atelectasis": r"atelecta",
    "cardiomegaly": r"cardiomegaly|enlargement|enlarged|CMG",
    "consolidation": r"consolidation|airspace|pneumonia|infiltrate",
    "edema": r"edema|haze|heart failure|overload",
    "effusion": r"effusion|pleural fluid",
    "fracture": r"fracture|\bfx\b",
    "nodule": r"nodule",
    "pneumothorax": r"pneumothorax|PTX|pleural line",
    "pacemaker": r"pacemaker|pacer|PPM",
    "central_line": r"central line|central venous|CVC",
    "endotracheal_tube": r"endotracheal|\bETT?\b",
    "chest_drain": r"chest drain|chest tube|pl(eural|\.) drain|\bICD\b",
    "nasogastric_tube": r"nasogastric|\bNGT?\b",
    "sternal_wires": r"sternal wires|sternotomy",
}
PLACES = {"left": r"\b(left|L)\b", "right": r"\b(right|R)\b", "bilateral": r"bilat|both|perihilar"}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(itertools.islice(draw_cases(11), 1000))


def key(item: Finding) -> str:
    return item.kind or item.name


def sections(case: Case) -> list[str]:
    said = (case.dictation.findings, case.dictation.impression)
    return [section for section in said if section is not None]


def body(case: Case) -> str:
    return " ".join(sections(case))


def sentences(text: str) -> list[str]:
    ends = r"(?<=[a-z0-9)A-Z])\. (?=[A-Z?0-9-])"
    return [part for line in text.splitlines() for part in re.split(ends, line)]


def denies(text: str) -> bool:
    words = re.split(r"[ ,:;]", text.lower().removesuffix("."))
    return any(negation in words for negation in NEGATIONS)


def hedges(text: str, certainty: Certainty) -> bool:
    words = re.split(r"[ ,.;:]", text.lower())
    return any(hedge in words for hedge in HEDGES[certainty])


def names_the_place(text: str, item: Finding) -> bool:
    if item.side is None or item.name == "edema":
        return True
    if item.name == "fracture":
        where = rf"({item.side}|\b{item.side[0].upper()}) {item.zone} rib"
        return re.search(where, text, flags=re.I) is not None
    if item.zone is None:
        return re.search(PLACES[item.side], text, flags=re.I) is not None
    initials = f"{item.side[0]}{item.zone[0]}L".upper()
    return f"{item.side} {item.zone} lobe" in text.lower() or initials in text


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 1000))
def test_a_report_names_what_is_there_and_denies_what_is_not(seed: int, patient: int) -> None:
    for case in draw_patient(seed, patient):
        present = {key(item): item for item in case.state.findings}
        for number, section in enumerate(sections(case)):
            for name, pattern in MENTIONS.items():
                about = [t for t in sentences(section) if re.search(pattern, t, flags=re.I)]
                if name not in present:
                    assert all(denies(text) for text in about), (name, section)
                elif number == 0:
                    assert any(names_the_place(text, present[name]) for text in about), section
                else:
                    assert not any(re.match(r"(\d\. )?(no|without)\b", t, re.I) for t in about)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 1000))
def test_a_report_is_as_sure_as_the_truth_says(seed: int, patient: int) -> None:
    for case in draw_patient(seed, patient):
        for item, certainty in zip(case.state.findings, case.dictation.certainty, strict=True):
            said = [
                [t for t in sentences(part) if re.search(MENTIONS[key(item)], t, flags=re.I)]
                for part in sections(case)
            ]
            if certainty == "sure":
                doubt = [hedges(t, "likely") or hedges(t, "possible") for t in said[0]]
                assert not all(doubt), said
            else:
                assert item.size < 0.35
                assert item.name not in {"device", "nodule"}
                for text in itertools.chain.from_iterable(said):
                    assert hedges(text, certainty), text


def test_every_certainty_occurs(cases: list[Case]) -> None:
    counts = Counter(itertools.chain.from_iterable(c.dictation.certainty for c in cases))
    assert set(counts) == set(HEDGES)
    assert counts["sure"] > 5 * (counts["likely"] + counts["possible"])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 1000))
def test_nothing_is_called_normal_that_is_not(seed: int, patient: int) -> None:
    opening = "|".join(CONNECTORS)
    for case in draw_patient(seed, patient):
        names = {item.name for item in case.state.findings}
        labels = "|".join(re.escape(label) for label in AUTHORS[case.author].parts.values())
        plain = {
            re.sub(rf"^(({labels}) )?({opening})?", "", text, flags=re.I).removesuffix(".").lower()
            for text in sentences(body(case))
        }
        for usual in USUAL:
            phrases = usual.words[AUTHORS[case.author].voice]
            told = {sentence(phrase).removesuffix(".").lower() for phrase in phrases} & plain
            assert not (told and usual.unless & names), (told, names)


def test_one_section_or_the_other_is_sometimes_all_there_is(cases: list[Case]) -> None:
    lone = Counter(
        (case.dictation.findings is None, case.dictation.impression is None) for case in cases
    )
    assert lone[True, True] == 0
    assert 0.08 < lone[True, False] / len(cases) < 0.16
    assert 0.03 < lone[False, True] / len(cases) < 0.09


def test_a_report_compares_only_with_what_was_there(cases: list[Case]) -> None:
    changed = Counter[str]()
    for case in cases:
        for item in case.state.findings:
            if case.number == 0:
                assert item.change is None
            if item.change is None or case.dictation.findings is None:
                continue
            table = device_words.CHANGES if item.kind is not None else CHANGES
            words = [*itertools.chain.from_iterable(table[item.change].values())]
            words += itertools.chain.from_iterable(HEALING.values())
            about = [
                text
                for text in sentences(case.dictation.findings)
                if re.search(MENTIONS[key(item)], text, flags=re.I)
            ]
            assert any(word in text for text in about for word in words), about
            changed[item.change] += 1
    assert set(changed) == set(CHANGES)


def test_what_has_gone_is_said_to_be_gone(cases: list[Case]) -> None:
    told = Counter[str]()
    for case in cases:
        for item in case.state.resolved:
            ways = "removed|removal" if item.kind is not None else "resolved|resolution"
            about = [t for t in sentences(sections(case)[0]) if re.search(ways, t, flags=re.I)]
            pattern = MENTIONS[key(item)]
            assert any(re.search(pattern, text, flags=re.I) for text in about), sections(case)
            told[key(item)] += 1
    assert len(told) > 6


def test_reports_repeat_rarely(cases: list[Case]) -> None:
    some = cases[:300]
    assert len({body(case) for case in some}) > 0.95 * len(some)
    normal = [body(case) for case in some if not case.state.findings]
    assert len(normal) > 60
    assert len(set(normal)) > 0.95 * len(normal)


def test_how_long_a_report_is_does_not_tell_what_it_reports(cases: list[Case]) -> None:
    lengths = np.array([len(body(case)) for case in cases])
    shown = [{item.name for item in case.state.findings} for case in cases]
    normal = np.array([not names for names in shown])
    assert 0.42 < area(lengths, normal) < 0.58
    for name in NAMES:
        assert 0.38 < area(lengths, np.array([name in names for names in shown])) < 0.62, name


def area(score: np.ndarray, holds: np.ndarray) -> float:
    """Area under the ROC curve."""
    above = mannwhitneyu(score[holds], score[~holds]).statistic
    return float(above / (holds.sum() * (~holds).sum()))


def test_each_author_has_a_way_of_writing(cases: list[Case]) -> None:
    texts = defaultdict(list)
    for case in cases:
        texts[case.author].append((case, render_text(case)))
    assert set(texts) == set(AUTHORS)
    assert {author.form for author in AUTHORS.values()} == {
        *("headed", "telegraphic", "narrative", "templated")
    }
    for name, written in texts.items():
        for case, text in written:
            assert text.startswith(f"Accession: {case.accession}\n")
            heard = [
                (heading, getattr(case.dictation, section))
                for section, heading in AUTHORS[name].headings.items()
            ]
            places = [
                (text.index(f"\n{heading}"), text.index(section))
                for heading, section in heard
                if section is not None
            ]
            assert [*itertools.chain.from_iterable(places)] == sorted(
                itertools.chain.from_iterable(places)
            )
            assert text.endswith("\n")
    spelled = {author.headings["findings"] for author in AUTHORS.values()}
    assert len(spelled) == len(AUTHORS)


def test_the_film_compared_with_is_the_one_before() -> None:
    compared = 0
    for before, after in itertools.pairwise(itertools.islice(draw_cases(2), 200)):
        said = after.dictation.comparison
        if said is None:
            continue
        same = before.patient == after.patient
        day = before.date.strftime(AUTHORS[after.author].dates)
        assert (day in said) == same, said
        compared += same
    assert compared > 20


def test_two_views_are_not_called_one(cases: list[Case]) -> None:
    for case in cases:
        if case.dictation.technique is not None:
            two = re.search(r"lat|two|2", case.dictation.technique, flags=re.I) is not None
            assert two == (len(case.views) == 2), case.dictation.technique


def test_everything_has_its_words() -> None:
    assert set(REASONS) == {*MENTIONS, "normal"}
    assert set(MENTIONS) == {*NAMES, *DEVICES} - {"device"}
    for table in (device_words.FOUND, device_words.PHRASE, device_words.PLAIN):
        assert set(table) == set(DEVICES)
