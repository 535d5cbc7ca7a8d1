"""A server that is down is left alone, and asked again by one request at a time."""

import threading
from collections.abc import Sequence

import pytest

from caselight.errors import MediatorError
from caselight.mediator.backends.breaker import CircuitBreaker
from caselight.mediator.backends.scripted import ScriptedModel
from caselight.types import Turn

TURNS = (Turn(role="user", text="[begin]\neffusion\n[end]"),)


class Server:
    """What stands behind the breaker: it fails as it is told, and counts who came."""

    def __init__(self) -> None:
        self.code: str | None = "mediator.unreachable"
        self.n_asked = 0
        self.now = 0.0
        self.breaker = CircuitBreaker(
            ScriptedModel(self.answer), n_failures=3, rest_s=60.0, clock=lambda: self.now
        )

    def answer(self, _: Sequence[Turn]) -> str:
        self.n_asked += 1
        if self.code:
            raise MediatorError("down", code=self.code)
        return "{}"

    def ask(self) -> str | None:
        """The code that came, or None for an answer."""
        try:
            self.breaker.complete(TURNS, schema={}, deadline_s=1.0)
        except MediatorError as error:
            return error.code
        return None


@pytest.mark.parametrize("code", ["mediator.unreachable", "mediator.too_slow"])
def test_it_opens_after_so_many_failures_in_a_row(code: str) -> None:
    server = Server()
    server.code = code
    assert [server.ask() for _ in range(5)] == [code] * 3 + ["mediator.resting"] * 2
    assert server.n_asked == 3


def test_an_answer_between_closes_the_count() -> None:
    server = Server()
    for code in ("mediator.unreachable", "mediator.unreachable", None, "mediator.too_slow"):
        server.code = code
        assert server.ask() == code
    server.code = None
    assert server.ask() is None


@pytest.mark.parametrize("code", ["mediator.bad_answer", "mediator.refused"])
def test_a_server_that_answers_wrongly_is_there(code: str) -> None:
    server = Server()
    server.code = code
    assert {server.ask() for _ in range(10)} == {code}


def test_after_its_rest_one_request_decides() -> None:
    server = Server()
    for _ in range(3):
        server.ask()
    server.now = 59.9
    assert server.ask() == "mediator.resting"
    server.now = 60.0
    assert [server.ask(), server.ask()] == ["mediator.unreachable", "mediator.resting"]
    server.now = 120.0
    server.code = None
    assert [server.ask(), server.ask()] == [None, None]


def test_while_one_tries_the_others_are_not_let_through() -> None:
    server = Server()
    for _ in range(3):
        server.ask()
    server.now = 61.0
    inside, go_on = threading.Event(), threading.Event()

    def slow(_: Sequence[Turn]) -> str:
        inside.set()
        assert go_on.wait(10)
        return "{}"

    server.breaker._model = ScriptedModel(slow)
    probe = threading.Thread(target=server.ask)
    probe.start()
    assert inside.wait(10)
    assert server.ask() == "mediator.resting"
    go_on.set()
    probe.join()
    assert server.ask() is None


def test_what_is_raised_beside_closes_the_probe_too() -> None:
    server = Server()
    for _ in range(3):
        server.ask()
    server.now = 61.0

    def broken(_: Sequence[Turn]) -> str:
        raise RuntimeError

    server.breaker._model = ScriptedModel(broken)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            server.ask()


def test_it_is_called_as_the_model_is() -> None:
    assert CircuitBreaker(ScriptedModel(name="toy"), n_failures=1, rest_s=0).name == "toy"
