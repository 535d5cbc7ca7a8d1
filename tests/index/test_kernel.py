"""Every instruction set answers like sorting every distance, to the last row."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.codes import hamming
from caselight.index import kernel, layout
from caselight.types import Candidates, Codes

ROOT = Path(__file__).resolve().parents[2]
Bytes = NDArray[np.uint8]
every_isa = pytest.mark.parametrize("isa", kernel.instruction_sets())


def sorted_out(
    codes: Bytes, queries: Bytes, k: int, allowed: NDArray[np.bool_], within: int
) -> list[list[tuple[int, int]]]:
    """(distance, row) of the k nearest of each query, by sorting all of them."""
    n_bits = 8 * codes.shape[1]
    distance = hamming(Codes(packed=queries, n_bits=n_bits), Codes(packed=codes, n_bits=n_bits))
    return [
        sorted((int(d), i) for i, d in enumerate(row) if allowed[i] and d <= within)[:k]
        for row in distance
    ]


def answers(found: Candidates) -> list[list[tuple[int, int]]]:
    """The same of what was found; places not filled are left out."""
    return [
        [(int(d), int(row)) for d, row in zip(distance, rows, strict=True) if row >= 0]
        for distance, rows in zip(found.distance, found.rows, strict=True)
    ]


def some_codes(rng: np.random.Generator, n: int, n_bytes: int, kind: str) -> Bytes:
    """Codes of one kind: at random, near to a few centres, or equal but for a few."""
    codes = rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)
    if kind != "uniform" and n:
        centres = codes[: max(1, n // 50)] if kind == "clustered" else codes[:1]
        flips = rng.random((n, n_bytes * 8)) < (0.06 if kind == "clustered" else 0.001)
        codes = centres[rng.integers(0, len(centres), n)] ^ np.packbits(flips, axis=1)
    return codes


@every_isa
@given(
    n_bytes=st.integers(1, 64),
    n=st.sampled_from([0, 1, 15, 16, 17, 63, 64, 65, 511, 512, 513, 1300, 3000]),
    kind=st.sampled_from(["uniform", "clustered", "equal"]),
    n_queries=st.integers(1, 4),
    k=st.sampled_from([1, 2, 10, 100, 5000]),
    share=st.sampled_from([0.0, 0.01, 0.5, 1.0]),
    nearness=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_scan_equals_sorting_every_distance(
    isa: str,
    n_bytes: int,
    n: int,
    kind: str,
    n_queries: int,
    k: int,
    share: float,
    nearness: float,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    codes = some_codes(rng, n + n_queries, n_bytes, kind)
    codes, queries = codes[:n], codes[n:]
    allowed, within = rng.random(n) < share, round(8 * n_bytes * nearness)
    bitmap = np.packbits(allowed, bitorder="little")
    if n % 8:
        bitmap[-1] |= rng.integers(0, 256) << n % 8 & 255  # bits of no code mean nothing
    blocks = layout.pack(codes)
    n_bits = 8 * n_bytes
    found = kernel.scan(
        blocks, n, n_bits, queries, k, allowed=bitmap, within=within, isa=isa, first_row=0
    )
    assert answers(found) == sorted_out(codes, queries, k, allowed, within)
    assert found.rows.shape == found.distance.shape == (n_queries, min(k, allowed.sum()))
    assert (found.distance[found.rows < 0] == n_bits + 1).all()
    assert found.n_compared == n_queries * allowed.sum()
    whole = kernel.scan(blocks, n, n_bits, queries, k, isa=isa)
    assert answers(whole) == sorted_out(codes, queries, k, np.ones(n, dtype=bool), n_bits)


@every_isa
@pytest.mark.parametrize("kind", ["uniform", "clustered"])
def test_long_scans_skip_nothing_that_is_near(isa: str, kind: str) -> None:
    """Long enough that how many planes are read first is changed both ways."""
    rng = np.random.default_rng(1)
    for n_bytes in (2, 6, 8, 16, 31, 32, 33, 64):
        codes = some_codes(rng, 40_003, n_bytes, kind)
        codes, queries = codes[:40_000], codes[40_000:]
        blocks = layout.pack(codes)
        for chosen in (queries, queries[:1]):
            found = kernel.scan(blocks, 40_000, 8 * n_bytes, chosen, 5, isa=isa)
            own = Codes(packed=chosen, n_bits=8 * n_bytes)
            distance = hamming(own, Codes(packed=codes, n_bits=8 * n_bytes))
            order = np.argsort(distance, axis=1, kind="stable")[:, :5]
            assert np.array_equal(found.rows, order)
            assert np.array_equal(found.distance, np.take_along_axis(distance, order, axis=1))


@every_isa
@pytest.mark.parametrize("n_bytes", [8, 13, 32, 64])
@pytest.mark.parametrize("kind", ["uniform", "clustered"])
def test_one_query_of_more_than_the_cache_holds(isa: str, n_bytes: int, kind: str) -> None:
    """It goes by runs of a slice: over several segments, the last of them not whole."""
    rng = np.random.default_rng(n_bytes)
    n = (1 << 22) // n_bytes + 70_001
    codes = some_codes(rng, n + 1, n_bytes, kind)
    codes, query = codes[:n], codes[n:]
    blocks, n_bits = layout.pack(codes), 8 * n_bytes
    distance = hamming(Codes(packed=query, n_bits=n_bits), Codes(packed=codes, n_bits=n_bits))[0]
    order = np.argsort(distance, kind="stable")
    rare, most = rng.random(n) < 0.0005, rng.random(n) < 0.9
    begins = (np.arange(n) // 3000) % 5 == 2
    for k, allowed, within in (
        (10, None, n_bits),
        (3000, None, n_bits),
        (100, most, n_bits),
        (7, rare, n_bits),
        (7, begins, 3 * n_bytes),
        (1, None, 0),
    ):
        bitmap = None if allowed is None else np.packbits(allowed, bitorder="little")
        found = kernel.scan(blocks, n, n_bits, query, k, allowed=bitmap, within=within, isa=isa)
        right = order if allowed is None else order[allowed[order]]
        right = right[distance[right] <= within][:k]
        assert np.array_equal(found.rows[0, : len(right)], right)
        assert np.array_equal(found.distance[0, : len(right)], distance[right])
        assert (found.rows[0, len(right) :] == -1).all()


@every_isa
@pytest.mark.parametrize("n_bits", range(16, 513, 16))
def test_every_width_of_a_hash_head(isa: str, n_bits: int) -> None:
    rng = np.random.default_rng(n_bits)
    codes = some_codes(rng, 1030, n_bits // 8, "clustered")
    found = kernel.scan(layout.pack(codes[3:]), 1027, n_bits, codes[:3], 20, isa=isa)
    expected = sorted_out(codes[3:], codes[:3], 20, np.ones(1027, dtype=bool), n_bits)
    assert answers(found) == expected


@every_isa
def test_threads_and_the_first_row_change_no_answer(isa: str) -> None:
    rng = np.random.default_rng(2)
    n = 2 * layout.SEGMENT + 513
    codes = rng.integers(0, 256, (n, 2), dtype=np.uint8)  # many ties across threads
    blocks, queries = layout.pack(codes), codes[:3]
    one = kernel.scan(blocks, n, 16, queries, 30, isa=isa)
    for threads in (2, 3, 7):
        more = kernel.scan(blocks, n, 16, queries, 30, isa=isa, threads=threads, first_row=9)
        assert np.array_equal(more.rows, one.rows + 9)
        assert np.array_equal(more.distance, one.distance)
    rare = kernel.scan(blocks, n, 16, queries, 900, isa=isa, threads=3, within=1, first_row=9)
    assert answers(rare) == [
        [(d, row + 9) for d, row in near]
        for near in answers(kernel.scan(blocks, n, 16, queries, 900, isa=isa, within=1))
    ]


@every_isa
@pytest.mark.parametrize("n_bytes", [2, 64])
def test_all_at_the_greatest_distance(isa: str, n_bytes: int) -> None:
    blocks = layout.pack(np.zeros((1000, n_bytes), dtype=np.uint8))
    query = np.full((1, n_bytes), 255, dtype=np.uint8)
    found = kernel.scan(blocks, 1000, 8 * n_bytes, query, 3, isa=isa)
    assert answers(found) == [[(8 * n_bytes, 0), (8 * n_bytes, 1), (8 * n_bytes, 2)]]
    everything = kernel.scan(blocks, 1000, 8 * n_bytes, query, 1000, isa=isa)
    assert everything.rows.tolist() == [list(range(1000))]


@every_isa
def test_many_queries_are_each_answered_as_if_alone(isa: str) -> None:
    rng = np.random.default_rng(3)
    codes = some_codes(rng, 5600, 12, "clustered")
    blocks, queries = layout.pack(codes[600:]), codes[:600]
    together = kernel.scan(blocks, 5000, 96, queries, 7, isa=isa)
    for q in range(0, 600, 37):
        alone = kernel.scan(blocks, 5000, 96, queries[q : q + 1], 7, isa=isa)
        assert np.array_equal(alone.rows[0], together.rows[q])
        assert np.array_equal(alone.distance[0], together.distance[q])


@every_isa
def test_a_mapped_file_is_searched_wherever_it_begins(isa: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    codes = some_codes(rng, 1500, 10, "clustered")
    blocks = layout.pack(codes)
    (tmp_path / "codes").write_bytes(b"odd" + blocks.tobytes())
    mapped = np.memmap(tmp_path / "codes", dtype=np.uint8, mode="r", offset=3)
    found = kernel.scan(mapped, 1500, 80, codes[:2], 9, isa=isa)
    expected = kernel.scan(blocks, 1500, 80, codes[:2], 9, isa="numpy")
    assert np.array_equal(found.rows, expected.rows)


def test_two_threads_search_at_once() -> None:
    rng = np.random.default_rng(5)
    codes = some_codes(rng, 30_000, 16, "clustered")
    blocks = layout.pack(codes)
    expected = kernel.scan(blocks, 30_000, 128, codes[:8], 10)
    wrong: list[int] = []

    def search() -> None:
        for turn in range(50):
            q = turn % 8
            found = kernel.scan(blocks, 30_000, 128, codes[q : q + 1], 10)
            if not np.array_equal(found.rows[0], expected.rows[q]):
                wrong.append(q)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@given(
    n_bytes=st.integers(1, 64),
    n=st.sampled_from([0, 1, 511, 512, 513, 2000]),
    seed=st.integers(0, 2**32 - 1),
)
def test_codes_come_back_as_they_were_packed(n_bytes: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)
    blocks = layout.pack(codes)
    assert blocks.size == layout.size_of(n, 8 * n_bytes)
    assert n == 0 or blocks.ctypes.data % layout.ALIGNMENT == 0
    assert np.array_equal(layout.unpack(blocks, n, 8 * n_bytes), codes)
    first, last = sorted(rng.integers(0, n + 1, 2).tolist())
    part = layout.unpack(blocks, n, 8 * n_bytes, first=first, last=last)
    assert np.array_equal(part, codes[first:last])
    rows = rng.integers(0, n, 9) if n else np.zeros(0, dtype=np.int64)
    assert np.array_equal(layout.take(blocks, n, 8 * n_bytes, rows), codes[rows])


def test_the_layout_is_the_one_that_is_written_down() -> None:
    """Byte by byte, for files of today must be read tomorrow."""
    n, n_bytes = layout.SEGMENT + 600, 11
    codes = np.random.default_rng(6).integers(0, 256, (n, n_bytes), dtype=np.uint8)
    blocks = layout.pack(codes)
    for row, byte, place in [
        (0, 0, 0),
        (1, 0, 1),
        (0, 1, 512),
        (512, 0, 8 * 512),
        (0, 8, 128 * 8 * 512),
        (512, 9, 128 * 8 * 512 + 3 * 512 + 512),
        (layout.SEGMENT, 0, layout.SEGMENT * 11),
        (layout.SEGMENT + 513, 10, layout.SEGMENT * 11 + 2 * 8 * 512 + 3 * 512 + 2 * 512 + 1),
    ]:
        assert blocks[place] == codes[row, byte]


BLOCKS = layout.pack(np.zeros((100, 4), dtype=np.uint8))
QUERY = np.zeros((1, 4), dtype=np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        {"n": 600},
        {"n": -1},
        {"n_bits": 24},
        {"n_bits": 12},
        {"n_bits": 520},
        {"blocks": BLOCKS[:-1]},
        {"blocks": BLOCKS.view(np.int8)},
        {"queries": QUERY[0]},
        {"queries": QUERY[:, :3]},
        {"queries": QUERY.astype(np.int64)},
        {"k": 0},
        {"threads": 0},
        {"within": -1},
        {"within": 33},
        {"isa": "abacus"},
        {"allowed": np.zeros(12, dtype=np.uint8)},
        {"allowed": np.zeros(13, dtype=bool)},
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change: dict[str, Any]) -> None:
    given_ = {"blocks": BLOCKS, "n": 100, "n_bits": 32, "queries": QUERY, "k": 3} | change
    with pytest.raises(ValueError, match="found"):
        kernel.scan(**given_)


def test_rows_that_are_not_there_cannot_be_taken() -> None:
    for row in (-1, 100):
        with pytest.raises(IndexError, match=r"0\.\.99"):
            layout.take(BLOCKS, 100, 32, np.array([row]))
    with pytest.raises(ValueError, match="room"):
        layout.pack(np.zeros((3, 4), dtype=np.uint8), out=BLOCKS[:-1])


@pytest.mark.skipif(len(kernel.instruction_sets()) == 1, reason="no native kernel here")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, BLOCKS[:-1]),
        (1, 513),
        (1, -1),
        (1, 2**62),
        (2, 0),
        (2, 65),
        (3, -1),
        (3, 2),
        (4, 2),
        (5, QUERY[0, :3]),
        (6, 0),
        (6, 101),
        (7, np.zeros(12, dtype=np.uint8)),
        (8, -1),
        (8, 33),
        (9, "abacus"),
        (10, np.zeros(2, dtype=np.int64)),
        (10, np.zeros(28, dtype=np.uint8)[1:25]),
        (11, np.zeros(4, dtype=np.int32)),
    ],
)
def test_the_c_code_trusts_no_size_either(place: int, value: object) -> None:
    from caselight.index import _native  # type: ignore[attr-defined]

    rows, distance = np.zeros((1, 3), dtype=np.int64), np.zeros((1, 3), dtype=np.int32)
    arguments: list[Any] = [BLOCKS, 100, 4, 0, 1, QUERY, 3, None, 32, None, rows, distance]
    _native.scan(*arguments)
    assert rows.tolist() == [[0, 1, 2]]
    arguments[place] = value
    with pytest.raises(ValueError, match=" "):
        _native.scan(*arguments)


def test_without_a_compiler_the_package_builds_and_says_so(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "-f", "-b", tmp_path, "-t", tmp_path],
        cwd=ROOT,
        env={"CC": "/bin/false", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert not list(tmp_path.rglob("*.so"))
    program = (
        "import sys; sys.modules['caselight.index._native'] = None\n"
        "from caselight.index import kernel; print(kernel.describe(), kernel.instruction_sets())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("numpy: no compiler was found")
    assert said.endswith("('numpy',)\n")
