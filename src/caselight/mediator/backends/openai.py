"""Any server that speaks OpenAI's chat completions: vLLM, Ollama, llama.cpp, a hospital's gateway.

Through `pydantic-ai-slim[openai]` (extra `mediator`), which is imported when a model is opened. It
gets words alone, at one configured address; see `transport.py` for what leaves and what comes in.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal

from caselight.errors import MediatorError, UsageError
from caselight.mediator.backends.scripted import estimated_tokens
from caselight.types import Completion, Turn

if TYPE_CHECKING:
    import ssl

    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestParameters

Grammar = Literal["auto", "json_schema", "tool", "prompt"]
Held = Literal["json_schema", "tool", "prompt"]

_TOOL = "write_draft"
_NOT_KNOWN = (400, 415, 422, 501)
"""How servers say that they do not know `response_format` or `tools`; there is no one way."""
_BUSY = (408, 425, 429, 500, 502, 503, 504, 529)
_GRACE_S = 0.5
"""How long after the deadline the asking thread is waited for, to close its connection."""


class OpenAIModel:
    """One model of one server.

    With `grammar="auto"`, the first question finds out what the server can: a grammar, else a tool,
    else the prompt's words; it stays with that, and every completion says which it was.
    """

    def __init__(
        self,
        *,
        base_url: str,
        model_name: str,
        api_key: str | None = None,
        max_tokens: int = 512,
        grammar: Grammar = "auto",
    ) -> None:
        """Open it; nothing is sent yet.

        Args:
            base_url: such as "https://models.hospital.example/v1".
            model_name: as the server lists it.
            api_key: sent as a bearer token; None sends none.
            max_tokens: at most so many tokens are answered.
            grammar: what holds the answer to the schema; "auto" finds out.

        Raises:
            UsageError: `usage.missing_extra`.
        """
        self._trusted = _prepared()
        self.name = model_name
        self._base_url = base_url
        self._api_key = api_key
        self._max_tokens = max_tokens
        self._ways: tuple[Held, ...] = (
            ("json_schema", "tool", "prompt") if grammar == "auto" else (grammar,)
        )

    def __repr__(self) -> str:
        return f"OpenAIModel(name={self.name!r})"

    def complete(
        self, turns: Sequence[Turn], *, schema: Mapping[str, Any], deadline_s: float
    ) -> Completion:
        """Ask the server once; see `protocols.LanguageModel`."""
        if deadline_s <= 0:
            raise _too_slow(deadline_s)
        done: Future[Completion] = Future()

        def work() -> None:
            try:
                done.set_result(asyncio.run(self._within(turns, schema, deadline_s)))
            except BaseException as error:  # noqa: BLE001 -- it is raised again by the waiting thread
                done.set_exception(error)

        # In a thread of its own, since the caller may run an event loop, as notebooks do; and a
        # daemon, since resolving a name cannot be interrupted and must hold nobody up.
        threading.Thread(target=work, name="caselight-model", daemon=True).start()
        try:
            return done.result(timeout=deadline_s + _GRACE_S)
        except TimeoutError:
            raise _too_slow(deadline_s) from None
        except (MediatorError, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001 -- whatever a library makes of an odd answer
            raise _meant(error, deadline_s) from None

    async def _within(
        self, turns: Sequence[Turn], schema: Mapping[str, Any], deadline_s: float
    ) -> Completion:
        async with asyncio.timeout(deadline_s):
            for way in self._ways:
                try:
                    found = await self._ask(turns, schema, way)
                except Exception as error:
                    if way == self._ways[-1] or _status(error) not in _NOT_KNOWN:
                        raise
                else:
                    self._ways = (way,)
                    return found
        raise AssertionError("there is at least one way")

    async def _ask(self, turns: Sequence[Turn], schema: Mapping[str, Any], way: Held) -> Completion:
        import httpx2
        from openai import AsyncOpenAI
        from pydantic_ai.direct import model_request
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.profiles.openai import OpenAIModelProfile
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        from caselight.mediator.backends.transport import NarrowTransport

        async with httpx2.AsyncClient(
            transport=NarrowTransport(self._trusted, api_key=self._api_key),
            follow_redirects=False,
            trust_env=False,
            timeout=None,
        ) as http:
            client = AsyncOpenAI(
                base_url=self._base_url,
                api_key="unused",  # the transport sends the key, or none
                http_client=http,
                max_retries=0,
            )
            profile = OpenAIModelProfile(
                supports_json_schema_output=True,
                supports_tools=True,
                json_schema_transformer=None,
                # Ollama and older servers pass over the newer name, and would answer without end.
                openai_chat_supports_max_completion_tokens=False,
            )
            model = OpenAIChatModel(
                self.name,
                provider=OpenAICompatibleProvider("caselight", openai_client=client),
                profile=profile,
            )
            response = await model_request(
                model,
                _messages(turns),
                model_settings={"temperature": 0.0, "max_tokens": self._max_tokens, "seed": 0},
                model_request_parameters=_parameters(schema, way),
                instrument=False,
            )
        return _completion(response, turns, way)


def _prepared() -> "ssl.SSLContext":
    """Import all that is slow, so that it is not counted as the model's time."""
    try:
        import pydantic_ai.direct
        import pydantic_ai.models.openai
        import pydantic_ai.providers.openai_compatible  # noqa: F401

        from caselight.mediator.backends.transport import system_certificates
    except ImportError:
        raise UsageError(
            "a language model needs pydantic-ai and openai, which are not installed; run "
            "`pip install caselight[mediator]`, or set mediator.model to none",
            code="usage.missing_extra",
        ) from None
    return system_certificates()


