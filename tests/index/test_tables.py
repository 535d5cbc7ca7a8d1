"""The multi-index answers as the flat index does, whatever has been added, removed or left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.errors import IndexMismatch
from caselight.index import substrings
from caselight.index import tables as tables_file
from caselight.index.auto import AutoIndex
from caselight.index.flat import FlatIndex
from caselight.index.prices import MIN_ROWS, choose
from caselight.index.substrings import Prices
from caselight.index.tables import MultiIndex
from caselight.types import Candidates, Codes


def codes_about(rng: np.random.Generator, n: int, n_bits: int, n_centres: int) -> Codes:
    """N codes about a few centres that are the same for every call; many tie."""
    n_bytes = n_bits // 8
    centres = np.random.default_rng(0).integers(0, 256, (n_centres, n_bytes), dtype=np.uint8)
    flips = np.bitwise_and.reduce(rng.integers(0, 256, (4, n, n_bytes), dtype=np.uint8))
    return Codes(packed=centres[rng.integers(0, n_centres, n)] ^ flips, n_bits=n_bits)


def same(left: Candidates, right: Candidates) -> bool:
    """Whether rows and distances are equal, in order, shape and kind."""
    return all(
        a.dtype == b.dtype and np.array_equal(a, b)
        for a, b in ((left.rows, right.rows), (left.distance, right.distance))
    )


@pytest.fixture(params=["native", "numpy", "scan is free"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the tables, without the extension, and where the tables always give up."""
    if request.param == "numpy":
        monkeypatch.setattr(substrings, "native", None)
        return "numpy"
    if not substrings.available():
        pytest.skip("the native extension was not built")
    scan = float("inf") if request.param == "native" else 0.0
    price = Prices(probe=1.0, candidate=1.0, scan=scan)
    monkeypatch.setattr(tables_file, "prices", lambda *_, **__: price)
    return str(request.param)


HISTORIES = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "search", "masked"]), st.integers(0, 2**32)),
    max_size=12,
)


# One index a drawn history: what the fixture sets is the same for all of them.
@pytest.mark.parametrize("n_bits", [16, 40, 128, 512])
def test_any_history_answers_like_the_flat_index(kernel: str, n_bits: int) -> None:
    @given(HISTORIES, st.integers(1, 60), st.booleans())
    def check(history: list[tuple[str, int]], k: int, beside: bool) -> None:
        flat = FlatIndex(n_bits)
        multi = MultiIndex(n_bits, m=(n_bits + 11) // 12, beside=beside)
        for what, seed in [("add", 7), ("search", 8), *history, ("search", 9)]:
            rng = np.random.default_rng(seed)
            if what == "add":
                fresh = np.setdiff1d(rng.integers(0, 400, rng.integers(1, 60)), flat.rows)
                new = rng.permutation(fresh)
                codes = codes_about(rng, len(new), n_bits, 5)
                flat.add(new, codes)
                multi.add(new, codes)
            elif what == "remove":
                gone = rng.integers(0, 400, rng.integers(1, 40))
                flat.remove(gone)
                multi.remove(gone)
            else:
                allowed = rng.random(len(flat)) < rng.random() if what == "masked" else None
                asked = codes_about(rng, 3, n_bits, 5)
                found = multi.search(asked, k=k, allowed=allowed)
                assert same(found, flat.search(asked, k=k, allowed=allowed))
            assert len(multi) == len(flat)
            assert multi.digest() == flat.digest()

    check()


@pytest.mark.skipif(not substrings.available(), reason="the native extension was not built")
def test_a_row_that_comes_back_with_another_code_is_that_code() -> None:
    rng = np.random.default_rng(0)
    codes = codes_about(rng, 200, 64, 9)
    index = MultiIndex(64, m=6)
    index.add(np.arange(200), codes)
    index.search(codes, k=1)
    tables = index._built
    other = Codes(packed=~codes.packed[3:4], n_bits=64)
    index.remove(np.array([3]))
    index.add(np.array([3]), other)
    assert index._built is not None
    assert tables is not None
    assert index._built.tables is tables.tables
    assert index.search(other, k=1).rows.tolist() == [[3]]
    assert index.search(other, k=1).distance.tolist() == [[0]]
    assert (index.search(Codes(packed=codes.packed[3:4], n_bits=64), k=199).rows != 3).all()


def test_it_says_what_it_did(kernel: str) -> None:
    rng = np.random.default_rng(1)
    index = MultiIndex(128, m=11)
    index.add(np.arange(500), codes_about(rng, 500, 128, 50))
    found, work = index.look_up(codes_about(rng, 4, 128, 50), k=3, chosen=index.prepare(None))
    assert found.n_compared == work.n_scanned + work.n_candidates
    if kernel == "native":
        assert work.n_fell_back == work.n_scanned == 0
        assert work.n_probes > 0
        assert work.radius is not None
        assert work.radius >= int(found.distance[:, -1].min())
    else:
        assert work.n_scanned == 4 * 500
        assert work.n_candidates == 0
        assert work.radius is None
        assert work.n_fell_back == (4 if kernel == "scan is free" else 0)


def test_codes_of_another_width_are_refused() -> None:
    index = MultiIndex(16)
    index.add(np.array([1]), Codes(packed=np.zeros((1, 2), dtype=np.uint8), n_bits=16))
    with pytest.raises(IndexMismatch, match="16-bit"):
        index.search(Codes(packed=np.zeros((1, 4), dtype=np.uint8), n_bits=32), k=1)


@pytest.mark.parametrize("kind", [MultiIndex, AutoIndex])
def test_nothing_allowed_answers_nothing_and_no_k_is_refused(kind: type[MultiIndex]) -> None:
    index = kind(16)
    asked = Codes(packed=np.zeros((2, 2), dtype=np.uint8), n_bits=16)
    assert index.search(asked, k=3).rows.shape == (2, 0)
    index.add(np.array([1, 2]), asked)
    assert index.search(asked, k=3, allowed=np.zeros(2, dtype=np.bool_)).rows.shape == (2, 0)
    none = Codes(packed=asked.packed[:0], n_bits=16)
    assert index.search(none, k=3).rows.shape == (0, 2)
    for wrong in ({"k": 0}, {"k": 1, "allowed": np.ones(3, dtype=np.bool_)}):
        with pytest.raises(ValueError, match="found"):
            index.search(asked, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "k", "n_allowed", "method", "reason"),
    [
        (MIN_ROWS - 1, 10, MIN_ROWS - 1, "scan", "fewer"),
        (10**6, 10, 10**6, "tables", "few"),
        (10**6, 10, 10**4, "scan", "allowed"),
        (10**6, 10**4, 10**6, "scan", "many"),
    ],
)
def test_the_choice_goes_by_size_filter_and_k(
    n: int, k: int, n_allowed: int, method: str, reason: str
) -> None:
    choice = choose(n, k=k, n_allowed=n_allowed)
    assert choice.method == method
    assert reason in choice.reason


