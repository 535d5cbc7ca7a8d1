"""What is served follows the home, and nothing is written for what is wrong elsewhere."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from caselight import serving
from caselight.errors import UsageError
from caselight.home import Home
from caselight.index.director import Replica, State, View
from caselight.index.hosts import Host, Refused
from caselight.index.journal import Opens
from caselight.publishing import FOLDER
from caselight.serving import ServeState
from tests.homes import trained_copy


class Machine:
    """One machine, which opens files as those of a cluster do; for `RayMachines`."""

    sees = ""
    """Where it looks for what is published; the place itself if empty."""

    def __init__(self, _: Any, *, url: str, seal: Opens, address: str) -> None:
        self.host = Host(self.sees or url, seal)
        self.address = address
        self.said: dict[str, Any] = {}

    def nodes(self) -> Sequence[str]:
        return ["one"]

    def address_of(self, _: str) -> str:
        return "127.0.0.1"

    def start(self, shard: str, node: str) -> Replica:
        self.said[shard] = self.host.open(shard)
        return Replica(shard=shard, node=node, handle=self.host)

    def state(self, replica: Replica) -> State:
        said = self.said[replica.shard]
        return said.error() if isinstance(said, Refused) else "ready"

    def end(self, replica: Replica) -> None:
        self.host.close(replica.shard)

    def show(self, view: View) -> None:
        """Nobody asks."""

    def close(self) -> None:
        """Nothing runs."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> type[Machine]:
    class Fresh(Machine):
        pass

    @contextlib.contextmanager
    def connected(address: str) -> Iterator[tuple[None, str]]:
        yield None, address

    monkeypatch.setattr(serving, "connected", connected)
    monkeypatch.setattr(serving, "RayMachines", Fresh)
    return Fresh


def served(home: Path, monkeypatch: pytest.MonkeyPatch, *, seconds: int = 20) -> list[ServeState]:
    """What was told while it served for so long, in seconds of its own."""
    now, told = [0.0], list[ServeState]()

    def ended(step_s: float) -> bool:
        now[0] += step_s
        return now[0] > seconds

    with monkeypatch.context() as patch, Home(home) as place:
        patch.setattr("time.monotonic", lambda: now[0])
        place.serve_index("here:1", shard_rows=10, tell=told.append, ended=ended)
    return told


def n_published(home: Path) -> int:
    return [one.event for one in Home(home).log().records()].count("index.published")


def test_a_machine_that_does_not_see_the_place_changes_nothing_there(
    machine: type[Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = trained_copy(tmp_path)
    machine.sees = str(tmp_path / "not mounted")
    told = served(home, monkeypatch)
    assert told[-1].index is None
    assert n_published(home) == 1
    (note,) = told[-1].notes
    assert "every machine reaches the same place" in note


def test_a_shard_that_is_damaged_is_written_anew_once(
    machine: type[Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = trained_copy(tmp_path)
    with Home(home) as place:
        published = place.publish_index(shard_rows=10).published
    path = home / FOLDER / published.shards[1].file
    path.write_bytes(path.read_bytes()[:-1])
    told = served(home, monkeypatch)
    assert machine.sees == ""
    assert told[-1].index == published.digest
    assert (told[-1].lost, told[-1].moving, told[-1].notes) == (0, 0, ())
    assert n_published(home) == 2


@pytest.mark.parametrize("replicas", [0, -1])
def test_no_replica_is_refused(machine: type[Machine], tmp_path: Path, replicas: int) -> None:
    assert machine.sees == ""
    with Home(trained_copy(tmp_path)) as home, pytest.raises(UsageError, match="replicas"):
        home.serve_index("here:1", replicas=replicas, ended=lambda _: True)
