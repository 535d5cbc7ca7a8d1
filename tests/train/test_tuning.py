"""A search for settings keeps its budget and its trials, goes on, and never sees the test split."""

import dataclasses
import functools
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from caselight.config import Config, read_config
from caselight.engine import Engine, open_engine
from caselight.errors import ConfigError, Error, TrainError, UsageError
from caselight.home import Home
from caselight.models.heads import Heads
from caselight.train import loop, tuning
from caselight.train.pairs import val_recall_at_10
from caselight.train.settings_file import write_settings
from caselight.train.sources import Sources
from caselight.train.trials import (
    DEFAULT_SPACE,
    Trial,
    append_trial,
    checked_space,
    drawn_settings,
    n_epochs,
    parse_space,
    read_trials,
    with_settings,
)
from caselight.train.tuning import TuneReceipt, expected_optimism, tune
from caselight.train.validation import Validation, read_validation, recall_of_queries
from tests.homes import archive, ingest, trained, write_records

SMALL = Config.from_mapping(
    {
        "towers": {"image": "toy", "text": "toy"},
        "model": {"embed_dim": 16, "hidden_dim": 16, "bits": [32]},
        "train": {"epochs": 3, "settle_epochs": 0, "hash_epochs": 1},
        "evaluate": {"n_resamples": 100},
    }
)
SPACE = {"train.lr": (1e-4, 1e-3, 3e-3, 1e-2), "model.dropout": (0.0, 0.2, 0.5, 0.8)}
CPU = torch.device("cpu")


class Ticks:
    """A clock on which every look costs a second, so that every trial lasts the same."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@functools.cache
def searched() -> Path:
    """A home with six patients to validate on."""
    root = trained()[1].parent / "tuning"
    ingest(archive(root / "archive", n_studies=72), root / "home")
    return root / "home"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with open_engine(searched(), config=SMALL, device=CPU, progress=lambda *_: None) as opened:
        yield opened


def tuned(
    engine: Engine,
    out: Path,
    *,
    config: Config = SMALL,
    space: Any = SPACE,
    goal: str = "bits_32",
    budget_s: float = 1e9,
    clock: Callable[[], float] | None = None,
    seed: int = 0,
    on_trial: Callable[[Trial, float | None], None] = lambda *_: None,
) -> TuneReceipt:
    return tune(
        engine,
        config,
        space=space,
        goal=goal,
        budget_s=budget_s,
        out=out,
        clock=clock or Ticks(),
        rng=np.random.default_rng(seed),
        on_trial=on_trial,
    )


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "trials.jsonl").read_text().splitlines()]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """Trainings that cost a second an epoch and score by their learning rate; those begun."""
    begun: list[Config] = []
    lasted = [0]

    def trial(self: Any, config: Config) -> tuple[dict[str, float], Any, str | None]:
        begun.append(config)
        lasted[0] += n_epochs(config)
        rng = np.random.default_rng(int(1e6 * config.train.lr))
        recall = np.clip(rng.random(len(self.validation.patients)) + config.train.lr, 0, 1)
        (self.out).mkdir(parents=True, exist_ok=True)
        return {"float": 0.5, "bits_32": float(recall.mean())}, recall, None

    monkeypatch.setattr(tuning._Search, "_train", trial)
    monkeypatch.setattr(Ticks, "__call__", lambda _: float(lasted[0]))
    return begun


# -- the whole way -----------------------------------------------------------------------------


def test_a_search_trains_chooses_and_writes_settings(engine: Engine, tmp_path: Path) -> None:
    told: list[tuple[Trial, float | None]] = []
    space = {"train.lr": (1e-3, 1e-2), "model.dropout": (0.2,)}
    receipt = tuned(engine, tmp_path, space=space, on_trial=lambda *one: told.append(one))
    assert receipt.ended == "space"
    assert [trial.identity for trial, _ in told] == [line["identity"] for line in lines(tmp_path)]
    assert {path.name for path in tmp_path.iterdir()} == {"trials.jsonl", "tuned.toml"}
    assert read_config(receipt.config) == with_settings(SMALL, receipt.best.settings)
    assert all(set(trial.scores) == {"float", "bits_32"} for trial, _ in told)
    assert told[0][0].settings == {}
    full = [score for trial, score in told if trial.share == 1.0]
    assert receipt.chosen == max(full)
    assert receipt.n_full == len(full)


def test_a_trial_is_the_training_with_its_settings(engine: Engine, tmp_path: Path) -> None:
    """The score is that of `train`, and the two halves make up the whole."""
    receipt = tuned(engine, tmp_path / "tuned", space={}, goal="float")
    with Home(searched(), config=SMALL) as home:
        home.train(tmp_path / "model")
    record = json.loads((tmp_path / "model" / "run.json").read_text())
    last = {k: v for e in record["epochs"] for k, v in e["val_recall_at_10"].items()}
    assert receipt.best.scores == pytest.approx(last, abs=1e-6)
    assert np.mean(receipt.best.recall) == pytest.approx(last["float"], abs=1e-4)


def test_the_same_seed_searches_the_same(engine: Engine, tmp_path: Path) -> None:
    for name in ("a", "b"):
        tuned(engine, tmp_path / name, budget_s=12)
    one, other = (lines(tmp_path / name) for name in "ab")
    assert [{**x, "seconds": 0} for x in one] == [{**x, "seconds": 0} for x in other]


# -- the split that decides nothing ------------------------------------------------------------


def test_the_test_split_is_never_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor its pictures opened, nor its texts read; and another test split changes nothing."""
    source = archive(tmp_path / "archive", n_studies=72)
    rows = [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]
    found = []
    asked: list[str] = []
    real = Engine.text_features

    def watched(self: Engine, texts: Sequence[str]) -> Any:
        asked.extend(texts)
        return real(self, texts)

    monkeypatch.setattr(Engine, "text_features", watched)
    for name in ("plain", "other"):
        home = tmp_path / name
        kept = [row for row in rows if name == "plain" or row["split"] != "test"]
        if name == "other":
            kept += [{**row, "findings": "Something else."} for row in rows if row not in kept][:2]
        ingest(write_records(source, kept), home)
        if name == "other":
            for picture in _pictures_of(home, "test"):
                picture.write_bytes(b"unreadable")
        with open_engine(home, config=SMALL, device=CPU, progress=lambda *_: None) as opened:
            receipt = tuned(opened, tmp_path / f"{name}-tuned", budget_s=8)
        found.append((receipt.best.recall, receipt.held_out, receipt.gain, receipt.optimism))
        found[-1] += ([{**x, "seconds": 0} for x in lines(tmp_path / f"{name}-tuned")],)
    assert found[0] == found[1]
    said = " ".join(asked)
    for row in rows:
        assert (row["findings"] in said) == (row["split"] != "test")


