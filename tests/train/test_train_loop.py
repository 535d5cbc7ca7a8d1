"""A training repeats bit for bit, learns in two stages, and stops when it cannot go on."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from caselight.codes import hamming, pack_signs, sign_bits
from caselight.config import HashTerms, read_config
from caselight.errors import ConfigError, TrainError
from caselight.losses import infonce
from caselight.metrics.retrieval import score_queries
from caselight.models.heads import Heads
from caselight.train import loop, stages
from caselight.train.loop import EpochLog
from caselight.train.objective import Violations, float_objective, hash_objective
from caselight.train.pairs import Pairs, val_recall_at_10
from caselight.train.partial import read_partial
from caselight.train.samplers import SAMPLERS
from caselight.train.seeing import Eye
from caselight.train.sources import Cached, Sources
from trainings import (
    CPU,
    EPOCHS,
    HASH_EPOCHS,
    MOMENTS,
    Setting,
    Stopped,
    config,
    fresh,
    pairs,
    plain,
    same,
    stop_at,
    trained,
    under,
)


def test_the_same_seed_makes_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    assert same(fresh(tmp_path), fresh(tmp_path))


def test_the_global_seed_decides_nothing(tmp_path: Path) -> None:
    torch.manual_seed(1)
    one = fresh(tmp_path)
    torch.manual_seed(2)
    assert same(one, fresh(tmp_path))


def test_another_seed_makes_other_weights_everywhere(tmp_path: Path) -> None:
    one, other = fresh(tmp_path), fresh(tmp_path, ("train.seed", 1))
    for name in one:
        if name.endswith(("weight", "bias")):
            assert not torch.equal(one[name], other[name]), name


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_pairs_are_refused(tmp_path: Path, n: int) -> None:
    with pytest.raises(TrainError, match=f"found {n} images") as refused:
        trained(tmp_path / "partial", data=pairs(n=n))
    assert refused.value.code == "train.too_few_pairs"


def test_two_pairs_are_enough_and_validation_may_be_empty(tmp_path: Path) -> None:
    logs: list[EpochLog] = []
    data = dataclasses.replace(pairs(n=2), text_id=np.arange(2))
    weights = fresh(tmp_path, data=data, val=pairs(n=0), on_epoch=logs.append)
    assert all(torch.isfinite(t).all() for t in weights.values())
    assert all(log.val_recall_at_10 == {} for log in logs)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["image", "text"])
def test_features_that_are_no_numbers_stop_the_training(
    tmp_path: Path, side: str, value: float
) -> None:
    data = pairs()
    getattr(data, side)[:, 3, 4] = value
    with pytest.raises(TrainError, match="step 0") as refused:
        trained(tmp_path / "partial", data=data)
    assert refused.value.code == "train.non_finite"


def test_a_diverging_training_stops_and_says_where(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"infonce became .* at step \d+ of 12; lower train.lr"):
        trained(tmp_path / "partial", ("train.lr", 1e25))


def test_patience_needs_validation_pairs_to_watch(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="validation split") as refused:
        trained(tmp_path / "partial", ("train.patience", 1), val=pairs(n=0))
    assert refused.value.code == "train.too_few_pairs"


@pytest.mark.parametrize("rate", ["train.lr", "train.settle_lr", "train.hash_lr", "finetune.lr"])
def test_a_rate_that_no_weight_could_hold_is_refused(rate: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(None, [f"{rate}=1e39"])
    assert refused.value.code == "config.out_of_range"


def test_each_stage_trains_its_own_heads_alone(tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    states: dict[tuple[str, int], dict[str, Tensor]] = {}

    def look(log: EpochLog) -> None:
        found = read_partial(partial, identity="same")
        assert found is not None
        assert (found.stage, found.epoch) == (log.stage, log.epoch)
        states[log.stage, log.epoch] = found.weights

    final = trained(partial, ("train.checkpoint_epochs", 1), on_epoch=look).state_dict()
    assert list(states) == MOMENTS
    for epoch in range(2, EPOCHS + 1):
        before, after = states["float", epoch - 1], states["float", epoch]
        assert same(under("code", before), under("code", after))
        assert not same(under("embed", before), under("embed", after))
    for epoch in range(1, HASH_EPOCHS + 1):
        before = states["hash", epoch - 1] if epoch > 1 else states["float", EPOCHS]
        after = states["hash", epoch]
        assert same(under("embed", before), under("embed", after))
        assert not same(under("code", before), under("code", after))
    assert same(final, states["hash", HASH_EPOCHS])


def test_the_first_float_epoch_leaves_the_initial_hash_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Tensor]] = []

    class Watched(Heads):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append({name: t.clone() for name, t in self.state_dict().items()})

    monkeypatch.setattr(stages, "Heads", Watched)
    partial = tmp_path / "partial"
    with pytest.raises(Stopped):
        trained(partial, ("train.checkpoint_epochs", 1), on_epoch=stop_at(("float", 1)))
    found = read_partial(partial, identity="same")
    assert found is not None
    assert same(under("code", made[0]), under("code", found.weights))
    assert not same(under("embed", made[0]), under("embed", found.weights))


def test_schedules_are_asked_for_every_step_of_a_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, list[tuple[int, int]]] = {"learning_rate": [], "sharpness": []}

    def watch(name: str) -> None:
        real = getattr(loop, name)

        def watched(step: int, **known: Any) -> float:
            asked[name].append((step, known["total_steps"]))
            return float(real(step, **known))

        monkeypatch.setattr(loop, name, watched)

    watch("learning_rate")
    watch("sharpness")
    trained(tmp_path / "partial")
    # 25 pairs in batches of 8 are three steps: the pair left over has nothing to be told from.
    expected = [(s, total) for total in (3 * EPOCHS, 3 * HASH_EPOCHS) for s in range(total)]
    assert asked == {"learning_rate": expected, "sharpness": expected}


def test_every_epoch_of_every_seed_has_its_own_batches_and_dropout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Any, ...]] = []

    def watched(data: Pairs, batch_size: int, generator: torch.Generator) -> Tensor:
        drawn.append((*generator.get_state().tolist(),))
        return SAMPLERS["shuffle"](data, batch_size, generator)

    monkeypatch.setattr(loop, "SAMPLERS", {"shuffle": watched})
    for seed in (0, 1):
        fresh(tmp_path, ("train.seed", seed))
    assert len(set(drawn)) == len(drawn) == 2 * (EPOCHS + HASH_EPOCHS)


def seen_by_an_objective() -> tuple[Heads, Pairs, Tensor]:
    """Heads without dropout, pairs as they come, and one batch of them."""
    heads = Heads(12, 10, settings=NO_DROPOUT.model, generator=torch.Generator().manual_seed(0))
    return heads.eval(), plain(pairs()), torch.tensor([3, 2, 9, 0, 1])


NO_DROPOUT = config(
    ("model.dropout", 0.0),
    ("model.input_dropout", 0.0),
    ("model.hash_dropout", 0.0),
    ("model.hash_input_dropout", 0.0),
    ("model.bits", [16, 32]),
    ("loss.temperature", 0.3),
    ("loss.hash_temperature", 0.3),
    ("hash_terms.quantization", 0.7),
    ("hash_terms.bit_balance", 0.2),
)


def eye(heads: Heads, data: Pairs, stage: str) -> Eye:
    sources = Sources(Cached(data.image, device=CPU), Cached(data.text, device=CPU))
    return Eye(data, sources, heads, config=NO_DROPOUT, stage=stage, device=CPU)


def test_the_float_objective_aligns_unit_vectors() -> None:
    heads, data, rows = seen_by_an_objective()
    seen = eye(heads, data, "float").see(rows, torch.Generator())
    terms = float_objective(heads, NO_DROPOUT, Violations())(seen, 9.0, torch.Generator())
    x, y = (torch.from_numpy(views[0])[rows] for views in (data.image, data.text))
    image, text = heads.image.embed(x), heads.text.embed(y)
    image, text = image / image.norm(dim=1)[:, None], text / text.norm(dim=1)[:, None]
    # Texts come in twos: pairs 2 and 3 share one, and so do 0 and 1.
    same_text = rows[:, None] // 2 == rows[None, :] // 2
    expected = infonce(image, text, same_text, temperature=0.3)["infonce"]
    assert terms.keys() == {"infonce"}
    assert torch.allclose(terms["infonce"], expected)


def test_the_hash_objective_aligns_relaxed_codes_of_every_width() -> None:
    heads, data, rows = seen_by_an_objective()
    seen = eye(heads, data, "hash").see(rows, torch.Generator())
    # The objective draws dropout, and here there is none: any generator will do.
    terms = hash_objective(heads, NO_DROPOUT, Violations())(seen, 2.5, torch.Generator())
    x, y = (torch.from_numpy(views[0])[rows] for views in (data.image, data.text))
    same_text = rows[:, None] // 2 == rows[None, :] // 2
    assert len(terms) == 6
    for width in (16, 32):
        image = torch.tanh(2.5 * heads.image.code[str(width)](x))
        text = torch.tanh(2.5 * heads.text.code[str(width)](y))
        cosine = image @ text.T / width
        # With signs for codes, this is what the index counts.
        a, b = (pack_signs(sign_bits(t.detach().numpy())) for t in (image, text))
        signed = torch.where(image >= 0, 1.0, -1.0) @ torch.where(text >= 0, 1.0, -1.0).T / width
        assert torch.allclose(signed, 1 - 2 * torch.from_numpy(hamming(a, b)) / width)
        unit = torch.eye(len(rows))
        expected = infonce(cosine, unit, same_text, temperature=0.3)["infonce"]
        assert torch.allclose(terms[f"infonce_{width}"], expected, atol=1e-6)
        gaps = [(t.abs() - 1).square().mean() for t in (image, text)]
        assert torch.allclose(terms[f"quantization_{width}"], 0.7 * (gaps[0] + gaps[1]) / 2)
        leans = [t.mean(0).square().mean() for t in (image, text)]
        assert torch.allclose(terms[f"bit_balance_{width}"], 0.2 * (leans[0] + leans[1]) / 2)


def test_the_log_says_what_every_epoch_did(tmp_path: Path) -> None:
    logs: list[EpochLog] = []
    trained(tmp_path / "partial", ("model.bits", [16, 32]), on_epoch=logs.append)
    assert [(log.stage, log.epoch) for log in logs] == MOMENTS
    for log in logs:
        hashing = log.stage == "hash"
        assert log.n_epochs == (HASH_EPOCHS if hashing else EPOCHS)
        spaces = {"bits_16", "bits_32"} if hashing else {"float"}
        assert set(log.val_recall_at_10) == spaces
        assert all(0 <= value <= 1 for value in log.val_recall_at_10.values())
        terms = {f"{t}_{w}" for t in ("infonce", "quantization", "bit_balance") for w in (16, 32)}
        assert set(log.losses) == (terms if hashing else {"infonce"})
        assert all(value > 0 for value in log.losses.values())


def test_a_term_without_weight_is_not_there(tmp_path: Path) -> None:
    logs: list[EpochLog] = []
    off = (("hash_terms.quantization", 0.0), ("hash_terms.bit_balance", 0.0))
    trained(tmp_path / "partial", *off, on_epoch=logs.append)
    assert set(logs[-1].losses) == {"infonce_16"}
    assert logs[-1].losses["infonce_16"] > 0


# Stopping early ------------------------------------------------------------------------------


def scripted(monkeypatch: pytest.MonkeyPatch, **recalls: list[float]) -> None:
    """Let the validation say these recalls, epoch by epoch."""
    waiting = {stage: iter(values) for stage, values in recalls.items()}

    def score(_heads: Heads, _val: Sources, stage: str) -> tuple[dict[str, float], dict[str, Any]]:
        return {"float": next(waiting[stage])}, {}

    monkeypatch.setattr(loop, "score", score)


@pytest.mark.parametrize("ema", [0.0, 0.7])
@pytest.mark.parametrize(
    ("recalls", "patience", "n_epochs", "best"),
    [
        ([0.1, 0.5, 0.3, 0.4], 2, 4, 2),
        ([0.5, 0.4, 0.6, 0.6], 1, 2, 1),
        # A recall that is only as good is no better: the first of them is kept.
        ([0.2, 0.2, 0.2, 0.2], 2, 3, 1),
        ([0.1, 0.2, 0.3, 0.4], 1, 4, 4),
        ([0.3, 0.1, 0.1, 0.4], 3, 4, 4),
    ],
)
def test_a_stage_stops_after_its_patience_and_goes_back_to_its_best(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recalls: list[float],
    patience: int,
    n_epochs: int,
    best: int,
    ema: float,
) -> None:
    settings = (("train.patience", patience), ("train.checkpoint_epochs", 1), ("train.ema", ema))
    scored: list[dict[str, Tensor]] = []
    scripted(monkeypatch, float=recalls, hash=[0.1, 0.2, 0.3])
    said = loop.score

    def remembered(heads: Heads, *arguments: Any) -> Any:
        scored.append({name: t.clone() for name, t in heads.state_dict().items()})
        return said(heads, *arguments)

    monkeypatch.setattr(loop, "score", remembered)
    logs: list[EpochLog] = []
    final = fresh(tmp_path, *settings, on_epoch=logs.append)
    assert [log.epoch for log in logs if log.stage == "float"] == [*range(1, n_epochs + 1)]
    # What was scored is what is kept: the weights, or with `ema` their mean.
    assert same(under("embed", final), under("embed", scored[best - 1]))
    # The hash stage begins with a patience of its own, and here gets better to its end.
    assert [log.epoch for log in logs if log.stage == "hash"] == [1, 2, 3]
    assert same(under("code", final), under("code", scored[-1]))


def test_without_patience_the_last_weights_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fresh(tmp_path)
    scripted(monkeypatch, float=[0.9, 0.1, 0.1, 0.1], hash=[0.9, 0.1, 0.1])
    assert same(expected, fresh(tmp_path))


# What cannot be trained ----------------------------------------------------------------------


@pytest.mark.parametrize("patience", [0, 1])
@pytest.mark.parametrize(
    ("stage", "epoch", "setting"),
    [
        ("float", 2, "train.lr"),
        ("float", EPOCHS, "train.lr"),
        ("hash", 1, "train.hash_lr"),
        ("hash", HASH_EPOCHS, "train.hash_lr"),
    ],
)
def test_weights_that_break_in_the_last_step_of_an_epoch_are_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    epoch: int,
    setting: str,
    patience: int,
) -> None:
    total = 3 * (EPOCHS if stage == "float" else HASH_EPOCHS)
    real = loop.learning_rate

    def rate(step: int, **known: Any) -> float:
        is_last = (step + 1, known["total_steps"]) == (3 * epoch, total)
        return math.nan if is_last else real(step, **known)

    monkeypatch.setattr(loop, "learning_rate", rate)
    scripted(monkeypatch, float=[0.1, 0.2, 0.3, 0.4], hash=[0.1, 0.2, 0.3])
    told: list[EpochLog] = []
    partial = tmp_path / "partial"
    with pytest.raises(
        TrainError, match=rf"of epoch {epoch} of the {stage} stage; lower {setting}$"
    ) as refused:
        trained(partial, ("train.patience", patience), on_epoch=told.append)
    assert refused.value.code == "train.non_finite"
    # Neither the log nor the file that it leaves behind holds such weights.
    before = MOMENTS[: MOMENTS.index((stage, epoch))]
    assert [(log.stage, log.epoch) for log in told] == before
    left = read_partial(partial, identity="same")
    assert left is None or all(torch.isfinite(t).all() for t in left.weights.values())


def test_a_hash_stage_that_diverges_names_its_own_rate(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"at step \d+ of 9; lower train\.hash_lr$"):
        trained(tmp_path / "partial", ("train.hash_lr", 1e25), ("hash_terms.greedy_penalty", 1.0))


@pytest.mark.parametrize("mix", [0.65, 1.0])
def test_statistics_that_overflow_are_found_where_the_weights_do_not(
    tmp_path: Path, mix: float
) -> None:
    wild = (("train.hash_lr", 1e4), ("train.warmup_steps", 0), ("train.hash_mix", mix))
    with pytest.raises(TrainError, match=r"became non-finite .* lower train\.hash_lr$"):
        trained(tmp_path / "partial", *wild)


def test_one_text_for_all_pairs_is_refused(tmp_path: Path) -> None:
    data = dataclasses.replace(pairs(), text_id=np.zeros(25, dtype=np.int64))
    with pytest.raises(TrainError, match=r"all 25 images .* the same text") as refused:
        trained(tmp_path / "partial", data=data)
    assert refused.value.code == "train.no_contrast"


@pytest.mark.parametrize(
    ("stage", "settings"),
    [
        ("float", [("float_terms.infonce", 0.0)]),
        ("float", [("float_terms.infonce", 0.0), ("float_terms.intra_image", 1.0)]),
        ("float", [("float_terms.infonce", 0.0), ("float_terms.intra_text", 1.0)]),
        ("float", [("float_terms.infonce", 0.0), ("float_terms.unpaired", 1.0)]),
        ("hash", [(f"hash_terms.{name}", 0.0) for name in HashTerms.model_fields]),
    ],
)
def test_a_stage_without_a_term_is_refused(
    tmp_path: Path, stage: str, settings: list[Setting]
) -> None:
    began: list[EpochLog] = []
    with pytest.raises(ConfigError, match=f"the {stage} stage has no term") as refused:
        trained(tmp_path / "partial", *settings, data=plain(pairs()), on_epoch=began.append)
    assert refused.value.code == "config.out_of_range"
    assert not began


def test_batches_without_agreeing_unpaired_studies_are_passed_over(tmp_path: Path) -> None:
    data = pairs()
    rare = dataclasses.replace(data.loose, text_said=np.zeros((13, 3), dtype=np.float32))
    rare.text_said[0] = data.loose.image_said[0] = [1, 0, 0]
    logs: list[EpochLog] = []
    weights = fresh(
        tmp_path,
        ("float_terms.infonce", 0.0),
        ("float_terms.unpaired", 1.0),
        ("train.batch_size", 3),
        data=dataclasses.replace(data, loose=rare),
        on_epoch=logs.append,
    )
    assert all(torch.isfinite(t).all() for t in weights.values())
    assert any(log.losses for log in logs if log.stage == "float")


def test_a_rotation_cannot_be_trained_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"without model\.rotation") as refused:
        trained(tmp_path / "partial", ("train.hash_layers", "rotation"))
    assert refused.value.code == "config.out_of_range"


def test_the_rotation_alone_leaves_the_layers_under_it(tmp_path: Path) -> None:
    turning = (("model.rotation", True), ("train.hash_layers", "rotation"))
    short, longer = (fresh(tmp_path, *turning, ("train.hash_epochs", n)) for n in (1, 3))
    for name in under("code", short):
        if name.endswith((".weight", ".bias")):
            assert torch.equal(short[name], longer[name]), name
        elif name.endswith(".turn"):
            assert not torch.equal(short[name], longer[name]), name


def test_training_learns_to_find_pairs_it_has_not_seen(tmp_path: Path) -> None:
    logs: list[EpochLog] = []
    trained(
        tmp_path / "partial",
        ("train.epochs", 40),
        ("train.hash_epochs", 40),
        ("train.lr", 5e-3),
        ("train.hash_lr", 5e-3),
        ("train.warm_start", False),
        ("train.batch_size", 64),
        ("model.hidden_dim", 64),
        ("model.embed_dim", 16),
        data=pairs(n=300),
        val=pairs(1, n=100),
        on_epoch=logs.append,
    )
    for stage, space in (("float", "float"), ("hash", "bits_16")):
        recall = [log.val_recall_at_10[space] for log in logs if log.stage == stage]
        # Chance is one in ten.
        assert recall[-1] > 0.5
        assert recall[-1] > recall[0]


def test_validation_pairs_teach_nothing(tmp_path: Path) -> None:
    assert same(fresh(tmp_path, val=pairs(1, n=12)), fresh(tmp_path, val=pairs(2, n=30)))
    assert same(fresh(tmp_path, val=pairs(1, n=12)), fresh(tmp_path, val=pairs(n=0)))


def test_pairs_of_one_text_are_not_told_apart(tmp_path: Path) -> None:
    data = pairs()
    apart = dataclasses.replace(data, text_id=np.arange(25, dtype=np.int64))
    one, other = fresh(tmp_path, data=data), fresh(tmp_path, data=apart)
    assert not same(under("embed", one), under("embed", other))
    assert not same(under("code", one), under("code", other))


@given(st.integers(0, 1000), st.integers(1, 40), st.booleans())
def test_the_watched_recall_is_the_metric(seed: int, n: int, binary: bool) -> None:
    rng = np.random.default_rng(seed)
    image, text = rng.standard_normal((2, n, 16)).astype(np.float32)
    if binary:
        image, text = np.sign(image), np.sign(text)
    own = np.eye(n, dtype=bool)
    distance = -np.round(image.astype(np.float64) @ text.T.astype(np.float64), 6)
    expected = [strict_recall(d, own) for d in (distance, distance.T)]
    assert val_recall_at_10(image, text) == pytest.approx(np.mean(expected), abs=1e-9)


def strict_recall(distance: Any, own: Any) -> float:
    scores = score_queries(distance, own, ks=(10,))
    return float(np.mean(scores.recall_at[10]))


def test_a_head_does_not_depend_on_which_others_are_trained(tmp_path: Path) -> None:
    alone = fresh(tmp_path, ("model.bits", [16]))
    together = fresh(tmp_path, ("model.bits", [16, 32, 64]))
    assert set(alone) < set(together)
    assert all(torch.equal(alone[name], together[name]) for name in alone)
