"""One way to connect to Ray, which says at once what is wrong and leaves nothing behind."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from caselight import rays
from caselight.errors import ClusterError, Error, UsageError
from caselight.rays import LOCAL, connect, connected

SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


class RayError(Exception):
    pass


class FakeRay(ModuleType):
    """Ray as far as connecting goes."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.exceptions = SimpleNamespace(RayError=RayError)
        self._private = SimpleNamespace(ray_constants=SimpleNamespace(ENABLE_RAY_CLUSTER=True))
        self.at = ""
        self.begun: list[dict[str, Any]] = []
        self.problem: BaseException | None = None

    def is_initialized(self) -> bool:
        return self.at != ""

    def init(self, address: str, **_: Any) -> None:
        on = self._private.ray_constants.ENABLE_RAY_CLUSTER
        said = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
        self.begun.append({**said, "address": address, "on": on})
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.problem is not None:
            raise self.problem
        self.at = "127.0.0.1:7" if address == LOCAL else address

    def shutdown(self) -> None:
        self.at = ""

    def get_runtime_context(self) -> Any:
        return SimpleNamespace(gcs_address=self.at)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr(rays, "_PATIENCE_S", 0.2)
    return fake


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of somebody who says something to whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def run() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(request.param)
                ended.wait()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        ended.set()
        thread.join(timeout=5)


def refused(address: str) -> Error:
    with pytest.raises(Error) as caught, connected(address):
        pytest.fail("connected")
    return caught.value


@pytest.mark.parametrize(
    "address",
    ["", "here", "host:", ":1", "ray://host:10001", "auto", "host:65536", "host:\u00b2", "host:-1"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    problem = refused(address)
    assert isinstance(problem, UsageError)
    assert "expected HOST:PORT" in str(problem)


def test_without_ray_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    problem = refused(LOCAL)
    assert problem.code == "usage.missing_extra"
    assert 'pip install "caselight[scale]"' in str(problem)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "a..b:1", f"{'a' * 70}.b:1"])
def test_where_nobody_answers_is_told_at_once(ray: FakeRay, address: str) -> None:
    before = dict(os.environ)
    problem = refused(address)
    assert isinstance(problem, ClusterError)
    assert problem.code == "cluster.not_reachable"
    assert dict(os.environ) == before
    assert ray.begun == []


@pytest.mark.parametrize(
    "answering", [b"", b"HTTP/1.1 400 Bad Request\r\n", b"\0\0", 40 * b"\0"], indirect=True
)
def test_who_does_not_speak_as_ray_does_is_refused_at_once(ray: FakeRay, answering: str) -> None:
    assert refused(answering).code == "cluster.not_reachable"
    assert ray.begun == []


@pytest.mark.parametrize("answering", [SETTINGS], indirect=True)
def test_a_cluster_is_connected_to_and_let_go_of(ray: FakeRay, answering: str) -> None:
    before, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    with connected(answering) as (found, address):
        assert (found, address) == (ray, answering)
    assert not ray.is_initialized()
    (said,) = ray.begun
    assert said["RAY_USAGE_STATS_ENABLED"] == "0"
    assert dict(os.environ) == before
    assert signal.getsignal(signal.SIGTERM) == handler


@pytest.mark.parametrize("answering", [SETTINGS], indirect=True)
@pytest.mark.parametrize(
    "problem", [ConnectionError("x"), RuntimeError("x"), SystemExit(1), RayError("x")]
)
def test_what_ray_does_not_connect_to_is_one_sentence(
    ray: FakeRay, answering: str, problem: BaseException
) -> None:
    ray.problem = problem
    said = refused(answering)
    assert said.code == "cluster.not_reachable"
    assert type(problem).__name__ in str(said)


def test_a_ray_for_this_machine_alone_listens_to_nobody_else_whoever_imported_it(
    ray: FakeRay,
) -> None:
    with connected(LOCAL):
        pass
    (said,) = ray.begun
    assert said["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert said["on"] is False
    assert ray._private.ray_constants.ENABLE_RAY_CLUSTER is True


@pytest.mark.parametrize(
    ("at", "asked", "same"),
    [
        ("127.0.0.1:6379", "127.0.0.1:6379", True),
        ("127.0.0.1:6379", "localhost:6379", True),
        ("127.0.0.1:6379", LOCAL, True),
        ("127.0.0.1:6379", "127.0.0.1:6380", False),
        ("127.0.0.1:6379", "192.0.2.7:6379", False),
        ("192.0.2.7:6379", LOCAL, False),
    ],
)
def test_a_connection_that_is_there_is_kept_for_its_own_cluster_alone(
    ray: FakeRay, at: str, asked: str, same: bool
) -> None:
    ray.at = at
    if same:
        with connected(asked) as (_, address):
            assert address == at
    else:
        problem = refused(asked)
        assert problem.code == "cluster.not_reachable"
        assert f"is connected to {at}" in str(problem)
    assert ray.at == at
    assert ray.begun == []


def test_a_ray_that_ends_meanwhile_is_one_sentence(ray: FakeRay) -> None:
    with pytest.raises(ClusterError, match="RayError") as caught, connected(LOCAL):
        raise RayError("whatever stands in there")
    assert caught.value.code == "cluster.failed"
    assert "whatever" not in str(caught.value)
    assert not ray.is_initialized()


def test_connecting_alone_keeps_the_connection(ray: FakeRay) -> None:
    found, address = connect(LOCAL)
    assert (found, address) == (ray, "127.0.0.1:7")
    assert ray.is_initialized()
