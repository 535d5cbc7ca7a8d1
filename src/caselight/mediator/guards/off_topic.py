"""The layer `off_topic`: how far a text is from what clinicians ask."""

from caselight.mediator.guards.characters import skeleton
from caselight.mediator.guards.findings import Finding
from caselight.mediator.guards.linear import read_linear

LAYER = "off_topic"
_READ = 2_000
"""Characters; what a text is about is said by then."""


def off_topic(text: str, *, threshold: float) -> Finding:
    """Ask whether a text that does not look clinical is meant.

    Stops: nothing. It asks, so that an unusual question costs a confirmation and no refusal.
    Does not see: an attack among clinical words; `injection` looks for those.

    Args:
        text: the cleaned text.
        threshold: probability, 0..1, from which on it asks.
    """
    read = skeleton(text[:_READ])
    p = read_linear(LAYER).probability([read] if read else [])
    return Finding(layer=LAYER, action="ask" if p >= threshold else "pass", p=p)
