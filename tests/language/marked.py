"""Texts with their mentions in square brackets."""

import re

from caselight.language.nouns import Mention, Span


def unmark(marked: str) -> tuple[str, tuple[Span, ...]]:
    """The text without its brackets, and where they stood; backslash and n are a line break."""
    text, spans = "", []
    for piece in re.split(r"(\[[^\]]*\])", marked.replace("\\n", "\n")):
        if piece.startswith("["):
            spans.append((len(text), len(text) + len(piece) - 2))
            piece = piece[1:-1]
        text += piece
    return text, tuple(spans)


def mention(text: str, span: Span) -> Mention:
    """A mention whose concept is its own words."""
    concept = text[slice(*span)].lower().replace(" ", "-")
    return Mention(span=span, concept=concept, named="name")
