"""Language models that may be asked for a draft.

Each fills `protocols.LanguageModel`: turns of words in, text out, one request, a deadline. Another
package's comes by `caselight.mediator.drafting.draft`, which takes any. Read `scripted.py` first.
"""

import time
from collections.abc import Callable, Mapping

from caselight.config import MediatorSettings
from caselight.errors import ConfigError
from caselight.mediator.backends.breaker import CircuitBreaker
from caselight.mediator.backends.openai import OpenAIModel
from caselight.mediator.backends.scripted import ScriptedModel, read_script
from caselight.protocols import LanguageModel

Opener = Callable[[MediatorSettings, str | None], LanguageModel]


def _openai(settings: MediatorSettings, api_key: str | None) -> LanguageModel:
    if settings.base_url is None or settings.model_name is None:
        missing = "base_url" if settings.base_url is None else "model_name"
        raise ConfigError(
            f"mediator.model is openai and mediator.{missing} is not set; name the server with "
            "mediator.base_url and its model with mediator.model_name",
            code="config.out_of_range",
        )
    return OpenAIModel(
        base_url=settings.base_url,
        model_name=settings.model_name,
        api_key=api_key,
        max_tokens=settings.max_tokens,
        grammar=settings.grammar,
    )


def _scripted(settings: MediatorSettings, _api_key: str | None) -> LanguageModel:
    answers = {} if settings.script is None else read_script(settings.script)
    return ScriptedModel(answers, name=settings.model_name or "scripted")


MODELS: Mapping[str, Opener] = {"openai": _openai, "scripted": _scripted}


def open_model(
    settings: MediatorSettings,
    *,
    api_key: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> LanguageModel | None:
    """Open the model that the settings name, with a breaker before it; None where they name none.

    Args:
        settings: the section `mediator`.
        api_key: for the server; only a door reads it from the environment.
        clock: seconds, for the breaker.

    Raises:
        ConfigError: `config.out_of_range` for a server without an address or a model.
        UsageError: `usage.missing_extra`.
        MediatorError: `mediator.bad_script`.
    """
    if settings.model == "none":
        return None
    return CircuitBreaker(
        MODELS[settings.model](settings, api_key),
        n_failures=settings.n_failures,
        rest_s=settings.rest_s,
        clock=clock,
    )
