"""Verb: a model and a home it was not trained on in, what so many new pairs are worth out.

The model's heads are trained further with some of the home's pairs, then with more. Beside what
each step finds on the home's own validation split stands what it still finds in the home that the
model came from. Where that home is at hand, its pairs are mixed in, so that less is forgotten; what
one home is asked by is not learned from in the other one.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caselight.config import TRAINED, Config
from caselight.data.filters import check_filters
from caselight.data.system_errors import explained
from caselight.engine import Engine
from caselight.errors import TrainError, UsageError
from caselight.models.checkpoint import check_towers, save_checkpoint
from caselight.models.dual_encoder import DualEncoder
from caselight.models.heads import Heads
from caselight.train.collect import Found, Item, find, read_pairs
from caselight.train.loop import EpochLog
from caselight.train.partial import claim_partial, drop_partial
from caselight.train.run import check_views
from caselight.train.stages import check_pairs, train_heads
from caselight.train.standing import Point, Standing, point, recalls
from caselight.train.two_homes import Shared, TwoHomes, keep_apart
from caselight.train.validation import Validation

_PARTIAL = "unfinished-pairs-"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReceipt:
    """What a model is worth to a home, pair by pair."""

    points: tuple[Point, ...]
    """In order of the pairs; 0 pairs first."""
    n_available: int
    """Pairs in the new home's training split, less `shared.n_not_learned`."""
    n_asked: int
    """Pairs in its validation split; of ten or fewer, every one is found."""
    n_old_asked: int
    """The same of the old home; 0 without one."""
    shared: Shared
    """Pairs whose picture the other home has too."""
    model: Path | None
    """The model trained on the most pairs; None where no pair was asked for."""
    fingerprint: str | None
    """That model's."""
    seconds: float


def transfer(
    engine: Engine,
    model: DualEncoder,
    *,
    config: Config,
    n_pairs: Sequence[int],
    readings: Sequence[str],
    old: Engine | None,
    out: Path,
    clock: Callable[[], float],
    on_epoch: Callable[[int, EpochLog], None],
    restart: bool = False,
) -> TransferReceipt:
    """Train a model's heads further with more and more of a home's pairs, and score each step.

    Every step begins from the model itself, and the pairs of a smaller step are among those of a
    larger one. The test split is never opened; the digests of its pictures alone are looked at, so
    that none of them is learned from in the old home.

    Args:
        engine: the new home, open under the model's towers.
        model: the model to begin from.
        config: all settings; `adapt.replay` says how much is replayed.
        n_pairs: how many new pairs; 0 is added, more than there are become all.
        readings: `float` or `bits_N`.
        old: the home the model came from, open under the same towers, if it is at hand.
        out: folder for the last model; an unfinished run in it with the same settings and data
            goes on.
        clock: seconds.
        on_epoch: told (pairs, epoch) after every epoch.
        restart: give up an unfinished run in `out` that had other settings or data.

    Raises:
        ConfigError: `config.out_of_range` for a term that compares views there are none of.
        ModelError: when the towers are not those of the model.
        TrainError: for a home with too few pairs to learn from, or patients to ask by; when the
            training diverges, a home changes meanwhile, or `out` holds another unfinished run.
        UsageError: for a number of pairs that cannot be, or settings that train towers or stop by
            the validation split.
    """
    start = clock()
    _check(config, n_pairs)
    check_views(config)
    check_towers(model, image=engine.image_tower, text=engine.text_tower)
    digests = _digests(engine, old)
    homes = _look(engine, old, model, config)
    for what, n in (
        ("new pairs left out: the old home asks by them", homes.shared.n_not_learned),
        ("old pairs left out: the new home asks by them", homes.shared.n_not_replayed),
        ("pairs asked that the old home trains on", homes.shared.n_asked_known),
    ):
        if n:
            engine.progress(what, n, n)
    steps = _steps(n_pairs, len(homes.found.pairs["train"]))
    begun = now = homes.standing(model, readings)
    with explained():
        jobs = [_Job(homes, model, n, out) for _, n in steps]
        _claim(out, jobs, restart=restart)
        points, heads = [], model.heads
        for (asked, n), job in zip(steps, jobs, strict=True):
            if n:
                heads = job.train(partial(on_epoch, n))
                now = homes.standing(replace(model, heads=heads.eval()), readings)
            points.append(
                point(
                    now,
                    begun,
                    asked=asked,
                    n_pairs=n,
                    n_replayed=job.n_replayed,
                    settings=config.evaluate,
                )
            )
        if _digests(engine, old) != digests:
            held = _look(engine, old, model, config)
            for job in jobs:
                # What was learned can only go on where it would be learned again.
                if _Job(held, model, job.n_pairs, out).identity != job.identity:
                    drop_partial(job.partial)
            raise TrainError(
                "studies came into a home or left it while the model was trained, expected none "
                "to; adapt again to what it holds now",
                code="train.home_changed",
            )
        saved = None
        if heads is not model.heads:
            saved = save_checkpoint(
                out / "model",
                heads,
                homes.config,
                image=engine.image_tower,
                text=engine.text_tower,
            )
        for job in jobs:
            drop_partial(job.partial)
    return TransferReceipt(
        points=tuple(points),
        n_available=len(homes.found.pairs["train"]),
        n_asked=len(homes.found.pairs["val"]),
        n_old_asked=len(homes.old_asked),
        shared=homes.shared,
        model=None if saved is None else out / "model",
        fingerprint=None if saved is None else saved.fingerprint,
        seconds=round(clock() - start, 3),
    )


