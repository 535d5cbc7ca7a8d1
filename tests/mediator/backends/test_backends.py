"""Models are opened by the settings alone."""

from pathlib import Path
from typing import get_args

import pytest

from caselight.config import MediatorSettings
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
