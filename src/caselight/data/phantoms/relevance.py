"""How relevant one phantom study is to another, from what both really show.

The grades are those of a reader who looks for a case like this one:

- 3: the same findings, each on the same side and of the same severity; two normal chests too;
- 2: the same findings, each on the same side;
- 1: at least one finding in common, wherever and however large;
- 0: nothing in common; a normal chest has nothing in common with any other.

Devices count by their kind and have no severity. Lobe, size within a severity, change since the
study before, and what the report says of it all count for nothing.
"""

from collections.abc import Callable, Hashable

from caselight.data.phantoms.findings import Finding, State

GRADES = (0.0, 1.0, 2.0, 3.0)
"""Every grade there is."""

_How = Callable[[Finding], tuple[Hashable, ...]]
"""As how much of a finding counts."""


def relevance(a: State, b: State) -> float:
    """One of `GRADES`, higher is more relevant; the same whichever of the two is asked for."""
    if _seen(a, _severe) == _seen(b, _severe):
        return 3.0
    if _seen(a, _placed) == _seen(b, _placed):
        return 2.0
    return 1.0 if _seen(a, _named) & _seen(b, _named) else 0.0


def _seen(state: State, how: _How) -> frozenset[tuple[Hashable, ...]]:
    return frozenset(how(finding) for finding in state.findings)


def _named(finding: Finding) -> tuple[Hashable, ...]:
    return finding.key


def _placed(finding: Finding) -> tuple[Hashable, ...]:
    return (*finding.key, finding.side)


def _severe(finding: Finding) -> tuple[Hashable, ...]:
    return (*finding.key, finding.side, finding.severity)
