"""A real ingest and a real training, killed at random moments: nothing is lost, nothing is half."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from caselight.data.fingerprint import pixel_digest
from caselight.data.pixels import read_pixels
from caselight.data.store import open_store
from caselight.train import loop
from caselight.train.partial import write_partial
from tests.homes import TOY_TOWERS, archive, done, process, script

N_STUDIES = 60
SIDE = 204
"""Pixels along each side: a multiple of 17."""
INGEST = ("--set", "ingest.batch_studies=2")
TRAIN = (
    *TOY_TOWERS,
    *("--set", "train.epochs=200"),
    *("--set", "train.hash_epochs=200"),
    *("--set", "model.bits=[32,64]"),
)


@dataclass(frozen=True, kw_only=True)
class Uninterrupted:
    """What a run that nobody disturbed made, and how long it took."""

    source: Path
    home: Path
    seconds: float
    digest: str


def killed(*args: object, after: float) -> bool:
    """Start a command and kill it after some seconds; whether it was still running then."""
    running = subprocess.Popen(
        [script(), *map(str, args)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        running.wait(timeout=after)
    except subprocess.TimeoutExpired:
        # The whole group, so that no worker outlives its parent.
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert running.returncode in (0, -signal.SIGKILL)
    return running.returncode != 0


def moments(n: int, *, seed: int, seconds: float) -> Iterator[float]:
    """Random moments of a run, one in each n-th of its duration, in random order."""
    rng = np.random.default_rng(seed)
    for place in rng.permutation(n):
        yield float(seconds * (place + rng.uniform()) / n)


def whole(home: Path, source: Path) -> int:
    """Check that a home opens, and that all it holds is whole; count its studies."""
    if not (home / "store.sqlite").exists():
        return 0
    rows = [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]
    expected: dict[str, list[str]] = {}
    for row in rows:
        expected.setdefault(row["study_id"], []).append(row["image"])
    with open_store(home) as store:
        for _, study in store.studies():
            assert [image.image_uid for image in study.images] == expected[study.study_uid]
            assert study.sections.keys() == {"findings", "impression", "indication"}
            for image in study.images:
                pixels = read_pixels(store.pixels_path(image.digest), max_pixels=10**7)
                assert pixel_digest(pixels) == image.digest
                assert store.thumbnail_path(image.digest).is_file()
        # Also what no study names yet: a picture under its own name is complete.
        for path in (home / "pixels").rglob("*.png"):
            if not path.name.startswith("."):
                assert pixel_digest(read_pixels(path, max_pixels=10**7)) == path.stem
        return len(store)


def digest(home: Path) -> str:
    with open_store(home) as store:
        return store.digest()


def fingerprint(model: Path) -> str:
    return str(json.loads((model / "run.json").read_text("utf-8"))["fingerprint"])


def fresh(folder: Path, of: Uninterrupted) -> Path:
    """An empty home with the same key, since a digest hangs on its pseudonyms."""
    folder.mkdir()
    (folder / "key").write_bytes((of.home / "key").read_bytes())
    return folder


# -- ingest ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    folder = tmp_path_factory.mktemp("killed-ingest")
    source = archive(folder / "archive", n_studies=N_STUDIES, side=SIDE)
    home = folder / "home"
    start = time.monotonic()
    assert process("ingest", source, "--home", home, *INGEST).status == 0
    seconds = time.monotonic() - start
    return Uninterrupted(source=source, home=home, seconds=seconds, digest=digest(home))


def kill_ingests(n: int, undisturbed: Uninterrupted, folder: Path, *, seed: int) -> None:
    """Kill n ingests; each goes on in the home the last one left, until one has ended by itself."""
    source, n_homes, held = undisturbed.source, 0, 0
    home = fresh(folder / "home-0", undisturbed)
    counts = []
    for moment in moments(n, seed=seed, seconds=undisturbed.seconds):
        after = moment
        while not killed("ingest", source, "--home", home, *INGEST, after=after):
            assert digest(home) == undisturbed.digest
            after, n_homes, held = 0.9 * after, n_homes + 1, 0
            home = fresh(folder / f"home-{n_homes}", undisturbed)
        before, held = held, whole(home, source)
        assert held >= before
        counts.append(held)
    assert process("ingest", source, "--home", home, *INGEST).status == 0
    assert whole(home, source) == N_STUDIES
    assert digest(home) == undisturbed.digest
    receipt = done("ingest", source, "--home", home, "--json").json
    assert (receipt["unchanged"], receipt["accepted"]) == (N_STUDIES, 0)
    if n >= 20:
        assert any(0 < held < N_STUDIES for held in counts), "no kill fell into the work itself"


def test_an_ingest_killed_three_times_ends_as_if_it_had_not_been(
    ingested: Uninterrupted, tmp_path: Path
) -> None:
    kill_ingests(3, ingested, tmp_path, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_ingest_killed_twenty_times_ends_as_if_it_had_not_been(
    ingested: Uninterrupted, tmp_path: Path
) -> None:
    kill_ingests(20, ingested, tmp_path, seed=20)


# -- training --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learnt(ingested: Uninterrupted, tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    """A training that nobody disturbed, in the home of the ingest."""
    out = tmp_path_factory.mktemp("killed-training") / "model"
    start = time.monotonic()
    answer = process("train", "--home", ingested.home, "--out", out, *TRAIN)
    assert answer.status == 0, answer.err
    seconds = time.monotonic() - start
    return Uninterrupted(
        source=ingested.source, home=ingested.home, seconds=seconds, digest=fingerprint(out)
    )


def kill_trainings(n: int, undisturbed: Uninterrupted, folder: Path, *, seed: int) -> None:
    """Kill n trainings; each goes on where the last one stopped, until one has ended by itself."""
    home, n_models, n_resumed = undisturbed.home, 0, 0
    before = digest(home)
    out = folder / "model-0"
    for moment in moments(n, seed=seed, seconds=undisturbed.seconds):
        after = moment
        while not killed("train", "--home", home, "--out", out, *TRAIN, after=after):
            assert fingerprint(out) == undisturbed.digest
            after, n_models = 0.9 * after, n_models + 1
            out = folder / f"model-{n_models}"
        n_resumed += (out / "unfinished.safetensors").is_file()
        assert digest(home) == before
        if (out / "model.safetensors").exists():
            # Written in one step: what is there is the whole model.
            done("index", "build", "--home", home, "--model", out)
    answer = process("train", "--home", home, "--out", out, *TRAIN)
    assert answer.status == 0, answer.err
    assert fingerprint(out) == undisturbed.digest
    assert not (out / "unfinished.safetensors").exists()
    if n >= 20:
        assert n_resumed, "no kill fell into the training itself"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_training_killed_twenty_times_ends_as_if_it_had_not_been(
    learnt: Uninterrupted, tmp_path: Path
) -> None:
    kill_trainings(20, learnt, tmp_path, seed=21)


def test_a_training_killed_between_two_epochs_goes_on(tmp_path: Path) -> None:
    """In this process, and quick: stopped after an epoch, it ends as the whole one does."""
    source = archive(tmp_path / "archive", n_studies=12)
    home = tmp_path / "home"
    done("ingest", source, "--home", home)
    few = (*TRAIN, "--set", "train.epochs=7", "--set", "train.settle_epochs=0")
    few = (*few, "--set", "train.hash_epochs=7")
    done("train", "--home", home, "--out", tmp_path / "whole", *few)
    original, calls = write_partial, 0

    class Killed(BaseException):
        """Stands in for SIGKILL right after a partial checkpoint was written."""

    def write_and_die(*args: object, **kwargs: object) -> None:
        nonlocal calls
        original(*args, **kwargs)  # type: ignore[arg-type]
        calls += 1
        raise Killed

    out = tmp_path / "out"
    n_killed = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "write_partial", write_and_die)
        while n_killed < 10:
            try:
                done("train", "--home", home, "--out", out, *few)
                break
            except Killed:
                n_killed += 1
    assert n_killed == calls == 4
    assert fingerprint(out) == fingerprint(tmp_path / "whole")
