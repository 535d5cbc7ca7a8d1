"""What a home has to learn from: all of the training split, each thing once, and nothing else."""

import dataclasses
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from caselight.data.features import text_key
from caselight.data.feedback import Feedback, FeedbackPair
from caselight.data.findings import read_findings
from caselight.data.store import create_store, open_store
from caselight.data.texts import normalise_text
from caselight.train import collect
from caselight.train.collect import Found, find, read_pairs
from caselight.train.pairs import Pairs
from filled import N_TRAIN, N_VAL, fill_with_company, learned, opened, put_study, report
from trainings import Setting, config

VIEWS = (("train.image_views", 2), ("train.text_views", 3))
USES_COMPANY = (("float_terms.unpaired", 1.0),)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_with_company(tmp_path_factory.mktemp("company") / "home")


def found(home: Path, *settings: Setting) -> Found:
    with opened(home, *settings) as engine:
        return find(engine, config(*settings))


def read(home: Path, *settings: Setting) -> tuple[Pairs, Pairs]:
    with opened(home, *settings) as engine:
        return read_pairs(engine, find(engine, config(*settings)), config(*settings))


def filled(folder: Path, *texts: str, n_val: int = 0) -> Path:
    """A home of one picture for each text, the last `n_val` of them for validation."""
    with create_store(folder / "home") as store:
        for number, text in enumerate(texts):
            split = "val" if number >= len(texts) - n_val else "train"
            put_study(store, number, split=split, sections={"findings": text})
    return folder / "home"


def test_pairs_come_from_their_splits_and_company_from_the_training_split(home: Path) -> None:
    seen = found(home)
    assert {split: len(items) for split, items in seen.pairs.items()} == {
        "train": N_TRAIN,
        "val": N_VAL,
    }
    with open_store(home) as store:
        of = {i.digest: study for _, study in store.studies() for i in study.images}
    for split, items in seen.pairs.items():
        for item in items:
            (digest,) = item.digests
            assert of[digest].split == split
            assert item.texts == (of[digest].sections["findings"],)
            assert (item.patient, item.site) == (of[digest].patient_key, of[digest].site)
    # Two studies of two pictures each, without a word; three reports without a picture.
    assert sorted({of[item.digests[0]].study_uid for item in seen.loose_images}) == [
        "study-040",
        "study-041",
    ]
    assert len(seen.loose_images) == 4
    assert all(item.texts == () for item in seen.loose_images)
    assert [item.texts for item in seen.loose_texts] == sorted((report(n),) for n in (50, 51, 52))
    assert all(item.digests == () for item in seen.loose_texts)
    assert len(seen.everything) == N_TRAIN + N_VAL + 4 + 3


def test_company_can_be_left_out(home: Path) -> None:
    alone = found(home, ("train.unpaired", False))
    assert alone.pairs == found(home).pairs
    assert alone.loose_images == alone.loose_texts == []


def test_so_many_pairs_are_drawn_by_the_seed(home: Path) -> None:
    everything = found(home)
    few, more, other = (
        found(home, ("train.n_pairs", n), ("train.seed", seed))
        for n, seed in ((4, 0), (8, 0), (8, 1))
    )
    for some, n in ((few, 4), (more, 8), (other, 8)):
        assert len(some.pairs["train"]) == n
        # In the order of all, and nothing else is fewer.
        assert some.pairs["train"] == [
            i for i in everything.pairs["train"] if i in some.pairs["train"]
        ]
        assert some.pairs["val"] == everything.pairs["val"]
        assert some.loose_images == everything.loose_images
    # More of them hold the fewer ones, so that a curve over their number is one of additions.
    assert set(few.pairs["train"]) < set(more.pairs["train"])
    assert more.pairs["train"] != other.pairs["train"]
    assert found(home, ("train.n_pairs", 1000)) == everything


def test_filters_hold_for_company_too(tmp_path: Path) -> None:
    with create_store(tmp_path / "home") as store:
        for number in range(4):
            modality = "X-ray" if number % 2 else "CT"
            put_study(store, number, modality=modality)
            put_study(store, 10 + number, modality=modality, sections={})
    seen = found(tmp_path / "home", ("train.filters", {"modality": "CT"}))
    assert len(seen.pairs["train"]) == len(seen.loose_images) == 2


