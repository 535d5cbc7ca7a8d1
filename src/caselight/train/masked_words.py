"""Guessing hidden words, so that a text tower learns which words a field uses together.

Source: Devlin et al., "BERT", NAACL 2019, section 3.1; every chosen word is hidden, and the output
shares the weights of the input embeddings behind one linear map that begins as the identity.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caselight.errors import ModelError
from caselight.models.empty import with_memory
from caselight.models.text_transformer import TransformerText
from caselight.models.towers import TextTower
from caselight.models.tunable import not_tunable

SHARE = 0.15
"""Of the words that are hidden."""


class MaskedWords(nn.Module):
    """The guess of each hidden word from the tower's last state.

    Raises:
        ModelError: `model.not_tunable` for a tower without a token that stands for a hidden word.
    """

    def __init__(self, tower: TextTower) -> None:
        super().__init__()
        if not isinstance(tower, TransformerText) or tower.mask_id is None:
            raise _no_mask(tower)
        self._tower = tower
        self._mask_id = tower.mask_id
        self.map = with_memory(nn.Linear(tower.dim, tower.dim, device="meta"))
        nn.init.eye_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def forward(self, ids: Tensor, mask: Tensor, *, generator: torch.Generator) -> Tensor:
        """Mean cross-entropy of the hidden words of a batch; 0 when it hid none.

        Args:
            ids: i64[B, L], as the tower tokenises.
            mask: i64[B, L].
            generator: chooses the words; the first and the last token of a text stay.
        """
        last = mask.sum(dim=1, keepdim=True) - 1
        places = torch.arange(ids.shape[1])
        inner = (places > 0) & (places < last)
        hidden = (torch.rand(ids.shape, generator=generator) < SHARE) & inner
        states = self._tower.states(ids.masked_fill(hidden, self._mask_id), mask)
        if not hidden.any():
            return states.sum() * 0.0
        words = self._tower.module.get_input_embeddings().weight  # type: ignore[operator]
        guess = F.linear(self.map(states[hidden.to(states.device)]), words)
        return F.cross_entropy(guess.float(), ids[hidden].to(states.device))


def _no_mask(tower: TextTower) -> ModelError:
    return not_tunable(tower, "it has no token for a hidden word, so `masked` must be 0")
