"""A circuit breaker: a server that is down is left alone for a while, and nobody waits for it."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from caselight.errors import MediatorError
from caselight.protocols import LanguageModel
from caselight.types import Completion, Turn

_DOWN = ("mediator.unreachable", "mediator.too_slow")
"""What counts: an answer of any kind shows that the server is there."""


class CircuitBreaker:
    """A language model before which stands a breaker; threads may share it.

    Closed, it lets everything pass. It opens after so many failures in a row, and refuses at once;
    when it has rested, it lets one request through, which closes it or opens it again.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        n_failures: int,
        rest_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stand before a model.

        Args:
            model: what is asked.
            n_failures: failures in a row that open it, at least 1.
            rest_s: seconds that it stays open.
            clock: seconds, from any beginning.
        """
        self._model = model
        self._n_failures = n_failures
        self._rest_s = rest_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def name(self) -> str:
        """That of the model."""
        return self._model.name

    def complete(
        self, turns: Sequence[Turn], *, schema: Mapping[str, Any], deadline_s: float
    ) -> Completion:
        """As the model does, or `mediator.resting` at once while it is open."""
        probes = self._enter()
        down = False
        try:
            return self._model.complete(turns, schema=schema, deadline_s=deadline_s)
        except MediatorError as error:
            down = error.code in _DOWN
            raise
        finally:
            self._leave(down=down, probes=probes)

    def _enter(self) -> bool:
        """Whether this request is the one that tries."""
        with self._lock:
            if self._opened_at is None:
                return False
            left_s = self._opened_at + self._rest_s - self._clock()
            if left_s > 0 or self._probing:
                raise MediatorError(
                    f"the language model failed {self._failures} times in a row and is left alone "
                    f"for {max(left_s, 0):.0f} s more; the search goes on without it",
                    code="mediator.resting",
                )
            self._probing = True
            return True

    def _leave(self, *, down: bool, probes: bool) -> None:
        with self._lock:
            self._probing = self._probing and not probes
            self._failures = self._failures + 1 if down else 0
            opens = self._failures >= self._n_failures
            self._opened_at = self._clock() if opens else None
