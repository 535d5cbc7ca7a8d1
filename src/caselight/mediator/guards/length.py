"""The layer `length`: how much text one question may hold."""

from caselight.mediator.guards.findings import Finding

LAYER = "length"


def length(text: str, *, most: int) -> Finding:
    """Refuse what no question needs, before anything reads it; ask about a text without a word.

    Stops: floods of text, which cost time and hide orders.
    Does not stop: many short texts; `rate.py` counts those.

    Args:
        text: the text as it was given.
        most: characters.
    """
    if len(text) > most:
        return Finding(layer=LAYER, action="refuse", counts=(("characters", len(text)),))
    if not any(c.isalnum() for c in text):
        return Finding(layer=LAYER, action="ask", counts=(("empty", 1),))
    return Finding(layer=LAYER)
