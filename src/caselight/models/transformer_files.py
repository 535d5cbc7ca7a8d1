"""Opening a `transformers` model strictly: every weight is in the file, or it is refused."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from caselight.errors import ModelError


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
