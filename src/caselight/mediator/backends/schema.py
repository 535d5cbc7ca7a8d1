"""The JSON schema of a type, as servers that hold a model to a grammar can take it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

MOST_ITEMS = 6
MOST_CHARACTERS = 120
"""What a model is asked for at most in a list or a text, where the type would take more: a small
model that is held to a grammar goes on as long as the grammar lets it."""

_LEFT_OUT = ("$defs", "title", "description", "default", "pattern")
"""Words for people, and patterns, which some grammars refuse; the type itself checks them again."""


@cache
def closed_schema(kind: type[BaseModel]) -> Mapping[str, Any]:
    """JSON schema of a pydantic type: no `$ref`, every object closed, every list and text bounded.

    A mapping whose keys are listed becomes an object with these fields, since grammars do not know
    `propertyNames`. The fields of the type itself are all required, so that a model must speak of
    each; those of the objects within are as the type has them.
    """
    whole = kind.model_json_schema()
    found = _closed(whole, whole.get("$defs", {}))
    return {**found, "required": list(found["properties"])}


def _closed(node: Any, defined: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_closed(one, defined) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _closed(defined[node["$ref"].rpartition("/")[2]], defined)
    if "propertyNames" in node:
        value = _closed(node["additionalProperties"], defined)
        keys = node["propertyNames"]["enum"]
        return {
            "type": "object",
            "properties": dict.fromkeys(keys, value),
            "additionalProperties": False,
        }
    kept = {key: one for key, one in node.items() if key not in _LEFT_OUT}
    for key, most in (("maxItems", MOST_ITEMS), ("maxLength", MOST_CHARACTERS)):
        if kept.get("type") == ("array" if key == "maxItems" else "string") and "enum" not in kept:
            kept[key] = min(most, kept.get(key, most))
    if "properties" in kept:
        # The names of fields are no words of the schema: one may well be called "title".
        fields = {name: _closed(one, defined) for name, one in kept.pop("properties").items()}
        return {**{key: _closed(one, defined) for key, one in kept.items()}, "properties": fields}
    return {key: _closed(one, defined) for key, one in kept.items()}
