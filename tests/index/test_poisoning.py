"""Planted hubs and exchanged reports are found; clean items of any shape are left alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from caselight.index import poisoning
from caselight.index.manifest import IMAGE, REPORT, OpenIndex
from caselight.index.poisoning import PoisoningScan, occurrences, scan_for_poisoning
from tests.index.synthetic import clean, hub_codes, in_clusters, planted

N = 400


def scanned(index: OpenIndex, *, seed: int = 0, learned: bool = True) -> PoisoningScan:
    known = np.full(len(index.items), learned)
    return scan_for_poisoning(index, learned=known, rng=np.random.default_rng(seed))


def rows(scan: PoisoningScan, kind: str) -> set[int]:
    return {one.row for one in scan.suspicions if one.kind == kind}


# Counting -------------------------------------------------------------------------------------


def slow_occurrences(
    answers: NDArray[np.uint8], asked: NDArray[np.uint8], k: int, *, same: bool
) -> list[float]:
    count = [0.0] * len(answers)
    for q, query in enumerate(asked):
        distance = [int(np.bitwise_count(query ^ code).sum()) for code in answers]
        left = [i for i in range(len(answers)) if not (same and i == q)]
        cut = sorted(distance[i] for i in left)[k - 1]
        near = [i for i in left if distance[i] < cut]
        tied = [i for i in left if distance[i] == cut]
        for i in near:
            count[i] += 1
        for i in tied:
            count[i] += (k - len(near)) / len(tied)
    return count


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(("n_bytes", "k"), [(1, 1), (1, 20), (2, 3), (16, 10)])
def test_occurrences_are_those_of_the_plain_way(n_bytes: int, k: int, same: bool) -> None:
    """With a byte, far more tie than the scan brings at once."""
    rng = np.random.default_rng(n_bytes)
    answers = np.unique(rng.integers(0, 256, (150, n_bytes), dtype=np.uint8), axis=0)
    asked = answers if same else rng.integers(0, 256, (33, n_bytes), dtype=np.uint8)
    found = occurrences(answers, asked, k=k, same=same, cells=300)
    assert np.allclose(found, slow_occurrences(answers, asked, k, same=same))
    assert found.sum() == pytest.approx(k * len(asked))


# Clean ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_bits", [32, 64, 128])
@pytest.mark.parametrize("shape", ["random", "flat", "biased", "clusters", "few clusters"])
def test_clean_items_raise_no_alarm(shape: str, n_bits: int) -> None:
    """Over more seeds benchmarks/poisoning.py has the rate."""
    for seed in range(3):
        index = clean(shape, n=N, n_bits=n_bits, rng=np.random.default_rng(seed)).index()
        assert scanned(index).suspicions == ()


def test_many_reports_of_the_same_words_make_no_hub() -> None:
    """Each asks for the same few pictures, and all are answered to the same pictures."""
    archive = clean("clusters", n=N, n_bits=64, rng=np.random.default_rng(0))
    normal = archive.reports[0].copy()
    archive.reports[: N // 3] = normal
    archive.images[: N // 3] = in_clusters(N // 3, centres=normal[None], flip=0.1, rng=archive.rng)
    assert scanned(archive.index()).suspicions == ()


@pytest.mark.parametrize(
    "items",
    [(0, 0), (1, 0), (0, 1), (1, 1), (29, 29), (40, 0), (0, 40), (40, 3)],
    ids=str,
)
def test_few_items_or_none_of_a_kind_are_no_trouble(items: tuple[int, int]) -> None:
    n_images, n_reports = items
    archive = clean("random", n=max(1, *items), n_bits=32, rng=np.random.default_rng(0))
    archive.images, archive.reports = archive.images[:n_images], archive.reports[:n_reports]
    scan = scanned(archive.index())
    assert scan.suspicions == ()
    assert scan.n_items == n_images + n_reports
    assert [group.n for group in scan.pairs] == [min(items), 0]
    assert all(group.reach is None for group in scan.pairs)


def test_equal_codes_are_no_trouble() -> None:
    archive = clean("random", n=100, n_bits=32, rng=np.random.default_rng(0))
    archive.images[:] = archive.reports[:] = archive.images[0]
    assert scanned(archive.index()).suspicions == ()


def test_a_picture_is_held_against_the_report_that_speaks_of_it() -> None:
    """Two pictures a study, each with its caption; the captions of one study are exchanged."""
    archive = clean("clusters", n=N, n_bits=128, rng=np.random.default_rng(0))
    archive.study, archive.position = np.arange(N) // 2, np.arange(N) % 2
    assert scanned(archive.index()).suspicions == ()
    unlike = int(np.flatnonzero(archive.cluster[::2] != archive.cluster[1::2])[0])
    both = np.array([2 * unlike, 2 * unlike + 1])
    archive.reports[both] = archive.reports[both[::-1]]
    assert rows(scanned(archive.index()), "pair") == set(both.tolist())
    archive.reports[both] = archive.reports[both[::-1]]
    # With one report a study, a picture is held against that.
    archive.reports, archive.study = archive.reports[::2], np.arange(N) // 2
    images = archive.images.copy()
    images[1::2] = images[::2]
    archive.images = images
    archive.report_study, archive.report_position = np.arange(N // 2), np.zeros(N // 2, int)
    assert scanned(archive.index()).suspicions == ()


# Poisoned -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [IMAGE, REPORT])
@pytest.mark.parametrize("n_hubs", [1, 5, 10])
def test_planted_hubs_are_found_and_nothing_else(kind: int, n_hubs: int) -> None:
    archive = clean("biased", n=2 * N, n_bits=128, rng=np.random.default_rng(n_hubs))
    index, hubs = planted(archive, kind=kind, n_hubs=n_hubs, share=0.3)
    scan = scanned(index)
    assert rows(scan, "hub") == hubs
    # A picture that stands in another's place is also far from the report of that one.
    assert rows(scan, "pair") <= {row % (2 * N) for row in hubs}
    strongest = scan.suspicions[0]
    assert strongest.value > strongest.limit > strongest.usual
    assert [one.log_p for one in scan.suspicions] == sorted(one.log_p for one in scan.suspicions)


def test_equal_hubs_do_not_hide_each_other() -> None:
    archive = clean("biased", n=N, n_bits=128, rng=np.random.default_rng(0))
    archive.images[:30] = hub_codes(
        archive.images, archive.reports, n_hubs=1, share=0.3, rng=archive.rng
    )
    assert rows(scanned(archive.index()), "hub") >= set(range(30))


def test_hubs_are_found_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = clean("biased", n=4 * N, n_bits=128, rng=np.random.default_rng(0))
    index, hubs = planted(archive, kind=IMAGE, n_hubs=1, share=0.3)
    monkeypatch.setattr(poisoning, "MAX_ASKED", N)
    monkeypatch.setattr(poisoning, "MAX_COMPARED", 100)
    assert rows(scanned(index), "hub") == hubs
    assert scanned(clean("biased", n=4 * N, n_bits=128, rng=archive.rng).index()).suspicions == ()


@pytest.mark.parametrize("n_swaps", [1, 5])
def test_exchanged_reports_are_found_where_strangers_are_told_from_pairs(n_swaps: int) -> None:
    archive = clean("clusters", n=N, n_bits=128, rng=np.random.default_rng(n_swaps))
    others = np.array([i for i in range(N) if archive.cluster[i] != archive.cluster[0]])
    mine = np.flatnonzero(archive.cluster == archive.cluster[0])[:n_swaps]
    both = np.concatenate([mine, others[:n_swaps]])
    archive.reports[both] = archive.reports[np.roll(both, n_swaps)]
    scan = scanned(archive.index())
    assert rows(scan, "pair") == set(both.tolist())
    assert scan.pairs[0].reach is not None
    assert scan.pairs[0].reach > 0.8


def test_where_strangers_look_like_pairs_the_scan_says_so() -> None:
    archive = clean("random", n=N, n_bits=64, rng=np.random.default_rng(0))
    archive.rng.shuffle(archive.reports)
    scan = scanned(archive.index(), learned=False)
    assert scan.suspicions == ()
    assert scan.pairs[1].reach is not None
    assert scan.pairs[1].reach < 0.01


def test_what_was_learned_from_is_held_against_its_like() -> None:
    """A third was not learned from and lies far from its reports; that hides no exchange."""
    archive = clean("clusters", n=N, n_bits=128, rng=np.random.default_rng(0))
    far = np.arange(N) % 3 == 0
    archive.reports[far] = archive.rng.permutation(archive.reports[far])
    swapped = np.flatnonzero(~far)[[3, 200]]
    assert archive.cluster[swapped[0]] != archive.cluster[swapped[1]]
    archive.reports[swapped] = archive.reports[swapped[::-1]]
    index = archive.index()
    scan = scan_for_poisoning(index, learned=~np.tile(far, 2), rng=np.random.default_rng(0))
    assert rows(scan, "pair") == set(swapped.tolist())
    reach = {group.learned: group.reach for group in scan.pairs}
    assert reach[True] is not None
    assert reach[False] is not None
    assert reach[True] > 0.8
    assert reach[False] < 0.1
    assert [group.n for group in scan.pairs] == [int((~far).sum()), int(far.sum())]


def test_the_same_seed_gives_the_same_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poisoning, "MAX_ASKED", 100)
    monkeypatch.setattr(poisoning, "MAX_COMPARED", 50)
    archive = clean("clusters", n=N, n_bits=64, rng=np.random.default_rng(0))
    index, _ = planted(archive, kind=IMAGE, n_hubs=3, share=0.3)
    assert scanned(index, seed=1) == scanned(index, seed=1)
