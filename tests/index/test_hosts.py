"""What a machine of a cluster answers, without any cluster."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.errors import ClusterError, IndexMismatch
from caselight.index.hosts import Board, Gone, Host, Refused, packed_args, unpacked_args
from caselight.index.manifest import read_snapshot
from caselight.index.places import open_place
from caselight.index.shards import publish
from caselight.types import Codes
from tests.index.sealed import MODEL, SEAL, filled


def sent(value: Any) -> Any:
    """As it comes out on another machine."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


@pytest.fixture
def host(tmp_path: Path) -> tuple[Host, list[str], Path]:
    items = read_snapshot(filled(tmp_path / "index"), seal=SEAL.verifier)[1]
    folder = tmp_path / "shards"
    done = publish(open_place(str(folder)), items, model=MODEL, digest="", shard_rows=20, seal=SEAL)
    host = sent(Host(str(folder), sent(SEAL.verifier)))
    return host, [info.file for info in done.published.shards], folder


def test_a_shard_answers_as_long_as_it_is_open(host: tuple[Host, list[str], Path]) -> None:
    machine, (first, *_), _ = host
    assert isinstance(machine.ask(first, "row", []), Gone)
    assert machine.open(first) is None
    rows = machine.ask(first, "row", [])
    allowed = np.arange(len(rows)) % 3 == 0
    codes = Codes(packed=np.zeros((1, 4), np.uint8), n_bits=32)
    near, _ = machine.ask(first, "explain", sent(packed_args((codes, 99, allowed))))
    assert sorted(near.rows[0].tolist()) == np.flatnonzero(allowed).tolist()
    machine.close(first)
    assert isinstance(machine.ask(first, "row", []), Gone)


def test_a_mask_is_sent_in_an_eighth_of_its_bytes() -> None:
    mask = np.random.default_rng(0).uniform(size=100_003) < 0.5
    sent_args = packed_args((mask, 7, None))
    assert len(pickle.dumps(sent_args)) < 13_000
    again, *rest = unpacked_args(sent(sent_args))
    assert again.dtype == np.bool_
    assert np.array_equal(again, mask)
    assert rest == [7, None]


def test_our_errors_arrive_as_they_were(host: tuple[Host, list[str], Path]) -> None:
    machine, (first, *_), folder = host
    (folder / first).unlink()
    refused = sent(machine.open(first))
    assert isinstance(refused, Refused)
    error = refused.error()
    assert isinstance(error, ClusterError)
    assert error.code == "cluster.damaged"
    other = Refused(IndexMismatch("in words", code="index.digest_mismatch")).error()
    assert (type(other), str(other), other.code) == (
        *(IndexMismatch, "in words", "index.digest_mismatch"),
    )


def test_a_machine_without_the_file_system_of_the_place_says_so() -> None:
    refused = sent(Host("nosuchthing://bucket", sent(SEAL.verifier)).open("shard-0"))
    assert isinstance(refused, Refused)
    assert refused.error().code in ("cluster.bad_place", "usage.missing_extra")


def test_what_a_host_is_not_asked_it_does_not_do(host: tuple[Host, list[str], Path]) -> None:
    machine, (first, *_), _ = host
    machine.open(first)
    with pytest.raises(KeyError):
        machine.ask(first, "parts", [])


def test_the_board_shows_what_was_put_last() -> None:
    board = Board()
    assert board.view() is None
    board.put(view := object())  # type: ignore[arg-type]
    assert board.view() is view
