"""An erasure and what is made of patients keep out of each other's way, whatever dies."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from caselight.config import Config
from caselight.data.in_use import FOLDER, alone, using
from caselight.data.store import open_store
from caselight.errors import StoreError
from caselight.home import Home
from tests.homes import TOY_TOWERS, contents, done, door, trained_copy
from tests.test_home import SETTINGS

UID = "s004"

TRAINS = f"""
import sys, time
from caselight import Config, Home
def wait(_):
    print("at work", flush=True)
    time.sleep(60)
with Home(sys.argv[1], config=Config.from_mapping({SETTINGS!r})) as home:
    home.train(sys.argv[1] + "/other", on_epoch=wait)
"""
ERASES = f"""
import sys, time
from caselight import Home, erasing
def wait(*args, **more):
    print("at work", flush=True)
    time.sleep(60)
erasing.drop_studies = wait
Home(sys.argv[1]).erase(study={UID!r})
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return trained_copy(tmp_path)


@contextlib.contextmanager
def another(code: str, home: Path) -> Iterator[int]:
    """Another process in the midst of its work, killed at the end."""
    running = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "at work\n"
        yield running.pid
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.communicate()


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        act()
    assert caught.value.code == "store.in_use"
    return str(caught.value)


def test_an_erasure_names_the_training_in_its_way_and_changes_nothing(home: Path) -> None:
    with another(TRAINS, home) as process:
        before = contents(home / "index"), contents(home / "pixels")
        answer = door("erase", "--study", UID, "--yes", "--home", home)
        code, sentence = answer.refusal
        assert code == "store.in_use"
        assert f"train (process {process}) is at work" in sentence
        assert (contents(home / "index"), contents(home / "pixels")) == before
        assert not (home / "tombstones").exists()
        with open_store(home) as store:
            store.owner(UID)
        assert Home(home).erase(study=UID, dry_run=True).studies == 2
    done("erase", "--study", UID, "--yes", "--home", home)
    assert [path.name for path in (home / FOLDER).iterdir()] == ["lock"]


def test_nothing_is_made_of_patients_while_one_is_erased(home: Path) -> None:
    with another(ERASES, home):
        answer = door("train", "--home", home, *TOY_TOWERS)
        assert answer.refusal[0] == "store.in_use"
        assert "being erased" in answer.refusal[1]
        assert door("index", "build", "--home", home).refusal[0] == "store.in_use"
    # Killed: the system has let go, and the next erasure goes on.
    done("index", "build", "--home", home)
    done("erase", "--home", home)
    with open_store(home) as store:
        assert UID not in {study.study_uid for _, study in store.studies()}


VERBS: dict[str, Callable[[Home], object]] = {
    "train": lambda home: home.train(home.path / "m"),
    "tune": lambda home: home.tune(home.path / "t", budget_s=5),
    "adapt": lambda home: home.adapt(home.path / "a", towers=["text"]),
    "index build": lambda home: home.build_index(),
    "index compact": lambda home: home.compact_index(),
    "embed": lambda home: home.embed(),
    "evaluate": lambda home: home.evaluate(),
    "compare": lambda home: home.compare(
        home.path / "trained", home.path / "trained", readings=[("float", "bits_64")]
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_copy(tmp_path_factory.mktemp("shared"))


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_that_writes_what_it_makes_of_patients_keeps_out(shared: Path, verb: str) -> None:
    with Home(shared, config=Config.from_mapping(SETTINGS)) as home, alone(shared):
        refused(lambda: VERBS[verb](home))
    last = list(Home(shared).log().records())[-1]
    assert (last.event, last.payload["request"]) == ("request.refused", verb)


def test_reading_and_searching_go_on_while_a_patient_is_erased(shared: Path) -> None:
    with Home(shared) as home, alone(shared):
        assert home.search("amber").hits
        assert home.verify_index().ok
        assert home.study(UID)


def test_the_erasure_of_a_process_that_trains_is_refused_and_does_not_wait(home: Path) -> None:
    said: list[str] = []
    with Home(home, config=Config.from_mapping(SETTINGS)) as place:

        def erase(_: object) -> None:
            said.append(refused(lambda: Home(home).erase(study=UID)))

        place.train(home / "other", on_epoch=erase)
        assert f"train (process {os.getpid()})" in said[0]
        assert place.erase(study=UID).studies == 2


def test_verbs_run_together_and_each_is_named(shared: Path) -> None:
    with using(shared, "train"), using(shared, "index build"):
        told = refused(lambda: Home(shared).erase(study=UID))
        number = os.getpid()
        assert f"index build (process {number}), train (process {number}) is at work" in told
    with alone(shared):
        refused(lambda: Home(shared).finish_erasures())


def test_the_dead_are_not_named(shared: Path) -> None:
    (shared / FOLDER / "train-99999-0000abcd").touch()
    with using(shared, "embed"):
        assert "train" not in refused(lambda: Home(shared).erase(study=UID))
    assert [path.name for path in (shared / FOLDER).iterdir()] == ["lock"]
