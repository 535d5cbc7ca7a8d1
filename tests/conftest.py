"""What every test gets: no network, no home of the user's, and the same draws every time."""

import os

# Before any test imports torch or transformers, which read these once.
os.environ["HF_HUB_OFFLINE"] = "1"
# One thread: what is measured here is small, and threads that wait for each other are slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")


class NetworkUsedError(RuntimeError):
    """A test reached for the network."""


def _closed(method: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(self: socket.socket, *args: object) -> object:
        if self.family == socket.AF_UNIX or (
            isinstance(args[0], tuple) and args[0][0] == "127.0.0.1"
        ):
            return method(self, *args)
        raise NetworkUsedError(f"a test tried to connect to {args}; tests use no network")

    return refuse


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close every socket that leaves this machine; local ones stay open."""
    monkeypatch.setattr(socket.socket, "connect", _closed(socket.socket.connect))
    monkeypatch.setattr(socket.socket, "connect_ex", _closed(socket.socket.connect_ex))


@pytest.fixture(scope="session")
def _empty_user(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user")


@pytest.fixture(autouse=True)
def _no_user(_empty_user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings, caches and homes of whoever runs the tests out of them."""
    monkeypatch.setenv("HOME", str(_empty_user))
    monkeypatch.delenv("CASELIGHT_HOME", raising=False)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a home may be made; CASELIGHT_HOME names it and nothing is there yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CASELIGHT_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real archives; a test that asks for it also carries the mark `realdata`."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CASELIGHT_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real archives: set CASELIGHT_DATA to the folder that holds them")
    return folder
