"""The layer `injection`: orders to a machine, by a filter that has learned what they look like."""

from collections.abc import Sequence

from caselight.mediator.guards.characters import skeleton
from caselight.mediator.guards.features import windows
from caselight.mediator.guards.findings import Action, Finding
from caselight.mediator.guards.linear import read_linear

LAYER = "injection"


def injection(texts: Sequence[str], *, threshold: float, above: Action = "refuse") -> Finding:
    """Judge a text by its worst window.

    Stops: what reads like the attacks it has learned from, their misspellings, splittings and
    paddings, in any of the views it is given. `docs/results/mediator.md` says how many.
    Does not stop: orders in words that no attack has used so far, most languages but English, what
    is harmful without giving orders to a machine. It is one layer of several and no proof: a plan
    gains no authority by what a text says.

    Args:
        texts: the cleaned text and its decoded views.
        threshold: probability, 0..1, from which on the layer acts.
        above: what it then asks for.
    """
    model = read_linear(LAYER)
    p = max((model.probability(windows(skeleton(text))) for text in texts), default=0.0)
    return Finding(layer=LAYER, action=above if p >= threshold else "pass", p=p)
