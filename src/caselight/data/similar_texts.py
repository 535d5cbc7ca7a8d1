"""Texts that say the same in nearly the same words, found without mistaking a "no" or a side.

Two reports of one finding by two authors are no negatives of each other. Pairs are found by the
words they share or by a sentence encoder, and both are deaf to the words that matter most: an
encoder puts "no pneumothorax" beside "pneumothorax". So the words that turn a meaning are compared
apart (`turning_words.py`) and must be equal, and so must the findings that the texts have
(`findings.py`): one more finding at the end of a long report changes neither score much.

Jaccard similarity is exact here. MinHash (Broder, SEQUENCES 1997) estimates the same number where
texts are too many to be compared pair by pair, which 20,000 are not.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from caselight.data.findings import Finding, read_findings
from caselight.data.turning_words import turning_words, words_of

_BLOCK = 512
"""Texts compared with all others at once: 512 x 20,000 similarities take 40 MB."""


def near_equal(
    texts: Sequence[str], features: NDArray[np.float32], *, jaccard: float, cosine: float
) -> list[tuple[int, int]]:
    """Find the pairs of texts that say the same.

    A pair counts when its turning words and its findings agree (`same_claims`) and either the
    Jaccard similarity of its shingles or the cosine of its features reaches the threshold. The
    cosine of a text that names no finding does not count: the encoder hears how the picture was
    made. A text without a word is in no pair.

    Args:
        texts: N texts; equal ones are pairs too, so give each once where copies are many.
        features: f32[N, D] of any sentence encoder; they need not have length 1.
        jaccard: least share of common shingles, 0..1; above 1, words alone make no pair.
        cosine: least cosine, above 0; above 1, features alone make no pair.

    Returns:
        (i, j) with i < j, in order.
    """
    if len(texts) != len(features):
        raise ValueError(
            f"there are {len(texts)} texts and {len(features)} features; give one for each text"
        )
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    alike = defaultdict[Hashable, list[int]](list)
    heard = np.zeros(len(texts), dtype=np.bool_)
    for i, text in enumerate(texts):
        findings = read_findings(text)
        heard[i] = bool(findings)
        if words_of(text):
            alike[_claims(text, findings)].append(i)
    table = _shingle_table(texts)
    pairs: list[tuple[int, int]] = []
    for members in alike.values():
        if len(members) > 1:
            rows = np.array(members)
            spoken = unit[rows] * heard[rows, None]
            for start, near in _near_blocks(table[rows], spoken, jaccard, cosine):
                one, other = np.nonzero(near)
                later = other > one + start
                pairs += zip(
                    rows[one[later] + start].tolist(), rows[other[later]].tolist(), strict=True
                )
    return sorted(pairs)


def same_claims(one: str, other: str) -> bool:
    """Whether two texts agree in turning words and in every finding that neither denies."""
    return _claims(one, read_findings(one)) == _claims(other, read_findings(other))


def _claims(text: str, findings: Sequence[Finding]) -> Hashable:
    had = frozenset(finding for finding in findings if finding.polarity != "absent")
    return turning_words(text), had


def shingles(text: str) -> frozenset[str]:
    """Every run of two words, and of one at both ends, so that a short text has some too."""
    words = ["", *words_of(text), ""]
    return frozenset(f"{a} {b}" for a, b in pairwise(words)) - {" "}


def _shingle_table(texts: Sequence[str]) -> csr_matrix:
    """Which text has which shingle: 1 or 0, f32[N, S]."""
    columns: dict[str, int] = {}
    places = [[columns.setdefault(s, len(columns)) for s in shingles(text)] for text in texts]
    ends = np.cumsum([0, *map(len, places)])
    flat = np.fromiter((c for row in places for c in row), dtype=np.int32, count=ends[-1])
    ones = np.ones(len(flat), dtype=np.float32)
    return csr_matrix((ones, flat, ends), shape=(len(texts), max(1, len(columns))))


def _near_blocks(
    table: csr_matrix, unit: NDArray[np.float32], jaccard: float, cosine: float
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Blocks of rows: where the block starts, and bool[B, N] of the pairs that are near."""
    sizes = np.asarray(table.sum(axis=1)).ravel()
    for start in range(0, table.shape[0], _BLOCK):
        block = slice(start, start + _BLOCK)
        common = (table[block] @ table.T).toarray()
        near = common >= jaccard * (sizes[block, None] + sizes[None, :] - common)
        near |= unit[block] @ unit.T >= cosine
        yield start, near
