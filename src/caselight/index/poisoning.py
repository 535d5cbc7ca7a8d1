"""Items that somebody may have slipped in: near to far too many others, or far from their own.

A hub is a code that is among the nearest of far more others than is usual: whoever can put one in
is found by everybody. A pair is a picture and its own report, of which one may have been exchanged.
What is found is a suspicion and no proof: some honest items are odd, and some forged ones are not.

Source: Radovanovic, Nanopoulos, Ivanovic, "Hubs in Space", JMLR 2010.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from caselight.codes import hamming
from caselight.index.kernel import scan
from caselight.index.layout import pack
from caselight.index.manifest import IMAGE, REPORT, OpenIndex
from caselight.types import BoolArray, Codes

HUB_ALPHA = 1e-6
"""Chance that any code of a clean index has such a count, were fourth roots of counts normal. They
have heavier tails where codes lie in clusters: benchmarks/poisoning.py has the rate."""
PAIR_ALPHA = 1e-3
"""Chance that any pair of a clean index is as far apart, were distances normal."""
K = 10
"""How often an item is among so many nearest is counted; more where few are asked."""
MAX_ASKED = 20_000
"""Codes of a kind that are asked; of more, a sample."""
MAX_COMPARED = 2_048
"""Reports that a picture's own one is compared with; of more, a sample."""
MIN_CODES = 30
"""Fewer codes, or pairs, say nothing about what is usual."""
_CELLS = 1 << 20
"""Answers that are held at once; memory stays near 50 MiB beside the codes."""
_NAMES = {IMAGE: "image", REPORT: "report"}
_F64 = NDArray[np.float64]
_I64 = NDArray[np.int64]
_U8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """One item that is not like the others."""

    row: int
    """Which item, by the number it was given when it came in."""
    study: int
    """Its study's row in the store."""
    kind: Literal["hub", "pair"]
    value: float
    """hub: codes that have it among their nearest; pair: bits from its own report."""
    usual: float
    """The median of all of them."""
    limit: float
    """From where on it is suspicious."""
    log_p: float
    """Natural logarithm of the chance that any of so many clean items is as odd, were all as
    assumed: the order of suspicions, and no more."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoisoningScan:
    """What was found."""

    suspicions: tuple[Suspicion, ...]
    """The most suspicious first; one of a kind an item."""
    n_items: int
    pairs: tuple["PairGroup", ...]
    """Pictures that have a report, those that were learned from first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairGroup:
    """Pictures whose distances from their own reports are held against each other."""

    learned: bool
    """Whether they are of studies that the model may have learned from."""
    n: int
    reach: float | None
    """Share of them for which a stranger's report would be beyond the limit, 0..1: how much of what
    was exchanged can be seen at all. None where there are too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """All items of one kind, each distinct code once."""

    name: str
    places: _I64
    """Of its items in the index."""
    codes: _U8
    """u8[M, n_bytes], distinct."""
    which: _I64
    """The code of each item, 0..M - 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Null:
    """What is usual, from the middle and the upper flank, which a few odd ones do not move."""

    middle: float
    spread: float

    def log_p(self, values: _F64) -> _F64:
        return np.asarray(log_ndtr((self.middle - values) / self.spread), dtype=np.float64)

    def limit(self, alpha: float, n_tests: int) -> float:
        return float(self.middle - ndtri(alpha / n_tests) * self.spread)


def scan_for_poisoning(
    index: OpenIndex, *, learned: BoolArray, rng: np.random.Generator
) -> PoisoningScan:
    """Look for hubs and for pairs that do not fit.

    Stops: items made to be found by very many; reports exchanged between studies, as far as the
    model tells strangers from pairs (`PairGroup.reach`).
    Does not stop: an item aimed at few queries; exchanges among studies that say the same, or
    before the model learned from them; more than a tenth of all items, which are then usual.

    Args:
        index: an open index.
        learned: bool[N], items of studies that the model may have learned from: these lie far
            nearer to their reports than others do, so each are held against their own.
        rng: draws the samples where there are many items.
    """
    n = len(index.items)
    packed = index.items.take(np.arange(n)).packed
    kinds = [_kind(index, packed, kind) for kind in (IMAGE, REPORT)]
    hubs = [
        (answers, asked, *_occurrences(answers.codes, asked.codes, same=answers is asked, rng=rng))
        for answers in kinds
        for asked in kinds
        if min(len(answers.codes), len(asked.codes)) >= MIN_CODES
    ]
    pairs = _pairs(index, *kinds)
    n_tests = sum(len(answers.codes) for answers, *_ in hubs)
    found: list[Suspicion] = []
    for answers, asked, count, n_asked, k in hubs:
        found += _hubs(index, answers, asked, count, n_asked=n_asked, k=k, n_tests=n_tests)
    groups = []
    for known in (True, False):
        own = {place: codes for place, codes in pairs.items() if learned[place] == known}
        reach = None
        if min(len(own), len(kinds[1].codes)) >= MIN_CODES:
            odd, reach = _odd_pairs(index, packed, kinds[1], own, rng=rng)
            found += odd
        groups.append(PairGroup(learned=known, n=len(own), reach=reach))
    best: dict[tuple[int, str], Suspicion] = {}
    for one in sorted(found, key=lambda one: (one.log_p, one.row, one.detail)):
        best.setdefault((one.row, one.kind), one)
    return PoisoningScan(suspicions=tuple(best.values()), n_items=n, pairs=tuple(groups))


