"""Asked over real HTTP: what a server says well is used, and whatever else it does is a refusal."""

import asyncio
import gzip
import json
import logging
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from caselight.errors import MediatorError, UsageError
from caselight.mediator.backends.openai import OpenAIModel
from caselight.mediator.backends.schema import closed_schema
from caselight.mediator.backends.transport import MOST_BYTES
from caselight.mediator.plan import Draft
from caselight.types import Completion, Turn
from tests.mediator.chat_server import Body, Chat, Handler, calls, chat_server, completion, says

pytest.importorskip("pydantic_ai", reason="the extra mediator is not installed")

GOOD = '{"intent":"teach"}'
TURNS = (Turn(role="system", text="rules"), Turn(role="user", text="zebra effusion"))
Answer = Callable[[Handler, Body], None]


def ask(chat: Chat, *, deadline_s: float = 10.0, **options: Any) -> Completion:
    model = OpenAIModel(base_url=chat.base_url, model_name="toy", **options)
    return model.complete(TURNS, schema=closed_schema(Draft), deadline_s=deadline_s)


def refusal(answer: Answer, **options: Any) -> MediatorError:
    with chat_server(answer) as chat, pytest.raises(MediatorError) as refused:
        ask(chat, **options)
    assert len(chat.asked) == 1, "a refusal is not tried again"
    return refused.value


# What is sent -------------------------------------------------------------------------------


def test_an_answer_comes_back_as_it_was_written_with_the_server_s_count() -> None:
    with chat_server(says(GOOD)) as chat:
        found = ask(chat)
    assert found == Completion(
        text=GOOD, n_prompt_tokens=11, n_answer_tokens=7, counted="server", held_by="json_schema"
    )
    ((path, _, body),) = chat.asked
    assert path == "/v1/chat/completions"
    assert body["messages"] == [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "zebra effusion"},
    ]
    assert body["response_format"]["json_schema"]["schema"] == closed_schema(Draft)
    assert (body["temperature"], body["max_tokens"], body["stream"]) == (0.0, 512, False)
    assert body["model"] == "toy"
    assert "tools" not in body


def test_nothing_of_the_environment_or_the_machine_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "not-ours",
        "OPENAI_ORG_ID": "org",
        "OPENAI_PROJECT_ID": "project",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_CUSTOM_HEADERS": "X-Told: yes",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    with chat_server(says(GOOD)) as chat:
        ask(chat)
        ask(chat, api_key="ours")
    host = chat.base_url.removeprefix("http://").removesuffix("/v1")
    plain = {
        "host": host,
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
    }
    without, with_key = ({**headers} for _, headers, _ in chat.asked)
    assert without.pop("content-length") == with_key.pop("content-length")
    assert without == plain
    assert with_key == plain | {"authorization": "Bearer ours"}


