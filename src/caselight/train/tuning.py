"""A small, honest search for settings: random points, halved as they learn, on validation alone.

Each bracket trains a few random points for a quarter of their epochs, the better half of them for
half, and the best one for all. The best of many trials is partly luck, so patients of the
validation split are halved: one half chooses, the other says what the choice is worth.

Sources: Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012; Jamieson
and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS
2016 (successive halving).
"""

import itertools
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from caselight.config import Config
from caselight.data.feedback import FeedbackPair
from caselight.engine import Engine
from caselight.errors import ConfigError, TrainError, UsageError
from caselight.metrics.significance import Interval, cluster_bootstrap, paired_difference
from caselight.models.checkpoint import load_checkpoint
from caselight.train.run import train
from caselight.train.settings_file import write_settings
from caselight.train.trials import (
    Trial,
    append_trial,
    checked_space,
    drawn_settings,
    n_epochs,
    read_trials,
    search_identity,
    shortened,
    trial_identity,
    with_settings,
)
from caselight.train.validation import (
    Validation,
    draw_half,
    read_validation,
    recall_of_queries,
)
from caselight.types import BoolArray

TRIALS = "trials.jsonl"
TUNED = "tuned.toml"
_SCRATCH = "trial"
_FAILURES = ("train.non_finite", "config.out_of_range")
"""What a trial's own settings can end it with: they diverge, or contradict each other."""
BRACKET = ((4, 0.25), (2, 0.5), (1, 1.0))
"""How many points are trained for which share of their epochs."""
_N_HALVINGS = 200
"""Random halves over which the optimism is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneReceipt:
    """What a search found, and how far it can be trusted."""

    goal: str
    """The reading whose Recall@10 decided."""
    best: Trial
    """The best of the full trials by the half that chose; the plain settings where none is."""
    n_trials: int
    n_full: int
    """Trials of all their epochs, the plain settings among them: the best of so many."""
    chosen: float
    """The best trial's Recall@10 on the half that chose it, 0..1: too good to be true."""
    held_out: Interval
    """The same on the other half, which had no say."""
    gain: Interval
    """Held-out Recall@10 of the best less that of the plain settings, paired; 0 where they win."""
    optimism: float
    """Gain on the half that chooses less the gain on the other, as expected over random halves."""
    ended: Literal["budget", "space"]
    """Why no more was tried."""
    seconds: float
    """Of all trials, those of an earlier, killed run included."""
    config: Path
    """The settings of the best trial."""
    notes: tuple[str, ...] = ()
    """What of the approved feedback was left out, and why."""


def tune(
    engine: Engine,
    config: Config,
    *,
    space: Mapping[str, Sequence[Any]],
    goal: str,
    budget_s: float,
    out: Path,
    clock: Callable[[], float],
    rng: np.random.Generator,
    on_trial: Callable[[Trial, float | None], None],
    feedback: Sequence[FeedbackPair] = (),
) -> TuneReceipt:
    """Search settings that find more of the validation split; the test split has no part in it.

    The plain settings are always trained, whatever the budget. Any other trial is begun only if,
    by the mean time an epoch took so far, it ends within the budget. Every trial is kept in
    `trials.jsonl` as it ends; asked again with the same generator and data, those that are there
    are not trained again, and what they took is counted as spent.

    Args:
        engine: the open home.
        config: the settings to begin from.
        space: `section.key` to the values to try.
        goal: `float` or `bits_N`: which reading's strict Recall@10 decides.
        budget_s: seconds for all trials together.
        out: folder for `trials.jsonl` and `tuned.toml`.
        clock: seconds.
        rng: decides the halves and the points.
        on_trial: told each trial that ends, with its score on the half that chooses; None for one
            that failed.
        feedback: approved pairs that every trial learns from, too.

    Raises:
        ConfigError: for a budget, goal or setting that cannot be, or plain settings that contradict
            each other.
        UsageError: for a setting that is no matter of tuning, towers that are trained too, or a
            training that stops by the validation split.
        TrainError: for a validation split that cannot be halved, plain settings that diverge, or a
            home that changes meanwhile.
    """
    _check(config, goal=goal, budget_s=budget_s)
    points_of = checked_space(config, space)
    validation = read_validation(engine, config)
    chooses = draw_half(validation, rng)
    search = _Search(
        engine=engine,
        config=config,
        goal=goal,
        budget_s=budget_s,
        out=out,
        clock=clock,
        on_trial=on_trial,
        validation=validation,
        chooses=chooses,
        known=read_trials(out / TRIALS),
        feedback=feedback,
    )
    points = drawn_settings(config, points_of, rng=rng)
    plain = search.run(next(points), share=1.0)
    ended = search.brackets(points)
    return _receipt(search, plain, ended, rng)