def _pictures_of(home: Path, split: str) -> list[Path]:
    with Home(home) as opened:
        return [
            opened._open_store().pixels_path(image.digest)
            for study in opened.studies()
            if study.split == split
            for image in study.images
        ]


# -- the budget --------------------------------------------------------------------------------


@pytest.mark.usefixtures("fast")
@given(budget=st.floats(0.5, 120.0))
def test_the_budget_is_kept_whatever_it_is(budget: float) -> None:
    with open_engine(searched(), config=SMALL, device=CPU, progress=lambda *_: None) as opened:
        out = trained()[1].parent / "budget"
        receipt = tuned(opened, out, budget_s=budget)
        shutil.rmtree(out)
    # The plain settings, 4 epochs, are always tried.
    assert receipt.seconds <= max(budget, 4.0)
    # And nothing that would have fitted was left out while there were points to try.
    assert receipt.ended == "space" or receipt.seconds + 4.0 > budget - 4.0


def test_a_bracket_halves_its_points_and_lets_the_best_go_on(
    engine: Engine, tmp_path: Path, fast: list[Config]
) -> None:
    config = with_settings(
        SMALL, {f"train.{stage}epochs": 20 for stage in ("", "settle_", "hash_")}
    )
    tuned(engine, tmp_path, config=config, budget_s=250)
    shares = [
        {n / 20 for n in (c.train.epochs, c.train.settle_epochs, c.train.hash_epochs)} for c in fast
    ]
    assert shares[:8] == [{1}, *[{0.25}] * 4, *[{0.5}] * 2, {1}]
    told = lines(tmp_path)
    first = sorted(told[1:5], key=lambda line: -line["scores"]["bits_32"])
    assert {json.dumps(x["settings"]) for x in told[5:7]} <= {
        json.dumps(x["settings"]) for x in first
    }
    assert told[7]["settings"] in [x["settings"] for x in told[5:7]]


