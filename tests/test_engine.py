"""What the engine makes of the images of one stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caselight.config import Config
from caselight.engine import Engine, open_engine
from tests.homes import trained_copy


@contextmanager
def engine(home: Path, **towers: Any) -> Iterator[Engine]:
    config = Config.from_mapping({"towers": {"image": "toy", "text": "toy", **towers}})
    with open_engine(
        home, config=config, device=torch.device("cpu"), progress=lambda *_: None
    ) as opened:
        yield opened


@pytest.mark.parametrize(("pool", "how"), [("mean", np.mean), ("max", np.max)])
def test_a_stack_is_pooled_as_the_setting_says(tmp_path: Path, pool: str, how: Any) -> None:
    with engine(trained_copy(tmp_path), stack_pool=pool) as opened:
        digests = [i.digest for _, study in opened.store.studies() for i in study.images][:5]
        single = opened.image_features(digests)
        pooled = opened.picture_features([tuple(digests[:1]), tuple(digests[1:4]), (digests[4],)])
        assert np.array_equal(pooled[[0, 2]], single[[0, 4]])
        assert np.array_equal(pooled[1], how(single[1:4], axis=0))
        assert opened.picture_features([]).shape == (0, opened.image_tower.dim)


def test_the_ways_to_pool_differ(tmp_path: Path) -> None:
    found = []
    for pool in ("mean", "max"):
        with engine(trained_copy(tmp_path / pool), stack_pool=pool) as opened:
            digests = [i.digest for _, study in opened.store.studies() for i in study.images][:3]
            found.append(opened.picture_features([tuple(digests)]))
    assert not np.array_equal(*found)