def _check(config: Config, *, goal: str, budget_s: float) -> None:
    if not budget_s > 0 or not math.isfinite(budget_s):
        raise ConfigError(
            f"found a budget of {budget_s} seconds, expected more than 0; name some minutes",
            code="config.out_of_range",
        )
    readings = ("float", *(f"bits_{n}" for n in config.model.bits))
    if goal not in readings:
        raise ConfigError(
            f"found the goal {goal!r}, expected one of {', '.join(readings)}; choose one, or set "
            "model.bits",
            code="config.out_of_range",
        )
    if config.finetune.towers != "none":
        raise UsageError(
            f"found finetune.towers={config.finetune.towers}, expected none: a search trains heads "
            "on cached features; tune them first, then train the towers with what was found"
        )
    if config.train.patience:
        raise UsageError(
            f"found train.patience={config.train.patience}, expected 0: stopping early looks at "
            "the patients that must have no say; vary train.epochs instead"
        )


@dataclass(kw_only=True)
class _Search:
    """The trials so far, and what they took."""

    engine: Engine
    config: Config
    goal: str
    budget_s: float
    out: Path
    clock: Callable[[], float]
    on_trial: Callable[[Trial, float | None], None]
    validation: Validation
    chooses: BoolArray
    known: dict[str, Trial]
    feedback: Sequence[FeedbackPair]
    done: dict[str, Trial] = field(default_factory=dict)
    """By identity, in order of time."""

    @property
    def spent(self) -> float:
        return sum(trial.seconds for trial in self.done.values())

    def brackets(self, points: Iterator[dict[str, Any]]) -> Literal["budget", "space"]:
        """Halve bracket after bracket; the budget's rest goes to trials of all their epochs."""
        while batch := list(itertools.islice(points, BRACKET[0][0])):
            if self.fits(self._cost(batch)):
                for n_kept, share in BRACKET:
                    batch = sorted(batch, key=self._standing, reverse=True)[:n_kept]
                    for settings in batch:
                        self.run(settings, share=share)
                continue
            for settings in batch:
                if not self.fits(n_epochs(with_settings(self.config, settings))):
                    return "budget"
                self.run(settings, share=1.0)
        return "space"

    def fits(self, epochs: int) -> bool:
        """Whether so many epochs end within the budget, by the mean of those that are done."""
        whole = [trial for trial in self.done.values() if trial.failed is None]
        # The first trial also paid for features that were in no cache yet.
        told = whole[1:] or whole
        an_epoch = sum(t.seconds for t in told) / sum(t.n_epochs for t in told)
        return self.spent + epochs * an_epoch <= self.budget_s

    def run(self, settings: dict[str, Any], *, share: float) -> Trial:
        """Train with these settings and score, or take what an earlier run has kept."""
        config = shortened(with_settings(self.config, settings), share)
        search = search_identity(
            self.validation.data, self.goal, [pair.feedback.id for pair in self.feedback]
        )
        identity = trial_identity(search, config)
        trial = self.known.get(identity)
        # Plain settings that failed as a point of an earlier search fail again, in their words.
        if trial is None or (trial.failed and config == self.config):
            trial = self._tried(config, search, identity, settings, share)
            append_trial(self.out / TRIALS, trial)
            self.known[identity] = trial
        is_news = identity not in self.done
        # Of very few epochs a quarter is all of them, and the trial the same.
        self.done[identity] = replace(trial, settings=settings, share=share)
        if is_news:
            self.on_trial(trial, None if trial.failed else self.score(trial))
        return trial

    def score(self, trial: Trial) -> float:
        """The goal's Recall@10 on the half that chooses; below everything for a failed trial."""
        if trial.failed is not None:
            return -math.inf
        return float(np.array(trial.recall)[self.chooses].mean())

    def _tried(
        self, config: Config, search: str, identity: str, settings: dict[str, Any], share: float
    ) -> Trial:
        started = self.clock()
        scores, recall, failed = self._train(config)
        return Trial(
            identity=identity,
            search=search,
            settings=settings,
            share=share,
            n_epochs=n_epochs(config),
            seconds=round(self.clock() - started, 3),
            scores=scores,
            recall=[round(float(one), 4) for one in recall],
            failed=failed,
        )

    def _train(self, config: Config) -> tuple[dict[str, float], NDArray[np.float64], str | None]:
        folder = self.out / _SCRATCH
        try:
            receipt = train(
                self.engine,
                config=config,
                out=folder,
                clock=self.clock,
                on_epoch=lambda _: None,
                # Another unfinished training in this folder is what a killed search left.
                restart=True,
                draw=False,
                feedback=self.feedback,
            )
        except (ConfigError, TrainError) as error:
            if error.code not in _FAILURES:
                raise
            shutil.rmtree(folder, ignore_errors=True)
            if config == self.config:
                raise
            return {}, np.zeros(0), error.code
        model = load_checkpoint(receipt.model)
        recalls = {
            name: recall_of_queries(model, self.validation, name)
            for name in ("float", *(f"bits_{n}" for n in model.bits))
        }
        shutil.rmtree(folder)
        scores = {name: round(float(one.mean()), 6) for name, one in recalls.items()}
        return scores, recalls[self.goal], None

    def _cost(self, batch: Sequence[dict[str, Any]]) -> int:
        """Epochs of a bracket, whichever of its points are kept."""
        configs = [with_settings(self.config, settings) for settings in batch]
        total = 0
        for n_kept, share in BRACKET:
            epochs = sorted((n_epochs(shortened(c, share)) for c in configs), reverse=True)
            total += sum(epochs[:n_kept])
        return total

    def _standing(self, settings: dict[str, Any]) -> float:
        """The score of the longest trial with these settings; 0 where there is none yet."""
        told = [trial for trial in self.done.values() if trial.settings == settings]
        return self.score(told[-1]) if told else 0.0


