from dataclasses import replace

import pytest

from caselight.language.modifiers import attach, read_modifiers
from tests.language.marked import mention, unmark


def attached(marked: str) -> list[tuple[object, ...]]:
    text, spans = unmark(marked)
    found = attach(text, [mention(text, span) for span in spans], read_modifiers(text))
    return [(one.side, one.severity, one.size_mm) for one in found]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("small left [pleural effusion]", [("left", "mild", None)]),
        ("left [effusion] and right [mass]", [("left", None, None), ("right", None, None)]),
        ("[effusion] on the left, small", [("left", "mild", None)]),
        (
            "[nodule] in the left upper [lobe], measuring 5 mm",
            [("left", None, (5, 5)), ("left", None, None)],
        ),
        ("3 cm left lower [lobe] [nodule]", [("left", None, None), ("left", None, (30, 30))]),
        ("[left lower lobe] [nodule]", [("left", None, None), ("left", None, None)]),
        ("right and left [effusions]", [("bilateral", None, None)]),
        ("large right and small left [effusions]", [("bilateral", "severe", None)]),
        ("bilateral [effusions] and [edema]", [("bilateral", None, None), (None, None, None)]),
        (
            "OD: [drusen], [bleed]. OS: [edema]",
            [("right", None, None), ("right", None, None), ("left", None, None)],
        ),
        ("On the left, there is an [effusion]", [("left", None, None)]),
        (
            "left lung: [nodule], right lung: [mass]",
            [("left", None, None), ("right", None, None)],
        ),
        ("[stenosis] (severe) and mild [leak]", [(None, "severe", None), (None, "mild", None)]),
        ("5 mm [nodule] and a 3 cm [mass]", [(None, None, (5, 5)), (None, None, (30, 30))]),
        ("large [mass], large [effusion]", [(None, None, None), (None, "severe", None)]),
        ("[effusions], left greater than right", [("bilateral", None, None)]),
        ("Left [effusion]. [Nodule].", [("left", None, None), (None, None, None)]),
        ("left without a [finding]", [(None, None, None)]),
    ],
)
def test_a_modifier_goes_to_the_mention_of_its_phrase(
    marked: str, expected: list[tuple[object, ...]]
) -> None:
    assert attached(marked) == expected


def test_what_a_mention_has_already_stays() -> None:
    text, spans = unmark("left [effusion]")
    given = replace(mention(text, spans[0]), side="right")
    assert attach(text, [given], read_modifiers(text))[0].side == "right"
