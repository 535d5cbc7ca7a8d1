"""Whatever a machine of a cluster raises is one sentence here, and none of its words."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from caselight.errors import ClusterError, IndexMismatch
from caselight.index import cluster
from caselight.index.cluster import RayMachines, _Calls
from caselight.index.director import Replica
from caselight.index.hosts import Gone, Refused
from caselight.index.sharded import ShardLost

WORDS = "Mrs Secretname"


class RayError(Exception):
    """Of Ray: a machine is gone."""


class RayTaskError(RayError):
    """Of Ray: what was asked for raised something."""

    def __init__(self) -> None:
        super().__init__(f"a long traceback with {WORDS}")
        self.cause = KeyError(WORDS)


def answering(said: Any) -> Any:
    """A Ray whose machines say this, or raise it."""

    def get(_: object) -> Any:
        if isinstance(said, Exception):
            raise said
        return said

    return SimpleNamespace(
        exceptions=SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError),
        wait=lambda refs, timeout: (refs, timeout),
        get=get,
    )


def asked(said: Any) -> Future[Any]:
    future: Future[Any] = Future()
    if isinstance(said, Exception):
        future.set_exception(said)
    else:
        future.set_result(said)
    ref = SimpleNamespace(future=lambda: future)
    handle = SimpleNamespace(ask=SimpleNamespace(remote=lambda *_: ref))
    replica = Replica(shard="shard-0", node="one", handle=handle)
    view: Any = SimpleNamespace(replicas={})
    calls = _Calls(answering(said), view, 0, seek=lambda _: None)
    return calls.begin(replica, "row", (np.zeros(1),))


def test_a_connection_that_ended_is_made_again_before_ray_makes_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = answering(None)
    up = [False]

    def connect(address: str) -> tuple[Any, str]:
        up[0] = True
        return ray, address

    def get_actor(*_: object, **__: object) -> Any:
        assert up[0], "Ray would start a cluster that listens to everybody"
        raise ValueError

    ray.is_initialized = lambda: up[0]
    ray.get_actor = get_actor
    monkeypatch.setattr(cluster, "connect", connect)
    asked = cluster.Cluster("head:6379")
    manifest: Any = SimpleNamespace(digest="0", model="m")
    for _ in range(2):
        up[0] = False
        with pytest.raises(ClusterError) as caught:
            asked.index(manifest, deadline_s=1.0)
        assert caught.value.code == "cluster.not_served"
        assert up[0]


def test_what_is_answered_arrives() -> None:
    assert asked(7).result() == 7


@pytest.mark.parametrize("said", [Gone(), RayError("the machine is dead")])
def test_who_is_gone_is_lost(said: Any) -> None:
    assert isinstance(asked(said).exception(), ShardLost)


def test_our_own_errors_are_our_own() -> None:
    error = asked(Refused(IndexMismatch("in words", code="index.digest_mismatch"))).exception()
    assert isinstance(error, IndexMismatch)


def test_anything_else_is_one_sentence_with_its_kind_alone() -> None:
    opening = RayMachines.__new__(RayMachines)
    opening._ray = answering(RayTaskError())
    for error in (asked(RayTaskError()).exception(), opening._now("ref")):
        assert isinstance(error, ClusterError)
        assert error.code == "cluster.failed"
        assert "KeyError" in str(error)
        assert WORDS not in str(error)
