"""The tables answer like a sorted list of every distance, or say that they did not."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.codes import hamming
from caselight.index.prices import prices
from caselight.index.substrings import (
    Prices,
    SubstringTables,
    aligned,
    available,
    default_beside,
    default_tables,
)
from caselight.types import Codes

pytestmark = pytest.mark.skipif(not available(), reason="the native extension was not built")

NEVER = Prices(probe=1.0, candidate=1.0, scan=float("inf"))
"""Prices at which the scan is never cheaper."""


def random_codes(
    rng: np.random.Generator, n: int, n_bits: int, *, kind: str, seeds: int = 4
) -> Codes:
    """Codes of one of three kinds: uniform, clustered about a few centres, or all equal."""
    n_bytes = n_bits // 8
    if kind == "uniform":
        packed = rng.integers(0, 256, (n, n_bytes), dtype=np.uint8)
    elif kind == "equal":
        packed = np.tile(rng.integers(0, 256, (1, n_bytes), dtype=np.uint8), (n, 1))
    else:
        centres = rng.integers(0, 256, (seeds, n_bytes), dtype=np.uint8)
        flips = np.bitwise_and.reduce(rng.integers(0, 256, (4, n, n_bytes), dtype=np.uint8))
        packed = centres[rng.integers(0, seeds, n)] ^ flips
    return Codes(packed=packed, n_bits=n_bits)


def nearest(
    codes: Codes, asked: Codes, k: int, allowed: NDArray[np.bool_], within: int | None = None
) -> list[list[tuple[int, int]]]:
    """(distance, row) of the k nearest allowed rows of each query, in order."""
    places = np.flatnonzero(allowed)
    out = []
    for line in hamming(asked, codes):
        pairs = [(int(line[row]), int(row)) for row in places]
        out.append(sorted(p for p in pairs if within is None or p[0] <= within)[:k])
    return out


def answers(tables: SubstringTables, asked: Codes, **how: object) -> list[list[tuple[int, int]]]:
    """The same of the tables."""
    found = tables.search(asked, **{"prices": NEVER, **how})  # type: ignore[arg-type]
    assert found.answered.all()
    return [
        list(zip(distance[:count].tolist(), rows[:count].tolist(), strict=True))
        for distance, rows, count in zip(found.distance, found.rows, found.count, strict=True)
    ]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Codes, Codes, int, bool]:
    """Codes, queries, how many tables, and whether codes lie beside."""
    n_bits = 8 * draw(st.integers(1, 64))
    kind = draw(st.sampled_from(["uniform", "clustered", "equal"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    codes = random_codes(rng, draw(st.integers(1, 300)), n_bits, kind=kind)
    near = random_codes(rng, 3, n_bits, kind="uniform").packed
    near[1:] = codes.packed[rng.integers(0, len(codes), 2)]
    near[2, 0] ^= rng.integers(0, 256, dtype=np.uint8)
    # At most 12 bits a substring: a table of 2^24 starts is slow to fill, and no different.
    m = draw(st.integers((n_bits + 11) // 12, min(64, n_bits)))
    return codes, Codes(packed=near, n_bits=n_bits), m, draw(st.booleans())


@given(cases(), st.integers(1, 400), st.data())
def test_answers_are_exact_at_any_width_size_and_number_of_tables(
    case: tuple[Codes, Codes, int, bool], k: int, data: st.DataObject
) -> None:
    codes, asked, m, beside = case
    k = min(k, len(codes))
    tables = SubstringTables.build(codes, m=m, beside=beside)
    allowed = np.ones(len(codes), dtype=np.bool_)
    assert answers(tables, asked, k=k) == nearest(codes, asked, k, allowed)

    allowed = np.random.default_rng(k).random(len(codes)) < data.draw(st.floats(0, 1))
    within = data.draw(st.integers(0, codes.n_bits))
    found = answers(
        tables, asked, k=k, allowed=np.packbits(allowed, bitorder="little"), within=within
    )
    assert found == nearest(codes, asked, k, allowed, within)


@given(cases())
def test_what_is_built_is_sound_and_opens_read_only(case: tuple[Codes, Codes, int, bool]) -> None:
    codes, asked, m, beside = case
    built = SubstringTables.build(codes, m=m, beside=beside)
    copy = aligned(len(built.buffer))
    copy[:] = built.buffer
    copy.flags.writeable = False
    opened = SubstringTables(copy)
    assert (opened.n, opened.n_bits, opened.m) == (len(codes), codes.n_bits, m)
    assert opened.beside == beside
    assert answers(opened, asked, k=1) == answers(built, asked, k=1)


@settings(max_examples=300)
@given(cases(), st.data())
def test_damaged_tables_are_refused_and_searching_them_stays_inside(
    case: tuple[Codes, Codes, int, bool], data: st.DataObject
) -> None:
    codes, asked, m, beside = case
    tables = SubstringTables.build(codes, m=m, beside=beside)
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(0, len(tables.buffer) - 1))
        tables.buffer[at] ^= data.draw(st.integers(1, 255))
    # What is wrong with codes apart, or between two sections, is for a digest to tell.
    for act in (
        lambda: SubstringTables(tables.buffer),
        lambda: tables.search(asked, k=1, prices=NEVER),
    ):
        try:
            act()
        except ValueError as refused:
            assert "build them again" in str(refused) or "queries" in str(refused)  # noqa: PT017


@pytest.mark.parametrize("beside", [False, True])
def test_every_kind_of_damage_to_the_tables_is_named(beside: bool) -> None:
    rng = np.random.default_rng(5)
    codes = random_codes(rng, 200, 64, kind="uniform")
    sound = SubstringTables.build(codes, m=8, beside=beside).buffer
    first = 64 if beside else 64 + 200 * 8
    rows = first + (4 * 257 + 63) // 64 * 64
    damages = {"magic": (0, 1), "version": (8, 2), "width": (12, 72), "n": (16, 201)}
    damages |= {"m": (24, 9), "beside": (28, 2), "size": (32, 1), "reserved": (48, 1)}
    damages |= {"starts fall": (first + 4 * 100 + 1, 255), "first start": (first, 1)}
    damages |= {"last start": (first + 4 * 256, 1), "no such row": (rows + 1, 1)}
    damages |= {"twice": (rows, int(sound[rows + 4]) if sound[first + 4] > 1 else 255)}
    if beside:
        damages["wrong value"] = (rows + 832, int(sound[rows + 832]) ^ 255)
    for name, (at, value) in damages.items():
        damaged = aligned(len(sound))
        damaged[:] = sound
        assert damaged[at] != value, name
        damaged[at] = value
        with pytest.raises(ValueError, match="build them again"):
            SubstringTables(damaged)
    for size in (0, 63, 64, len(sound) - 1):
        with pytest.raises(ValueError, match="cut short"):
            SubstringTables(sound[:size])


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": 201},
        {"within": -1},
        {"max_radius": -1},
        {"allowed": np.zeros(24, dtype=np.uint8)},
    ],
)
def test_arguments_that_do_not_fit_are_refused(wrong: dict[str, object]) -> None:
    codes = random_codes(np.random.default_rng(0), 200, 64, kind="uniform")
    tables = SubstringTables.build(codes)
    with pytest.raises(ValueError, match=r"\w"):
        answers(tables, codes, **{"k": 1, **wrong})
    wide = random_codes(np.random.default_rng(0), 1, 128, kind="uniform")
    with pytest.raises(ValueError, match="64-bit"):
        answers(tables, wide, k=1)
    for m in (0, 65):
        with pytest.raises(ValueError, match="1 to 64 tables"):
            SubstringTables.build(codes, m=m)


def test_a_capped_radius_answers_truly_and_finds_more_the_further_it_goes() -> None:
    rng = np.random.default_rng(1)
    codes = random_codes(rng, 20_000, 128, kind="clustered", seeds=400)
    flips = np.bitwise_and.reduce(rng.integers(0, 256, (4, 50, 16), dtype=np.uint8))
    asked = Codes(packed=codes.packed[:50] ^ flips, n_bits=128)
    tables = SubstringTables.build(codes)
    true = hamming(asked, codes)
    kth = np.sort(true, axis=1)[:, 9]
    recalls, candidates = [], []
    for max_radius in (0, 8, 12, 16, 20, 128):
        found = tables.search(asked, k=10, prices=NEVER, max_radius=max_radius)
        keys = found.distance.astype(np.int64) << 32 | found.rows
        assert (np.diff(keys, axis=1) > 0).all()
        assert np.array_equal(np.take_along_axis(true, found.rows, axis=1), found.distance)
        for query, distance in enumerate(true):
            sure = np.sort(distance[distance <= max_radius])[:10]
            assert np.array_equal(found.distance[query][: len(sure)], sure)
        recalls.append((found.distance <= kth[:, None]).mean())
        candidates.append(found.candidates.sum())
    assert recalls == sorted(recalls)
    assert candidates == sorted(candidates)
    assert recalls[2] > 0.9
    assert recalls[-1] == 1.0


def test_uniform_codes_and_far_neighbours_are_left_to_the_scan_before_much_is_spent() -> None:
    rng = np.random.default_rng(2)
    n = 100_000
    asked = random_codes(rng, 20, 128, kind="uniform")
    for kind in ("uniform", "clustered"):
        codes = random_codes(rng, n, 128, kind=kind, seeds=n // 50)
        tables = SubstringTables.build(codes)
        price = prices(n, 128, beside=tables.beside)
        found = tables.search(asked, k=10, prices=price)
        assert not found.answered.any()
        spent = found.probes * price.probe + found.candidates * price.candidate
        assert (spent < 0.1 * price.scan).all()
        kth = np.sort(hamming(asked, codes), axis=1)[:, 9]
        assert (found.within >= kth).all()


def test_equal_codes_are_left_to_the_scan_before_they_are_compared() -> None:
    codes = random_codes(np.random.default_rng(3), 50_000, 128, kind="equal")
    asked = Codes(packed=codes.packed[:3], n_bits=128)
    tables = SubstringTables.build(codes)
    found = tables.search(asked, k=10, prices=prices(50_000, 128, beside=tables.beside))
    assert not found.answered.any()
    assert not found.candidates.any()


def test_clustered_codes_are_answered_by_the_tables() -> None:
    rng = np.random.default_rng(4)
    codes = random_codes(rng, 200_000, 128, kind="clustered", seeds=4_000)
    asked = Codes(packed=codes.packed[:20], n_bits=128)
    tables = SubstringTables.build(codes)
    found = tables.search(asked, k=5, prices=prices(200_000, 128, beside=tables.beside))
    assert found.answered.mean() > 0.8
    assert found.candidates.max() < 20_000
    expected = nearest(codes, asked, 5, np.ones(len(codes), dtype=np.bool_))
    for query in np.flatnonzero(found.answered):
        pairs = zip(found.distance[query].tolist(), found.rows[query].tolist(), strict=True)
        assert list(pairs) == expected[query]


def test_threads_share_one_buffer() -> None:
    rng = np.random.default_rng(6)
    codes = random_codes(rng, 5_000, 128, kind="clustered", seeds=100)
    tables = SubstringTables.build(codes)
    asked = [random_codes(rng, 20, 128, kind="clustered") for _ in range(4)]
    expected = [answers(tables, each, k=7) for each in asked]
    found: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.update({i: answers(tables, asked[i], k=7)}))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(4)] == expected


@given(st.integers(0, 10**9), st.integers(1, 64).map(lambda n: 8 * n), st.booleans())
def test_the_number_of_tables_always_fits(n: int, n_bits: int, beside: bool) -> None:
    m = default_tables(n, n_bits, beside=beside)
    assert 1 <= m <= min(64, n_bits)
    assert default_beside(n_bits) == (n_bits <= 128)
