"""Whatever a model does, a value comes back that says so."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.audit.record import EVENTS
from caselight.config import MediatorSettings
from caselight.errors import MediatorError
from caselight.mediator.backends.scripted import ScriptedModel
from caselight.mediator.drafting import MOST_CHARACTERS, Drafted, draft
from caselight.mediator.plan import Draft
from caselight.mediator.prompts import read_prompt
from caselight.types import Turn
from tests.mediator.chat_server import chat_server, completion

GOOD = '{"intent": "rule_out", "exclude": [{"name": "zebra", "side": "left"}]}'
SETTINGS = MediatorSettings(timeout_s=5.0)


def ask(*answers: str | Callable[[Sequence[Turn]], str], **options: Any) -> Drafted:
    """Ask a model that gives these answers, one after the other."""
    left = list(answers)

    def said(turns: Sequence[Turn]) -> str:
        answer = left.pop(0)
        return answer(turns) if callable(answer) else answer

    found = draft("zebra", ScriptedModel(said), **({"settings": SETTINGS} | options))
    assert left == [], "it was not asked as often as it should have been"
    return found


def canary(turns: Sequence[Turn]) -> str:
    return turns[0].text.rpartition(" ")[2]


def test_a_good_answer_is_a_draft() -> None:
    found = ask(GOOD)
    assert found.draft == Draft.model_validate_json(GOOD)
    assert (found.code, found.why, found.event) == (None, None, None)
    assert (found.n_answers, found.repaired) == (1, False)
    assert (found.model, found.prompt) == ("scripted", read_prompt().digest)
    assert found.n_prompt_tokens > found.n_answer_tokens > 0
    assert (found.counted, found.held_by) == ("estimated", "script")


@pytest.mark.parametrize("around", ["Sure! Here it is:\n{}\nHope this helps.", "```json\n{}\n```"])
def test_what_stands_around_the_object_does_no_harm(around: str) -> None:
    found = ask(around.replace("{}", GOOD))
    assert found.draft is not None
    assert not found.repaired


WRONG: dict[str, str] = {
    "nothing": "",
    "prose": "I think you mean a zebra.",
    "half": GOOD[:-5],
    "a list": f"[{GOOD}, {GOOD}]",
    "a number": "7",
    "a field too many": '{"intent": "find", "sql": "drop table"}',
    "authority": '{"route": "direct", "k": 1000}',
    "a filter that nobody may ask for": '{"filters": {"patient": "1"}}',
    "another intent": '{"intent": "delete"}',
    "too many": json.dumps({"rewrites": ["a"] * 100}),
    "too long": json.dumps({"rewrites": ["a" * 301]}),
    "deep": '{"include":' + "[" * 10_000 + "]" * 10_000 + "}",
    "braces the wrong way": "} {",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_a_wrong_answer_is_mended_once_and_no_more(wrong: str) -> None:
    mended = ask(wrong, GOOD)
    assert mended.draft == Draft.model_validate_json(GOOD)
    assert (mended.n_answers, mended.repaired, mended.code) == (2, True, None)
    given_up = ask(wrong, wrong)
    assert given_up.draft is None
    assert (given_up.n_answers, given_up.repaired) == (2, False)
    assert given_up.code == "mediator.bad_plan"
    assert given_up.n_answer_tokens >= 2 * -(-len(wrong) // 4)


def test_the_repair_says_what_was_wrong_in_bounded_words() -> None:
    seen: list[Sequence[Turn]] = []

    def noted(turns: Sequence[Turn]) -> str:
        seen.append(turns)
        return GOOD

    ask(json.dumps({f"field{n}": "x" * 5_000 for n in range(20)}), noted)
    (turns,) = seen
    assert [turn.role for turn in turns] == ["system", "user", "model", "user"]
    assert "field0: Extra inputs are not permitted" in turns[3].text
    assert len(turns[2].text) + len(turns[3].text) < 6_000


@pytest.mark.parametrize("good_otherwise", [True, False])
def test_an_answer_with_the_canary_is_thrown_away_and_said(*, good_otherwise: bool) -> None:
    leak: Callable[[Sequence[Turn]], str] = lambda turns: (  # noqa: E731
        json.dumps({"rewrites": [canary(turns)]}) if good_otherwise else canary(turns)
    )
    for found in (ask(leak), ask("nonsense", leak)):
        assert found.draft is None
        assert found.code == "mediator.leaked"
        assert found.event == "draft.leaked"
        assert found.event in EVENTS
        assert found.why is not None
        assert "zebra" not in found.why


@pytest.mark.parametrize(
    "code", sorted(set(MediatorError.codes) - {"mediator.bad_script", "mediator.leaked"})
)
def test_what_a_backend_raises_becomes_a_value(code: str) -> None:
    def down(_: Sequence[Turn]) -> str:
        raise MediatorError("it was down", code=code)

    found = ask(down)
    assert (found.draft, found.code, found.why) == (None, code, "it was down")
    assert (found.n_answers, found.counted, found.held_by) == (0, None, None)
    after = ask("nonsense", down)
    assert (after.code, after.n_answers) == (code, 1)
    assert after.n_prompt_tokens > 0


def test_both_answers_share_one_deadline() -> None:
    now = iter([0.0, 1.0, 4.0, 6.0])
    left: list[float] = []

    class Noting(ScriptedModel):
        def complete(self, turns: Any, *, schema: Any, deadline_s: float) -> Any:
            left.append(deadline_s)
            return super().complete(turns, schema=schema, deadline_s=deadline_s)

    model = Noting(lambda turns: GOOD if len(turns) > 2 else "nonsense")
    found = draft("zebra", model, settings=SETTINGS, clock=lambda: next(now))
    assert left == [4.0, 1.0]
    assert found.seconds == 6.0


def test_when_time_is_over_nothing_is_mended() -> None:
    now = iter([0.0, 0.0, 5.0, 5.0])
    model = ScriptedModel(lambda _: "nonsense")
    found = draft("zebra", model, settings=SETTINGS, clock=lambda: next(now))
    assert (found.code, found.n_answers) == ("mediator.too_slow", 1)


def test_a_silent_model_is_too_slow() -> None:
    model = ScriptedModel(delay_s=60.0, sleep=lambda _: None)
    assert draft("zebra", model, settings=SETTINGS).code == "mediator.too_slow"


def test_a_question_without_end_is_not_given_to_a_model() -> None:
    def never(_: Sequence[Turn]) -> str:
        raise AssertionError

    found = draft("x" * (MOST_CHARACTERS + 1), ScriptedModel(never), settings=SETTINGS)
    assert (found.code, found.n_answers) == ("mediator.too_long", 0)


def test_energy_is_unknown_until_the_site_has_measured_it() -> None:
    assert (ask(GOOD).energy_j, ask(GOOD).energy_method) == (None, None)
    found = ask("nonsense", GOOD, settings=MediatorSettings(joules_per_token=0.5))
    assert found.energy_j == 0.5 * (found.n_prompt_tokens + found.n_answer_tokens)
    assert found.energy_method == "mediator.joules_per_token (0.5 J) x tokens (estimated)"


def test_nothing_of_question_or_answer_is_in_a_repr() -> None:
    for found in (ask(GOOD), ask("zebra", "zebra"), ask(canary)):
        assert "zebra" not in repr(found)


@given(st.text(), st.text())
def test_any_words_give_a_value(text: str, answer: str) -> None:
    found = draft(text, ScriptedModel(lambda _: answer), settings=SETTINGS)
    assert (found.draft is None) == (found.code is not None)


def test_over_real_http_a_wrong_answer_is_mended() -> None:
    pytest.importorskip("pydantic_ai", reason="the extra mediator is not installed")
    from caselight.mediator.backends.openai import OpenAIModel

    answers = ["nonsense", GOOD]
    with chat_server(lambda handler, _: handler.reply(completion(answers.pop(0)))) as chat:
        model = OpenAIModel(base_url=chat.base_url, model_name="toy")
        found = draft("zebra", model, settings=SETTINGS)
    assert found.draft == Draft.model_validate_json(GOOD)
    assert (found.repaired, found.n_prompt_tokens, found.n_answer_tokens) == (True, 22, 14)
    roles = [turn["role"] for turn in chat.asked[1][2]["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
