"""A batch is seen through views that are really drawn, in the company that a term asks for."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from caselight.models.heads import Heads
from caselight.train.objective import Seen
from caselight.train.pairs import Loose, Pairs
from caselight.train.seeing import Eye
from caselight.train.sources import Cached, Sources
from caselight.train.targets import agreement, targets
from trainings import CPU, Setting, config, pairs, plain

ROWS = torch.tensor([3, 2, 9, 0, 1, 24, 17])
ASKING = (("float_terms.intra_image", 1.0), ("float_terms.intra_text", 1.0))


def heads(data: Pairs) -> Heads:
    made = Heads(12, 10, settings=config().model, generator=torch.Generator().manual_seed(0))
    made.image.fit_scale(torch.from_numpy(data.image[0]))
    made.text.fit_scale(torch.from_numpy(data.text[0]))
    return made


def see(*settings: Setting, data: Pairs | None = None, stage: str = "float", seed: int = 0) -> Seen:
    data = pairs() if data is None else data
    eye = Eye(
        data,
        Sources(Cached(data.image, device=CPU), Cached(data.text, device=CPU)),
        heads(data),
        config=config(*settings),
        stage=stage,
        device=CPU,
    )
    return eye.see(ROWS, torch.Generator().manual_seed(seed))


def views_of(seen: Tensor | None, features: Any, name: str, rows: Tensor = ROWS) -> list[int]:
    """Which view each row of the batch was seen as; every row must be its own."""
    assert seen is not None
    assert len(seen) == len(rows)
    tower = getattr(heads(pairs()), name)
    found = []
    for row, value in zip(rows.tolist(), seen, strict=True):
        made = tower.standardise(torch.from_numpy(features[:, row]))
        (view,) = (made == value).all(dim=1).nonzero()[:, 0].tolist()
        found.append(int(view))
    return found


def test_every_row_is_a_view_of_its_own_picture_and_text() -> None:
    data = pairs()
    image, text = set[int](), set[int]()
    for seed in range(10):
        seen = see(seed=seed)
        image |= set(views_of(seen.image, data.image, "image"))
        text |= set(views_of(seen.text, data.text, "text"))
    # All of them are drawn, the picture and the text themselves among them.
    assert (image, text) == ({0, 1, 2}, {0, 1})


@pytest.mark.parametrize("stage", ["float", "hash"])
def test_two_views_to_compare_are_never_one(stage: str) -> None:
    data = pairs()
    asking = [(key.replace("float", stage), value) for key, value in ASKING]
    for seed in range(10):
        seen = see(*asking, seed=seed, stage=stage)
        for name in ("image", "text"):
            one = views_of(getattr(seen, name), getattr(data, name), name)
            two = views_of(getattr(seen, f"{name}_other"), getattr(data, name), name)
            assert all(a != b for a, b in zip(one, two, strict=True))


def test_nothing_is_compared_that_no_term_asks_for_or_that_has_one_view() -> None:
    quiet = see()
    assert quiet.image_other is quiet.text_other is quiet.loose_image_other is None
    image_only = see(("float_terms.intra_image", 1.0))
    assert image_only.image_other is not None
    assert image_only.loose_image_other is not None
    assert image_only.text_other is None
    # The float stage's terms ask for nothing in the hash stage.
    assert see(*ASKING, stage="hash").image_other is None
    alone = see(*ASKING, data=plain(pairs()))
    assert alone.image_other is alone.text_other is None


def test_only_the_hash_stage_sees_the_pictures_and_texts_themselves() -> None:
    data = pairs()
    seen = see()
    assert seen.plain_image is seen.plain_text is None
    hashing = see(stage="hash")
    assert views_of(hashing.plain_image, data.image, "image") == [0] * len(ROWS)
    assert views_of(hashing.plain_text, data.text, "text") == [0] * len(ROWS)


def test_targets_are_those_of_the_rows() -> None:
    data = pairs()
    settings = (("loss.findings", 0.5), ("loss.soft_targets", 0.2))
    seen = see(*settings)
    assert data.said is not None
    ids = torch.from_numpy(data.text_id)[ROWS]
    expected = targets(
        ids,
        torch.from_numpy(data.text[0])[ROWS],
        torch.from_numpy(data.said)[ROWS],
        config(*settings).loss,
    )
    assert torch.allclose(seen.target, expected)
    assert torch.equal(seen.same, ids[:, None] == ids[None, :])


def test_unpaired_company_is_drawn_without_repeats_and_matched_by_its_findings() -> None:
    data = pairs()
    loose = data.loose
    drawn = set[int]()
    for seed in range(10):
        seen = see(seed=seed)
        rows = []
        for name in ("image", "text"):
            tower, features = getattr(heads(data), name), getattr(loose, name)
            made = tower.standardise(torch.from_numpy(features))
            got = getattr(seen, f"loose_{name}")
            # As many as there are pairs in the batch, and no more than there are.
            assert len(got) == min(len(ROWS), features.shape[1])
            found = [int((made == v).all(2).any(0).nonzero()[0, 0]) for v in got]
            assert len(set(found)) == len(found)
            rows.append(found)
        drawn |= set(rows[0])
        expected = agreement(
            torch.from_numpy(loose.image_said[rows[0]]), torch.from_numpy(loose.text_said[rows[1]])
        )
        assert torch.equal(seen.loose_target, expected)
    assert drawn == set(range(loose.image.shape[1]))


@pytest.mark.parametrize("case", ["setting", "stage", "home"])
def test_there_is_no_company_where_none_is_wanted(case: str) -> None:
    seen = {
        "setting": lambda: see(*ASKING, ("train.unpaired", False)),
        "stage": lambda: see(*ASKING, stage="hash"),
        "home": lambda: see(*ASKING, data=dataclasses.replace(pairs(), loose=Loose())),
    }[case]()
    assert seen.loose_image.shape == (0, 12)
    assert seen.loose_text.shape == (0, 10)
    assert seen.loose_target.shape == (0, 0)


def test_the_generator_alone_decides_what_is_seen() -> None:
    def drawn(seed: int) -> list[Tensor]:
        seen = see(*ASKING, seed=seed)
        values = (getattr(seen, field.name) for field in dataclasses.fields(seen))
        return [value for value in values if value is not None]

    before = torch.get_rng_state()
    assert all(torch.equal(a, b) for a, b in zip(drawn(1), drawn(1), strict=True))
    assert not torch.equal(drawn(1)[0], drawn(2)[0])
    assert torch.equal(before, torch.get_rng_state())


def test_a_batch_larger_than_the_company_takes_all_of_it() -> None:
    data = pairs()
    few = Loose(
        image=data.loose.image[:, :2],
        text=data.loose.text[:, :1],
        image_said=np.ones((2, 3), dtype=np.float32),
        text_said=np.ones((1, 3), dtype=np.float32),
    )
    seen = see(data=dataclasses.replace(data, loose=few))
    assert (len(seen.loose_image), len(seen.loose_text)) == (2, 1)
    assert torch.equal(seen.loose_target, torch.ones(2, 1))
