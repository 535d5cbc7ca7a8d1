"""Any text encoder that `transformers` can load, by name or local path."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from caselight.errors import ModelError
from caselight.models.towers import Stages, freeze, state_digest
from caselight.models.transformer_files import (
    layer_stages,
    load_transformer,
    missing,
    quiet_loading,
)


class TransformerText:
    """The masked mean over the last hidden states of a transformer.

    Args:
        source: a folder, or a name the hub knows; loading a name may use the network.
        max_tokens: longer texts are cut to this, special tokens included.
        device: where it runs.
        digest: identity of the weights when it is already known, else it is computed.
    """

    def __init__(
        self, source: str, *, max_tokens: int, device: torch.device, digest: str | None = None
    ) -> None:
        from transformers import AutoTokenizer

        with quiet_loading():
            try:
                tokenizer: Any = AutoTokenizer.from_pretrained(source)
            except (OSError, ValueError) as error:
                raise missing(source, "text", error) from error
        model = load_transformer(source, kind="text")
        if not tokenizer.is_fast:
            raise ModelError(
                f"the tokenizer of {source} has no tokenizer.json; save it as a fast tokenizer",
                code="model.tower_missing",
            )
        self.name = self.base = f"transformers:{source}"
        self.dim = int(model.config.hidden_size)
        self.max_tokens = min(max_tokens, _positions(model, max_tokens))
        self.digest = digest or state_digest(model)
        self.module: nn.Module = freeze(model).to(device)
        self._device = device
        self._tokenizer = tokenizer.backend_tokenizer
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.tokenizer_json: str = self._tokenizer.to_str()
        self._pad_id = tokenizer.pad_token_id or 0
        self.mask_id: int | None = tokenizer.mask_token_id
        self._n_special = self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def count_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts are longer than `max_tokens`."""
        return sum(len(e.ids) > self.max_tokens for e in self._tokenizer.encode_batch(list(texts)))

    def stages(self) -> Stages:
        """What follows the layers, the layers from the last to the first, and the embeddings."""
        return layer_stages(self.module)

    def tokenise(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids i64[B, L], cut and padded, and mask i64[B, L], 1 where a token is no padding."""
        ids = [self._cut(encoding.ids) for encoding in self._tokenizer.encode_batch(list(texts))]
        width = max(len(row) for row in ids)
        tokens = torch.full((len(ids), width), self._pad_id, dtype=torch.long)
        mask = torch.zeros((len(ids), width), dtype=torch.long)
        for row, values in enumerate(ids):
            tokens[row, : len(values)] = torch.tensor(values)
            mask[row, : len(values)] = 1
        return tokens, mask

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The last hidden state of every token, f32[B, L, dim], with a gradient."""
        states: Tensor = self.module(
            input_ids=ids.to(self._device), attention_mask=mask.to(self._device)
        ).last_hidden_state
        return states

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """f32[B, dim] with a gradient; ids and mask as `tokenise` makes them."""
        states = self.states(ids, mask)
        weights = mask.to(self._device)[..., None].to(states.dtype)
        mean: Tensor = (states * weights).sum(1) / weights.sum(1)
        return mean.float()

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Encode a batch; returns f32[B, dim], in the order given."""
        return self.forward(*self.tokenise(texts)).cpu()

    def _cut(self, ids: list[int]) -> list[int]:
        if len(ids) <= self.max_tokens:
            return ids
        # The closing special token stays last, as the encoder was trained.
        return [*ids[: self.max_tokens - 1], ids[-1]] if self._n_special else ids[: self.max_tokens]


def _positions(model: Any, otherwise: int) -> int:
    """How many tokens a model has positions for; RoBERTa's begin after the padding's own."""
    limit = int(getattr(model.config, "max_position_embeddings", otherwise))
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return limit if padding is None else limit - padding - 1