@dataclass(frozen=True, kw_only=True)
class _Homes:
    """What the new home and the old one hold, as far as it may be looked at."""

    engine: Engine
    old: Engine | None
    config: Config
    found: Found
    """Of the new home."""
    order: list[int]
    """Of its training pairs: each step takes the first so many."""
    replay: list[Item]
    """Training pairs of the old home, in the order they are taken."""
    old_asked: list[Item]
    """Validation pairs of the old home."""
    shared: Shared

    @cached_property
    def validation(self) -> Validation:
        """The new home's."""
        return _validation(self.engine, self.found.pairs["val"], "new")

    @cached_property
    def old_validation(self) -> Validation | None:
        """The old home's, where it is at hand."""
        return None if self.old is None else _validation(self.old, self.old_asked, "old")

    def standing(self, model: DualEncoder, readings: Sequence[str]) -> Standing:
        """What a model finds in both validation splits."""
        return Standing(
            new=recalls(model, self.validation, readings),
            old=None
            if self.old_validation is None
            else recalls(model, self.old_validation, readings),
        )


def _look(engine: Engine, old: Engine | None, model: DualEncoder, config: Config) -> _Homes:
    """List what may be learned from and asked by; nothing is encoded yet."""
    train = config.train.model_copy(update={"n_pairs": None})
    config = config.model_copy(
        update={"towers": engine.towers, "model": model.config.model, "train": train}
    )
    check_filters(train.filters)
    found = find(engine, config)
    replay: list[Item] = []
    old_asked: list[Item] = []
    shared = Shared()
    if old is not None:
        # The old home is asked as the model was.
        kept = {"text": model.config.train.text, "filters": model.config.train.filters}
        before = config.model_copy(
            update={"train": train.model_copy(update={**kept, "unpaired": False})}
        )
        known = find(old, before).pairs
        old_asked = known["val"]
        found, replay, shared = keep_apart(engine, old, found, known["train"])
    rng = np.random.default_rng(train.seed)
    order = rng.permutation(len(found.pairs["train"])).tolist()
    return _Homes(
        engine=engine,
        old=old,
        config=config,
        found=found,
        order=order,
        replay=[replay[i] for i in rng.permutation(len(replay))],
        old_asked=old_asked,
        shared=shared,
    )


