"""What workers of a cluster encode is what is encoded here, bit for bit, and nothing is lost."""

import builtins
import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from caselight.config import Config
from caselight.encoding import Job, Worker, met, room
from caselight.engine import Engine, OpenTowers, open_engine
from caselight.errors import ClusterError, ModelError, StoreError
from caselight.models.tower_files import Kind
from tests.homes import archive, door, ingest, train_and_index, trained_copy

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None or importlib.util.find_spec("pandas") is None,
    reason="needs Ray Data: pip install caselight[scale]",
)
pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install caselight[export]")
SMALL = {"image": "toy", "text": "toy", "batch_images": 4, "batch_texts": 4}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A home without features, in batches of 4."""
    home = trained_copy(tmp_path)
    (home / "features.sqlite").unlink()
    with open_engine(
        home,
        config=Config.from_mapping({"towers": SMALL}),
        device=torch.device("cpu"),
        progress=lambda *_: None,
    ) as opened:
        yield opened


def things(engine: Engine) -> tuple[list[str], list[str]]:
    """Digests of all pictures, and all findings."""
    studies = [study for _, study in engine.store.studies()]
    digests = [image.digest for study in studies for image in study.images]
    return digests, [study.sections["findings"] for study in studies]


def job(engine: Engine, kind: Kind, **other: Any) -> Job:
    said = {
        "kind": kind,
        "home": engine.store.home,
        "towers": engine.towers,
        "expected": engine.identity(kind),
        "device": "cpu",
        "n_threads": torch.get_num_threads(),
    }
    return Job(**{**said, **other})


def worked(job: Job, batch: Sequence[str]) -> dict[str, list[Any]]:
    """What a worker gives back for one batch."""
    rows = pa.table({"number": [7], "batch": pa.array([list(batch)], pa.list_(pa.string()))})
    return Worker(job)(rows)


# The seam ------------------------------------------------------------------------------------


def test_batches_that_come_back_in_any_order_fill_the_same_features(engine: Engine) -> None:
    digests, texts = things(engine)

    def backwards(
        by: Engine, kind: Kind, batches: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        for number in reversed(range(len(batches))):
            yield number, by.encode_stored(kind, batches[number], home=by.store.home)

    elsewhere = engine.encoding_by(backwards)
    image, text = elsewhere.image_features(digests), elsewhere.text_features(texts)
    path = engine.store.home / "features.sqlite"
    engine.close()
    path.unlink()
    with open_engine(
        path.parent,
        config=Config.from_mapping({"towers": SMALL}),
        device=torch.device("cpu"),
        progress=lambda *_: None,
    ) as here:
        assert np.array_equal(here.image_features(digests), image)
        assert np.array_equal(here.text_features(texts), text)


def test_what_came_back_is_kept_and_only_the_rest_is_asked_for_in_the_same_batches(
    engine: Engine,
) -> None:
    digests, _ = things(engine)
    asked: list[list[list[str]]] = []

    def dying(
        by: Engine, kind: Kind, batches: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        asked.append([list(batch) for batch in batches])
        for number in (2, 0):
            yield number, by.encode_stored(kind, batches[number], home=by.store.home)
        raise ClusterError("the end", code="cluster.failed")

    with pytest.raises(ClusterError):
        engine.encoding_by(dying).image_features(digests)
    with pytest.raises(ClusterError):
        engine.encoding_by(dying).image_features(digests)
    assert [len(batch) for batch in asked[0][:-1]] == [4] * (len(asked[0]) - 1)
    assert asked[1] == [batch for n, batch in enumerate(asked[0]) if n not in (0, 2)]


# One worker ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image", "text"])
def test_a_worker_makes_the_bits_that_are_made_here(engine: Engine, kind: Kind) -> None:
    batch = things(engine)[kind == "text"][:4]
    said = worked(job(engine, kind), batch)
    here = engine.encode_stored(kind, batch, home=engine.store.home)
    assert said == {"number": [7], "vectors": [here.astype("<f4").tobytes()], "problem": [""]}


def test_a_lost_picture_is_told_as_it_would_be_here(engine: Engine) -> None:
    digests, _ = things(engine)
    engine.store.pixels_path(digests[1]).unlink()
    problem = met(worked(job(engine, "image"), digests[:3])["problem"][0])
    assert isinstance(problem, StoreError)
    with pytest.raises(StoreError) as here:
        engine.read_stored(digests[1])
    assert (problem.code, str(problem)) == (here.value.code, str(here.value))


def test_a_machine_that_does_not_see_the_home_says_so(engine: Engine, tmp_path: Path) -> None:
    digests, _ = things(engine)
    problem = met(worked(job(engine, "image", home=tmp_path / "no"), digests[:1])["problem"][0])
    assert isinstance(problem, ClusterError)
    assert problem.code == "cluster.no_home"


@pytest.mark.parametrize("kind", ["image", "text"])
def test_a_worker_with_another_tower_encodes_nothing(engine: Engine, kind: Kind) -> None:
    other = "text" if kind == "image" else "image"
    wrong = job(engine, kind, expected=engine.identity(other))
    said = worked(wrong, things(engine)[kind == "text"][:1])
    assert said["vectors"] == [b""]
    problem = met(said["problem"][0])
    assert isinstance(problem, ModelError)
    assert problem.code == "model.weights_mismatch"


def test_a_tower_that_does_not_open_is_refused_by_its_name(engine: Engine) -> None:
    wrong = job(engine, "image", towers=engine.towers.model_copy(update={"image": "no-such"}))
    problem = met(worked(wrong, things(engine)[0][:1])["problem"][0])
    assert problem.code == "model.unknown_tower"


def test_whatever_happens_no_word_of_a_report_leaves_a_worker(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(_: OpenTowers, texts: Sequence[str]) -> None:
        raise RuntimeError(f"cannot encode {texts}")

    monkeypatch.setattr(OpenTowers, "encode_texts", burst)
    said = worked(job(engine, "text"), ["Mrs Secretname has an effusion"])
    assert "Secretname" not in repr(said)
    problem = met(said["problem"][0])
    assert problem.code == "cluster.failed"
    assert "RuntimeError" in str(problem)


def node(cores: float, gpus: float = 0, *, alive: bool = True) -> dict[str, Any]:
    return {"Alive": alive, "Resources": {"CPU": cores, "GPU": gpus, "memory": 1e9}}


def test_workers_fit_whole_on_machines_that_live(engine: Engine) -> None:
    two = job(engine, "image", n_threads=2)
    assert room(two, [node(4), node(3), node(1), node(64, alive=False)]) == 3
    assert room(job(engine, "image", n_threads=1, device="cuda"), [node(4, 2), node(4)]) == 2


@pytest.mark.parametrize(
    ("nodes", "device"),
    [([], "cpu"), ([{"Alive": True, "Resources": {}}], "cpu"), ([node(8)], "cuda")],
)
def test_a_cluster_without_room_is_refused_and_does_not_wait(
    engine: Engine, nodes: list[dict[str, Any]], device: str
) -> None:
    with pytest.raises(ClusterError) as caught:
        room(job(engine, "image", n_threads=4, device=device), nodes)
    assert caught.value.code == "cluster.too_small"


def test_without_ray_one_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = trained_copy(tmp_path)
    imported = builtins.__import__

    def without_ray(name: str, *rest: Any) -> ModuleType:
        if name.split(".")[0] == "ray":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    answer = door("index", "build", "--home", home, "--ray", "local")
    assert answer.status == 2
    code, sentence = answer.refusal
    assert code == "usage.missing_extra"
    assert 'pip install "caselight[scale]"' in sentence


# Ray itself ----------------------------------------------------------------------------------

WORD = "Zebrafinch"
"""Stands in every report; whoever finds it in a log has found a patient's words."""


