"""Homes that are none, or no longer whole: told in one sentence, and left as they are."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.refusals import BUILD, TRAIN, WORDS, named, refused
from tests.data import broken
from tests.homes import contents, done, door, trained, trained_copy, write_records

# -- homes -----------------------------------------------------------------------------------------

EVERY = [WORDS, TRAIN, BUILD, ("evaluate", "--home", "HOME", "--model", "NEAR/model")]


def beside(folder: Path) -> None:
    shutil.copytree(trained()[1] / "trained", folder / "model")


@pytest.mark.parametrize("args", EVERY)
@pytest.mark.parametrize("kind", ["missing", "a file", "an empty folder"])
def test_a_home_that_is_none_says_how_to_make_one(
    args: tuple[str, ...], kind: str, tmp_path: Path
) -> None:
    beside(tmp_path)
    home = tmp_path / "home"
    if kind == "a file":
        home.write_text("no home")
    elif kind == "an empty folder":
        home.mkdir()
    before = contents(tmp_path)
    answer = door(*named(args, home))
    refused(answer, code="store.missing", status=1, says="run `caselight ingest PATH --home")
    assert contents(tmp_path) == before


def test_a_home_that_is_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no home")
    answer = door("ingest", trained()[0], "--home", tmp_path / "home")
    refused(answer, code="store.damaged", status=1, says="check the folder and its permissions")
    assert (tmp_path / "home").read_text() == "no home"


def test_a_home_without_studies_has_an_empty_gallery(tmp_path: Path) -> None:
    beside(tmp_path)
    home = tmp_path / "home"
    broken.truncated_png(tmp_path / "archive")
    write_records(tmp_path / "archive", [{"image": "truncated.png", "study_id": "s"}])
    assert door("ingest", tmp_path / "archive", "--home", home).status == 1
    refused(
        door("search", "amber", "--home", home), code="index.missing", status=1, says="index build"
    )
    done("index", "build", "--home", home, "--model", tmp_path / "model")
    answer = door("search", "amber", "--home", home)
    refused(answer, code="query.empty_gallery", status=1, says="ingest studies")
    answer = door(*named(TRAIN, home))
    refused(answer, code="train.too_few_pairs", status=1, says="found 0 images")
    answer = door(*named(EVERY[-1], home))
    refused(answer, code="evaluate.no_such_split", status=1, says="found no images")


def test_a_home_without_an_index_says_how_to_build_one(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    shutil.rmtree(home / "index")
    answer = door("search", "amber", "--home", home)
    refused(answer, code="index.missing", status=1, says=f"caselight index build --home {home}")


def garbage_store(home: Path) -> None:
    (home / "store.sqlite").write_bytes(b"garbage " * 1000)


def half_a_store(home: Path) -> None:
    data = (home / "store.sqlite").read_bytes()
    (home / "store.sqlite").write_bytes(data[: len(data) // 2])


def empty_store(home: Path) -> None:
    (home / "store.sqlite").write_bytes(b"")


def store_with_a_broken_end(home: Path) -> None:
    """The pages that are read on opening are whole, the studies are not."""
    data = (home / "store.sqlite").read_bytes()
    (home / "store.sqlite").write_bytes(data[:12288] + b"\xff" * (len(data) - 12288))


def garbage_features(home: Path) -> None:
    (home / "features.sqlite").write_bytes(b"garbage " * 1000)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))


def segment(home: Path) -> Path:
    """The file with the codes and embeddings of the index."""
    return next(path for path in home.glob("index/*/segment-*") if path.suffix != ".items")


def flipped_index(home: Path) -> None:
    flip(segment(home))


def cut_index(home: Path) -> None:
    path = segment(home)
    path.write_bytes(path.read_bytes()[:100])


def index_without_arrays(home: Path) -> None:
    segment(home).unlink()


def broken_manifest(home: Path) -> None:
    next(home.glob("index/*/manifest")).write_text('{"model": ')


def _with_manifest(home: Path, **changed: Any) -> None:
    path = next(home.glob("index/*/manifest"))
    body, signature = path.read_text("utf-8").split("\n\n")
    path.write_text(f"{json.dumps({**json.loads(body), **changed})}\n\n{signature}", "utf-8")


def manifest_of_other_bits(home: Path) -> None:
    _with_manifest(home, n_bits=32)


def manifest_with_another_key(home: Path) -> None:
    _with_manifest(home, colour="red")


def pointer_to_nothing(home: Path) -> None:
    (home / "index" / "current").write_text("nothing")


def pointer_of_bytes(home: Path) -> None:
    (home / "index" / "current").write_bytes(b"\xff\xfe\x00")


def flipped_model(home: Path) -> None:
    flip(next(home.glob("models/*/model.safetensors")))


def garbage_model(home: Path) -> None:
    next(home.glob("models/*/model.safetensors")).write_bytes(b"garbage")


def lost_model(home: Path) -> None:
    next(home.glob("models/*/model.safetensors")).unlink()


def lost_pictures(home: Path) -> None:
    shutil.rmtree(home / "pixels")
    (home / "features.sqlite").unlink()


STORES = [
    (garbage_store, "store.damaged"),
    (half_a_store, "store.damaged"),
    (empty_store, "store.damaged"),
    (store_with_a_broken_end, "store.damaged"),
]


@pytest.mark.parametrize(("damage", "code"), STORES)
@pytest.mark.parametrize("args", [*EVERY, ("ingest", "ARCHIVE", "--home", "HOME")])
def test_a_damaged_store_is_told_and_left_as_it_is(
    damage: Callable[[Path], None], code: str, args: tuple[str, ...], tmp_path: Path
) -> None:
    beside(tmp_path)
    home = trained_copy(tmp_path)
    damage(home)
    before = contents(home, without=["features.sqlite"])
    args = tuple(str(trained()[0]) if arg == "ARCHIVE" else arg for arg in args)
    refused(door(*named(args, home)), code=code, status=1, says="")
    assert contents(home, without=["features.sqlite"]) == before


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (flipped_index, "index.digest_mismatch"),
        (cut_index, "index.digest_mismatch"),
        (index_without_arrays, "index.digest_mismatch"),
        (broken_manifest, "index.digest_mismatch"),
        (manifest_with_another_key, "index.digest_mismatch"),
        (pointer_to_nothing, "index.digest_mismatch"),
        (manifest_of_other_bits, "index.digest_mismatch"),
        (pointer_of_bytes, "index.digest_mismatch"),
        (flipped_model, "model.weights_mismatch"),
        (garbage_model, "model.weights_mismatch"),
        (lost_model, "model.not_found"),
        (garbage_features, "store.damaged"),
    ],
)
def test_a_damaged_index_is_told_and_a_new_one_mends_it(
    damage: Callable[[Path], None], code: str, tmp_path: Path
) -> None:
    home = trained_copy(tmp_path)
    damage(home)
    before = contents(home)
    refused(door("search", "amber", "--home", home), code=code, status=1, says="")
    assert contents(home) == before
    if code.startswith("index"):
        done("index", "build", "--home", home)
        done("search", "amber", "--home", home)


@pytest.mark.parametrize(
    "damage",
    [
        lost_model,
        flipped_model,
    ],
)
def test_a_damaged_model_is_mended_by_building_the_index(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    home = trained_copy(tmp_path)
    damage(home)
    done("index", "build", "--home", home)
    done("search", "amber", "--home", home)


def test_pictures_that_are_lost_are_told(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    lost_pictures(home)
    answer = door(*named(BUILD, home), "--fresh")
    refused(answer, code="store.damaged", status=1, says="ingest the archive again")


def test_the_advice_about_lost_pictures_helps(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    lost_pictures(home)
    done("ingest", trained()[0], "--home", home)
    done("index", "build", "--home", home)