def _receipt(
    search: _Search, plain: Trial, ended: Literal["budget", "space"], rng: np.random.Generator
) -> TuneReceipt:
    full = [trial for trial in search.done.values() if trial.share == 1.0 and trial.failed is None]
    best = max(full, key=search.score)
    settings = search.config.evaluate
    rest = ~search.chooses
    ours, theirs = (np.array(trial.recall)[rest] for trial in (best, plain))
    patients = search.validation.patients[rest]

    def draws() -> np.random.Generator:
        return np.random.default_rng(settings.seed)

    n_resamples, level = settings.n_resamples, settings.level
    held_out = cluster_bootstrap(ours, patients, n_resamples=n_resamples, rng=draws(), level=level)
    gain = paired_difference(
        ours, theirs, patients, n_resamples=n_resamples, rng=draws(), level=level
    )
    optimism = expected_optimism(
        np.array([trial.recall for trial in full]), search.validation, rng=rng
    )
    receipt = TuneReceipt(
        goal=search.goal,
        best=best,
        n_trials=len(search.done),
        n_full=len(full),
        chosen=search.score(best),
        held_out=held_out,
        gain=gain,
        optimism=optimism,
        ended=ended,
        seconds=round(search.spent, 3),
        config=search.out / TUNED,
    )
    write_settings(
        receipt.config,
        with_settings(search.config, best.settings),
        comments=[
            f"The best of {len(full)} full trials by strict Recall@10 of {search.goal} on one half "
            "of the validation patients.",
            f"On the other half: {held_out.value:.4f}, {gain.value:+.4f} against the settings the "
            "search began from.",
        ],
    )
    return receipt


def expected_optimism(
    recall: NDArray[np.float64], validation: Validation, *, rng: np.random.Generator
) -> float:
    """How much better the best of some trials looks where it is chosen than elsewhere.

    Args:
        recall: f64[T, 2 N], of every trial and query; the first is what the others must beat.
        validation: whose queries they are.
        rng: draws the halves.

    Returns:
        Mean over random halves of patients: gain of the chosen trial over the first on the half
        that chooses, less its gain on the other half.
    """
    gains = recall - recall[0]
    found = []
    for _ in range(_N_HALVINGS):
        half = draw_half(validation, rng)
        seen, unseen = gains[:, half].mean(axis=1), gains[:, ~half].mean(axis=1)
        at = int(seen.argmax())
        found.append(seen[at] - unseen[at])
    return float(np.mean(found))
