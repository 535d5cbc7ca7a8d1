"""What a search for settings tries, and the file that keeps every trial."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from caselight.config import TRAINED, Config
from caselight.data.system_errors import explained
from caselight.errors import ConfigError, UsageError

DEFAULT_SPACE: Mapping[str, tuple[Any, ...]] = {
    "model.dropout": (0.2, 0.5, 0.7),
    "model.input_dropout": (0.0, 0.2, 0.5),
    "loss.temperature": (0.04, 0.07, 0.12, 0.2),
    "loss.hash_temperature": (0.12, 0.2, 0.3),
    "train.epochs": (30, 60, 120),
    "train.lr": (3e-4, 1e-3, 3e-3),
    "train.hash_epochs": (30, 60, 90),
    "train.hash_lr": (1e-4, 3e-4, 1e-3),
    "train.hash_mix": (0.65, 1.0),
    "train.weight_decay": (1e-3, 1e-2, 1e-1),
}
"""What is tried where nothing is asked for: the settings that decide how heads learn."""

NOT_TUNED = (
    *("towers", "finetune", "model.bits"),
    *("train.text", "train.filters", "train.seed", "train.checkpoint_epochs", "train.patience"),
)
"""Sections and settings that decide the question, or luck, or look at the validation split."""

Settings = Mapping[str, Any]
"""`section.key` to its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One training with some settings, and what it scored on the validation split."""

    identity: str
    """Digest of the data, the goal and all settings: equal trials are the same trial."""
    search: str
    """Digest of what the trials of one search have in common: data, goal, towers."""
    settings: dict[str, Any]
    """What was varied."""
    share: float
    """Of the epochs that the settings ask for, 0..1; only trials of share 1 can win."""
    n_epochs: int
    """Epochs of all stages that were trained."""
    seconds: float
    scores: dict[str, float]
    """Strict Recall@10 by reading, both directions, all validation queries; empty if it failed."""
    recall: list[float]
    """The goal's Recall@10 of every validation query, image to text first; empty if it failed."""
    failed: str | None
    """The code of the refusal that ended it."""


def parse_space(varied: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """Read `section.key=v1,v2,...`; every value as JSON, else as text.

    Raises:
        UsageError: for anything else, or a key that is named twice.
    """
    space: dict[str, tuple[Any, ...]] = {}
    for one in varied:
        key, equals, values = one.partition("=")
        if not equals or not key.strip() or not all(v.strip() for v in values.split(",")):
            raise UsageError(
                f"found {one!r}, expected KEY=V1,V2,...; for example train.lr=3e-4,1e-3"
            )
        if key.strip() in space:
            raise UsageError(f"{key.strip()} is varied twice; name all its values in one option")
        space[key.strip()] = tuple(_value(v.strip()) for v in values.split(","))
    return space


def checked_space(config: Config, space: Mapping[str, Sequence[Any]]) -> dict[str, tuple[Any, ...]]:
    """Refuse a space before anything is trained; return its values as the settings spell them.

    Raises:
        ConfigError: for a setting that does not exist, or a value out of its range.
        UsageError: for a setting that is no matter of tuning, or one without values.
    """
    checked: dict[str, tuple[Any, ...]] = {}
    for key, values in space.items():
        # 0 and 0.0 are one value, and one trial.
        read = [read_setting(with_settings(config, {key: value}), key) for value in values]
        section = key.partition(".")[0]
        if section not in TRAINED or section in NOT_TUNED or key in NOT_TUNED:
            raise UsageError(
                f"{key} is not tuned: it decides what is asked or how it is looked at, not how "
                "well heads learn; vary other settings, and set this one with --set"
            )
        if not read:
            raise UsageError(f"{key} has no values to try; name one or more")
        checked[key] = tuple(dict.fromkeys(read))
    return checked


def read_setting(config: Config, key: str) -> Any:
    """The value of `section.key`."""
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name)


def with_settings(config: Config, settings: Settings) -> Config:
    """The same settings with some changed, checked.

    Raises:
        ConfigError: for a setting that does not exist, or a value out of its range.
    """
    values = config.model_dump(mode="json")
    for key, value in settings.items():
        section, dot, name = key.partition(".")
        if not dot or not isinstance(values.get(section, {}), dict):
            raise ConfigError(f"found {key!r}, expected section.key, for example train.lr")
        values.setdefault(section, {})[name] = value
    return Config.from_mapping(values)


def shortened(config: Config, share: float) -> Config:
    """The same settings with this share of the epochs, rounded up."""
    return with_settings(
        config,
        {
            "train.epochs": math.ceil(share * config.train.epochs),
            "train.settle_epochs": math.ceil(share * config.train.settle_epochs),
            "train.hash_epochs": math.ceil(share * config.train.hash_epochs),
        },
    )


def n_epochs(config: Config) -> int:
    """Epochs of all stages."""
    return config.train.epochs + config.train.settle_epochs + config.train.hash_epochs


def drawn_settings(
    config: Config, space: Mapping[str, Sequence[Any]], *, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Yield random points of a space, each once; the settings as they are come first.

    Ends when all points are drawn.

    Args:
        config: the settings to begin from.
        space: what `checked_space` returns.
        rng: decides the points.
    """
    yield {}
    own = {key: read_setting(config, key) for key in space}
    seen = [own]
    n_points = math.prod(len(values) for values in space.values())
    n_points += any(own[key] not in values for key, values in space.items())
    while len(seen) < n_points:
        point = {key: values[int(rng.integers(len(values)))] for key, values in space.items()}
        if point not in seen:
            seen.append(point)
            yield point


def trial_identity(search: str, config: Config) -> str:
    """Digest of one trial."""
    settings = config.model_dump(mode="json", include=set(TRAINED))
    return _digest([search, settings])


def search_identity(data: str, goal: str, feedback: Sequence[str] = ()) -> str:
    """Digest of what the trials of one search have in common."""
    return _digest([data, goal, *feedback])


def read_trials(path: Path) -> dict[str, Trial]:
    """Every trial of a file by identity; a line that was cut off by a kill is passed over."""
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            trial = Trial(**json.loads(line))
        except (json.JSONDecodeError, TypeError):
            continue
        found[trial.identity] = trial
    return found


def append_trial(path: Path, trial: Trial) -> None:
    """Add a trial at the end of the file."""
    line = json.dumps(asdict(trial)) + "\n"
    with explained(), path.open("a+b") as file:
        # After a line that a kill cut off, another would be lost with it.
        if file.tell() and not _ends_a_line(path):
            line = "\n" + line
        file.write(line.encode())


def _ends_a_line(path: Path) -> bool:
    return path.read_bytes()[-1:] == b"\n"


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _digest(said: Any) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
