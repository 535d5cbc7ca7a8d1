"""Milvus answers like the flat index, ties and all; run on a stand-in, and on milvus-lite if there.

The stand-in keeps no order inside ties and cuts through them, as Milvus does.
"""

import builtins
import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.errors import ClusterError, Error, IndexMismatch, QueryRefused, UsageError
from caselight.index import INDEXES, milvus
from caselight.index.flat import FlatIndex
from caselight.index.milvus import MilvusIndex
from caselight.protocols import Index
from caselight.types import Codes
from tests.index import fake_milvus


def _lite() -> str | None:
    """Why milvus-lite cannot be used here; None if it can."""
    try:
        with warnings.catch_warnings(action="ignore"):
            importlib.import_module("pymilvus")
            importlib.import_module("milvus_lite")
    except ImportError as error:
        return f"needs pymilvus and milvus-lite 2.5.1: {error}"
    return None


@pytest.fixture(params=["stand-in", "milvus-lite"])
def uri(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An address where nothing is yet."""
    if request.param == "milvus-lite":
        if why := _lite():
            pytest.skip(why)
    else:
        for name, module in fake_milvus.modules().items():
            monkeypatch.setitem(sys.modules, name, module)
    yield str(tmp_path / "codes.db")
    fake_milvus.FILES.clear()
    if request.param == "milvus-lite":
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_all()


def codes(rng: np.random.Generator, n: int, *, n_bits: int = 16) -> Codes:
    """Few different ones, so that many tie."""
    few = rng.integers(0, 256, (6, n_bits // 8), dtype=np.uint8)
    packed = few[rng.integers(0, 6, n)]
    packed[:, 0] ^= rng.integers(0, 2, n, dtype=np.uint8)
    return Codes(packed=packed, n_bits=n_bits)


def same(index: MilvusIndex, flat: FlatIndex, rng: np.random.Generator) -> None:
    """Hold every answer against the flat index."""
    assert len(index) == len(flat)
    assert index.rows.tolist() == flat.rows.tolist()
    asked = codes(rng, 3)
    for share in (None, 0.0, 0.2, 0.9, 1.0):
        allowed = None if share is None else rng.random(len(flat)) < share
        for k in (1, 5, 40):
            found = index.search(asked, k=k, allowed=allowed)
            expected = flat.search(asked, k=k, allowed=allowed)
            assert found.rows.tolist() == expected.rows.tolist()
            assert found.distance.tolist() == expected.distance.tolist()
            assert (found.rows.dtype, found.distance.dtype) == (np.int64, np.int32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("limit", "spare"), [(16384, 100), (50, 1)])
def test_any_history_answers_as_the_flat_index(
    uri: str, monkeypatch: pytest.MonkeyPatch, seed: int, limit: int, spare: int
) -> None:
    """Also where there are more ties than Milvus answers, here with its limit set low."""
    monkeypatch.setattr(milvus, "LIMIT", limit)
    monkeypatch.setattr(milvus, "_SPARE", spare)
    monkeypatch.setattr(milvus, "_AT_ONCE", 70)
    rng = np.random.default_rng(seed)
    index, flat = MilvusIndex(16, uri=uri), FlatIndex(16)
    same(index, flat, rng)
    for _ in range(3):
        fresh = np.setdiff1d(rng.choice(2000, 150, replace=False), flat.rows)
        rng.shuffle(fresh)
        new = codes(rng, len(fresh))
        for one in (index, flat):
            one.add(fresh, new)
        same(index, flat, rng)
        gone = rng.choice(2000, 300)
        for one in (index, flat):
            one.remove(gone)
        same(index, flat, rng)
    assert index.digest() == flat.digest()
    index.close()


def test_it_fills_the_protocol_and_is_there_when_opened_again(uri: str) -> None:
    rng = np.random.default_rng(0)
    some, rows = codes(rng, 30, n_bits=32), np.arange(30) * 7
    index: Index = INDEXES["milvus"](32, uri=uri, model="m1")
    index.add(rows, some)
    index.add(np.zeros(0, dtype=np.int64), codes(rng, 0, n_bits=32))
    again = MilvusIndex(32, uri=uri, model="m1")
    flat = FlatIndex(32)
    flat.add(rows, some)
    assert (again.n_bits, len(again), again.digest()) == (32, 30, flat.digest())
    found = again.search(some, k=3)
    assert found.rows.tolist() == flat.search(some, k=3).rows.tolist()


def refused(make: Any) -> Error:
    with pytest.raises(Error) as caught:
        make()
    return caught.value


def test_a_collection_of_another_width_model_or_maker_is_refused(uri: str) -> None:
    first = MilvusIndex(16, uri=uri, model="m1")
    wide = refused(lambda: MilvusIndex(32, uri=uri, model="m1"))
    assert (type(wide), wide.code) == (IndexMismatch, "index.bits_mismatch")
    other = refused(lambda: MilvusIndex(16, uri=uri, model="m2"))
    assert (type(other), other.code) == (IndexMismatch, "index.encoder_mismatch")
    _foreign(first, "theirs")
    foreign = refused(lambda: MilvusIndex(16, uri=uri, collection="theirs"))
    assert (type(foreign), foreign.code) == (IndexMismatch, "index.not_ours")
    assert len(MilvusIndex(16, uri=uri, collection="ours", model="m2")) == 0


def _foreign(index: MilvusIndex, name: str) -> None:
    """Make a collection as somebody else would."""
    client = index._client
    schema = client.create_schema(
        auto_id=False, enable_dynamic_field=False, description="my own codes"
    )
    from pymilvus import DataType

    schema.add_field("row", DataType.INT64, is_primary=True)
    schema.add_field("code", DataType.BINARY_VECTOR, dim=16)
    params = client.prepare_index_params()
    params.add_index("code", index_type="BIN_FLAT", metric_type="HAMMING")
    client.create_collection(name, schema=schema, index_params=params)


def test_what_is_wrong_is_refused_and_changes_nothing(uri: str) -> None:
    rng = np.random.default_rng(1)
    index = MilvusIndex(16, uri=uri)
    index.add(np.array([4, 9]), codes(rng, 2))
    before = index.digest()
    wide = codes(rng, 2, n_bits=32)
    for make in (lambda: index.add(np.array([1, 2]), wide), lambda: index.search(wide, k=1)):
        assert refused(make).code == "index.bits_mismatch"
    for rows in ([4, 5], [5, 5], [5]):
        with pytest.raises(ValueError, match="row"):
            index.add(np.array(rows), codes(rng, 2))
    with pytest.raises(ValueError, match="k = 0"):
        index.search(codes(rng, 1), k=0)
    with pytest.raises(ValueError, match="allowed"):
        index.search(codes(rng, 1), k=1, allowed=np.ones(3, dtype=np.bool_))
    assert index.digest() == before
    assert index.search(codes(rng, 2), k=20_000).rows.shape == (2, 2)
    assert index.search(codes(rng, 0), k=1).rows.shape == (0, 1)


@pytest.mark.parametrize("what", ["remove", "add"])
def test_what_another_process_changed_meanwhile_is_refused_and_not_answered(
    uri: str, what: str
) -> None:
    rng = np.random.default_rng(3)
    index, other = (MilvusIndex(16, uri=uri, model="one") for _ in range(2))
    index.add(np.arange(30, dtype=np.int64), codes(rng, 30))
    assert len(index) == 30
    if what == "add":
        other.add(np.array([99], dtype=np.int64), codes(rng, 1))
    else:
        other.remove(np.array([7], dtype=np.int64))
    for k in (1, 30, 40):
        with pytest.raises(IndexMismatch, match="open it again") as caught:
            index.search(codes(rng, 2), k=k)
        assert caught.value.code == "index.stale"
    assert other.search(codes(rng, 2), k=40).rows.shape == (2, len(other))


def test_more_than_milvus_answers_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus, "LIMIT", 5)
    rng = np.random.default_rng(2)
    index = MilvusIndex(16, uri=uri)
    index.add(np.arange(6), codes(rng, 6))
    error = refused(lambda: index.search(codes(rng, 1), k=6))
    assert (type(error), error.code) == (QueryRefused, "query.bad_k")
    assert index.search(codes(rng, 1), k=5).rows.shape == (1, 5)


def test_what_milvus_refuses_is_our_error_and_the_rows_are_asked_for_again(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    index = MilvusIndex(16, uri=uri)
    index.add(np.arange(10), codes(rng, 10))
    sent = index._client.upsert
    from pymilvus import MilvusException

    def second_fails(name: str, entries: Any, timeout: float) -> None:
        if entries[0]["row"] != 20:
            raise MilvusException(f"no room for {entries}")
        sent(name, entries, timeout=timeout)

    monkeypatch.setattr(index._client, "upsert", second_fails)
    monkeypatch.setattr(milvus, "_AT_ONCE", 2)
    error = refused(lambda: index.add(np.arange(20, 25), codes(rng, 5)))
    assert (type(error), error.code) == (ClusterError, "cluster.failed")
    assert "no room" not in str(error)
    assert index.rows.tolist() == [*range(10), 20, 21]


def test_where_no_server_answers_is_told(uri: str) -> None:
    error = refused(lambda: MilvusIndex(16, uri="http://127.0.0.1:9", timeout_s=2))
    assert (type(error), error.code) == (ClusterError, "cluster.not_reachable")


def test_what_is_no_address_is_refused() -> None:
    for address in ("", "somewhere", "127.0.0.1:19530"):
        assert isinstance(refused(lambda uri=address: MilvusIndex(16, uri=uri)), UsageError)


def test_without_pymilvus_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pymilvus":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    error = refused(lambda: MilvusIndex(16, uri="http://127.0.0.1:19530"))
    assert error.code == "usage.missing_extra"
    assert "pip install caselight[milvus]" in str(error)
