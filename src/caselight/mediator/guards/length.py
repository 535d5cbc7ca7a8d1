"""The layer `length`: how much text one question may hold."""

from caselight.mediator.guards.findings import Action, Finding

LAYER = "length"


def length(text: str, *, most: int, wordless: Action = "ask") -> Finding:
    """Refuse what no question needs, before anything reads it; ask about a text without a word.

    Stops: floods of text, which cost time and hide orders.
    Does not stop: many short texts; `rate.py` counts those.

    Args:
        text: the text as it was given.
        most: characters.
        wordless: what a text without a letter or digit asks for; of a document, nothing.
    """
    if len(text) > most:
        return Finding(layer=LAYER, action="refuse", counts=(("characters", len(text)),))
    if not any(c.isalnum() for c in text):
        return Finding(layer=LAYER, action=wordless, counts=(("empty", 1),))
    return Finding(layer=LAYER)
