"""The schema on the wire asks for nothing that the type would refuse by its form."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from caselight.mediator.backends.schema import MOST_CHARACTERS, MOST_ITEMS, closed_schema
from caselight.mediator.plan import FILTERS, Draft

SCHEMA = closed_schema(Draft)


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for one in node.values():
            yield from nodes(one)
    elif isinstance(node, list):
        for one in node:
            yield from nodes(one)


def test_it_speaks_of_every_field_of_a_draft_and_of_no_other() -> None:
    assert list(SCHEMA["properties"]) == list(Draft.model_fields) == SCHEMA["required"]
    assert tuple(SCHEMA["properties"]["filters"]["properties"]) == FILTERS


def test_every_object_is_closed_and_every_list_and_text_bounded() -> None:
    found = list(nodes(SCHEMA))
    for node in found:
        if node.get("type") == "object":
            assert node["additionalProperties"] is False
        if node.get("type") == "array":
            assert node["maxItems"] <= MOST_ITEMS
        if node.get("type") == "string" and "enum" not in node:
            assert node["maxLength"] <= MOST_CHARACTERS
    assert sum(node.get("type") == "array" for node in found) == 3


def test_nothing_is_left_that_a_grammar_may_not_know() -> None:
    words = json.dumps(SCHEMA)
    for word in ("$ref", "$defs", "propertyNames", "pattern", "default", "title"):
        assert f'"{word}"' not in words


def test_what_it_allows_at_most_is_a_draft() -> None:
    wanted = {"name": "x" * MOST_CHARACTERS, "side": None, "severity": "mild"}
    most = {
        "intent": "teach",
        "rewrites": ["y" * MOST_CHARACTERS] * MOST_ITEMS,
        "include": [wanted] * MOST_ITEMS,
        "exclude": [wanted] * MOST_ITEMS,
        "filters": dict.fromkeys(FILTERS, "z" * MOST_CHARACTERS),
    }
    assert len(Draft.model_validate_json(json.dumps(most)).include) == MOST_ITEMS
    with pytest.raises(ValidationError):
        Draft.model_validate({**most, "k": 1000})