def _parameters(schema: Mapping[str, Any], way: Held) -> "ModelRequestParameters":
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition
    from pydantic_ai.tools import ToolDefinition

    wanted = dict(schema)
    if way == "json_schema":
        return ModelRequestParameters(
            output_mode="native",
            output_object=OutputObjectDefinition(json_schema=wanted, name="draft"),
        )
    if way == "tool":
        tool = ToolDefinition(name=_TOOL, parameters_json_schema=wanted, kind="output")
        return ModelRequestParameters(
            output_mode="tool", output_tools=[tool], allow_text_output=False
        )
    return ModelRequestParameters()


def _messages(turns: Sequence[Turn]) -> "list[ModelMessage]":
    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        SystemPromptPart,
        TextPart,
        UserPromptPart,
    )

    made: dict[str, Callable[[str], ModelMessage]] = {
        "system": lambda text: ModelRequest(parts=[SystemPromptPart(text)]),
        "user": lambda text: ModelRequest(parts=[UserPromptPart(text)]),
        "model": lambda text: ModelResponse(parts=[TextPart(text)]),
    }
    return [made[turn.role](turn.text) for turn in turns]


def _completion(response: "ModelResponse", turns: Sequence[Turn], way: Held) -> Completion:
    """What was said; a train of thought is left out, since it is neither kept nor shown."""
    from pydantic_ai.messages import TextPart, ToolCallPart

    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    if any(way != "tool" or call.tool_name != _TOOL for call in calls) or len(calls) > 1:
        raise MediatorError(
            "the model called a tool that it was not given; the search goes on without it",
            code="mediator.bad_answer",
        )
    words = [part.content for part in response.parts if isinstance(part, TextPart)]
    text = calls[0].args_as_json_str() if calls else "".join(words)
    used = response.usage
    counted = used.input_tokens > 0 and used.output_tokens > 0
    return Completion(
        text=text,
        n_prompt_tokens=used.input_tokens
        if counted
        else sum(estimated_tokens(turn.text) for turn in turns),
        n_answer_tokens=used.output_tokens if counted else estimated_tokens(text),
        counted="server" if counted else "estimated",
        held_by=way,
    )


def _status(error: BaseException) -> int | None:
    found = getattr(error, "status_code", None)
    return found if isinstance(found, int) else None


def _meant(error: Exception, deadline_s: float) -> MediatorError:
    """What a failure of the libraries means. Nothing of the answer is repeated: it may quote."""
    from openai import APIConnectionError

    from caselight.mediator.backends.transport import AnswerRefused

    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    for one in chain:
        if isinstance(one, AnswerRefused):
            return MediatorError(
                f"the model's server answered with {one}; check mediator.base_url",
                code="mediator.refused" if "redirect" in str(one) else "mediator.bad_answer",
            )
        if isinstance(one, TimeoutError | asyncio.CancelledError):
            return _too_slow(deadline_s)
    status = next((found for one in chain if (found := _status(one)) is not None), None)
    if status in _BUSY:
        return MediatorError(
            f"the model's server cannot answer now (HTTP {status}); look at its log",
            code="mediator.unreachable",
        )
    if status is not None and status >= 400:
        return MediatorError(
            f"the model's server refused the request (HTTP {status}); check mediator.base_url, "
            "mediator.model_name, mediator.grammar and the key",
            code="mediator.refused",
        )
    if any(isinstance(one, APIConnectionError) for one in chain):
        return MediatorError(
            "no model server answers at mediator.base_url; start it, or correct the address",
            code="mediator.unreachable",
        )
    return MediatorError(
        f"the model's server answered with no chat completion ({type(error).__name__}); "
        "check that mediator.base_url speaks OpenAI's chat completions",
        code="mediator.bad_answer",
    )


def _too_slow(deadline_s: float) -> MediatorError:
    return MediatorError(
        f"the language model did not answer within {max(deadline_s, 0):g} s; give it longer "
        "(mediator.timeout_s), or a smaller model",
        code="mediator.too_slow",
    )
