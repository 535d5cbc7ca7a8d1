"""Models of a home: trained, tuned, adapted and scored."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caselight.data.in_use import using
from caselight.data.system_errors import explained
from caselight.errors import UsageError
from caselight.feedback.pairs import NOTHING
from caselight.home.feedback import Feedbacks
from caselight.home.opened import DEFAULT_MODEL, OpenedHome, PathLike, text_field

if TYPE_CHECKING:
    from caselight.train.adapt import Kind as Tower
    from caselight.train.adapted import AdaptReceipt
    from caselight.train.adapting import StepLog
    from caselight.train.loop import EpochLog
    from caselight.train.run import TrainReceipt
    from caselight.train.trials import Trial
    from caselight.train.tuning import TuneReceipt


class Models(Feedbacks):
    """The part of a home that learns, and says how well."""

    def train(
        self,
        out: PathLike | None = None,
        *,
        on_epoch: Callable[["EpochLog"], None] | None = None,
        restart: bool = False,
        begin: PathLike | None = None,
        feedback: bool = False,
        texts: Sequence[str] = (),
    ) -> "TrainReceipt":
        """Learn a model from the training split; see `caselight.train.run.train`.

        Args:
            out: the model's folder; `trained` inside the home if not given.
            on_epoch: told after every epoch.
            restart: give up an unfinished training in `out` that had other settings or data.
            begin: a model to train further, under its own towers; None begins anew.
            feedback: learn from approved feedback, too; see docs/guide/feedback.md.
            texts: words of queries that feedback is about, where they are not kept.

        Raises:
            FeedbackError: for words that no approved feedback is about.
            StoreError: when there is no home, or it cannot be read.
            WordsError: when kept words cannot be read.
            TrainError: when there is nothing to learn from, the training diverges, or the home
                changes meanwhile.
        """
        from caselight.models.checkpoint import load_checkpoint
        from caselight.train.run import train

        known = None if begin is None else load_checkpoint(Path(begin))
        config = self.config
        if known is not None:
            config = config.model_copy(update={"towers": known.config.towers})
        with self._at_work("train"):
            taught = self._taught(texts) if feedback else NOTHING
            receipt = train(
                self._open_engine(config),
                config=config,
                out=self.path / DEFAULT_MODEL if out is None else Path(out),
                clock=time.perf_counter,
                on_epoch=on_epoch or (lambda _: None),
                restart=restart,
                begin=known,
                feedback=taught.pairs,
            )
            self._recorder().trained(
                "model.trained",
                receipt.fingerprint,
                receipt.patients,
                {
                    "began": None if known is None else known.fingerprint,
                    "data": receipt.data_digest,
                    "pairs": receipt.n_pairs,
                    **({"feedback": list(receipt.feedback)} if feedback else {}),
                },
            )
        notes = (*taught.notes, *self._still_approved(receipt.feedback))
        return replace(receipt, notes=notes)

    def tune(
        self,
        out: PathLike | None = None,
        *,
        budget_s: float,
        goal: str | None = None,
        space: Mapping[str, Sequence[Any]] | None = None,
        on_trial: "Callable[[Trial, float | None], None] | None" = None,
        feedback: bool = False,
        texts: Sequence[str] = (),
    ) -> "TuneReceipt":
        """Search settings on the validation split; see `caselight.train.tuning.tune`.

        Args:
            out: folder for the trials and the settings; `tuned` inside the home if not given.
            budget_s: seconds for all trials together.
            goal: `float` or `bits_N`; 128 bits if not given, or the widest without that.
            space: `section.key` to the values to try; the usual ones if not given.
            on_trial: told each trial that ends, with its score.
            feedback: learn from approved feedback, too, as `train` does.
            texts: words of queries that feedback is about, where they are not kept.

        Raises:
            ConfigError: for a budget, goal or setting that cannot be.
            UsageError: for a setting that is no matter of tuning.
            TrainError: for a validation split that cannot be halved, or settings that fail.
        """
        from caselight.train.trials import DEFAULT_SPACE
        from caselight.train.tuning import tune

        self._open_store()
        bits = self.config.model.bits
        with self._at_work("tune"):
            taught = self._taught(texts) if feedback else NOTHING
            receipt = tune(
                self._open_engine(self.config),
                self.config,
                space=DEFAULT_SPACE if space is None else space,
                goal=goal or f"bits_{128 if 128 in bits else max(bits)}",
                budget_s=budget_s,
                out=self.path / "tuned" if out is None else Path(out),
                clock=time.perf_counter,
                rng=np.random.default_rng(self.config.train.seed),
                on_trial=on_trial or (lambda *_: None),
                feedback=taught.pairs,
            )
        said = {"feedback": [pair.feedback.id for pair in taught.pairs]} if feedback else {}
        self._recorder().say("model.tuned", {"trials": receipt.n_trials, **said})
        return replace(receipt, notes=taught.notes)

    def adapt(
        self,
        out: PathLike | None = None,
        *,
        towers: "Sequence[Tower]" = (),
        model: PathLike | None = None,
        old_home: PathLike | None = None,
        n_pairs: Sequence[int] = (0, 50, 200, 1000),
        on_step: "Callable[[Tower, StepLog], None] | None" = None,
        on_epoch: "Callable[[int, EpochLog], None] | None" = None,
        restart: bool = False,
    ) -> "AdaptReceipt":
        """Fit towers, or a model, to the training split; see docs/guide/adapt.md.

        Args:
            out: folder for what is made; `adapted` inside the home if not given.
            towers: "image", "text" or both; they learn without labels or pairs.
            model: a model whose heads are trained further, under its own towers.
            old_home: the home it was trained on, to see what it forgets, and to forget less.
            n_pairs: how many pairs it is trained further with, step by step.
            on_step: told (tower, step) of the towers.
            on_epoch: told (pairs, epoch) of the model.
            restart: give up what is unfinished in `out` with other settings or data.

        Raises:
            UsageError: when nothing is asked for, or an old home without a model.
            ModelError: for a tower that cannot be trained, or a model that cannot be loaded.
            StoreError: when there is no home, or it cannot be read.
            TrainError: when there is too little to learn from or to ask by, the training diverges,
                or a home changes meanwhile.
        """
        from caselight.evaluation.hearing import heard
        from caselight.indexing import choose_bits
        from caselight.models.checkpoint import load_checkpoint
        from caselight.train.adapt import adapt_towers
        from caselight.train.adapted import AdaptReceipt, made_by, write_record
        from caselight.train.transfer import transfer

        _check_adapt(self.path, towers, model, old_home)
        self._open_store()
        known = None if model is None else load_checkpoint(Path(model))
        config = self.config
        if known is not None:
            config = config.model_copy(update={"towers": known.config.towers})
        folder = self.path / "adapted" if out is None else Path(out)
        engine = self._open_engine(config)
        with self._at_work("adapt"), contextlib.ExitStack() as opened:
            moved = None
            if known is not None:
                old = None
                if old_home is not None:
                    # Not through this one's engine: the old home is closed again.
                    place = OpenedHome(
                        old_home, config=config, device=self._device, progress=self._progress
                    )
                    old = opened.enter_context(place)._open_engine(config)
                    opened.enter_context(using(place.path, "adapt"))
                moved = transfer(
                    engine,
                    known,
                    config=config,
                    n_pairs=n_pairs,
                    readings=("float", f"bits_{choose_bits(self.config, known)}"),
                    old=old,
                    out=folder,
                    clock=time.perf_counter,
                    on_epoch=on_epoch or (lambda *_: None),
                    restart=restart,
                )
            made = adapt_towers(
                engine,
                towers,
                config=config,
                out=folder,
                clock=time.perf_counter,
                hear=lambda encode, probes: heard(encode, probes, settings=config.evaluate),
                on_step=on_step or (lambda *_: None),
                restart=restart,
            )
            receipt = AdaptReceipt(towers=made, transfer=moved)
            with explained():
                write_record(receipt, folder)
            for fingerprint in made_by(receipt):
                self._recorder().trained(
                    "model.adapted",
                    fingerprint,
                    # The training split; what was kept back to ask by is among it.
                    {
                        study.patient_key
                        for _, study in self._open_store().studies()
                        if study.split == "train"
                    },
                    {"began": None if known is None else known.fingerprint},
                )
        return receipt

    def evaluate(
        self,
        model: PathLike | None = None,
        *,
        split: str | None = "test",
        text: str | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Score a model; see docs/guide/evaluate.md for what comes back.

        Args:
            model: its folder; the index's if not given, else `trained` inside the home.
            split: "train", "val" or "test"; None is every study.
            text: which text, as `train.text` names it; the model's own if not given.
            filters: metadata an image must have.

        Raises:
            EvaluationError: for a split or a text that the home does not have.
            ModelError: when the model cannot be loaded.
        """
        from caselight.evaluation.suite import Question, evaluate

        loaded = self._load(model)
        field = text_field(text) if text is not None else loaded.config.train.text
        question = Question(split=split, text=field, filters=dict(filters or {}))
        with self._at_work("evaluate"):
            report = evaluate(
                self._open_engine(loaded.config), loaded, question, config=self.config
            )
        said = {"model": loaded.fingerprint, "split": split, "images": report["n_images"]}
        self._recorder().say("model.evaluated", said)
        return report

    def compare(
        self,
        first: PathLike,
        second: PathLike,
        *,
        split: str | None = "test",
        text: str | None = None,
        filters: Mapping[str, str] | None = None,
        readings: Sequence[tuple[str, str]] | None = None,
    ) -> dict[str, Any]:
        """Ask two models the same queries; see docs/guide/evaluate.md for what comes back.

        Args:
            first: folder of a model.
            second: folder of another.
            split: "train", "val" or "test"; None is every study.
            text: which text, as `train.text` names it; the first model's own if not given.
            filters: metadata an image must have.
            readings: pairs, a reading of the first and one of the second; `float` and all codes
                that both have if not given.

        Raises:
            EvaluationError: for a split or a text that the home does not have.
            ModelError: when a model cannot be loaded, or cannot be read so.
            UsageError: for the same model twice.
        """
        from caselight.evaluation.compare import compare, pair_readings, read_side
        from caselight.evaluation.suite import Question

        self._open_store()
        models = self._load(first), self._load(second)
        pairs = pair_readings(*models, asked=readings)
        field = text_field(text) if text is not None else models[0].config.train.text
        question = Question(split=split, text=field, filters=dict(filters or {}))
        said = {"models": [model.fingerprint for model in models], "split": split}
        with self._at_work("compare"):
            sides = [
                read_side(
                    self._open_engine(model.config),
                    model,
                    question,
                    readings=[pair[at] for pair in pairs],
                    config=self.config,
                )
                for at, model in enumerate(models)
            ]
            report = compare(*sides, pairs=pairs, question=question, config=self.config)
        self._recorder().say("models.compared", said)
        return report


def _check_adapt(
    home: Path, towers: Sequence[str], model: PathLike | None, old_home: PathLike | None
) -> None:
    if not towers and model is None:
        raise UsageError("nothing to adapt; name towers, a model to train further, or both")
    if wrong := [name for name in towers if name not in ("image", "text")]:
        raise UsageError(f"found the tower {wrong[0]!r}, expected image or text; name one or both")
    if old_home is None:
        return
    if model is None:
        raise UsageError(
            "found an old home and no model that came from it, expected both; name the model too"
        )
    if Path(old_home).resolve() == home.resolve():
        raise UsageError(
            "the old home is the new one, expected the home that the model was trained on; name "
            "that, or leave it out"
        )
