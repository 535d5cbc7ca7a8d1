"""The scripted model says what it was told to, and nothing else."""

import json
from pathlib import Path

import pytest

from caselight.errors import MediatorError
from caselight.mediator.backends.schema import closed_schema
from caselight.mediator.backends.scripted import EMPTY, ScriptedModel, estimated_tokens, read_script
from caselight.mediator.plan import Draft
from caselight.mediator.prompts import fill, read_prompt


def asked(model: ScriptedModel, text: str, *, deadline_s: float = 1.0) -> str:
    turns = fill(read_prompt(), text, schema=closed_schema(Draft)).turns
    return model.complete(turns, schema=closed_schema(Draft), deadline_s=deadline_s).text


@pytest.mark.parametrize("text", ["effusion", "two\nlines", "it's 100 % $fun"])
def test_the_table_is_asked_with_the_user_s_words(text: str) -> None:
    model = ScriptedModel({text: "found"})
    assert asked(model, text) == "found"
    assert asked(model, text + " more") == EMPTY


def test_a_function_sees_the_turns() -> None:
    model = ScriptedModel(lambda turns: "/".join(turn.role for turn in turns))
    assert asked(model, "effusion") == "system/user"


@pytest.mark.parametrize(("delay_s", "late"), [(0.5, False), (1.0, False), (1.5, True)])
def test_it_is_as_slow_as_it_was_told_and_no_slower_than_the_deadline(
    delay_s: float, *, late: bool
) -> None:
    slept: list[float] = []
    model = ScriptedModel(delay_s=delay_s, sleep=slept.append)
    if late:
        with pytest.raises(MediatorError) as refused:
            asked(model, "effusion")
        assert refused.value.code == "mediator.too_slow"
    else:
        assert asked(model, "effusion") == EMPTY
    assert slept == [min(delay_s, 1.0)]


def test_tokens_are_an_estimate_and_say_so() -> None:
    turns = fill(read_prompt(), "effusion", schema={}).turns
    found = ScriptedModel({"effusion": "12345"}).complete(turns, schema={}, deadline_s=1.0)
    assert found.n_prompt_tokens == sum(estimated_tokens(turn.text) for turn in turns)
    assert (found.n_answer_tokens, found.counted, found.held_by) == (2, "estimated", "script")


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({" effusion ": {"intent": "teach"}, "silence": "", "odd": "{"}))
    assert read_script(path) == {"effusion": '{"intent": "teach"}', "silence": "", "odd": "{"}


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b'"a"', b"[" * 100_000])
def test_what_is_no_script_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "script.json"
    path.write_bytes(content)
    with pytest.raises(MediatorError, match=r"script\.json") as refused:
        read_script(path)
    assert refused.value.code == "mediator.bad_script"


def test_a_script_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediatorError):
        read_script(tmp_path / "none.json")
