"""The stages of a training, one after the other, from wherever the last one stopped."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from caselight.config import Config
from caselight.errors import ConfigError, TrainError
from caselight.models.heads import Heads
from caselight.train.loop import (
    EpochLog,
    Stage,
    float_stage,
    hash_stage,
    run_stage,
    settle_stage,
    stage_generator,
)
from caselight.train.pairs import Loose, Pairs
from caselight.train.partial import read_partial
from caselight.train.sources import Cached, Sources
from caselight.train.warm import warm_start


class Tuning(Protocol):
    """Towers that are trained in the float stage."""

    files: dict[str, str]

    def open(self) -> tuple[Sources, Sources]:
        """The features of both splits through towers that now take a gradient."""
        ...

    def settle(self) -> tuple[Pairs, Pairs]:
        """Close the towers and name them in `files`; both splits under their new weights."""
        ...

    def reopen(self, files: Mapping[str, str]) -> tuple[Pairs, Pairs]:
        """Both splits under towers that were settled before."""
        ...


def train_heads(
    pairs: Pairs,
    val: Pairs,
    *,
    config: Config,
    device: torch.device,
    partial: Path,
    identity: str,
    on_epoch: Callable[[EpochLog], None],
    tuning: Tuning | None = None,
    begin: Mapping[str, Tensor] | None = None,
) -> Heads:
    """Train all heads from pairs.

    Args:
        pairs: the training split.
        val: the validation split, for watching and for stopping early; may be empty.
        config: all settings.
        device: where the heads live.
        partial: file that a killed training leaves behind and the next one goes on from; the
            caller drops it once the model is saved.
        identity: digest of settings and data; a partial file of another identity is ignored.
        on_epoch: told after every epoch; of a resumed training, first the epochs before it.
        tuning: towers to train along; None leaves them frozen.
        begin: weights of heads to go on from, scale of the features and all; None begins anew.

    Returns:
        The heads, on the CPU, ready to be saved.

    Raises:
        TrainError: `train.too_few_pairs`, `train.no_contrast` or `train.non_finite`.
        ConfigError: `config.out_of_range` for a stage that has nothing to learn by.
    """
    check_pairs(pairs)
    check_terms(pairs, config)
    if config.train.patience and len(val) == 0:
        raise TrainError(
            "found train.patience and no images with a text in the validation split, expected some "
            "to watch; check the splits or set train.patience=0",
            code="train.too_few_pairs",
        )
    heads = Heads(
        pairs.image.shape[2],
        pairs.text.shape[2],
        settings=config.model,
        generator=stage_generator(config.train.seed, "weights", 0),
    )
    if begin is None:
        heads.image.fit_scale(torch.from_numpy(pairs.image[0]))
        heads.text.fit_scale(torch.from_numpy(pairs.text[0]))
    else:
        heads.load_state_dict(dict(begin))
    heads.to(device)
    logs: list[EpochLog] = []
    resumed = read_partial(partial, identity=identity)
    if resumed is not None:
        for done in json.loads(resumed.log):
            logs.append(EpochLog(**done))
            on_epoch(logs[-1])

    def run(stage: Stage, watched: Sources) -> None:
        run_stage(
            stage,
            pairs,
            watched,
            config=config,
            device=device,
            resumed=resumed if resumed is not None and resumed.stage == stage.name else None,
            partial=partial,
            identity=identity,
            logs=logs,
            on_epoch=on_epoch,
        )

    if resumed is None or resumed.stage == "float":
        opened = (_cached(pairs, device), _cached(val, device)) if tuning is None else tuning.open()
        if tuning is not None:
            # Features of what has no partner are those of the towers as they were.
            pairs = replace(pairs, loose=Loose())
        stage = float_stage(heads, opened[0], config)
        if resumed is not None:
            stage.load(resumed.weights)
        run(stage, opened[1])
        if tuning is not None:
            pairs, val = tuning.settle()
    elif tuning is not None:
        pairs, val = tuning.reopen(resumed.towers)
    files = {} if tuning is None else tuning.files
    sources, watched = _cached(pairs, device), _cached(val, device)
    if config.train.settle_epochs and (resumed is None or resumed.stage != "hash"):
        stage = settle_stage(heads, sources, config)
        stage.towers.update(files)
        if resumed is not None and resumed.stage == stage.name:
            stage.load(resumed.weights)
        run(stage, watched)
    if config.train.warm_start and (resumed is None or resumed.stage != "hash"):
        # Heads that hashed before begin anew, too: their codes belong to embeddings they had.
        _warm(heads, pairs, seed=config.train.seed, device=device)
    stage = hash_stage(heads, sources, config)
    stage.towers.update(files)
    if resumed is not None and resumed.stage == stage.name:
        stage.load(resumed.weights)
    run(stage, watched)
    return heads.cpu()


def _warm(heads: Heads, pairs: Pairs, *, seed: int, device: torch.device) -> None:
    plain = (torch.from_numpy(views[0]).to(device) for views in (pairs.image, pairs.text))
    image, text = (
        tower.standardise(x) for tower, x in zip((heads.image, heads.text), plain, strict=True)
    )
    warm_start(heads, image, text, seed=seed)


def check_pairs(pairs: Pairs) -> None:
    """Refuse what nothing can be learned from.

    Raises:
        TrainError: `train.too_few_pairs` or `train.no_contrast`.
    """
    if len(pairs) < 2:
        raise TrainError(
            f"found {len(pairs)} images with a text in the training split, expected at least 2; "
            "check the text field, the filters and the split",
            code="train.too_few_pairs",
        )
    if len(np.unique(pairs.text_id)) < 2:
        raise TrainError(
            f"all {len(pairs)} images of the training split have the same text, expected texts "
            "that differ; check the text field and the mapping of its column",
            code="train.no_contrast",
        )


def check_terms(pairs: Pairs, config: Config) -> None:
    """Refuse a stage without a term that has both a weight and something to compare.

    Raises:
        ConfigError: `config.out_of_range`.
    """
    loose = pairs.loose
    named = [said.max(axis=0, initial=0) > 0 for said in (loose.image_said, loose.text_said)]
    blind = {
        "intra_image": len(pairs.image) < 2,
        "intra_text": len(pairs.text) < 2,
        "unpaired": not (config.train.unpaired and bool(np.logical_and(*named).any())),
    }
    for stage, terms in (("float", config.float_terms), ("hash", config.hash_terms)):
        if not any(weight for name, weight in terms if not blind.get(name, False)):
            raise ConfigError(
                f"the {stage} stage has no term with a weight and something to compare, expected "
                f"at least one; set {stage}_terms.infonce above 0",
                code="config.out_of_range",
            )
    if config.train.hash_layers == "rotation" and not config.model.rotation:
        raise ConfigError(
            "found train.hash_layers = rotation without model.rotation, expected both; set "
            "model.rotation=true",
            code="config.out_of_range",
        )


def _cached(pairs: Pairs, device: torch.device) -> Sources:
    return Sources(Cached(pairs.image, device=device), Cached(pairs.text, device=device))
