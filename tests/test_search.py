"""An answer is the exact order of the gallery, without what the query itself brings."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from caselight.audit.files import LogFiles
from caselight.audit.log import FOLDER
from caselight.codes import hamming
from caselight.config import Config
from caselight.data.pixels import read_pixels
from caselight.engine import Engine, open_engine
from caselight.errors import QueryRefused
from caselight.index.manifest import IMAGE, OpenIndex, read_index
from caselight.indexing import indexed_model
from caselight.models.dual_encoder import DualEncoder, Modality
from caselight.search import search
from caselight.types import Codes, Hit, Query, SearchResult
from tests.homes import WORDS, done, picture, save, trained, write_records

CPU = torch.device("cpu")
TARGETS = ("study", "image", "report")
GROUPS = ("patient", "study", "image")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An open home with the model of its index."""

    engine: Engine
    model: DualEncoder

    def ask(self, *, settings: Config | None = None, **query: Any) -> SearchResult:
        return search(
            self.engine,
            self.model,
            Query(**query),
            config=settings or Config(),
            clock=time.perf_counter,
        )

    @property
    def index(self) -> OpenIndex:
        return read_index(
            self.engine.store.home,
            store=self.engine.store.generation,
            seal=self.engine.recorder.verifier,
        )

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Embeddings of all items."""
        return self.index.items.vectors(np.arange(len(self.index.items)))

    @property
    def packed(self) -> NDArray[np.uint8]:
        """Codes of all items."""
        return self.index.items.take(np.arange(len(self.index.items))).packed

    def patient(self, study_uid: str) -> str:
        found = {s.study_uid: s.patient_key for _, s in self.engine.store.studies()}
        return found[study_uid]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    model, _ = indexed_model(trained()[1], None, seal=LogFiles(trained()[1] / FOLDER).verifier())
    with open_engine(
        trained()[1], config=model.config, device=CPU, progress=lambda *_: None
    ) as engine:
        yield Desk(engine=engine, model=model)


def shortlist(n: int) -> Config:
    return Config.from_mapping({"search": {"shortlist": n}})


def row_of(desk: Desk, hit: Hit) -> tuple[str, str | None, str]:
    return hit.study_uid, hit.image_uid, hit.matched


def asked(desk: Desk, query: dict[str, Any]) -> tuple[NDArray[np.float32], Modality]:
    if "text" in query:
        return desk.engine.encode_texts([query["text"]]), "text"
    return desk.engine.encode_images([read_pixels(query["image"], max_pixels=10**6)]), "image"


words = st.lists(st.sampled_from([*WORDS, "finding", "opinion", "zone", "7"]), min_size=1).map(
    " ".join
)


@given(words, st.sampled_from(TARGETS), st.sampled_from(GROUPS), st.integers(1, 80))
def test_every_answer_is_ranked_whole_and_in_range(
    desk: Desk, text: str, target: str, group: str, k: int
) -> None:
    result = desk.ask(text=text, target=target, group=group, k=k)
    hits = result.hits
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert len(hits) <= k
    assert all(hit.hamming is not None and 0 <= hit.hamming <= 64 for hit in hits)
    assert all(-1.00001 <= hit.score <= 1.00001 for hit in hits)
    assert all(a.score >= b.score for a, b in itertools.pairwise(hits))
    assert all(hit.confidence is None for hit in hits)
    if target != "study":
        assert {hit.matched for hit in hits} == {target}
    for key, of in (("patient", desk.patient), ("study", str)):
        if group == key:
            groups = [of(hit.study_uid) for hit in hits]
            assert len(groups) == len(set(groups))
    assert (len(hits) < k) == any(f"k is {k}, and the gallery holds" in n for n in result.notes)
    assert result.model == desk.model.fingerprint
    assert result.index == desk.index.manifest.digest


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("asks", ["text", "image"])
def test_with_a_shortlist_of_everything_the_order_is_that_of_the_cosine(
    desk: Desk, target: str, asks: str, tmp_path: Path
) -> None:
    query: dict[str, Any] = {"text": "amber opinion in zone 3"}
    if asks == "image":
        query = {"image": save(tmp_path / "q.png", picture(77))}
    index = desk.index
    features, modality = asked(desk, query)
    cosine = desk.vectors @ desk.model.embed(features, modality).mean[0]
    codes = desk.model.encode_codes(features, modality, 64)
    distance = hamming(codes, Codes(packed=desk.packed, n_bits=64))[0]
    kinds = np.where(index.rows.kind == IMAGE, "image", "report")
    rows = [r for r in np.argsort(-cosine) if target in ("study", kinds[r])]
    studies = dict(desk.engine.store.studies())
    expected, scores, seen = [], [], set()
    for row in rows:
        study = studies[int(index.rows.study[row])]
        image = study.images[int(index.rows.position[row])]
        if (study.study_uid, image.image_uid) not in seen:
            seen.add((study.study_uid, image.image_uid))
            expected.append((study.study_uid, image.image_uid, str(kinds[row]), int(distance[row])))
            scores.append(float(cosine[row]))
    k = len(expected)
    result = desk.ask(**query, target=target, group="image", k=k, settings=shortlist(1000))
    found = [(h.study_uid, h.image_uid, h.matched, h.hamming) for h in result.hits]
    assert found == expected
    assert np.allclose([hit.score for hit in result.hits], scores, atol=1e-6)
    assert result.cost.n_compared == len(rows)


def test_a_short_shortlist_is_the_nearest_codes(desk: Desk) -> None:
    """Three images, each by itself: exactly the three nearest by Hamming, then by cosine."""
    ask = {"text": "birch", "target": "image", "group": "image"}
    everything = desk.ask(**ask, k=500, settings=shortlist(1000)).hits
    cut = sorted(hit.hamming or 0 for hit in everything)[2]
    few = desk.ask(**ask, k=3, settings=shortlist(3)).hits
    assert len(few) == 3
    assert all(hit.hamming is not None and hit.hamming <= cut for hit in few)
    scores = {row_of(desk, hit): hit.score for hit in everything}
    assert all(hit.score == pytest.approx(scores[row_of(desk, hit)], abs=1e-6) for hit in few)


def test_a_short_shortlist_grows_until_there_are_k_groups(desk: Desk) -> None:
    short = desk.ask(text="cedar", k=12, settings=shortlist(1))
    assert len(short.hits) == 12
    assert len({desk.patient(hit.study_uid) for hit in short.hits}) == 12
    assert short.cost.n_compared > len(desk.index.items)


def test_answers_by_image_hold_every_image_once(desk: Desk) -> None:
    images = sum(len(study.images) for _, study in desk.engine.store.studies())
    for target in ("study", "image"):
        hits = desk.ask(text="delta", group="image", target=target, k=1000).hits
        assert len(hits) == images
        assert len({(hit.study_uid, hit.image_uid) for hit in hits}) == images
    texts = desk.ask(text="delta", group="image", target="report", k=1000).hits
    assert len(texts) == len(desk.index.items) - images


def test_an_answer_has_the_words_of_its_study_and_a_thumbnail(desk: Desk) -> None:
    sections = {s.study_uid: s.sections for _, s in desk.engine.store.studies()}
    for hit in desk.ask(text="ember", group="image", k=1000).hits:
        own = sections[hit.study_uid]
        assert hit.text == f"{own['findings']} {own['impression']}"
        assert hit.thumbnail is not None
        with Image.open(hit.thumbnail) as opened:
            opened.load()
        assert "mrn-" not in repr(hit)
        assert own["findings"] not in repr(hit)


# -- the query's own -------------------------------------------------------------------------------

OWN = "s003"
"""A study with one image, of the patient who also has s002."""


def resaved(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    source = trained()[0] / "images" / "003-PA.png"
    with Image.open(source) as opened:
        opened.save(folder / "q.jpg", quality=85)
    return folder / "q.jpg"


def brightened(folder: Path) -> Path:
    pixels = picture(7) // 2 + 60
    return save(folder / "bright.png", pixels.astype(np.uint8))


def copied(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    source = trained()[0] / "images" / "003-PA.png"
    (folder / "copy.png").write_bytes(source.read_bytes())
    return folder / "copy.png"


@pytest.mark.parametrize("make", [copied, resaved, brightened])
def test_the_pictures_own_patient_is_left_out_unless_asked_for(
    desk: Desk, make: Any, tmp_path: Path
) -> None:
    query = make(tmp_path / "q")
    for target, group in itertools.product(TARGETS, GROUPS):
        plain = desk.ask(image=query, target=target, group=group, k=1000)
        assert {hit.study_uid for hit in plain.hits}.isdisjoint({"s002", "s003"})
        assert any("were left out" in note for note in plain.notes)
        kept = desk.ask(image=query, target=target, group=group, k=1000, keep_own=True)
        assert len(kept.hits) > len(plain.hits)
        assert not any("were left out" in note for note in kept.notes)
    assert (found := desk.ask(image=query, target="image", keep_own=True).hits[0])
    if make is copied:
        assert (found.study_uid, found.hamming) == (OWN, 0)
        assert found.score == pytest.approx(1.0, abs=1e-5)


def test_a_picture_from_outside_leaves_nothing_out(desk: Desk, tmp_path: Path) -> None:
    query = save(tmp_path / "q.png", picture(12345))
    one = desk.ask(image=query, k=1000)
    other = desk.ask(image=query, k=1000, keep_own=True)
    assert one.hits == other.hits
    assert not any("left out" in note for note in one.notes)


def test_where_the_own_patient_is_the_whole_gallery_nothing_is_found(desk: Desk) -> None:
    query = trained()[0] / "images" / "003-PA.png"
    result = desk.ask(image=query, filters={"study": OWN}, k=3)
    assert result.hits == ()
    assert any("k is 3, and the gallery holds 0 patients" in note for note in result.notes)


# -- filters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"study": "s003"}, {"s003"}),
        ({"sex": "F", "split": "val"}, {"s012", "s014"}),
        ({"label": "normal", "site": "north"}, {f"s{n:03d}" for n in range(2, 24, 4)}),
        ({"age": "35"}, {"s005"}),
        ({"date": "2024-03"}, {"s002", "s014"}),
    ],
)
@pytest.mark.parametrize("target", TARGETS)
def test_filters_leave_exactly_what_they_say(
    desk: Desk, filters: dict[str, str], expected: set[str], target: str
) -> None:
    result = desk.ask(text="fjord", filters=filters, target=target, group="study", k=100)
    assert {hit.study_uid for hit in result.hits} == expected


def test_a_view_is_of_the_image_that_matched(desk: Desk) -> None:
    hits = desk.ask(text="grove", filters={"view": "LATERAL"}, target="image", k=100).hits
    assert hits
    assert all(str(hit.image_uid).endswith("LATERAL.png") for hit in hits)


def test_a_filter_that_nothing_has_is_an_empty_gallery(desk: Desk) -> None:
    with pytest.raises(QueryRefused) as caught:
        desk.ask(text="heath", filters={"modality": "MR"})
    assert caught.value.code == "query.empty_gallery"


# -- whatever the order of ingest ------------------------------------------------------------------


def test_the_order_of_ingest_decides_nothing(desk: Desk, tmp_path: Path) -> None:
    source, first = trained()
    rows = [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]
    # Stable: the images of a study keep their order, which says which is the first.
    rows.sort(key=lambda row: row["study_id"], reverse=True)
    other = tmp_path / "archive"
    other.mkdir()
    for row in rows:
        target = other / row["image"]
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((source / row["image"]).read_bytes())
    home = tmp_path / "home"
    done("ingest", write_records(other, rows), "--home", home)
    done("index", "build", "--home", home, "--model", first / "trained")
    model, _ = indexed_model(home, None, seal=LogFiles(home / FOLDER).verifier())
    with open_engine(home, config=model.config, device=CPU, progress=lambda *_: None) as engine:
        reverse = Desk(engine=engine, model=model)
        for query in ({"text": "amber zone"}, {"image": source / "images" / "005-PA.png"}):
            mine, theirs = (d.ask(**query, k=1000, group="image") for d in (desk, reverse))
            assert [row_of(desk, h) for h in mine.hits] == [row_of(desk, h) for h in theirs.hits]
            assert [h.hamming for h in mine.hits] == [h.hamming for h in theirs.hits]
