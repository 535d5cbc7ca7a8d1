"""The ways of asking: words with a picture, studies to be like, words in the reports."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from caselight.audit.files import LogFiles
from caselight.audit.log import FOLDER
from caselight.codes import unpack_signs
from caselight.config import Config
from caselight.data.filters import matches
from caselight.data.pixels import read_pixels
from caselight.data.texts import searched_text
from caselight.engine import open_engine
from caselight.errors import DataError, QueryRefused
from caselight.index.lexical import words_of
from caselight.indexing import indexed_model
from caselight.types import Codes, Study
from caselight.wire import query_json, read_query
from tests.homes import WORDS, picture, save, trained
from tests.test_search import CPU, Desk, shortlist

FUSIONS = ("vectors", "ranks")
ALL = shortlist(1000)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    model, _ = indexed_model(trained()[1], None, seal=LogFiles(trained()[1] / FOLDER).verifier())
    with open_engine(
        trained()[1], config=model.config, device=CPU, progress=lambda *_: None
    ) as engine:
        yield Desk(engine=engine, model=model)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that no patient of the home has."""
    return save(tmp_path_factory.mktemp("film") / "q.png", picture(4242))


def studies(desk: Desk) -> dict[str, Study]:
    return {study.study_uid: study for _, study in desk.engine.store.studies()}


def places(result: Any) -> list[tuple[str, str | None, str]]:
    return [(hit.study_uid, hit.image_uid, hit.matched) for hit in result.hits]


# -- words and a picture ---------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", FUSIONS)
def test_all_the_weight_on_one_part_is_that_part_alone(desk: Desk, film: Path, fusion: str) -> None:
    both = {"text": "amber zone", "image": film, "fusion": fusion, "k": 100, "settings": ALL}
    picture_alone = desk.ask(image=film, k=100, settings=ALL)
    one = desk.ask(**both, image_weight=1.0)
    assert places(one) == places(picture_alone)
    assert [hit.hamming for hit in one.hits] == [hit.hamming for hit in picture_alone.hits]
    words_alone = desk.ask(text="amber zone", k=100, settings=ALL)
    none = desk.ask(**both, image_weight=0.0)
    assert places(none) == places(words_alone)
    assert [hit.score for hit in none.hits] == [hit.score for hit in words_alone.hits]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_an_answer_shows_how_its_parts_went_together(desk: Desk, film: Path, fusion: str) -> None:
    asked = {"target": "image", "group": "image", "k": 100, "settings": ALL}
    result = desk.ask(text="birch", image=film, fusion=fusion, image_weight=0.3, **asked)
    assert (result.query.fusion, result.query.image_weight) == (fusion, 0.3)
    alone = {
        "image": {hit.image_uid: hit.score for hit in desk.ask(image=film, **asked).hits},
        "text": {hit.image_uid: hit.score for hit in desk.ask(text="birch", **asked).hits},
    }
    for hit in result.hits:
        assert set(hit.parts) == set(alone)
        for name, scores in alone.items():
            assert hit.parts[name] == pytest.approx(scores[hit.image_uid], abs=1e-5)
        assert (hit.hamming is None) == (fusion == "ranks")
    scores = [hit.score for hit in result.hits]
    assert scores == sorted(scores, reverse=True)


def test_a_setting_decides_where_the_query_does_not(desk: Desk, film: Path) -> None:
    settings = Config.from_mapping({"search": {"fusion": "ranks", "image_weight": 0.2}})
    result = desk.ask(text="cedar", image=film, settings=settings)
    assert (result.query.fusion, result.query.image_weight) == ("ranks", 0.2)
    said = desk.ask(text="cedar", image=film, settings=settings, fusion="vectors", image_weight=0.0)
    assert (said.query.fusion, said.query.image_weight) == ("vectors", 0.0)
    alone = desk.ask(image=film, settings=settings).query
    assert (alone.fusion, alone.image_weight) == (None, None)


def test_the_pictures_own_patient_is_left_out_of_a_composed_query(desk: Desk) -> None:
    query = trained()[0] / "images" / "003-PA.png"
    found = desk.ask(text="amber", image=query, k=100, group="study").hits
    assert {"s002", "s003"}.isdisjoint(hit.study_uid for hit in found)


# -- studies to be like ----------------------------------------------------------------------------


def test_a_study_asks_with_the_mean_of_its_rows(desk: Desk) -> None:
    index = desk.index
    row = next(row for row, study in desk.engine.store.studies() if study.study_uid == "s004")
    own = np.flatnonzero(index.rows.study == row)
    assert len(own) == 3  # two pictures and a report
    mean = desk.vectors[own].mean(axis=0)
    found = desk.ask(like=("s004",), k=100, group="image", keep_own=True, settings=ALL).hits
    cosine = desk.vectors @ (mean / np.linalg.norm(mean))
    assert found[0].score == pytest.approx(float(cosine.max()), abs=1e-5)
    signs = unpack_signs(Codes(packed=desk.packed, n_bits=64))
    code = np.where(signs[own].sum(axis=0) >= 0, 1, -1)
    differ = {int((signs[r] != code).sum()) for r in range(len(signs))}
    assert {hit.hamming for hit in found} <= differ


