"""Features are kept exactly, by tower, and all of a batch or none."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caselight.data.features import FeatureCache, text_key
from caselight.errors import StoreError


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[FeatureCache]:
    opened = FeatureCache(tmp_path / "features.sqlite")
    yield opened
    opened.close()


def vector(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def test_nothing_is_found_in_an_empty_cache(cache: FeatureCache) -> None:
    assert cache.get("tower", ["a", "b"]) == {}
    assert cache.get("tower", []) == {}


def test_a_tower_never_sees_another_towers_features(cache: FeatureCache) -> None:
    cache.put("one", {"a": vector(1, 2)})
    cache.put("two", {"a": vector(3)})
    assert cache.get("one", ["a", "b"])["a"].tolist() == [1, 2]
    assert cache.get("two", ["a"])["a"].tolist() == [3]
    assert cache.get("three", ["a"]) == {}


def test_features_outlive_the_process(tmp_path: Path) -> None:
    first = FeatureCache(tmp_path / "f.sqlite")
    first.put("tower", {"a": vector(0.1, -0.0, 3e38)})
    first.close()
    second = FeatureCache(tmp_path / "f.sqlite")
    assert second.get("tower", ["a"])["a"].tobytes() == vector(0.1, -0.0, 3e38).tobytes()
    second.close()


finite = st.floats(width=32, allow_nan=True)


@given(hnp.arrays(np.float32, st.integers(0, 9), elements=finite))
def test_any_vector_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray[tuple[int], np.dtype[np.float32]]
) -> None:
    cache = FeatureCache(tmp_path_factory.getbasetemp() / "any.sqlite")
    cache.put("tower", {"a": values})
    back = cache.get("tower", ["a"])["a"]
    cache.close()
    assert back.dtype == np.float32
    assert back.tobytes() == values.tobytes()


def test_a_cache_that_is_written_elsewhere_is_locked(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "f.sqlite")
    cache._db.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "f.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught:
        cache.put("tower", {"a": vector(1)})
    assert caught.value.code == "store.locked"
    other.execute("ROLLBACK")
    other.close()
    cache.put("tower", {"a": vector(1)})
    assert cache.get("tower", ["a"])["a"].tolist() == [1]
    cache.close()


def test_a_damaged_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError) as caught:
        FeatureCache(tmp_path / "f.sqlite")
    assert caught.value.code == "store.damaged"


def test_a_text_is_filed_under_its_digest_alone() -> None:
    assert text_key("effusion") == text_key("effusion")
    assert text_key("effusion") != text_key("effusion ")
    assert "effusion" not in text_key("effusion")
    assert len(text_key("")) == 64
