"""The index that chooses: the scan or the tables, search by search, and says why."""

from dataclasses import dataclass
from typing import Literal

from caselight.index.prices import Choice, choose
from caselight.index.substrings import available
from caselight.index.tables import MultiIndex, Work
from caselight.types import BoolArray, Candidates, Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a search was done and what it cost, summed over its queries."""

    method: Literal["scan", "tables"]
    """What was begun; `work.n_fell_back` queries of the tables were finished by the scan."""
    reason: str
    n_queries: int
    n_compared: int
    """Distances computed, by either."""
    work: Work


class AutoIndex(MultiIndex):
    """Tables where they pay, built only once they are first wanted; else the scan."""

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest rows of each query code; see `FlatIndex.search`."""
        return self.explain(codes, k=k, allowed=allowed)[0]

    def explain(
        self, codes: Codes, *, k: int, allowed: BoolArray | None = None
    ) -> tuple[Candidates, Explanation]:
        """Search, and say what was chosen and what it took.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted, at least 1.
            allowed: bool[len(self)], in order of row; None is all.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
        """
        chosen = self.prepare(allowed)
        choice = choose(len(self), k=k, n_allowed=chosen.n_allowed)
        if not available():
            choice = Choice(method="scan", reason="the native extension was not built")
        answer = self.look_up if choice.method == "tables" else self.scan
        found, work = answer(codes, k=k, chosen=chosen)
        return found, Explanation(
            method=choice.method,
            reason=choice.reason,
            n_queries=len(codes),
            n_compared=found.n_compared,
            work=work,
        )