def test_a_budget_for_one_is_the_plain_settings_alone(
    engine: Engine, tmp_path: Path, fast: list[Config]
) -> None:
    receipt = tuned(engine, tmp_path, budget_s=0.001)
    assert fast == [SMALL]
    assert (receipt.best.settings, receipt.ended) == ({}, "budget")
    assert receipt.gain.value == 0.0
    assert receipt.optimism == 0.0
    assert read_config(receipt.config) == SMALL


# -- going on ----------------------------------------------------------------------------------


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_killed_search_goes_on_as_if_nothing_had_happened(
    engine: Engine, tmp_path: Path, fast: list[Config], after: int
) -> None:
    whole = tuned(engine, tmp_path / "whole", budget_s=40)
    n_whole = len(fast)
    told: list[Trial] = []

    def stop(trial: Trial, _: float | None) -> None:
        told.append(trial)
        if len(told) == after:
            raise Killed

    with pytest.raises(Killed):
        tuned(engine, tmp_path / "cut", budget_s=40, on_trial=stop)
    with (tmp_path / "cut" / "trials.jsonl").open("a") as file:
        file.write('{"identity": "cut o')
    receipt = tuned(engine, tmp_path / "cut", budget_s=40)
    assert len(fast) == 2 * n_whole
    same = {"config": whole.config}
    assert dataclasses.replace(receipt, **same) == whole
    assert list(read_trials(tmp_path / "cut" / "trials.jsonl").values()) == list(
        read_trials(tmp_path / "whole" / "trials.jsonl").values()
    )


def test_more_time_goes_on_and_the_same_time_does_nothing(
    engine: Engine, tmp_path: Path, fast: list[Config]
) -> None:
    one = tuned(engine, tmp_path, budget_s=20)
    n_before = len(fast)
    assert tuned(engine, tmp_path, budget_s=20) == one
    assert len(fast) == n_before
    more = tuned(engine, tmp_path, budget_s=45)
    assert more.n_trials > one.n_trials
    assert len({c.model_dump_json() for c in fast}) == len(fast)


class Ends(Ticks):
    """A clock at whose n-th look the process ends."""

    def __init__(self, n_looks: int) -> None:
        super().__init__()
        self.n_looks = n_looks

    def __call__(self) -> float:
        if self.now == self.n_looks:
            raise Killed
        return super().__call__()


LONG = with_settings(SMALL, {"train.epochs": 12, "train.checkpoint_epochs": 1})


def test_a_search_that_is_killed_within_a_trial_goes_on_within_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[str] = []
    real = loop.score

    def score(heads: Heads, val: Sources, stage: str) -> Any:
        scored.append(stage)
        return real(heads, val, stage)

    monkeypatch.setattr(loop, "score", score)
    whole = tuned(engine, tmp_path / "whole", config=LONG, space={})
    n_whole = len(scored)
    with pytest.raises(Killed):
        tuned(engine, tmp_path / "cut", config=LONG, space={}, clock=Ends(10))
    assert (tmp_path / "cut" / "trial" / "unfinished.safetensors").is_file()
    receipt = tuned(engine, tmp_path / "cut", config=LONG, space={})
    # Of all epochs, which are scored each, no more than the one that was cut is trained twice.
    assert len(scored) <= 2 * n_whole + 1
    assert receipt.best.recall == whole.best.recall


