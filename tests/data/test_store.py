"""The store keeps what it was given, whole, and says what is wrong with it."""

import errno
import hashlib
import hmac
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PillowImage

from caselight.data.fingerprint import pixel_digest
from caselight.data.pixels import read_pixels
from caselight.data.store import (
    Held,
    NewStudy,
    Store,
    create_store,
    explained,
    open_store,
)
from caselight.errors import StoreError
from caselight.types import Image, Pixels, Rejected, Study

IMAGE = Image(
    image_uid="images/a.png",
    digest="d" * 64,
    dhash="0" * 64,
    caption="Ein Bild: Übersicht",
    view="PA",
    modality="DX",
)
STUDY = Study(
    study_uid="s",
    patient_key="k",
    images=(IMAGE, replace(IMAGE, image_uid="images/b.png", caption=None, view=None)),
    sections={"findings": 'Quote " and \\ and \n line', "impression": "Klar."},
    labels=("effusion", "nodule"),
    date="2024-01-31",
    age=0,
    sex="F",
    site="north",
    split="train",
    own_split=True,
)


def new(
    study: Study = STUDY, *, digest: str = "1", rejected: tuple[Rejected, ...] = ()
) -> NewStudy:
    held = Held(source_digest=digest, archive="here", rejected=rejected)
    return NewStudy(study=study, held=held, content_digest=digest)


def named(uid: str) -> Study:
    return replace(STUDY, study_uid=uid)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with create_store(tmp_path / "home") as opened:
        yield opened


def only(store: Store) -> Study:
    ((_, study),) = store.studies()
    return study


def test_a_study_comes_back_as_it_went_in(store: Store) -> None:
    bare = Study(
        study_uid="bare",
        patient_key="k2",
        images=(),
        sections={},
        labels=(),
        date=None,
        age=None,
        sex=None,
        site=None,
        split="test",
        own_split=False,
    )
    store.put([new(), new(bare)])
    with open_store(store.home) as again:
        assert [study for _, study in again.studies()] == [STUDY, bare]
        assert (len(again), again.count_images()) == (2, 2)


def test_a_study_of_the_same_uid_is_replaced_with_its_images(store: Store) -> None:
    store.put([new()])
    fewer = replace(STUDY, images=(IMAGE,), labels=())
    store.put([new(fewer, digest="2")])
    assert only(store) == fewer
    assert store.count_images() == 1


def test_a_row_is_never_given_out_twice(store: Store) -> None:
    """An old index must not show another study under a row it knows."""
    store.put([new(named("a")), new(named("b"))])
    rows = [row for row, _ in store.studies()]
    store.put([new(named("b"), digest="2")])
    later = {study.study_uid: row for row, study in store.studies()}
    assert later["a"] == rows[0]
    assert later["b"] not in rows


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    store.put([new(named("before"))])
    before = (store.generation, store.digest())
    broken = replace(STUDY, study_uid="b", split=None)  # type: ignore[arg-type]
    with pytest.raises((sqlite3.IntegrityError, StoreError)):
        store.put([new(named("a")), new(broken)])
    assert [study.study_uid for _, study in store.studies()] == ["before"]
    assert (store.generation, store.digest()) == before
    store.put([new(named("after"))])
    assert len(store) == 2


def test_the_generation_changes_with_content_and_only_then(store: Store) -> None:
    first = store.generation
    store.put([])
    list(store.studies())
    store.held(["s"])
    assert store.generation == first
    store.put([new()])
    assert store.generation != first


def test_two_homes_never_share_a_generation(tmp_path: Path, store: Store) -> None:
    with create_store(tmp_path / "other") as other:
        assert other.generation != store.generation


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.permutations(["a", "b", "c", "d"]))
def test_the_digest_does_not_see_the_order(tmp_path: Path, order: list[str]) -> None:
    home = tmp_path / "-".join(order)
    with create_store(home) as store:
        for uid in order:
            store.put([new(named(uid), digest=f"digest of {uid}")])
        found = store.digest()
    with create_store(tmp_path / "sorted") as store:
        store.put([new(named(uid), digest=f"digest of {uid}") for uid in "abcd"])
        assert store.digest() == found


def test_the_digest_sees_every_change(store: Store) -> None:
    seen = {store.digest()}
    for one in (new(), new(digest="2"), new(named("t")), new(named("t"), digest="2")):
        store.put([one])
        seen.add(store.digest())
    assert len(seen) == 5


def test_what_was_refused_is_remembered(store: Store) -> None:
    refused = Rejected(file="x.png", code="data.truncated", reason='it says "no"')
    study = new(rejected=(refused,))
    store.put([study])
    for image in study.study.images:
        store.put_pixels(image.digest, np.zeros((4, 4), np.uint8), thumbnail_px=16)
    held = store.held(["s", "unknown"])
    assert held == {"s": Held(source_digest="1", archive="here", rejected=(refused,))}


def test_a_study_that_lost_a_picture_is_not_what_was_ingested(store: Store) -> None:
    store.put([new()])
    assert store.held(["s"])["s"].source_digest != "1"


# -- patients --------------------------------------------------------------------------------------


def test_a_pseudonym_is_a_keyed_digest(store: Store) -> None:
    key = (store.home / "key").read_bytes()
    assert len(key) == 32
    expected = hmac.new(key, b"patient", hashlib.sha256).hexdigest()[:32]
    assert store.pseudonym("patient") == expected


