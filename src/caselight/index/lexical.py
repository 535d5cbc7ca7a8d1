"""Search by words: BM25 over texts.

A word is a run of letters and digits, or a number with its decimal point; so `left-sided` is two
words. Case is folded, nothing is stemmed, and the commonest little words are passed over. `no` and
`not` are kept; yet BM25 knows no grammar, and "no effusion" finds texts that affirm one as well.

Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, as
Lucene computes it (k1 1.5, b 0.75).
"""

import re
import unicodedata
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

STOP_WORDS = frozenset(
    ("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
     "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this",
     "to", "was", "will", "with")
)  # fmt: skip
"""Lucene's English list without `no` and `not`."""

_WORD = re.compile(r"\d+(?:\.\d+)+|[^\W_]+")


def words_of(text: str) -> list[str]:
    """The words of a text, in order, without stop words."""
    # An accent may be written as a character of its own, and is no letter then.
    folded = unicodedata.normalize("NFC", text.casefold())
    return [word for word in _WORD.findall(folded) if word not in STOP_WORDS]


class LexicalIndex:
    """Texts, ready to be searched by words."""

    def __init__(self, texts: Sequence[str]) -> None:
        # Numbers, and each word kept once: the words of all texts would take ten times the memory.
        number: dict[str, int] = {}
        documents = [
            [number.setdefault(word, len(number)) for word in words_of(text)] for text in texts
        ]
        self._n_texts = len(documents)
        self._engine = None
        if any(documents):
            self._engine = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
            self._engine.index((documents, number), show_progress=False)

    def scores(self, query: str) -> NDArray[np.float64]:
        """The BM25 score of every text, f64[N], 0 or more; 0 where no word of the query occurs."""
        none = np.zeros(self._n_texts, dtype=np.float64)
        if self._engine is None:
            return none
        known = [word for word in words_of(query) if word in self._engine.vocab_dict]
        if not known:
            return none
        # Rounded, so that equal texts tie whatever the order of summation.
        found: NDArray[np.float64] = self._engine.get_scores(known).astype(np.float64)
        return np.round(found, 5)
