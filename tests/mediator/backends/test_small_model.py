"""One real model on one real server: the plumbing, end to end. What it says is of no worth."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from caselight.config import MediatorSettings
from caselight.mediator.backends import open_model
from caselight.mediator.backends.breaker import CircuitBreaker
from caselight.mediator.backends.openai import OpenAIModel
from caselight.mediator.drafting import draft

pytest.importorskip("pydantic_ai", reason="the extra mediator is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(repository: Path) -> ModuleType:
    """benchmarks/small_model_server.py."""
    path = repository / "benchmarks" / "small_model_server.py"
    spec = importlib.util.spec_from_file_location("small_model_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lacking = module.missing()
    if lacking:
        pytest.skip(f"no real language model: {lacking}")
    return module


def test_a_real_server_is_held_to_the_schema_and_counts(small: ModuleType) -> None:
    with small.small_model() as base_url:
        settings = MediatorSettings(
            model="openai",
            base_url=base_url,
            model_name=small.MODEL,
            timeout_s=200.0,
            grammar="json_schema",
        )
        model = open_model(settings)
        assert model is not None
        found = draft("pneumothorax", model, settings=settings, names=["pneumothorax"])
    assert found.n_answers >= 1
    assert (found.counted, found.held_by, found.model) == ("server", "json_schema", small.MODEL)
    assert found.n_prompt_tokens > 400
    # A grammar holds the form; only an answer that was cut off can be no draft.
    assert found.draft is not None or found.n_answer_tokens >= settings.max_tokens
    assert found.code in (None, "mediator.bad_plan")


def test_a_real_server_that_went_away_is_said_to_be_unreachable(small: ModuleType) -> None:
    with small.small_model() as base_url:
        pass
    model = CircuitBreaker(
        OpenAIModel(base_url=base_url, model_name=small.MODEL), n_failures=1, rest_s=60.0
    )
    settings = MediatorSettings(timeout_s=10.0)
    codes = [draft("effusion", model, settings=settings).code for _ in range(2)]
    assert codes == ["mediator.unreachable", "mediator.resting"]