def occurrences(
    answers: _U8, asked: _U8, *, k: int, same: bool = False, cells: int = _CELLS
) -> _F64:
    """How often each code is among the k nearest of those asked, N_k.

    Codes at the distance of the k-th share what is left, for the order among them means nothing:
    the counts of all answers add up to k a query.

    Args:
        answers: u8[M, n_bytes], distinct codes.
        asked: u8[Q, n_bytes].
        k: 1..M, less one where `same`.
        same: those asked are among the answers; none is counted as its own neighbour.
        cells: answers that are held at once.
    """
    n, n_bits = len(answers), 8 * answers.shape[1]
    blocks, gallery = pack(answers), Codes(packed=answers, n_bits=n_bits)
    count = np.zeros(n)
    own = int(same)
    n_fetched = min(n, 2 * k + own + 16)
    step = max(1, cells // n_fetched)
    for begin in range(0, len(asked), step):
        queries = np.ascontiguousarray(asked[begin : begin + step])
        found = scan(blocks, n, n_bits, queries, n_fetched)
        # Codes are distinct, so a code's own row is the one at distance 0, and comes first.
        rows, distance = found.rows[:, own:], found.distance[:, own:]
        cut = distance[:, k - 1, None]
        whole = (distance[:, -1:] > cut).ravel() | (n_fetched == n)
        count += _shares(rows[whole], distance[whole], cut[whole], k=k, n=n)
        for i in np.flatnonzero(~whole).tolist():
            # More are at that distance than were fetched.
            row = hamming(Codes(packed=queries[i : i + 1], n_bits=n_bits), gallery)
            if same:
                row[row == 0] = n_bits + 1
            count += _shares(np.arange(n)[None], row, cut[i : i + 1], k=k, n=n)
    return count


def _shares(
    rows: _I64, distance: NDArray[np.int32], cut: NDArray[np.int32], *, k: int, n: int
) -> _F64:
    near, tied = distance < cut, distance == cut
    share = (k - near.sum(axis=1)) / np.maximum(1, tied.sum(axis=1))
    weight = near + tied * share[:, None]
    count: _F64 = np.bincount(rows.ravel(), weights=weight.ravel(), minlength=n).astype(np.float64)
    return count


def _kind(index: OpenIndex, packed: _U8, kind: int) -> _Kind:
    places = np.flatnonzero(index.rows.kind == kind)
    codes, which = np.unique(packed[places], axis=0, return_inverse=True)
    # Hundreds of reports say the same words: asked once each, they make no hub of their neighbours.
    return _Kind(name=_NAMES[kind], places=places, codes=codes, which=which.reshape(-1))


def _occurrences(
    answers: _U8, asked: _U8, *, same: bool, rng: np.random.Generator
) -> tuple[_F64, int, int]:
    """Counts of each code, how many were asked, and among how many nearest was counted."""
    n = len(answers)
    if len(asked) > MAX_ASKED:
        asked = asked[np.sort(rng.choice(len(asked), MAX_ASKED, replace=False))]
    # As many nearest that an item is counted some K times: rarer counts would say little.
    k = min(max(K, -(-K * n // len(asked))), max(1, n // 10))
    return occurrences(answers, asked, k=k, same=same), len(asked), k


def _null(values: _F64, *, floor: float) -> _Null:
    middle, upper, high = np.quantile(values, (0.5, 0.75, 0.9))
    spread = max((upper - middle) / ndtri(0.75), (high - middle) / ndtri(0.9), floor)
    return _Null(middle=float(middle), spread=float(spread))


def _hubs(
    index: OpenIndex,
    answers: _Kind,
    asked: _Kind,
    count: _F64,
    *,
    n_asked: int,
    k: int,
    n_tests: int,
) -> list[Suspicion]:
    """Codes whose count is too high: its fourth root is near to normal on clean items."""
    values = (count + 1) ** 0.25
    # No count varies less than one of things that have nothing to do with each other.
    null = _null(values, floor=0.25 * (count.mean() + 1) ** -0.25)
    log_p = null.log_p(values) + np.log(n_tests)
    usual, limit = null.middle**4 - 1, null.limit(HUB_ALPHA, n_tests) ** 4 - 1
    out = []
    for code in np.flatnonzero(log_p < np.log(HUB_ALPHA)).tolist():
        detail = (
            f"this {answers.name} is among the {k} nearest of {count[code]:.0f} of {n_asked} "
            f"{asked.name} codes; {usual:.0f} is usual, {limit:.0f} the limit"
        )
        out += [
            Suspicion(
                row=int(index.items.row[place]),
                study=int(index.rows.study[place]),
                kind="hub",
                value=float(count[code]),
                usual=float(usual),
                limit=float(limit),
                log_p=float(log_p[code]),
                detail=detail,
            )
            for place in answers.places[answers.which == code].tolist()
        ]
    return out


def _pairs(index: OpenIndex, images: _Kind, reports: _Kind) -> dict[int, _I64]:
    """Place of each image that has a report to the codes that its reports have.

    The report that speaks of the image itself where there is one, else all of its study.
    """
    study, position = index.rows.study.tolist(), index.rows.position.tolist()
    of_image: dict[tuple[int, int], list[int]] = {}
    of_study: dict[int, list[int]] = {}
    for place, code in zip(reports.places.tolist(), reports.which.tolist(), strict=True):
        of_image.setdefault((study[place], position[place]), []).append(code)
        of_study.setdefault(study[place], []).append(code)
    own = {}
    for place in images.places.tolist():
        codes = of_image.get((study[place], position[place])) or of_study.get(study[place])
        if codes:
            own[place] = np.array(codes, dtype=np.int64)
    return own


def _odd_pairs(
    index: OpenIndex,
    packed: _U8,
    reports: _Kind,
    pairs: dict[int, _I64],
    *,
    rng: np.random.Generator,
) -> tuple[list[Suspicion], float]:
    """Pairs that are too far apart, and the share of strangers that would be."""
    n_bits = index.items.n_bits
    image = np.fromiter(pairs, dtype=np.int64, count=len(pairs))
    others = np.arange(len(reports.codes))
    if len(others) > MAX_COMPARED:
        others = np.sort(rng.choice(len(others), MAX_COMPARED, replace=False))
    compared = Codes(packed=reports.codes[others], n_bits=n_bits)
    distance, nearer = np.zeros(len(image)), np.zeros(len(image))
    for i, (place, own) in enumerate(pairs.items()):
        code = Codes(packed=packed[place, None], n_bits=n_bits)
        distance[i] = hamming(code, Codes(packed=reports.codes[own], n_bits=n_bits)).min()
        nearer[i] = (hamming(code, compared) < distance[i]).mean()
    null = _null(distance, floor=1.0)
    log_p = null.log_p(distance) + np.log(len(image))
    limit = null.limit(PAIR_ALPHA, len(image))
    chosen = np.sort(rng.choice(len(image), min(len(image), MAX_COMPARED), replace=False))
    strangers = hamming(Codes(packed=packed[image[chosen]], n_bits=n_bits), compared)
    reach = float((strangers > limit).mean())
    odd = [
        Suspicion(
            row=int(index.items.row[image[i]]),
            study=int(index.rows.study[image[i]]),
            kind="pair",
            value=float(distance[i]),
            usual=null.middle,
            limit=limit,
            log_p=float(log_p[i]),
            detail=(
                f"this image is {distance[i]:.0f} bits from its own report, and "
                f"{100 * nearer[i]:.0f} % of other reports are nearer; {null.middle:.0f} "
                f"bits are usual, {limit:.0f} the limit"
            ),
        )
        for i in np.flatnonzero(log_p < np.log(PAIR_ALPHA)).tolist()
    ]
    return odd, reach