@given(a=st.text(), b=st.text())
def test_pseudonyms_are_equal_exactly_when_patients_are(
    tmp_path_factory: pytest.TempPathFactory, a: str, b: str
) -> None:
    home = tmp_path_factory.getbasetemp() / "pseudonyms"
    with create_store(home) as store:
        assert (store.pseudonym(a) == store.pseudonym(b)) == (a == b)


# -- pictures --------------------------------------------------------------------------------------

shapes = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9).map(lambda s: (*s, 3)),
)
pictures = st.one_of(
    hnp.arrays(np.uint8, shapes),
    hnp.arrays(np.uint16, shapes),
)


@given(pictures)
def test_any_picture_is_kept_exactly(
    tmp_path_factory: pytest.TempPathFactory, pixels: Pixels
) -> None:
    home = tmp_path_factory.getbasetemp() / "pictures"
    digest = pixel_digest(pixels)
    with create_store(home) as store:
        store.put_pixels(digest, pixels, thumbnail_px=16)
        back = read_pixels(store.pixels_path(digest), max_pixels=10**6)
        assert store.thumbnail_path(digest).is_file()
    assert back.dtype == pixels.dtype
    assert np.array_equal(back, pixels)
    assert pixel_digest(back) == digest


def test_a_picture_that_is_there_is_not_written_again(store: Store) -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    store.put_pixels("ab" * 32, pixels, thumbnail_px=16)
    path = store.pixels_path("ab" * 32)
    before = path.stat()
    store.put_pixels("ab" * 32, pixels, thumbnail_px=16)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_a_picture_that_cannot_be_written_leaves_nothing_behind(store: Store) -> None:
    pixels = np.zeros((3, 4), np.uint8)
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        mock.patch.object(PillowImage.Image, "save", side_effect=full),
        pytest.raises(StoreError, match="disk is full") as caught,
    ):
        store.put_pixels("ab" * 32, pixels, thumbnail_px=16)
    assert caught.value.code == "store.disk_full"
    assert [p for p in (store.home / "pixels").rglob("*") if p.is_file()] == []


# -- what is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (sqlite3.OperationalError("database is locked"), "store.locked"),
        (sqlite3.OperationalError("database or disk is full"), "store.disk_full"),
        (sqlite3.OperationalError("disk I/O error"), "store.damaged"),
        (OSError(errno.ENOSPC, "x"), "store.disk_full"),
        (OSError(errno.EDQUOT, "x"), "store.disk_full"),
        (PermissionError(errno.EACCES, "Permission denied"), "store.damaged"),
        (sqlite3.DatabaseError("database disk image is malformed"), "store.damaged"),
    ],
    ids=str,
)
def test_what_the_system_says_becomes_a_sentence(said: Exception, code: str) -> None:
    with pytest.raises(StoreError) as caught, explained():
        raise said
    assert caught.value.code == code


def test_no_home_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no home; run `caselight ingest") as caught:
        open_store(tmp_path)
    assert caught.value.code == "store.missing"
    assert list(tmp_path.iterdir()) == []


def test_a_newer_store_is_left_alone(store: Store) -> None:
    db = sqlite3.connect(store.home / "store.sqlite")
    db.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    db.commit()
    db.close()
    with pytest.raises(StoreError, match=r"version 99.*upgrade") as caught:
        open_store(store.home)
    assert caught.value.code == "store.newer_version"


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_that_is_no_database_is_told(store: Store, content: bytes) -> None:
    (store.home / "store.sqlite").write_bytes(content)
    with pytest.raises(StoreError, match="cannot be read") as caught:
        open_store(store.home)
    assert caught.value.code == "store.damaged"


def test_a_row_that_is_gone_is_told(store: Store) -> None:
    with pytest.raises(StoreError, match="no study in row 7") as caught:
        store.get(7)
    assert caught.value.code == "store.damaged"


def test_a_key_that_was_emptied_is_told(store: Store) -> None:
    """With an empty key anyone could compute the pseudonyms of known patient ids."""
    (store.home / "key").write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        open_store(store.home)
    assert caught.value.code == "store.damaged"


def test_a_home_made_twice_at_once_is_one_home(tmp_path: Path) -> None:
    """Else the first of two ingests writes into a file that the second has unlinked."""
    for n in range(20):
        home, start = tmp_path / str(n), threading.Barrier(2)
        found: list[str] = []

        def make(home: Path = home, start: threading.Barrier = start) -> None:
            start.wait()
            with create_store(home) as store:
                found.append(f"{store.generation} {store.pseudonym('p')}")  # noqa: B023

        threads = [threading.Thread(target=make) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 2
        assert found[0] == found[1]


def test_an_older_store_is_brought_up_to_date_and_keeps_its_studies(store: Store) -> None:
    store.put([new(named("s1"))])
    before = only(store)
    generation = store.generation
    db = sqlite3.connect(store.home / "store.sqlite")
    for column in ("laterality", "stack", "window"):
        db.execute(f"ALTER TABLE images DROP COLUMN {column}")
    db.execute("DROP TABLE salts")
    db.execute("UPDATE meta SET value = '1' WHERE key = 'version'")
    db.commit()
    db.close()
    for _ in range(2):
        with open_store(store.home) as opened:
            assert only(opened) == before
            assert opened.generation == generation
            assert len(opened.salts([before.patient_key])[before.patient_key]) == 32