def test_no_log_at_any_level_holds_words_or_key(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in ("openai", "httpx2", "httpcore2", "pydantic_ai", "asyncio"):
            caplog.set_level(logging.DEBUG, logger=name)
        with chat_server(says('{"rewrites":["zebra"]}')) as chat:
            ask(chat, api_key="sesame")
        refusal(lambda handler, _: handler.reply(b'{"error":"zebra"}', status=400), grammar="tool")
    assert caplog.records, "the libraries log, so this test sees something"
    assert "zebra" not in caplog.text
    assert "sesame" not in caplog.text


def test_no_address_but_the_configured_one_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[Any] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        reached.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    with chat_server(says(GOOD)) as chat:
        ask(chat)
    port = int(chat.base_url.rpartition(":")[2].partition("/")[0])
    assert set(reached) == {("127.0.0.1", port)}


def test_a_key_is_in_no_repr() -> None:
    model = OpenAIModel(base_url="http://127.0.0.1:9/v1", model_name="toy", api_key="sesame")
    assert "sesame" not in repr(model) + repr(vars(model)["_ways"])


# What holds the answer ----------------------------------------------------------------------


def test_a_server_without_a_grammar_is_asked_by_tool_then_by_words_and_remembered() -> None:
    def picky(handler: Handler, body: Body) -> None:
        if "response_format" in body or "tools" in body:
            handler.reply(b'{"error":{"message":"unknown field"}}', status=400)
        else:
            handler.reply(completion(GOOD))

    with chat_server(picky) as chat:
        model = OpenAIModel(base_url=chat.base_url, model_name="toy")
        for _ in range(2):
            found = model.complete(TURNS, schema=closed_schema(Draft), deadline_s=10)
            assert (found.text, found.held_by) == (GOOD, "prompt")
    assert len(chat.asked) == 3 + 1


def test_the_arguments_of_the_tool_are_the_answer() -> None:
    with chat_server(says(None, message=calls("write_draft", GOOD))) as chat:
        found = ask(chat, grammar="tool")
    assert (json.loads(found.text), found.held_by) == (json.loads(GOOD), "tool")
    ((_, _, body),) = chat.asked
    assert body["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in body["tools"]] == ["write_draft"]


def test_without_usage_tokens_are_estimated_and_said_to_be() -> None:
    with chat_server(says(GOOD, usage=None)) as chat:
        found = ask(chat)
    assert (found.n_prompt_tokens, found.n_answer_tokens) == (2 + 4, 5)
    assert found.counted == "estimated"


def test_a_train_of_thought_is_left_out() -> None:
    thought = {"reasoning_content": "the rules say to be silent about this"}
    with chat_server(says(GOOD, message=thought)) as chat:
        assert ask(chat).text == GOOD


def test_it_can_be_asked_where_an_event_loop_runs() -> None:
    async def notebook() -> Completion:
        return ask(chat)

    with chat_server(says(GOOD)) as chat:
        assert asyncio.run(notebook()).text == GOOD


# What is refused ----------------------------------------------------------------------------


def raw(content: bytes, **options: Any) -> Answer:
    return lambda handler, _: handler.reply(content, **options)


def dawdles(handler: Handler, _: Body) -> None:
    handler.server.chat.over.wait(20)


def drips(handler: Handler, _: Body) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while not handler.server.chat.over.wait(0.05):
        handler.wfile.write(b" ")


def endless(handler: Handler, _: Body) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while not handler.server.chat.over.is_set():
        handler.wfile.write(b" " * 65_536)


def hangs_up(handler: Handler, _: Body) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def half(handler: Handler, _: Body) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(completion(GOOD)[:40])
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


ELSEWHERE = "http://127.0.0.1:9/elsewhere"
REFUSED: dict[str, tuple[Answer, str]] = {
    "overloaded": (raw(b"{}", status=500), "mediator.unreachable"),
    "too many requests": (raw(b"{}", status=429), "mediator.unreachable"),
    "bad gateway": (raw(b"<html>", status=502, kind="text/html"), "mediator.unreachable"),
    "hangs up": (hangs_up, "mediator.unreachable"),
    "half a body": (half, "mediator.unreachable"),
    "no such model": (raw(b'{"error":{"code":"model_not_found"}}', status=404), "mediator.refused"),
    "wrong key": (raw(b"{}", status=401), "mediator.refused"),
    "moved": (raw(b"{}", status=307, Location=ELSEWHERE), "mediator.refused"),
    "moved for good": (raw(b"{}", status=301, Location=ELSEWHERE), "mediator.refused"),
    "a web page": (raw(b"<html>zebra</html>", kind="text/html"), "mediator.bad_answer"),
    "an endless body": (endless, "mediator.bad_answer"),
    "a bomb": (
        raw(gzip.compress(b" " * 10 * MOST_BYTES), Content_Encoding="gzip"),
        "mediator.bad_answer",
    ),
    "no JSON": (raw(b"zebra"), "mediator.bad_answer"),
    "other JSON": (raw(b'{"zebra": 1}'), "mediator.bad_answer"),
    "JSON of another kind": (raw(b"[1, 2]"), "mediator.bad_answer"),
    "no choices": (says(GOOD, choices=[]), "mediator.bad_answer"),
    "a tool that nobody gave": (says(None, message=calls("shell", "{}")), "mediator.bad_answer"),
}


@pytest.mark.parametrize(("answer", "code"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_answer_is_refused_once_with_a_code_and_without_its_words(
    answer: Answer, code: str
) -> None:
    refused = refusal(answer)
    assert refused.code == code
    assert "zebra" not in str(refused)


@pytest.mark.parametrize("answer", [dawdles, drips], ids=["never", "a byte at a time"])
def test_the_deadline_is_one_for_all_of_it(answer: Answer) -> None:
    began = time.monotonic()
    assert refusal(answer, deadline_s=0.3).code == "mediator.too_slow"
    assert time.monotonic() - began < 5


def test_no_time_left_asks_nobody() -> None:
    with chat_server(says(GOOD)) as chat, pytest.raises(MediatorError) as refused:
        ask(chat, deadline_s=0.0)
    assert refused.value.code == "mediator.too_slow"
    assert chat.asked == []


def test_where_nobody_listens_is_unreachable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        model = OpenAIModel(
            base_url=f"http://127.0.0.1:{held.getsockname()[1]}/v1", model_name="toy"
        )
        with pytest.raises(MediatorError) as refused:
            model.complete(TURNS, schema=closed_schema(Draft), deadline_s=5)
    assert refused.value.code == "mediator.unreachable"


def test_without_the_extra_it_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai.models.openai", None)
    with pytest.raises(UsageError, match=r"caselight\[mediator\]") as refused:
        OpenAIModel(base_url="http://127.0.0.1:9/v1", model_name="toy")
    assert refused.value.code == "usage.missing_extra"