def test_a_search_that_was_killed_within_a_trial_is_no_bar_to_another(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        tuned(engine, tmp_path, config=LONG, space={}, clock=Ends(10))
    assert (tmp_path / "trial" / "unfinished.safetensors").is_file()
    receipt = tuned(engine, tmp_path, space={})
    assert [(line["settings"], line["failed"]) for line in lines(tmp_path)] == [({}, None)]
    assert read_config(receipt.config) == SMALL
    assert not (tmp_path / "trial").exists()


@pytest.mark.parametrize("during", [1, 2])
def test_a_home_that_changes_meanwhile_ends_the_search_and_is_no_failed_trial(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: int
) -> None:
    looks: list[str] = []
    real = type(engine.store).digest

    def digest(self: Any) -> str:
        looks.append(real(self))
        # A training looks before and after.
        return looks[-1] if len(looks) < 2 * during else "another"

    space = {"train.lr": (1e-2,)}
    with monkeypatch.context() as patch:
        patch.setattr(type(engine.store), "digest", digest)
        with pytest.raises(TrainError) as caught:
            tuned(engine, tmp_path, space=space)
    assert caught.value.code == "train.home_changed"
    assert len(read_trials(tmp_path / "trials.jsonl")) == during - 1
    receipt = tuned(engine, tmp_path, space=space)
    assert receipt.ended == "space"
    assert all(line["failed"] is None for line in lines(tmp_path))


@pytest.mark.parametrize("change", ["goal", "lr", "data"])
def test_trials_of_another_question_are_not_taken(
    engine: Engine, tmp_path: Path, fast: list[Config], change: str
) -> None:
    tuned(engine, tmp_path, space={})
    config = with_settings(SMALL, {"train.lr": 0.5}) if change == "lr" else SMALL
    if change == "data":
        config = with_settings(SMALL, {"train.text": "findings"})
    tuned(
        engine, tmp_path, space={}, config=config, goal="float" if change == "goal" else "bits_32"
    )
    assert len(fast) == 2


def test_a_setting_that_diverges_is_kept_as_failed_and_never_wins(
    engine: Engine, tmp_path: Path
) -> None:
    told: list[tuple[Trial, float | None]] = []
    receipt = tuned(
        engine,
        tmp_path,
        config=with_settings(SMALL, {"train.epochs": 12}),
        space={"train.lr": (1e25,)},
        on_trial=lambda *one: told.append(one),
    )
    failed = [trial for trial, score in told if score is None]
    assert failed
    assert all(trial.failed == "train.non_finite" for trial in failed)
    assert receipt.best.settings == {}
    assert not (tmp_path / "trial").exists()


def test_points_that_contradict_themselves_are_kept_as_failed_and_the_search_goes_on(
    engine: Engine, tmp_path: Path
) -> None:
    space = {"float_terms.intra_image": (0.0, 0.2), "train.lr": (1e-3, 2e-3, 3e-3)}
    receipt = tuned(engine, tmp_path, space=space)
    assert receipt.ended == "space"
    for line in lines(tmp_path):
        contradicts = line["settings"].get("float_terms.intra_image") == 0.2
        assert line["failed"] == ("config.out_of_range" if contradicts else None)
    assert {line["settings"].get("train.lr") for line in lines(tmp_path) if line["failed"]} == {
        1e-3,
        2e-3,
        3e-3,
    }
    n_before = len(lines(tmp_path))
    assert tuned(engine, tmp_path, space=space) == receipt
    assert len(lines(tmp_path)) == n_before


def test_plain_settings_that_contradict_themselves_are_refused_whatever_was_kept(
    engine: Engine, tmp_path: Path
) -> None:
    bad = with_settings(SMALL, {"float_terms.intra_image": 0.2})
    with pytest.raises(ConfigError, match=r"set train\.image_views to 1") as caught:
        tuned(engine, tmp_path / "out", config=bad)
    assert caught.value.code == "config.out_of_range"
    assert not (tmp_path / "out").exists()
    tuned(engine, tmp_path / "out", space={"float_terms.intra_image": (0.2,)})
    assert lines(tmp_path / "out")[-1]["failed"] == "config.out_of_range"
    with pytest.raises(ConfigError, match=r"set train\.image_views to 1"):
        tuned(engine, tmp_path / "out", config=bad)


# -- honesty -----------------------------------------------------------------------------------


def validation_of(n_patients: int, *, each: int = 2) -> Validation:
    nothing = np.zeros((0, 1), dtype=np.float32)
    patients = np.repeat(np.arange(n_patients), each)
    return Validation(image=nothing, text=nothing, patients=patients, data="")


def test_many_trials_of_pure_luck_look_better_where_they_are_chosen() -> None:
    rng = np.random.default_rng(0)
    held = validation_of(40)
    luck = rng.random((30, 80))
    many = expected_optimism(luck, held, rng=rng)
    few = expected_optimism(luck[:3], held, rng=rng)
    assert many > few > 0
    assert many > 0.05


def test_a_trial_that_is_better_everywhere_is_no_optimism() -> None:
    recall = np.stack([np.zeros(80), np.full(80, 0.5)])
    assert expected_optimism(recall, validation_of(40), rng=np.random.default_rng(0)) == 0.0


def test_what_is_reported_comes_from_the_half_that_did_not_choose(
    engine: Engine, tmp_path: Path, fast: list[Config]
) -> None:
    receipt = tuned(engine, tmp_path, budget_s=60)
    validation = read_validation(engine, SMALL)
    chooses = tuning.draw_half(validation, np.random.default_rng(0))
    recall = np.array(receipt.best.recall)
    assert receipt.chosen == recall[chooses].mean()
    assert receipt.held_out.value == pytest.approx(recall[~chooses].mean())
    plain = np.array(lines(tmp_path)[0]["recall"])
    assert receipt.gain.value == pytest.approx((recall - plain)[~chooses].mean())
    assert not set(validation.patients[chooses]) & set(validation.patients[~chooses])
    assert receipt.n_full > 2


def test_recall_of_queries_is_what_the_training_watches(engine: Engine) -> None:
    from caselight.models.checkpoint import load_checkpoint

    model = load_checkpoint(trained()[1] / "trained")
    held = read_validation(engine, SMALL)
    image, text = (model.embed(getattr(held, m), m).mean for m in ("image", "text"))
    found = recall_of_queries(model, held, "float")
    assert found.shape == held.patients.shape
    assert found.mean() == pytest.approx(val_recall_at_10(image, text))
    soft = [np.sign(model.soft_bits(getattr(held, m), m, 64)) for m in ("image", "text")]
    watched = val_recall_at_10(*(s.astype(np.float32) for s in soft))
    assert recall_of_queries(model, held, "bits_64").mean() == pytest.approx(watched)


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"budget_s": 0.0}, "config.out_of_range"),
        ({"budget_s": -3.0}, "config.out_of_range"),
        ({"budget_s": float("nan")}, "config.out_of_range"),
        ({"goal": "bits_48"}, "config.out_of_range"),
        ({"goal": "rescored_bits_32"}, "config.out_of_range"),
        ({"space": {"train.epoch": (1,)}}, "config.unknown_key"),
        ({"space": {"lr": (1,)}}, "config.unknown_key"),
        ({"space": {"train.lr": (0.1, -1)}}, "config.out_of_range"),
        ({"space": {"train.lr": ()}}, "usage.bad_argument"),
        ({"space": {"train.seed": (1, 2)}}, "usage.bad_argument"),
        ({"space": {"towers.trim_fraction": (0.1,)}}, "usage.bad_argument"),
        ({"space": {"search.shortlist": (10,)}}, "usage.bad_argument"),
        ({"space": {"finetune.part": (0.1,)}}, "usage.bad_argument"),
        ({"space": {"train.patience": (3,)}}, "usage.bad_argument"),
        ({"config": with_settings(SMALL, {"train.patience": 3})}, "usage.bad_argument"),
        ({"config": with_settings(SMALL, {"finetune.towers": "text"})}, "usage.bad_argument"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_trained(
    engine: Engine, tmp_path: Path, fast: list[Config], asked: dict[str, Any], code: str
) -> None:
    with pytest.raises(Error) as caught:
        tuned(engine, tmp_path, **asked)
    assert caught.value.code == code
    assert fast == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n_patients", [0, 1])
def test_a_validation_split_that_cannot_be_halved_is_refused(
    tmp_path: Path, n_patients: int
) -> None:
    source = archive(tmp_path / "archive", n_studies=12)
    rows = [json.loads(line) for line in (source / "records.jsonl").read_text().splitlines()]
    patients = sorted({row["patient_id"] for row in rows if row["split"] == "val"})[:n_patients]
    kept = [row for row in rows if row["split"] != "val" or row["patient_id"] in patients]
    ingest(write_records(source, kept), tmp_path / "home")
    with (
        open_engine(
            tmp_path / "home", config=SMALL, device=CPU, progress=lambda *_: None
        ) as opened,
        pytest.raises(TrainError, match=f"found {n_patients} patients") as caught,
    ):
        tuned(opened, tmp_path / "out")
    assert caught.value.code == "train.too_few_pairs"


def test_plain_settings_that_fail_end_the_search(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"lower train\.lr") as caught:
        tuned(engine, tmp_path, config=with_settings(SMALL, {"train.lr": 1e25}))
    assert caught.value.code == "train.non_finite"
    assert list(tmp_path.iterdir()) == []


# -- spaces and files --------------------------------------------------------------------------


def test_every_point_of_a_space_is_drawn_once_and_the_plain_settings_first() -> None:
    space = checked_space(SMALL, {"train.lr": (1e-3, 1e-2), "model.dropout": (0, 0.0, 0.5)})
    assert space["model.dropout"] == (0.0, 0.5)
    points = list(drawn_settings(SMALL, space, rng=np.random.default_rng(0)))
    assert points[0] == {}
    assert len(points) == 4
    assert {"train.lr": 1e-3, "model.dropout": 0.5} not in points
    away = checked_space(SMALL, {"train.lr": (0.5,)})
    assert list(drawn_settings(SMALL, away, rng=np.random.default_rng(0))) == [
        {},
        {"train.lr": 0.5},
    ]


def test_the_usual_space_is_one_that_can_be_searched() -> None:
    plain = Config()
    space = checked_space(plain, DEFAULT_SPACE)
    assert set(space) == set(DEFAULT_SPACE)
    for key, values in space.items():
        assert len(values) > 1
        section, name = key.split(".")
        if key != "loss.temperature":
            assert min(values) <= getattr(getattr(plain, section), name) <= max(values)


def test_spaces_are_read_from_options() -> None:
    read = parse_space(["train.lr=1e-3, 3e-3", "model.normalise_bits=true,false", "a.b=word"])
    assert read == {
        "train.lr": (1e-3, 3e-3),
        "model.normalise_bits": (True, False),
        "a.b": ("word",),
    }


@pytest.mark.parametrize("bad", ["train.lr", "=1,2", "train.lr=", "train.lr=1,,2"])
def test_options_that_say_no_space_are_refused(bad: str) -> None:
    with pytest.raises(UsageError):
        parse_space([bad])
    with pytest.raises(UsageError, match="twice"):
        parse_space(["train.lr=1", "train.lr=2"])


def test_a_file_of_trials_survives_a_line_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    one = Trial(
        identity="a",
        search="s",
        settings={"train.lr": 0.1},
        share=1.0,
        n_epochs=4,
        seconds=2.0,
        scores={"float": 0.5},
        recall=[0.5, 1.0],
        failed=None,
    )
    append_trial(path, one)
    with path.open("ab") as file:
        file.write(b'{"identity": "\xff')
    append_trial(path, dataclasses.replace(one, identity="b"))
    assert read_trials(path) == {"a": one, "b": dataclasses.replace(one, identity="b")}


settings = st.fixed_dictionaries(
    {},
    optional={
        "train.lr": st.floats(1e-12, 1e6),
        "train.epochs": st.integers(1, 10**9),
        "train.filters": st.dictionaries(st.text(), st.text(), max_size=3),
        "model.bits": st.lists(st.sampled_from([16, 48, 256]), min_size=1),
        "model.normalise_bits": st.booleans(),
        "towers.image": st.text(st.characters(codec="utf-8")),
        "search.n_bits": st.just(64),
    },
)


@given(settings)
def test_settings_that_are_written_are_read_back(changed: dict[str, Any]) -> None:
    path = trained()[1].parent / "settings.toml"
    config = with_settings(Config(), changed)
    write_settings(path, config, comments=["What it is."])
    assert read_config(path) == config
    assert path.read_text("utf-8").startswith("# What it is.\n")


def test_a_setting_that_is_none_again_is_refused() -> None:
    with pytest.raises(ConfigError):
        with_settings(SMALL, {"train.nothing": 1})