@pytest.mark.parametrize("min_rows", [1, 10**6])
def test_the_choosing_index_explains_itself(min_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caselight.index.prices.MIN_ROWS", min_rows)
    monkeypatch.setattr("caselight.index.prices.ROWS_A_HIT", 10)
    rng = np.random.default_rng(2)
    rows: NDArray[np.int64] = rng.permutation(2_000)
    codes, asked = codes_about(rng, 2_000, 128, 100), codes_about(rng, 5, 128, 100)
    auto, flat = AutoIndex(128), FlatIndex(128)
    auto.add(rows, codes)
    flat.add(rows, codes)
    found, why = auto.explain(asked, k=4)
    assert same(found, flat.search(asked, k=4))
    assert same(found, auto.search(asked, k=4))
    assert (why.n_queries, why.n_compared) == (5, found.n_compared)
    tried = min_rows == 1 and substrings.available()
    assert why.method == ("tables" if tried else "scan")
    assert why.work.n_scanned == (why.work.n_fell_back if tried else 5) * 2_000
    assert auto.explain(asked, k=4, allowed=np.arange(2_000) < 50)[1].method == "scan"
    monkeypatch.setattr(substrings, "native", None)
    assert "extension" in auto.explain(asked, k=4)[1].reason


@pytest.mark.skipif(not substrings.available(), reason="the native extension was not built")
def test_an_approximate_index_always_answers_k_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    price = Prices(probe=1.0, candidate=1.0, scan=float("inf"))
    monkeypatch.setattr(tables_file, "prices", lambda *_, **__: price)
    rng = np.random.default_rng(3)
    codes, asked = codes_about(rng, 5_000, 128, 250), codes_about(rng, 20, 128, 250)
    flat = FlatIndex(128)
    flat.add(np.arange(5_000), codes)
    exact = flat.search(asked, k=10)
    recalls = []
    for max_radius in (0, 12, 20, 128):
        index = MultiIndex(128, m=10, max_radius=max_radius)
        index.add(np.arange(5_000), codes)
        found = index.search(asked, k=10)
        assert found.rows.shape == (20, 10)
        assert (found.distance >= exact.distance).all()
        recalls.append(float((found.distance <= exact.distance[:, -1:]).mean()))
    assert recalls == sorted(recalls)
    assert recalls[-1] == 1.0