def test_the_order_of_ingest_decides_nothing(tmp_path: Path) -> None:
    texts = [report(n) for n in range(8)]
    homes = []
    for name, order in (("forwards", range(8)), ("backwards", range(7, -1, -1))):
        homes.append(tmp_path / name)
        with create_store(homes[-1]) as store:
            for number in order:
                put_study(store, number, sections={"findings": texts[number]})
                put_study(store, 20 + number, sections={})
                put_study(store, 40 + number, n_images=0)
    settings = (*VIEWS, *USES_COMPANY)
    assert found(homes[0], *settings) == found(homes[1], *settings)
    one, other = (read(home, *settings)[0] for home in homes)
    for a, b in ((one, other), (one.loose, other.loose)):
        for field in dataclasses.fields(a):
            left, right = getattr(a, field.name), getattr(b, field.name)
            if isinstance(left, np.ndarray):
                assert np.array_equal(left, right), field.name


def test_views_are_real_and_the_first_is_the_picture_itself(home: Path) -> None:
    pairs, _ = read(home, *VIEWS, *USES_COMPANY)
    with opened(home) as engine:
        items = found(home).pairs["train"]
        plain = engine.picture_features([item.digests for item in items])
    assert np.array_equal(pairs.image[0], plain)
    for views, n in ((pairs.image, N_TRAIN), (pairs.loose.image, 4)):
        assert views.shape == (3, n, 64)
        for one, other in combinations(views, 2):
            assert (np.abs(one - other).max(axis=1) > 1e-3).all()


def test_renderings_are_other_texts_with_other_features(tmp_path: Path) -> None:
    home = filled(tmp_path, *(report(n) for n in range(4)))
    towers = ("towers.text", "minilm-l6")
    for item in found(home, *VIEWS).pairs["train"]:
        assert item.texts[0] in {report(n) for n in range(4)}
        assert len(item.texts) == 4
        assert len({normalise_text(text) for text in item.texts}) == 4
    pairs, _ = read(home, *VIEWS, towers)
    assert pairs.text.shape[:2] == (4, 4)
    for one, other in combinations(pairs.text, 2):
        assert (np.abs(one - other).max(axis=1) > 1e-3).all()


def test_a_text_that_cannot_be_said_otherwise_stands_for_itself(tmp_path: Path) -> None:
    home = filled(tmp_path, "Lungs", report(1), report(2))
    items = found(home, *VIEWS).pairs["train"]
    assert ("Lungs",) in [item.texts for item in items]
    pairs, _ = read(home, *VIEWS)
    row = [item.texts for item in items].index(("Lungs",))
    assert all(np.array_equal(pairs.text[0, row], view[row]) for view in pairs.text)


def test_more_views_leave_the_ones_there_are(home: Path) -> None:
    few, many = (read(home, ("train.image_views", n))[0].image for n in (1, 3))
    assert np.array_equal(few, many[:2])


def test_the_strength_and_the_seed_decide_the_views(home: Path) -> None:
    strong, mild, none = (
        read(home, ("train.image_views", 1), ("train.view_strength", s))[0].image
        for s in (1.0, 0.3, 0.0)
    )
    assert not np.array_equal(strong[1], mild[1])
    # By nothing at all is as far as a view of no strength differs.
    assert np.allclose(none[1], none[0], atol=1e-5)
    one, other = (found(home, *VIEWS, ("train.seed", seed)) for seed in (0, 1))
    assert [i.texts[0] for i in one.pairs["train"]] == [i.texts[0] for i in other.pairs["train"]]
    assert one.pairs["train"] != other.pairs["train"]


def test_validation_is_seen_plainly(home: Path) -> None:
    settings = (*VIEWS, *USES_COMPANY, ("loss.findings", 0.5))
    _, val = read(home, *settings)
    assert (val.image.shape, val.text.shape) == ((1, N_VAL, 64), (1, N_VAL, 64))
    assert val.loose.image.shape[1] == val.loose.text.shape[1] == 0
    with opened(home) as engine:
        items = found(home).pairs["val"]
        assert np.array_equal(val.image[0], engine.picture_features([i.digests for i in items]))


def test_company_is_encoded_only_where_a_term_uses_it(home: Path) -> None:
    idle, _ = read(home)
    assert idle.loose.image.shape[1] == idle.loose.text.shape[1] == 0
    for key in ("intra_image", "intra_text", "unpaired"):
        used, _ = read(home, (f"float_terms.{key}", 1.0))
        assert (used.loose.image.shape[1], used.loose.text.shape[1]) == (4, 3)
    refused, _ = read(home, *USES_COMPANY, ("train.unpaired", False))
    assert refused.loose.image.shape[1] == 0