def test_studies_that_were_named_are_left_out_unless_they_are_kept(desk: Desk) -> None:
    ask = {"text": "delta", "like": ("s004",), "unlike": ("s010",), "k": 100, "group": "study"}
    found = desk.ask(**ask)
    shown = {hit.study_uid for hit in found.hits}
    assert {"s004", "s005", "s010"}.isdisjoint(shown)  # s005 is the same patient's
    assert "s011" in shown  # and so is this, but nobody asked for more of it
    assert sum("were left out" in note for note in found.notes) == 2
    kept = desk.ask(**ask, keep_own=True)
    assert {"s004", "s005", "s010"} <= {hit.study_uid for hit in kept.hits}
    assert not any("were left out" in note for note in kept.notes)


def test_liking_pulls_a_study_up_and_unliking_pushes_it_down(desk: Desk) -> None:
    def score(**query: Any) -> float:
        hits = desk.ask(
            text="ember", k=100, group="study", keep_own=True, settings=ALL, **query
        ).hits
        return next(hit.score for hit in hits if hit.study_uid == "s007")

    assert score(like=("s007",)) > score() > score(unlike=("s007",))


def test_equal_weights_of_no_size_change_nothing(desk: Desk) -> None:
    settings = Config.from_mapping(
        {"search": {"like_weight": 0, "unlike_weight": 0, "shortlist": 1000}}
    )
    ask = {"text": "fjord", "k": 100, "keep_own": True, "settings": settings}
    plain = desk.ask(**ask)
    assert places(desk.ask(**ask, like=("s001",), unlike=("s002",))) == places(plain)


def test_the_order_and_number_of_names_changes_nothing(desk: Desk) -> None:
    one = desk.ask(like=("s001", "s006"), unlike=("s009",), k=100)
    other = desk.ask(like=("s006", "s001", "s006"), unlike=("s009", "s009"), k=100)
    assert [h.study_uid for h in one.hits] == [h.study_uid for h in other.hits]
    assert other.query.like == ("s006", "s001")


@pytest.mark.parametrize("name", ["s999", "S001", ""])
def test_a_study_that_is_not_there_is_refused(desk: Desk, name: str) -> None:
    for query in ({"like": (name,)}, {"text": "amber", "unlike": (name,)}):
        with pytest.raises(QueryRefused) as caught:
            desk.ask(**query)
        assert caught.value.code == "query.no_such_study"


def test_a_query_without_a_direction_is_refused(desk: Desk) -> None:
    settings = Config.from_mapping({"search": {"like_weight": 0}})
    with pytest.raises(QueryRefused, match="cancel") as caught:
        desk.ask(like=("s001",), settings=settings)
    assert caught.value.code == "query.bad_combination"


def test_a_search_goes_on_from_the_query_of_its_answer(desk: Desk, film: Path) -> None:
    first = desk.ask(text=" grove ", image=film, filters={"sex": "F"}, patient={"age": "63"}, k=3)
    assert first.query.text == "grove"
    written = query_json(first.query)
    assert read_query(written) == first.query
    on = replace(read_query(written), like=(first.hits[0].study_uid,))
    second = desk.ask(**{name: getattr(on, name) for name in on.__dataclass_fields__})
    assert first.hits[0].study_uid not in {hit.study_uid for hit in second.hits}
    assert second.query.like == (first.hits[0].study_uid,)
    assert second.query.patient == {"age": "63"}


def test_the_patient_at_hand_changes_no_hit(desk: Desk) -> None:
    plain = desk.ask(text="heath", k=100)
    said = desk.ask(text="heath", k=100, patient={"age": "30", "sex": "M"})
    assert said.hits == plain.hits


# -- words in the reports --------------------------------------------------------------------------


@given(st.lists(st.sampled_from([*WORDS, "zone", "opinion", "the"]), min_size=1).map(" ".join))
def test_words_find_exactly_the_studies_that_have_any_of_them(desk: Desk, text: str) -> None:
    asked = set(words_of(text))
    found = desk.ask(text=text, by="words", group="study", k=100)
    held = {
        uid
        for uid, study in studies(desk).items()
        if asked & set(words_of(searched_text(study, study.images[0])))
    }
    assert {hit.study_uid for hit in found.hits} == held
    for hit in found.hits:
        assert hit.hamming is None
        assert hit.score > 0
        assert hit.parts == {"words": hit.score}
        assert hit.matched == "report"
        assert asked & set(words_of(hit.text or ""))
    order = [(-hit.score, hit.study_uid) for hit in found.hits]
    assert order == sorted(order)


