"""What is searched is kept for as long as it is true, and no query longer."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight import gallery as gallery_module
from caselight.data.filters import matches
from caselight.data.store import open_store
from caselight.data.texts import searched_text
from caselight.errors import IndexMismatch, QueryRefused
from caselight.gallery import Gallery
from caselight.home import Home
from caselight.index.lexical import LexicalIndex
from caselight.index.manifest import current_folder
from caselight.index.standing import standing
from caselight.recording import Recorder
from caselight.search import search
from caselight.types import Image, Query, SearchResult, Study
from tests.homes import TOY, archive, done, process, trained, trained_copy

ASKED = Query(text="amber zone", k=100, group="image")


@pytest.fixture(scope="module")
def opened() -> Iterator[Gallery]:
    with open_store(trained()[1]) as store:
        recorder = Recorder(store, actor="test")
        yield gallery_module.OpenGallery(store, seal=lambda: recorder.verifier).now(n_bits=None)


def rows(gallery: Gallery) -> list[tuple[Study, Image | None]]:
    """Study and image of every row, read the slow way."""
    studies = dict(gallery.columns.store.studies())
    found = []
    for study, place in zip(gallery.index.rows.study, gallery.index.rows.position, strict=True):
        own = studies[int(study)]
        found.append((own, own.images[int(place)] if place >= 0 else None))
    return found


# Arrays in place of studies ---------------------------------------------------------------------

FILTERS = {
    "age": ("35", "30s|50s", "..33"),
    "date": ("2024-03", "2024-11..", "2019"),
    "label": ("nodule", "EFFUSION|normal", "mass"),
    "laterality": ("L",),
    "modality": ("dx", "CT"),
    "sex": ("f", "M|O"),
    "site": ("north", "South|east"),
    "split": ("train", "val|test"),
    "study": ("s003", "S003|s010|none"),
    "view": ("PA", "lateral|AP"),
    "window": ("lung",),
}


@given(
    st.dictionaries(st.sampled_from(sorted(FILTERS)), st.integers(0, 3), max_size=3),
    st.sampled_from(("study", "image", "report")),
)
def test_rows_that_are_allowed_are_those_that_match_one_by_one(
    opened: Gallery, drawn: dict[str, int], target: Any
) -> None:
    filters = {key: FILTERS[key][n % len(FILTERS[key])] for key, n in drawn.items()}
    allowed = opened.allowed(Query(text="x", target=target, filters=filters))
    kinds = np.where(opened.index.rows.kind == 0, "image", "report")
    slow = [
        target in ("study", kind) and matches(*one, filters)
        for kind, one in zip(kinds, rows(opened), strict=True)
    ]
    assert allowed.tolist() == slow


@pytest.mark.parametrize("group", ["patient", "study", "image"])
def test_rows_of_one_group_are_those_of_one_patient_study_or_image(
    opened: Gallery, group: Any
) -> None:
    slow = [
        {
            "patient": study.patient_key,
            "study": study.study_uid,
            "image": (study.study_uid, image and image.image_uid),
        }[group]
        for study, image in rows(opened)
    ]
    fast = opened.groups(Query(text="x", group=group)).tolist()
    assert len(set(zip(slow, fast, strict=True))) == len(set(slow)) == len(set(fast))


@pytest.mark.parametrize("words", ["amber opinion", "finding zone 7", "unheard"])
def test_words_are_looked_for_in_the_text_of_each_row(opened: Gallery, words: str) -> None:
    texts = [(study.study_uid, searched_text(study, image)) for study, image in rows(opened)]
    once = sorted(set(texts))
    scores = LexicalIndex([text for _, text in once]).scores(words)
    part = opened.by_words(words)
    assert part.scores.tolist() == [scores[once.index(text)] for text in texts]
    kinds, places = opened.index.rows.kind, opened.index.rows.position
    order = [
        (study.study_uid, kind == 0, place)
        for (study, _), kind, place in zip(rows(opened), kinds, places, strict=True)
    ]
    assert [order[row] for row in np.argsort(part.ties)] == sorted(order)


def test_a_row_without_an_image_has_the_views_of_its_studys_images(opened: Gallery) -> None:
    """No index of today has such a row beside images; the rule of filters holds all the same."""
    position = np.full(len(opened), -1)
    rows_ = replace(opened.index, rows=replace(opened.index.rows, position=position))
    bare = Gallery(index=rows_, columns=replace(opened.columns, rows=rows_.rows, _held={}))
    allowed = bare.allowed(Query(text="x", filters={"view": "lateral"}))
    slow = [matches(study, None, {"view": "lateral"}) for study, _ in rows(bare)]
    assert allowed.tolist() == slow
    assert any(slow)
    assert not all(slow)


def test_a_study_without_rows_cannot_be_named(opened: Gallery) -> None:
    with pytest.raises(QueryRefused) as caught:
        opened.named(["s001", "nobody"])
    assert caught.value.code == "query.no_such_study"
    assert set(opened.named(["s001", "s003"])) == {"s001", "s003"}


# Kept, and not too long -----------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Home]:
    with Home(trained_copy(tmp_path)) as home:
        yield home


def places(result: SearchResult) -> list[tuple[str, str | None, float]]:
    return [(hit.study_uid, hit.image_uid, hit.score) for hit in result.hits]


def test_the_second_query_opens_nothing(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [
        ASKED,
        Query(text="amber", filters={"sex": "F", "view": "PA"}),
        Query(image=trained()[0] / "images" / "003-PA.png"),
        Query(text="amber", by="both"),
        Query(like=("s004",), unlike=("s010",)),
    ]
    first = [places(place.search(query)) for query in queries]

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("was read again")

    monkeypatch.setattr(gallery_module, "read_index", opened)
    for name in ("facts", "image_facts", "studies"):
        monkeypatch.setattr(gallery_module.Store, name, opened)
    assert [places(place.search(query)) for query in queries] == first


def ingest_one(home: Path, folder: Path) -> None:
    source = archive(folder / "more", n_studies=2, seed=7)
    text = (source / "records.jsonl").read_text("utf-8")
    (source / "records.jsonl").write_text(
        text.replace('"s000"', '"new0"').replace('"s001"', '"new1"').replace("mrn-", "new-"),
        "utf-8",
    )
    assert process("ingest", source, "--home", home).status == 0


def test_an_ingest_of_another_process_is_seen_by_the_next_query(
    place: Home, tmp_path: Path
) -> None:
    before = place.search(ASKED)
    ingest_one(place.path, tmp_path)
    with pytest.raises(IndexMismatch) as caught:
        place.search(ASKED)
    assert caught.value.code == "index.stale"
    done("index", "build", "--home", place.path)
    after = place.search(ASKED)
    assert after.index != before.index
    assert {hit.study_uid for hit in after.hits} >= {"new0", "new1"}


def test_an_erasure_of_another_process_is_seen_by_the_next_query(place: Home) -> None:
    asked = Query(text="amber zone", k=100, group="image", by="both", filters={"sex": "F|M"})
    assert "s004" in {hit.study_uid for hit in place.search(asked).hits}
    assert process("erase", "--study", "s004", "--yes", "--home", place.path).status == 0
    left = {hit.study_uid for hit in place.search(asked).hits}
    assert left
    assert {"s004", "s005"}.isdisjoint(left)


def test_another_model_is_seen_by_the_next_query(place: Home, tmp_path: Path) -> None:
    before = place.search(ASKED)
    other = ("--out", tmp_path / "other", *TOY, "--set", "train.seed=9")
    done("train", "--home", place.path, *other)
    answer = process("index", "build", "--home", place.path, "--model", tmp_path / "other")
    assert answer.status == 0, answer.err
    after = place.search(ASKED)
    assert (after.model, after.index) != (before.model, before.index)
    done("index", "build", "--home", place.path)
    assert places(place.search(ASKED)) == places(before)


def test_a_compaction_of_another_process_is_seen_by_the_next_query(place: Home) -> None:
    before = place.search(ASKED)
    engine = place._open_engine(place._asked(None)[1].config)
    kept = engine.gallery.now(n_bits=None)
    assert engine.gallery.now(n_bits=None) is kept
    assert process("index", "compact", "--home", place.path).status == 0
    assert engine.gallery.now(n_bits=None) is not kept
    assert places(place.search(ASKED)) == places(before)


def flipped(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("ending", ["", ".items"])
def test_a_byte_changed_in_place_is_seen_by_the_next_query(place: Home, ending: str) -> None:
    place.search(ASKED)
    (path,) = current_folder(place.path).glob(f"segment-*[0-9]{ending}")
    flipped(path, path.stat().st_size - 3)
    with pytest.raises(IndexMismatch) as caught:
        place.search(ASKED)
    assert caught.value.code == "index.digest_mismatch"


def drop(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("named", "change", "code"),
    [
        ("index/current", drop, "index.missing"),
        ("index/*/manifest", lambda path: flipped(path, 10), "index.digest_mismatch"),
        ("index/*/journal-*.head", drop, "index.digest_mismatch"),
    ],
)
def test_a_file_that_is_lost_or_changed_is_seen_by_the_next_query(
    place: Home, named: str, change: Callable[[Path], None], code: str
) -> None:
    place.search(ASKED)
    (path,) = place.path.glob(named)
    change(path)
    with pytest.raises(IndexMismatch) as caught:
        place.search(ASKED)
    assert caught.value.code == code


def test_a_file_that_goes_while_it_is_looked_at_is_a_change(place: Home) -> None:
    before = standing(place.path)
    assert standing(place.path) == before
    # A name without a file, as between the list of a folder and the look at it.
    (current_folder(place.path) / "segment-000009").symlink_to("nowhere")
    standing(place.path)
    assert place.search(ASKED).hits


def test_an_erasure_in_the_middle_of_a_query_is_no_answer(
    place: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.search(ASKED)
    find = gallery_module.Store.find

    def late(self: gallery_module.Store, found: Any) -> Any:
        with Home(place.path) as other:
            monkeypatch.setattr(gallery_module.Store, "find", find)
            other.erase(study="s004")
        return find(self, found)

    monkeypatch.setattr(gallery_module.Store, "find", late)
    with pytest.raises(IndexMismatch) as caught:
        place.search(ASKED)
    assert caught.value.code == "index.stale"
    assert "s004" not in {hit.study_uid for hit in place.search(ASKED).hits}


def test_a_model_that_is_not_the_indexs_is_refused(place: Home, tmp_path: Path) -> None:
    engine, model = place._asked(None)
    done("train", "--home", place.path, "--out", tmp_path / "x", *TOY, "--set", "train.seed=3")
    done("index", "build", "--home", place.path, "--model", tmp_path / "x")
    with pytest.raises(IndexMismatch) as caught:
        search(engine, model, ASKED, config=place.config, clock=lambda: 0.0)
    assert caught.value.code == "index.encoder_mismatch"
