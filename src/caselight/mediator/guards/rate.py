"""How many questions one actor may ask: a bucket of tokens for each."""

from collections import OrderedDict
from collections.abc import Callable

from caselight.mediator.guards.findings import Finding

LAYER = "rate"
_MOST_ACTORS = 10_000


class RateLimit:
    """Counts the questions of each actor; one process, not safe to share between threads.

    Stops: floods of questions by one actor, and searching against the guards by trial at speed.
    Does not stop: many actors together, and patience.
    """

    def __init__(self, *, per_minute: float, burst: int, clock: Callable[[], float]) -> None:
        """Open a limit.

        Args:
            per_minute: tokens that come back in a minute, above 0.
            burst: tokens a bucket holds, and has at first; at least 1.
            clock: seconds, never going back, as `time.monotonic` counts them.
        """
        if per_minute <= 0 or burst < 1:
            raise ValueError("a rate limit needs more than 0 tokens a minute and a burst of 1")
        self._per_second = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, actor: str) -> Finding:
        """Take a token of this actor's; refuse where none is left, and say how long to wait."""
        now = self._clock()
        tokens, since = self._buckets.pop(actor, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - since) * self._per_second)
        allowed = tokens >= 1
        self._buckets[actor] = (tokens - 1 if allowed else tokens, now)
        # The one who has been silent longest has a full bucket first, and loses nothing by it.
        if len(self._buckets) > _MOST_ACTORS:
            self._buckets.popitem(last=False)
        if allowed:
            return Finding(layer=LAYER)
        wait = int((1 - tokens) / self._per_second) + 1
        return Finding(layer=LAYER, action="refuse", counts=(("wait_seconds", wait),))
