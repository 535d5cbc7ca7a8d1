"""Models are opened by the settings alone."""

from pathlib import Path
from typing import get_args

import pytest

from caselight.config import MediatorSettings, read_config
from caselight.errors import ConfigError, MediatorError
from caselight.mediator.backends import MODELS, open_model
from caselight.mediator.backends.breaker import CircuitBreaker
from caselight.mediator.drafting import draft


def test_the_settings_know_the_models_of_the_table_and_no_other() -> None:
    names = get_args(MediatorSettings.model_fields["model"].annotation)
    assert set(names) == {"none", *MODELS}


def test_without_a_model_there_is_none() -> None:
    assert open_model(MediatorSettings()) is None


@pytest.mark.parametrize("given", [{}, {"base_url": "http://a/v1"}, {"model_name": "toy"}])
def test_a_server_needs_an_address_and_a_model(given: dict[str, str]) -> None:
    settings = MediatorSettings.model_validate({"model": "openai", **given})
    with pytest.raises(ConfigError, match=r"is not set; name the server") as refused:
        open_model(settings)
    assert refused.value.code == "config.out_of_range"


def test_a_server_is_opened_behind_a_breaker_and_not_asked() -> None:
    pytest.importorskip("pydantic_ai", reason="the extra mediator is not installed")
    settings = MediatorSettings(model="openai", base_url="http://127.0.0.1:9/v1", model_name="toy")
    model = open_model(settings, api_key="sesame")
    assert isinstance(model, CircuitBreaker)
    assert model.name == "toy"


def test_a_script_is_opened_and_answers(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"effusion": {"intent": "teach"}}')
    settings = MediatorSettings(model="scripted", script=script)
    model = open_model(settings)
    assert model is not None
    found = draft("effusion", model, settings=settings)
    assert found.draft is not None
    assert (found.draft.intent, found.model) == ("teach", "scripted")


def test_a_script_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(MediatorError):
        open_model(MediatorSettings(model="scripted", script=tmp_path / "none.json"))


@pytest.mark.parametrize(
    "url",
    [
        *("models.example/v1", "ftp://models.example/v1", "file:///v1", "https://", "https:///v1"),
        *("https://user:key@models.example/v1", "https://models.example/v1?key=1"),
        *("https://models.example/v1#x", "http://models.example:99999/v1", "http://[::1/v1", ""),
    ],
)
def test_an_address_is_a_plain_one_or_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"mediator\.base_url") as refused:
        read_config(overrides=[f"mediator.base_url={url}"])
    assert refused.value.code == "config.out_of_range"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "https://models.example/a/b/", "http://[::1]:8000/v1"]
)
def test_addresses_of_servers_are_taken(url: str) -> None:
    settings = read_config(overrides=[f"mediator.base_url={url}"]).mediator
    assert settings.base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "override", ["model=gpt", "timeout_s=0", "max_tokens=1", "joules_per_token=0", "api_key=x"]
)
def test_settings_outside_their_range_are_refused(override: str) -> None:
    with pytest.raises(ConfigError):
        read_config(overrides=[f"mediator.{override}"])
