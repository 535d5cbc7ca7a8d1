"""A text tower learns what a "no" does, keeps what it knew, and repeats exactly."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from caselight.errors import ModelError, TrainError
from caselight.models.lora import add_lora, merge_lora
from caselight.models.towers import TextTower, state_digest
from caselight.models.tunable import unfreeze
from caselight.train.adapt_texts import TextAdaptation, adapt_texts
from caselight.train.adapting import StepLog, seeded
from caselight.train.masked_words import MaskedWords
from tiny_transformers import tiny_bert
from towers import text_tower

SETTINGS = TextAdaptation(
    epochs=3,
    batch_size=6,
    chunk_size=64,
    lr=1e-2,
    weight_decay=1e-2,
    warmup_steps=2,
    checkpoint_steps=2,
    temperature=0.1,
    bf16=False,
    seed=0,
    batch_triplets=8,
    opposites=1.0,
    keep=1.0,
    masked=0.0,
)
FINDINGS = ("effusion", "pneumothorax", "edema", "nodule", "fracture", "mass", "air", "fluid")
TEXTS = tuple((f"{one} and {two}",) for one in FINDINGS[:4] for two in FINDINGS[4:])
TRIPLETS = tuple((f"no {f}", f"{f} is absent", f"{f}") for f in FINDINGS)


class Killed(Exception):
    pass


def opened(name: str = "toy-embedding", part: float = 1.0) -> TextTower:
    tower = text_tower(name)
    unfreeze(tower, part=part)
    return tower


def adapt(
    tower: TextTower,
    partial: Path,
    *,
    texts: Sequence[Sequence[str]] = TEXTS,
    triplets: Sequence[tuple[str, str, str]] = TRIPLETS,
    kill_at: int | None = None,
    **changes: Any,
) -> list[StepLog]:
    logs: list[StepLog] = []

    def on_step(log: StepLog) -> None:
        logs.append(log)
        if log.step == kill_at:
            raise Killed

    adapt_texts(
        tower,
        texts,
        triplets,
        settings=replace(SETTINGS, **changes),
        partial=partial,
        identity="x",
        on_step=on_step,
    )
    return logs


def told_apart(tower: TextTower, triplets: Sequence[tuple[str, str, str]] = TRIPLETS) -> float:
    text, like, opposite = (
        F.normalize(tower.encode([t[part] for t in triplets])) for part in range(3)
    )
    return float(((text * like).sum(1) > (text * opposite).sum(1)).float().mean())


def table(tower: TextTower) -> torch.Tensor:
    unit = F.normalize(tower.encode([t[0] for t in TEXTS]))
    return unit @ unit.T


def test_a_paraphrase_comes_nearer_than_the_opposite(tmp_path: Path) -> None:
    tower = opened()
    assert told_apart(tower) < 0.7
    logs = adapt(tower, tmp_path / "p", epochs=15)
    assert told_apart(tower) > 0.9
    assert logs[-1].losses["opposites"] < 0.5 * logs[0].losses["opposites"]


def test_it_carries_over_to_a_finding_that_was_left_out(tmp_path: Path) -> None:
    left_out = tuple((f"no {f}", f"{f} is absent", f) for f in ("cyst", "stone", "ascites"))
    tower = opened()
    before = told_apart(tower, left_out)
    adapt(tower, tmp_path / "p", epochs=15)
    assert told_apart(tower, left_out) == 1.0 > before


def test_what_is_kept_changes_less(tmp_path: Path) -> None:
    old = table(text_tower("toy-embedding"))
    kept, free = opened(), opened()
    adapt(kept, tmp_path / "a", epochs=10, keep=100.0)
    adapt(free, tmp_path / "b", epochs=10, keep=0.0)
    assert (table(kept) - old).abs().mean() < 0.5 * (table(free) - old).abs().mean()


def test_terms_without_weight_or_triplets_are_left_out(tmp_path: Path) -> None:
    assert set(adapt(opened(), tmp_path / "a")[0].losses) == {"intra_modal", "opposites", "keep"}
    some = adapt(opened(), tmp_path / "b", triplets=(), keep=0.0)
    assert set(some[0].losses) == {"intra_modal"}


def test_only_the_open_part_moved_and_the_tower_is_settled(tmp_path: Path) -> None:
    before = {k: v.clone() for k, v in text_tower("toy-embedding").module.state_dict().items()}
    tower = opened(part=0.5)
    adapt(tower, tmp_path / "p")
    after = tower.module.state_dict()
    assert {n for n in after if not torch.equal(after[n], before[n])} == {"2.weight", "2.bias"}
    assert tower.digest == state_digest(tower.module)
    assert not tower.module.training
    assert torch.equal(tower.encode(["no mass"]), tower.encode(["no mass"]))


def test_equal_texts_are_no_negatives_of_each_other(tmp_path: Path) -> None:
    same = tuple((f"{'  ' * i}No Mass",) for i in range(6))
    logs = adapt(opened(), tmp_path / "p", texts=same, keep=0.0, opposites=0.0)
    assert all(abs(log.losses["intra_modal"]) < 1e-5 for log in logs)


def test_renderings_are_drawn_besides_the_plain_text(tmp_path: Path) -> None:
    seen: list[str] = []

    class Listening:
        def __init__(self, tower: TextTower) -> None:
            self._tower = tower

        def __getattr__(self, name: str) -> Any:
            return getattr(self._tower, name)

        def tokenise(self, texts: Sequence[str]) -> Any:
            seen.extend(texts)
            return self._tower.tokenise(texts)

    texts = [(f"plain {i}", f"first {i}", f"second {i}") for i in range(6)]
    listening: Any = Listening(opened())
    adapt(listening, tmp_path / "p", texts=texts, triplets=(), epochs=8)
    assert {text for renderings in texts for text in renderings} == set(seen)
    assert sum(text.startswith("plain") for text in seen) == len(seen) // 2


@pytest.mark.parametrize("chunk_size", [64, 5])
def test_same_seed_same_weights_and_no_global_randomness(tmp_path: Path, chunk_size: int) -> None:
    towers = [opened() for _ in range(3)]
    state = torch.get_rng_state()
    adapt(towers[0], tmp_path / "a", chunk_size=chunk_size)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(77)
    adapt(towers[1], tmp_path / "b", chunk_size=chunk_size)
    adapt(towers[2], tmp_path / "c", chunk_size=chunk_size, seed=1)
    digests = [tower.digest for tower in towers]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("kill_at", [3, 8])
@pytest.mark.parametrize("chunk_size", [64, 5])
def test_a_killed_adaptation_goes_on_bit_for_bit(
    tmp_path: Path, kill_at: int, chunk_size: int
) -> None:
    whole, second = opened(), opened()
    adapt(whole, tmp_path / "whole", chunk_size=chunk_size)
    with pytest.raises(Killed):
        adapt(opened(), tmp_path / "p", kill_at=kill_at, chunk_size=chunk_size)
    assert len(adapt(second, tmp_path / "p", chunk_size=chunk_size)) < 9
    assert second.digest == whole.digest


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"transformers:{tiny_bert(tmp_path_factory.mktemp('bert'))}"


WORDS = tuple((f"{a} {b} heart is {c}",) for a in ("no", "the") for b in ("no", "effusion")
              for c in ("no", "effusion", "heart"))  # fmt: skip


def test_hidden_words_are_learned(bert: str, tmp_path: Path) -> None:
    alike = (("the heart is no effusion",),) * 6
    logs = adapt(opened(bert), tmp_path / "p", texts=alike, triplets=(), epochs=30, masked=2.0)
    losses = [log.losses["masked"] for log in logs]
    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])
    # Ten words, none of them known better than another.
    assert losses[0] == pytest.approx(2 * 2.3, rel=0.2)


def test_words_are_hidden_inside_a_text_alone(bert: str) -> None:
    guesser = MaskedWords(text_tower(bert))
    tower = text_tower(bert)
    ids, mask = tower.tokenise(["the heart is no effusion", "no"])
    for seed in range(5):
        alone, long = (
            guesser(ids[:1, :width], mask[:1, :width], generator=seeded(seed))
            for width in (7, None)
        )
        assert torch.allclose(alone, long)
    # An opening token, one word and a closing token: it is the word or nothing.
    few = {
        round(float(guesser(ids[1:], mask[1:], generator=seeded(i)).detach()), 4) for i in range(40)
    }
    assert len(few) == 2
    assert 0.0 in few


def test_words_can_only_be_hidden_where_a_token_stands_for_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="masked") as caught:
        adapt(opened(), tmp_path / "p", masked=1.0)
    assert caught.value.code == "model.not_tunable"


def test_adapters_alone_can_be_adapted(bert: str, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    tower = text_tower(bert)
    add_lora(tower, rank=2, alpha=4.0, dropout=0.1, generator=torch.Generator().manual_seed(0))
    before = {k: v.clone() for k, v in tower.module.state_dict().items()}
    adapt(tower, tmp_path / "p", texts=WORDS, triplets=())
    after = tower.module.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert moved == {name for name in after if "lora_" in name}
    tuned = tower.encode(["no effusion", "the heart"])
    merge_lora(tower)
    assert torch.allclose(tower.encode(["no effusion", "the heart"]), tuned, atol=1e-5)


def test_too_few_texts_and_frozen_towers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError) as few:
        adapt(opened(), tmp_path / "p", texts=TEXTS[:1])
    assert few.value.code == "train.too_few_pairs"
    with pytest.raises(ModelError) as frozen:
        adapt(text_tower("toy-embedding"), tmp_path / "p")
    assert frozen.value.code == "model.not_tunable"