def _validation(engine: Engine, items: Sequence[Item], whose: str) -> Validation:
    if not items:
        raise TrainError(
            f"found no images with a text in the validation split of the {whose} home, expected "
            "some to ask by; ingest with ingest.val_percent, or choose another text or filter",
            code="train.too_few_pairs",
        )
    numbers: dict[str, int] = {}
    owners = [numbers.setdefault(item.patient, len(numbers)) for item in items]
    return Validation(
        image=engine.picture_features([item.digests for item in items]),
        text=engine.text_features([item.texts[0] for item in items]),
        patients=np.tile(np.array(owners, dtype=np.int64), 2),
        data=engine.store.digest(),
    )


class _Job:
    """One training from the model, with so many new pairs."""

    def __init__(self, homes: _Homes, model: DualEncoder, n_pairs: int, out: Path) -> None:
        self._homes, self._model = homes, model
        self.n_pairs = n_pairs
        new = homes.found.pairs["train"]
        self._taken = homes.replay[: homes.config.adapt.replay * n_pairs]
        self._found = replace(
            homes.found,
            pairs={
                **homes.found.pairs,
                "train": [*(new[i] for i in sorted(homes.order[:n_pairs])), *sorted(self._taken)],
            },
        )
        self.partial = out / f"{_PARTIAL}{n_pairs}.safetensors"
        said: list[Any] = [
            # Another version may round otherwise, or draw otherwise.
            [torch.__version__, version("caselight")],
            homes.config.model_dump(mode="json", include=set(TRAINED)),
            [asdict(item) for item in self._found.everything],
            model.fingerprint,
        ]
        self.identity = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def n_replayed(self) -> int:
        """Pairs of the old home among what is learned."""
        return len(self._taken)

    def train(self, on_epoch: Callable[[EpochLog], None]) -> Heads:
        """Train the model's heads further, or take up where this was killed."""
        homes, engine = self._homes, self._homes.engine
        if homes.old is not None and self._taken:
            engine = TwoHomes(engine, homes.old, self._taken)
        pairs, val = read_pairs(engine, self._found, homes.config)
        check_pairs(pairs)
        return train_heads(
            pairs,
            val,
            config=homes.config,
            device=engine.device,
            partial=self.partial,
            identity=self.identity,
            on_epoch=on_epoch,
            begin=self._model.heads.state_dict(),
        )


def _check(config: Config, n_pairs: Sequence[int]) -> None:
    wrong = [n for n in n_pairs if n < 0 or n == 1]
    if wrong or not n_pairs:
        raise UsageError(
            f"found {wrong[0] if wrong else 'no number'} of pairs to train on, expected 0, or 2 "
            "and more; name some, for example 0,50,200"
        )
    if config.finetune.towers != "none":
        raise UsageError(
            f"found finetune.towers={config.finetune.towers}, expected none: the heads are trained "
            "further under the model's own towers; leave it out here, or use `caselight train`"
        )
    if config.train.patience:
        raise UsageError(
            f"found train.patience={config.train.patience}, expected 0: the validation split says "
            "what the pairs are worth and cannot stop the training too; set train.epochs instead"
        )


def _steps(n_pairs: Sequence[int], n_available: int) -> list[tuple[int, int]]:
    """(asked, there are) in ascending order; what is more than there is becomes all, once."""
    steps: dict[int, int] = {0: 0}
    for asked in sorted(set(n_pairs)):
        steps.setdefault(min(asked, n_available), asked)
    if max(n_pairs) > 0 and n_available < 2:
        raise TrainError(
            f"found {n_available} images with a text in the training split, expected at least 2; "
            "check the text field, the filters and the split",
            code="train.too_few_pairs",
        )
    return [(asked, n) for n, asked in steps.items()]


def _claim(out: Path, jobs: Sequence[_Job], *, restart: bool) -> None:
    """Refuse to write over an unfinished run that is another one, of whatever numbers of pairs."""
    mine = {job.partial: job.identity for job in jobs}
    for path in sorted({*mine, *out.glob(f"{_PARTIAL}*.safetensors")}):
        claim_partial(path, mine.get(path), restart=restart)


def _digests(engine: Engine, old: Engine | None) -> list[str]:
    return [home.store.digest() for home in (engine, old) if home is not None]