def test_what_texts_and_labels_say_of_findings_is_read(home: Path) -> None:
    pairs, _ = read(home, *USES_COMPANY, ("loss.findings", 1.0))
    assert pairs.said is not None
    assert pairs.said.shape[1] == pairs.loose.image_said.shape[1] == pairs.loose.text_said.shape[1]
    for item, row in zip(found(home).pairs["train"], pairs.said, strict=True):
        told = read_findings(item.texts[0])
        polarity = {f.name: f.polarity for f in told}
        sided = [f for f in told if f.side is not None and f.polarity != "uncertain"]
        assert (row > 0).sum() >= sum(p == "present" for p in polarity.values())
        assert np.count_nonzero(row) == sum(p != "uncertain" for p in polarity.values()) + len(
            {(f.name, f.side) for f in sided}
        )
    # Every loose picture is labelled with an effusion, which some of the loose texts name too.
    column = np.flatnonzero(pairs.loose.image_said[0])
    assert (pairs.loose.image_said[:, column] == 1).all()
    assert set(np.unique(pairs.said)) == {-1.0, 0.0, 1.0}


def test_findings_are_read_only_where_they_count(home: Path) -> None:
    assert read(home)[0].said is None
    unpaired, _ = read(home, *USES_COMPANY)
    assert unpaired.said is None
    assert unpaired.loose.image_said.shape[1] > 0


def test_texts_that_are_equal_when_case_and_space_are_folded_share_a_number(
    tmp_path: Path,
) -> None:
    home = filled(tmp_path, "The heart is large.", "the heart  is LARGE.", "No effusion.")
    pairs, _ = read(home)
    items = found(home).pairs["train"]
    same = [normalise_text(item.texts[0]) for item in items]
    expected = [[a == b for b in same] for a in same]
    assert (pairs.text_id[:, None] == pairs.text_id[None, :]).tolist() == expected
    assert len(set(same)) == 2


def test_near_equal_texts_share_a_number_where_asked(tmp_path: Path) -> None:
    words = "The heart is enlarged and there is a right pleural effusion with atelectasis"
    home = filled(
        tmp_path,
        f"{words} today.",
        f"{words} again today.",
        "No pneumothorax is seen.",
        f"{words} today but no pneumothorax.",
    )
    apart, near = (read(home, ("loss.near_equal", on))[0].text_id for on in (False, True))
    assert len(set(apart.tolist())) == 4
    assert len(set(near.tolist())) == 3
    row = {item.texts[0]: n for n, item in enumerate(found(home).pairs["train"])}
    assert near[row[f"{words} today."]] == near[row[f"{words} again today."]]


def test_what_is_near_one_is_near_all_that_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = filled(tmp_path, "a b c", "a b c", *(report(n) for n in range(4)))
    asked: list[list[str]] = []

    def near(texts: list[str], features: np.ndarray, **_: float) -> list[tuple[int, int]]:
        assert len(texts) == len(features)
        asked.append(list(texts))
        return [(0, 1), (1, 3)]

    monkeypatch.setattr(collect, "near_equal", near)
    ids = read(home, ("loss.near_equal", True))[0].text_id
    (texts,) = asked
    # Each text is asked about once.
    assert len(texts) == len(set(texts)) == 5
    number = {
        item.texts[0]: int(n) for item, n in zip(found(home).pairs["train"], ids, strict=True)
    }
    assert number[texts[0]] == number[texts[1]] == number[texts[3]]
    assert len({number[texts[0]], number[texts[2]], number[texts[4]]}) == 3


def test_patients_and_sites_are_numbered(home: Path) -> None:
    pairs, _ = read(home)
    items = found(home).pairs["train"]
    for numbers, keys in (
        (pairs.patient, [item.patient for item in items]),
        (pairs.site, [item.site for item in items]),
    ):
        assert numbers is not None
        assert [[a == b for b in numbers] for a in numbers] == [
            [a == b for b in keys] for a in keys
        ]
    assert pairs.site is not None
    assert set(pairs.site.tolist()) == {0, 1}


def test_a_home_without_pairs_gives_none(tmp_path: Path) -> None:
    with create_store(tmp_path / "home") as store:
        put_study(store, 1, sections={})
    pairs, val = read(tmp_path / "home", *VIEWS)
    assert (len(pairs), len(val)) == (0, 0)
    assert pairs.image.shape == (3, 0, 64)


