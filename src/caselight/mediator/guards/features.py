"""A text as numbers, for the two layers that have learned: hashed words and letters."""

import re
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_TOKEN = re.compile(r"\w+|[^\w\s]")
_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_GRAMS = (2, 3, 4, 5)
"""Letters in a row, blanks counted: what misspelling and splitting leave of a word."""


def buckets(text: str, *, n_buckets: int) -> NDArray[np.uint32]:
    """Hash what stands in a text: letters two to five in a row, words alone, in pairs and threes.

    Args:
        text: a skeleton (`characters.skeleton`); any text is taken.
        n_buckets: a power of two.

    Returns:
        uint32[N], each bucket once, in order; 0..n_buckets - 1. Each place counts once, however
        often it is met, so that a word repeated a thousand times weighs as it does alone.
    """
    letters = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    words = np.array(
        [crc32(word.encode("utf-8", "surrogatepass")) for word in _TOKEN.findall(text)],
        dtype=np.uint64,
    )
    found = [_joined(letters.astype(np.uint64), n, salt=n) for n in _GRAMS]
    found += [_joined(words, n, salt=10 + n) for n in (1, 2, 3)]
    if len(words) > 2:
        # The words around one, so that a word put between two does not part them.
        found.append(_mixed(words[:-2] * _PRIME + words[2:] + np.uint64(20)))
    hashed = np.concatenate(found) >> np.uint64(64 - (n_buckets.bit_length() - 1))
    return np.unique(hashed.astype(np.uint32))


def _joined(units: NDArray[np.uint64], n: int, *, salt: int) -> NDArray[np.uint64]:
    """One number for each `n` units in a row."""
    m = len(units) - n + 1
    if m < 1:
        return np.empty(0, dtype=np.uint64)
    mixed = np.full(m, salt, dtype=np.uint64)
    for j in range(n):
        mixed = (mixed ^ units[j : j + m]) * _PRIME
    return _mixed(mixed)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread what differs in low bits over the high ones, which choose the bucket."""
    numbers = (numbers ^ (numbers >> np.uint64(29))) * _MIX
    return (numbers ^ (numbers >> np.uint64(32))) * _MIX


def windows(text: str, *, short: int = 8, long: int = 64, longest: int = 24) -> tuple[str, ...]:
    """Cut a text into overlapping windows, so that a few words are not lost among many.

    Args:
        text: any text.
        short: words of a short window; the next begins half a window later.
        long: words of a long one.
        longest: characters of a word; longer ones, and texts without blanks, are cut.

    Returns:
        The windows, in order of place within each length; none of a text without a word.
    """
    words = [word[i : i + longest] for word in text.split() for i in range(0, len(word), longest)]
    if not words:
        return ()
    cut = [
        " ".join(words[start : start + size])
        for size in (long, short)
        for start in range(0, max(len(words) - size // 2, 1), size // 2)
    ]
    return tuple(dict.fromkeys(cut))
