"""A query survives the way to JSON and back."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.types import Query
from caselight.wire import query_json, read_query

names = st.lists(st.text(max_size=8)).map(tuple)
queries = st.builds(
    Query,
    text=st.none() | st.text(max_size=20),
    image=st.none() | st.sampled_from([Path("film.png"), Path("a/b.dcm")]),
    like=names,
    unlike=names,
    patient=st.dictionaries(st.sampled_from(["age", "sex"]), st.text(max_size=3)),
    target=st.sampled_from(["study", "image", "report"]),
    k=st.integers(1, 99),
    filters=st.dictionaries(st.sampled_from(["sex", "age"]), st.text(max_size=5)),
    keep_own=st.booleans(),
    by=st.sampled_from(["codes", "words", "both"]),
    fusion=st.sampled_from([None, "vectors", "ranks"]),
    image_weight=st.none() | st.floats(0, 1),
    group=st.sampled_from(["patient", "study", "image"]),
)


@given(queries)
def test_a_query_is_the_same_after_json(query: Query) -> None:
    assert read_query(json.loads(json.dumps(query_json(query)))) == query


def test_a_query_of_another_shape_is_no_query() -> None:
    written = query_json(Query(text="effusion"))
    with pytest.raises(TypeError):
        read_query({**written, "colour": "red"})
    del written["image"]
    with pytest.raises(KeyError):
        read_query(written)