def many_batches(folder: Path) -> Path:
    """A home with a model whose batches are small, without features."""
    source = archive(folder / "archive", n_studies=40)
    records = source / "records.jsonl"
    records.write_text(records.read_text("utf-8").replace("Finding", WORD), "utf-8")
    ingest(source, folder / "home")
    small = (f"--set=towers.{name}=2" for name in ("batch_images", "batch_texts"))
    train_and_index(folder / "home", *small)
    (folder / "home" / "features.sqlite").unlink()
    return folder / "home"


def told(*args: object, ends: int = 0) -> Any:
    """What `ray_encoding.py` printed last."""
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("ray_encoding.py")), *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert ran.returncode == ends, ran.stdout + ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_four_nodes_build_the_index_that_one_process_builds(tmp_path: Path) -> None:
    """With a worker killed in the middle; and a lost picture ends in our own error."""
    said = told("nodes", many_batches(tmp_path), WORD)
    assert said["nodes"] == 4
    assert said["killed"] is True
    assert said["after_a_kill"] == said["here"]
    assert said["lost"] == "store.damaged"
    assert said["logs"] > 10
    assert said["logs_with_the_word"] == []


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_build_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    home = many_batches(tmp_path)
    here = told("here", home)
    assert told("until", home, 3, ends=-signal.SIGKILL) == {"batches": 3, "kept": 6}
    went_on = told("local", home)
    assert went_on["features"] == here["features"]
    assert went_on["digest"] == here["digest"]
    assert went_on["encoded"] == here["encoded"] - 6