@pytest.mark.parametrize(
    ("setting", "beside"),
    [
        (("train.image_views", 2), ()),
        (("train.view_strength", 0.3), (("train.image_views", 2),)),
        (("train.text_views", 3), ()),
        (("train.n_pairs", 8), ()),
        (("loss.near_equal", True), ()),
        (("train.unpaired", False), (("float_terms.unpaired", 1.0),)),
    ],
)
def test_settings_of_what_is_read_decide_the_model(
    home: Path,
    tmp_path: Path,
    setting: Setting,
    beside: tuple[Setting, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("caselight.train.run.write_curves", lambda *_: None)
    weights = []
    for number, settings in enumerate((beside, (*beside, setting))):
        weights.append(learned(home, tmp_path / str(number), *settings).fingerprint)
    assert weights[0] != weights[1]


# Feedback -----------------------------------------------------------------------------------

ASKED = "kumquat in the left lower lobe"


def judged(
    study: int, *, text: str = ASKED, relevant: bool = True, id_: str = "7-1"
) -> FeedbackPair:
    uid = f"study-{study:03d}"
    said = Feedback(
        id=id_,
        record=1,
        study_uid=uid,
        patient_key=f"key-{study // 2}",
        named=(),
        relevant=relevant,
        source="person",
        by="Ann",
        given="2026-01-02T03:04:05Z",
    )
    return FeedbackPair(text=text, study_uid=uid, relevant=relevant, feedback=said)


def test_feedback_becomes_pairs_of_the_training_split_beside_its_own(tmp_path: Path) -> None:
    with create_store(tmp_path / "home") as store:
        two = put_study(store, 0, n_images=2)
        for number in (1, 2):
            put_study(store, number)
        bare = put_study(store, 3, sections={})
        put_study(store, 4, split="val")
        put_study(store, 5, split="test")
    feedback = [
        judged(0),
        judged(0, id_="8-1"),
        judged(1, relevant=False),
        judged(3, text="other words"),
        *(judged(n) for n in (4, 5, 99)),
    ]
    settings = (("train.text_views", 2), ("train.image_views", 1))
    with opened(tmp_path / "home", *settings) as engine:
        plain = find(engine, config(*settings))
        seen = find(engine, config(*settings), feedback=feedback)
        added = [item for item in seen.pairs["train"] if item not in plain.pairs["train"]]
        assert len(seen.pairs["train"]) == len(plain.pairs["train"]) + len(added)
        assert seen.pairs["val"] == plain.pairs["val"]
        assert seen.loose_images == plain.loose_images
        assert {(item.digests, item.texts, item.feedback) for item in added} == {
            *(((image.digest,), (ASKED,), ("7-1", "8-1")) for image in two.images),
            ((bare.images[0].digest,), ("other words",), ("7-1",)),
        }
        pairs, val = read_pairs(engine, seen, config(*settings))
        before, old_val = read_pairs(engine, plain, config(*settings))
        assert np.array_equal(val.text, old_val.text)
        assert pairs.text.shape[0] == before.text.shape[0] == 3
        rows = [seen.pairs["train"].index(item) for item in added]
        for row, item in zip(rows, added, strict=True):
            own = engine.encode_texts(list(item.texts))[0]
            assert np.allclose(pairs.text[:, row], own, atol=1e-6), "in every rendering the words"
        rest = [row for row in range(len(pairs)) if row not in rows]
        assert np.array_equal(pairs.text[:, rest], before.text)
        assert np.array_equal(pairs.image[:, rest], before.image)
        cached = engine._cache.get(
            f"text:{engine.identity('text').digest}:{engine.identity('text').input_digest}",
            [text_key(ASKED)],
        )
        assert cached == {}, "words of queries are in no cache"


def test_feedback_is_under_the_same_filters_and_the_same_draw(home: Path) -> None:
    with opened(home) as engine:
        feedback = [judged(n) for n in range(60)]
        everything = find(engine, config(), feedback=feedback).pairs["train"]
        few = find(engine, config(("train.n_pairs", 5)), feedback=feedback).pairs["train"]
        none = find(engine, config(("train.filters", {"modality": "MR"})), feedback=feedback)
    assert any(item.feedback for item in everything)
    assert len(few) == 5
    assert set(few) <= set(everything)
    assert none.pairs["train"] == []
