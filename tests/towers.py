"""Opening towers, and what every tower promises."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from caselight.config import TowerSettings
from caselight.errors import ModelError
from caselight.models import open_image_tower, open_text_tower
from caselight.models.towers import ImageTower, TextTower

CPU = torch.device("cpu")
TEXTS = (
    "no effusion",
    "the heart is large",
    "The cardiac silhouette is enlarged, with small bilateral effusions and no pneumothorax.",
    "",
)


def image_tower(name: str, *, trim: float = 0.0) -> ImageTower:
    return open_image_tower(TowerSettings(image=name, trim_fraction=trim), device=CPU)


def text_tower(name: str, *, max_tokens: int = 256) -> TextTower:
    return open_text_tower(TowerSettings(text=name, max_tokens=max_tokens), device=CPU)


def refused(make: Callable[[], object]) -> ModelError:
    with pytest.raises(ModelError) as caught:
        make()
    return caught.value


def pixels(tower: ImageTower, n: int, *, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    pictures = [rng.integers(0, 256, (40 + i, 50), dtype=np.uint8) for i in range(n)]
    return torch.from_numpy(tower.preprocess.batch(pictures))


def check_image_tower(tower: ImageTower) -> None:
    batch = pixels(tower, 2)
    features = tower.encode(batch)
    assert features.shape == (2, tower.dim)
    assert features.dtype == torch.float32
    assert not features.requires_grad
    assert torch.equal(features, tower.encode(batch))
    assert not torch.allclose(features[0], features[1], atol=1e-3)
    # The company of other pictures changes nothing.
    assert torch.allclose(tower.encode(batch[1:]), features[1:], atol=1e-4)


def check_text_tower(tower: TextTower, texts: tuple[str, ...] = TEXTS) -> None:
    features = tower.encode(texts)
    assert features.shape == (len(texts), tower.dim)
    assert features.dtype == torch.float32
    assert torch.isfinite(features).all()
    assert torch.equal(features, tower.encode(texts))
    alone = torch.cat([tower.encode([text]) for text in texts])
    assert torch.allclose(alone, features, atol=1e-5)
    assert torch.allclose(tower.encode(texts[::-1]), features.flip(0), atol=1e-5)
    assert not torch.allclose(features[0], features[1], atol=1e-3)
