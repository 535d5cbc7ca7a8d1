"""The shapes that exchangeable parts fill. A fourth needs a second implementation first."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from caselight.types import BoolArray, Candidates, Codes, Completion, Turn


class Index(Protocol):
    """Binary codes that can be searched by Hamming distance."""

    n_bits: int

    def __len__(self) -> int:
        """How many rows it holds."""
        ...

    def add(self, rows: NDArray[np.int64], codes: Codes) -> None:
        """Add codes under rows, i64[N]; a row may be added once."""
        ...

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take rows out; rows that are not there are passed over."""
        ...

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest rows of each query code, nearest first, ties in order of row.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted; fewer come back when fewer are allowed.
            allowed: bool[len(self)], in order of row: which rows may be answered; None is all.
        """
        ...

    def digest(self) -> str:
        """SHA-256 over rows and codes, whatever the order they were added in."""
        ...


class LanguageModel(Protocol):
    """Something that answers turns of words with a JSON object.

    It gets words and gives words: the text comes back as it was written, because whoever asked must
    look for leaks in it before anything reads it as a draft.
    """

    @property
    def name(self) -> str:
        """Which model it is, for the plan and the record; no address and no key."""
        ...

    def complete(
        self, turns: Sequence[Turn], *, schema: Mapping[str, Any], deadline_s: float
    ) -> Completion:
        """Ask once; nothing is tried again unseen.

        Args:
            turns: system first, then user and model in turn, the user last.
            schema: JSON schema of the object wanted, without `$ref`; the answer need not follow it.
            deadline_s: seconds for all of it, from the connection to the last byte.

        Raises:
            MediatorError: `mediator.unreachable`, `mediator.too_slow`, `mediator.refused`,
                `mediator.bad_answer`; `mediator.resting` where a breaker stands before it.
        """
        ...
