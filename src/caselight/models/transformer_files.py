"""Opening a `transformers` model strictly: every weight is in the file, or it is refused."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from caselight.errors import ModelError
from caselight.models.towers import Stages


def load_transformer(source: str, *, kind: str) -> Any:
    """Load a model without any head, from a folder or a name the hub knows.

    The pooler is dropped: it is not used here, and checkpoints saved for another task lack it, in
    which case `transformers` would draw one at random.

    Args:
        source: a folder, or a name; loading a name may use the network.
        kind: "image" or "text", for the message.

    Raises:
        ModelError: `model.tower_missing` when there is no model, `model.weights_mismatch` when the
            file lacks weights that the model needs.
    """
    from transformers import AutoModel

    with quiet_loading():
        try:
            model, said = AutoModel.from_pretrained(
                source, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError) as error:
            raise missing(source, kind, error) from error
    model = getattr(model, "vision_model", model)
    lacking = sorted(name for name in said["missing_keys"] if "pooler" not in name)
    if lacking:
        raise ModelError(
            f"the weights in {source!r} lack {len(lacking)} tensors that its config.json asks for, "
            f"first {lacking[0]}; get the whole model"
        )
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    return model


def layers(module: nn.Module) -> tuple[str, nn.ModuleList] | None:
    """The outermost list of layers of a network and its name; None where there is no list."""
    lists = [(name, m) for name, m in module.named_modules() if isinstance(m, nn.ModuleList)]
    return min(lists, key=lambda found: (found[0].count("."), -len(found[1])), default=None)


def layer_stages(module: nn.Module) -> Stages:
    """Stages of a network built of layers: what follows them, each layer, what comes before."""
    found = layers(module)
    if found is None:
        return (("all", tuple(module.parameters())),)
    prefix, stack = found
    before: list[nn.Parameter] = []
    after: list[nn.Parameter] = []
    side = before
    # Parameters are named in the order in which the network was built, which is that of its use.
    for name, parameter in module.named_parameters():
        if name.startswith(f"{prefix}."):
            side = after
        else:
            side.append(parameter)
    stages = [
        ("embeddings", tuple(before)),
        *((f"layer-{i + 1}", tuple(layer.parameters())) for i, layer in enumerate(stack)),
        ("output", tuple(after)),
    ]
    return tuple((name, parameters) for name, parameters in reversed(stages) if parameters)


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep the progress bar and the load report of `transformers` out of the output."""
    from transformers.utils import logging

    level, was_on = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if was_on:
            logging.enable_progress_bar()


def missing(source: str, kind: str, error: Exception) -> ModelError:
    """The refusal for a folder or name that holds no model."""
    here = "the folder" if Path(source).exists() else "the name"
    first = str(error).strip().splitlines()[0][:200]
    return ModelError(
        f"no {kind} tower could be loaded from {here} {source!r} ({first}); give a folder with "
        "config.json, model.safetensors and, for text, tokenizer.json",
        code="model.tower_missing",
    )