def test_words_alone_need_no_tower(desk: Desk) -> None:
    with open_engine(
        trained()[1], config=desk.model.config, device=CPU, progress=lambda *_: None
    ) as engine:
        other = Desk(engine=engine, model=desk.model)
        assert other.ask(text="amber", by="words").hits
        assert "text_tower" not in vars(engine)


def test_words_that_nobody_wrote_find_nothing_and_say_so(desk: Desk) -> None:
    found = desk.ask(text="unheard", by="words", k=3)
    assert found.hits == ()
    assert found.notes == ("k is 3, and 0 patients that may answer have any of the words",)


def test_both_is_the_fusion_of_codes_and_words(desk: Desk) -> None:
    ask = {"text": "cedar zone", "k": 100, "group": "study", "settings": ALL}
    codes = {hit.study_uid: hit for hit in desk.ask(**ask).hits}
    words = {hit.study_uid: hit for hit in desk.ask(**ask, by="words").hits}
    both = desk.ask(**ask, by="both")
    assert {hit.study_uid for hit in both.hits} == set(codes) | set(words)
    for hit in both.hits:
        expected = 1 / (60 + codes[hit.study_uid].rank)
        if hit.study_uid in words:
            expected += 1 / (60 + words[hit.study_uid].rank)
        assert hit.score == pytest.approx(expected, abs=1e-9)
        assert hit.parts["codes"] == pytest.approx(codes[hit.study_uid].score, abs=1e-5)
        held = words.get(hit.study_uid)
        assert hit.parts["words"] == (held.score if held else 0.0)
        assert hit.hamming is not None


def test_both_takes_a_picture_and_studies_too(desk: Desk, film: Path) -> None:
    for fusion in FUSIONS:
        found = desk.ask(text="ember", image=film, like=("s003",), by="both", fusion=fusion, k=4)
        names = {"image", "text", "words"} if fusion == "ranks" else {"image", "text", "codes",
                                                                      "words"}  # fmt: skip
        assert all(set(hit.parts) == names for hit in found.hits)
        assert len(found.hits) == 4


# -- laws of every way -----------------------------------------------------------------------------

filters = st.fixed_dictionaries(
    {},
    optional={
        "sex": st.sampled_from(["F", "M", "F|M"]),
        "age": st.sampled_from(["30s", "35..45", "40..", "..33|50.."]),
        "date": st.sampled_from(["2024-03..2024-07", "..2024-06", "2024-05|2024-11"]),
        "view": st.sampled_from(["PA", "LATERAL", "PA|LATERAL"]),
        "label": st.sampled_from(["effusion", "nodule|normal"]),
    },
)


@given(filters, st.sampled_from(["codes", "words", "both"]), st.booleans(),
       st.sampled_from(["patient", "study", "image"]),
       st.sampled_from(["study", "image", "report"]))  # fmt: skip
def test_every_hit_matches_the_filters(
    desk: Desk, held: dict[str, str], by: str, like: bool, group: str, target: str
) -> None:
    more = ("s003",) if like and by != "words" else ()
    known = studies(desk)
    ask = {"text": "amber zone", "by": by, "like": more, "group": group, "target": target}
    if not any(matches(s, i, held) for s in known.values() for i in (*s.images, None)):
        with pytest.raises(QueryRefused) as caught:
            desk.ask(**ask, filters=held)
        assert caught.value.code == "query.empty_gallery"
        return
    found = desk.ask(**ask, filters=held, k=100)
    for hit in found.hits:
        study = known[hit.study_uid]
        image = next(image for image in study.images if image.image_uid == hit.image_uid)
        assert matches(study, image, held)
    assert [hit.rank for hit in found.hits] == list(range(1, len(found.hits) + 1))
    assert all(a.score >= b.score for a, b in itertools.pairwise(found.hits))


# -- DICOM as a query ------------------------------------------------------------------------------


def test_a_query_of_several_frames_is_asked_with_their_mean(desk: Desk) -> None:
    found = get_testdata_file("examples_ybr_color.dcm", download=False)
    assert found is not None, "pydicom ships this file"
    settings = Config.from_mapping({"ingest": {"stack_frames": 4}, "search": {"shortlist": 1000}})
    frames = [read_pixels(Path(found), max_pixels=10**6, frame=frame) for frame in (3, 11, 18, 26)]
    features = desk.engine.encode_images(frames).mean(axis=0, keepdims=True)
    cosine = desk.vectors @ desk.model.embed(features, "image").mean[0]
    hits = desk.ask(image=Path(found), k=1, settings=settings).hits
    assert hits[0].score == pytest.approx(float(cosine.max()), abs=1e-5)


def test_a_folder_is_asked_as_the_pictures_in_it(desk: Desk, film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    with pytest.raises(DataError) as caught:
        desk.ask(image=folder)
    assert caught.value.code == "data.not_found"
    (folder / "a.png").write_bytes(film.read_bytes())
    (folder / "b.png").write_bytes(film.read_bytes())
    assert [h.study_uid for h in desk.ask(image=folder).hits] == [
        h.study_uid for h in desk.ask(image=film).hits
    ]
