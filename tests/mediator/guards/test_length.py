"""Too long is refused, wordless is asked about."""

import pytest

from caselight.mediator.guards.length import length


@pytest.mark.parametrize(
    ("text", "action"),
    [("effusion", "pass"), ("", "ask"), (" \n?!", "ask"), ("a" * 10, "pass"), ("a" * 11, "refuse")],
)
def test_length(text: str, action: str) -> None:
    assert length(text, most=10).action == action


def test_how_long_it_was_is_said() -> None:
    assert length("a" * 11, most=10).counts == (("characters", 11),)
