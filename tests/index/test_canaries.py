"""Canaries answer as they must after any change, and otherwise when anything is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.index import canaries, snapshot
from caselight.index.canaries import CANARIES, MODEL_CANARIES, N_CANARIES, settle
from caselight.index.dropping import drop_studies
from caselight.index.manifest import make_current, read_snapshot
from caselight.index.substrings import Prices, SubstringTables, available
from caselight.index.verify import IndexVerdict, verify_index
from caselight.index.writer import IndexWriter
from tests.index.sealed import SEAL, filled, new_index, some

NEVER_GIVE_UP = Prices(probe=1.0, candidate=1.0, scan=float("inf"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "home" / "index" / "abc-32-1", n=200)


def verified(folder: Path) -> IndexVerdict:
    return verify_index(folder, seal=SEAL)


def all_right(folder: Path, n: int = N_CANARIES) -> bool:
    said = verified(folder)
    return said.ok and said.n_canaries == n


def test_they_answer_as_before_whatever_parts_the_items_lie_in(folder: Path) -> None:
    assert all_right(folder)
    for act in ("fold", "compact"):
        before = read_snapshot(folder, seal=SEAL)[2]
        with IndexWriter(folder, seal=SEAL) as writer:
            getattr(writer, act)()
        assert read_snapshot(folder, seal=SEAL)[2] == before
        assert all_right(folder)


def test_the_same_items_have_the_same_canaries(tmp_path: Path) -> None:
    states = [read_snapshot(filled(tmp_path / name, n=50), seal=SEAL)[2][CANARIES] for name in "ab"]
    assert states[0] == states[1]
    assert len({one.split(":")[0] for one in states[0].split(",")}) == N_CANARIES


def test_a_change_drops_them_until_the_index_is_settled(folder: Path) -> None:
    with IndexWriter(folder, seal=SEAL) as writer:
        settle(writer, store="s:1", model_canaries="ab")
        writer.change(**some(np.random.default_rng(0), 30))
        assert CANARIES not in writer.state
        assert verified(folder).n_canaries == 0
        assert verified(folder).ok
        settle(writer, store="s:2")
        assert writer.state["store"] == "s:2"
        assert writer.state[MODEL_CANARIES] == "ab"
    assert all_right(folder)


@pytest.mark.parametrize("n", [0, 1, 5, 16, 17])
def test_a_small_index_has_as_many_as_items(tmp_path: Path, n: int) -> None:
    with IndexWriter(new_index(tmp_path / "index"), seal=SEAL) as writer:
        if n:
            writer.change(**some(np.random.default_rng(0), n))
        settle(writer, store="s:1")
    assert all_right(tmp_path / "index", min(n, N_CANARIES))


def test_after_an_erasure_they_are_renewed(folder: Path) -> None:
    make_current(folder)
    kept = list(range(5, 20))
    assert drop_studies(folder.parent.parent, kept=kept, before="s:1", after="s:2", seal=SEAL) > 0
    assert all_right(folder)
    rows = read_snapshot(folder, seal=SEAL)[1].row.tolist()
    said = read_snapshot(folder, seal=SEAL)[2][CANARIES]
    assert {int(one.split(":")[0]) for one in said.split(",")} <= set(rows)


def test_the_plain_way_does_not_hang_on_the_size_of_its_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canaries, "_AT_ONCE", 7)
    with IndexWriter(folder, seal=SEAL) as writer:
        settle(writer, store="s:1")
    assert all_right(folder)


# What they find -------------------------------------------------------------------------------


def off_by_one_bit(found: Any) -> Any:
    return replace(found, distance=found.distance + 1)


def the_first_is_lost(found: Any) -> Any:
    return replace(found, rows=np.roll(found.rows, -1, axis=1))


def ties_the_other_way(found: Any) -> Any:
    order = np.lexsort((-found.rows, found.distance), axis=1)
    return replace(found, rows=np.take_along_axis(found.rows, order, axis=1))


@pytest.mark.parametrize("wrong", [off_by_one_bit, the_first_is_lost, ties_the_other_way])
def test_a_kernel_that_is_wrong_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: Any
) -> None:
    real = snapshot.scan
    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "scan", lambda *args, **options: wrong(real(*args, **options)))
        said = verified(folder)
        assert not said.ok
        assert {fault.kind for fault in said.faults} == {"canary"}
        assert len(said.faults) > N_CANARIES // 2
        rows = read_snapshot(folder, seal=SEAL)[1].row.tolist()
        assert all(fault.row in rows and fault.study is not None for fault in said.faults)
        # A build by the same kernel does not make it right.
        with IndexWriter(folder, seal=SEAL) as writer:
            settle(writer, store="s:1")
        assert not verified(folder).ok
    assert all_right(folder)


def test_a_kernel_that_misses_one_item_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here each code is that of some thirty items; every tenth answer leaves one of them out."""
    real, asked = snapshot.scan, [0]

    def scan(*args: Any, **options: Any) -> Any:
        asked[0] += 1
        return (the_first_is_lost if asked[0] % 10 == 0 else lambda one: one)(
            real(*args, **options)
        )

    monkeypatch.setattr(snapshot, "scan", scan)
    assert {fault.kind for fault in verified(folder).faults} == {"canary"}


@pytest.mark.skipif(not available(), reason="the native extension was not built")
def test_tables_that_answer_wrongly_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caselight.index.segments.MIN_ROWS", 1)
    monkeypatch.setattr("caselight.index.prices.MIN_ROWS", 1)
    monkeypatch.setattr("caselight.index.prices.ROWS_A_HIT", 4)
    monkeypatch.setattr(snapshot, "prices", lambda *_, **__: NEVER_GIVE_UP)
    folder = filled(tmp_path / "index", n=400)
    items = read_snapshot(folder, seal=SEAL)[1]
    assert items.explain(items.take(np.arange(1)), k=10)[1][0].n_probes > 0
    assert all_right(folder)
    real = SubstringTables.search

    def search(self: Any, *args: Any, **options: Any) -> Any:
        found = real(self, *args, **options)
        return replace(found, rows=np.roll(found.rows, 1, axis=1))

    monkeypatch.setattr(SubstringTables, "search", search)
    assert {fault.kind for fault in verified(folder).faults} == {"canary"}
