"""Left, right or both, as words say it."""

import re
from typing import cast

from caselight.language.nouns import Found, Side

_LEFT = r"left(?:-sided|ward)?|lt\b\.?|o\.s\.|sinistra?l?|laevo\w*"
_RIGHT = r"right(?:-sided|ward)?|rt\b\.?|o\.d\.|dextra?l?"
_SIDE = re.compile(
    r"(?P<bilateral>\b(?:bilateral(?:ly)?|bibasilar|bibasal|biapical|bihilar|both|"
    r"(?:each|either)\s++(?:eye|side|lung|kidney)|b/l|o\.u\.)"
    r"|\b(?:left|l)\s*+(?:>|<|(?:is\s++)?(?:greater|more|worse|larger|less|smaller)\s++than|and|&|/)"
    r"\s*+(?:the\s++)?(?:right|r)\b"
    r"|\b(?:right|r)\s*+(?:>|<|(?:is\s++)?(?:greater|more|worse|larger|less|smaller)\s++than|and|&|/)"
    r"\s*+(?:the\s++)?(?:left|l)\b)"
    r"|(?P<other>\bcontra-?lateral\b)|(?P<same>\bipsi-?lateral\b)"
    rf"|(?P<left>\b(?:{_LEFT})(?!\w))|(?P<right>\b(?:{_RIGHT})(?!\w))",
    re.I,
)
_LETTERS = re.compile(
    r"(?<![\w/.>-])(?:(?P<left>L|OS)|(?P<right>R|OD)|(?P<bilateral>OU|B))(?![\w/.'>]|\s*+[<>]|\s*+\d)"
)
"""Letters stand for a side only as capitals; "L1" and "R/O" do not."""
_NO_SIDE = re.compile(
    r"\b(?:right|left)[\s-]++(?:now|away|handed|handedness|untreated|ama|against|alone|in\s++(?:place|situ)|"
    r"the\s++(?:hospital|clinic)|without|over)\b|\b(?:was|were|been|is|has|patient|be)\s++left\b"
    r"(?!\s++(?:sided|upper|lower|lung|pleural|basilar|basal|sided|lateral|\w+ly\b))"
    r"|\ball\s++right\b|\bboth\s++(?:the\s++)?(?:pa|ap|frontal|views?|studies|images|examinations?)\b"
    r"|\bboth\s++(?!lungs?\b|eyes?\b|kidneys?\b)\w+\s++and\b",
    re.I,
)
_OPPOSITE: dict[Side, Side] = {"left": "right", "right": "left"}


def read_sides(text: str) -> tuple[Found[Side], ...]:
    """Read the sides that a text names, in order.

    "Contralateral" and "ipsilateral" take their side from the last single side named before; where
    there is none they are left out.
    """
    text = _NO_SIDE.sub(lambda found: " " * len(found[0]), text)
    read: list[Found[Side]] = []
    named: Side | None = None
    matches = [*_SIDE.finditer(text), *_LETTERS.finditer(text)]
    for found in sorted(matches, key=lambda match: match.start()):
        start, end = found.span()
        if read and start < read[-1].span[1]:
            continue
        side = cast("str", found.lastgroup)
        if side in ("other", "same"):
            if named is None:
                continue
            side = named if side == "same" else _OPPOSITE[named]
        elif side != "bilateral":
            named = cast("Side", side)
        read.append(Found(span=(start, end), value=cast("Side", side)))
    return tuple(read)
