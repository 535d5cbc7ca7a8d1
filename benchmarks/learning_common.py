"""What the learning results share: homes, features of all splits, folds by patient, one training.

Everything is measured on pairs: images with a text. Features are read once for each tower; a run
trains on some of the pairs and is scored on others, strictly (row i's own partner is the answer).
"""

import copy
import json
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from caselight.config import Config
from caselight.engine import open_engine
from caselight.models.heads import Heads
from caselight.train.collect import find, finding_names, read_pairs, said_table
from caselight.train.loop import float_stage, hash_stage, run_stage, settle_stage, stage_generator
from caselight.train.pairs import Loose, Pairs
from caselight.train.sources import Cached, Sources
from caselight.train.warm import warm_start
from results_retrieval import SETS, DataSet, make_home

CPU = torch.device("cpu")
Values = NDArray[np.float64]
ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "benchmarks/results/learning"
BITS = (48, 64, 128, 256)
QUICK: dict[str, Any] = {}
"""One epoch each, to see that everything runs."""


def best(name: str, **more: Any) -> dict[str, Any]:
    """The settings of configs/thorough.toml and those chosen for the set, and some more."""
    said = tomllib.loads((ROOT / "configs/thorough.toml").read_text("utf-8"))
    flat = {f"{s}.{k}": v for s, group in said.items() for k, v in group.items()}
    return {**flat, "model.bits": list(BITS), **chosen(name), **more, **QUICK}


def chosen(name: str) -> dict[str, Any]:
    """What `choose` found best for a set; nothing before it has run."""
    path = OUT / f"choose-{name}.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))["chosen"] if path.is_file() else {}
    return found


def settings(data: DataSet, overrides: Mapping[str, Any], *, seed: int = 0) -> Config:
    """The defaults, for this data set, with `section.key` overrides."""
    values: dict[str, Any] = {"train": {"text": data.text, "filters": data.filters, "seed": seed}}
    for key, value in overrides.items():
        section, name = key.split(".")
        values.setdefault(section, {})[name] = value
    return Config.from_mapping(values)


def home_of(name: str, work: Path) -> Path:
    """The home of a data set, made where it is missing."""
    home = work / f"home-{name}"
    return home if home.is_dir() else make_home(SETS[name], work)


@dataclass(frozen=True, kw_only=True)
class Material:
    """The pairs of one data set, of all splits, under one tower of each kind."""

    name: str
    pairs: Pairs
    """Of all splits; `loose` is of the training split."""
    split: NDArray[np.str_]
    texts: tuple[str, ...]
    label_said: NDArray[np.float32]
    """f32[N, F]: as `pairs.said`, read from each study's labels."""

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Rows of some splits."""
        return np.flatnonzero(np.isin(self.split, splits))

    def take(self, rows: NDArray[np.int64], *, loose: Loose | None = None) -> Pairs:
        """Some of the pairs, in the order given."""
        pairs = self.pairs
        return replace(
            pairs,
            image=pairs.image[:, rows],
            text=pairs.text[:, rows],
            text_id=pairs.text_id[rows],
            patient=None if pairs.patient is None else pairs.patient[rows],
            site=None if pairs.site is None else pairs.site[rows],
            said=None if pairs.said is None else pairs.said[rows],
            loose=loose or Loose(),
        )


def read_material(name: str, work: Path, overrides: Mapping[str, Any]) -> Material:
    """Read the pairs of every split; views, renderings and towers as the settings say."""
    data = SETS[name]
    config = settings(data, overrides)
    with open_engine(
        home_of(name, work), config=config, device=CPU, progress=lambda *_: None
    ) as engine:
        found = find(engine, config, splits=("train", "val", "test"))
        items = [(s, item) for s in found.pairs for item in found.pairs[s]]
        joined = type(found)(
            pairs={"train": [item for _, item in items], "val": []},
            loose_images=found.loose_images,
            loose_texts=found.loose_texts,
        )
        # The columns that `read_pairs` makes of the same items.
        names = finding_names(joined)
        said = said_table([" ".join(item.labels) for _, item in items], names)
        pairs, _ = read_pairs(engine, joined, config)
    return Material(
        name=name,
        pairs=pairs,
        split=np.array([s for s, _ in items]),
        texts=tuple(item.texts[0] for _, item in items),
        label_said=said,
    )


def folds(
    material: Material, n: int, *, splits: Sequence[str], seed: int = 0
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(training rows, scored rows) of n folds by patient over some splits."""
    rows = material.rows(*splits)
    assert material.pairs.patient is not None
    owner = material.pairs.patient[rows]
    names = np.unique(owner)
    np.random.default_rng(seed).shuffle(names)
    place = {name: i % n for i, name in enumerate(names)}
    fold = np.array([place[o] for o in owner])
    return [(rows[fold != i], rows[fold == i]) for i in range(n)]


def train_float(pairs: Pairs, config: Config) -> Heads:
    """The float heads, settled; the codes are not trained yet."""
    return settle(train_unsettled(pairs, config), pairs, config)


def train_unsettled(pairs: Pairs, config: Config) -> Heads:
    """The float stage alone."""
    heads = Heads(
        pairs.image.shape[2],
        pairs.text.shape[2],
        settings=config.model,
        generator=stage_generator(config.train.seed, "weights", 0),
    )
    heads.image.fit_scale(torch.from_numpy(pairs.image[0]))
    heads.text.fit_scale(torch.from_numpy(pairs.text[0]))
    _run(float_stage(heads, _sources(pairs), config), pairs, config)
    return heads


def settle(heads: Heads, pairs: Pairs, config: Config) -> Heads:
    """The second stage alone, on a copy."""
    made = copy.deepcopy(heads)
    if config.train.settle_epochs:
        _run(settle_stage(made, _sources(pairs), config), pairs, config)
    return made


def train_hash(heads: Heads, pairs: Pairs, config: Config) -> Heads:
    """The hash stage alone, beside float heads that stay as they are.

    Args:
        heads: the float reading, and where the codes begin.
        pairs: to train on.
        config: of the hash heads too, which may differ from that of the float heads.
    """
    made = Heads(
        pairs.image.shape[2],
        pairs.text.shape[2],
        settings=config.model,
        generator=stage_generator(config.train.seed, "weights", 0),
    )
    floats = {k: v for k, v in heads.state_dict().items() if ".code." not in k}
    made.load_state_dict(floats, strict=False)
    if config.train.warm_start:
        image, text = (
            tower.standardise(torch.from_numpy(views[0]))
            for tower, views in ((made.image, pairs.image), (made.text, pairs.text))
        )
        warm_start(made, image, text, seed=config.train.seed)
    _run(hash_stage(made, _sources(pairs), config), pairs, config)
    return made


def _sources(pairs: Pairs) -> Sources:
    return Sources(Cached(pairs.image, device=CPU), Cached(pairs.text, device=CPU))


def _run(stage: Any, pairs: Pairs, config: Config) -> None:
    none = _sources(replace(pairs, image=pairs.image[:, :0], text=pairs.text[:, :0]))
    never = config.model_copy(
        update={"train": config.train.model_copy(update={"checkpoint_epochs": 10**6})}
    )
    with tempfile.TemporaryDirectory() as folder:
        run_stage(
            stage,
            pairs,
            none,
            config=never,
            device=CPU,
            resumed=None,
            partial=Path(folder) / "partial",
            identity="",
            logs=[],
            on_epoch=lambda _: None,
        )


def spaces(heads: Heads, pairs: Pairs) -> dict[str, tuple[Any, Any]]:
    """Image and text side of every reading, f32[N, D]: unit embeddings, and signs as numbers."""
    heads.eval()
    with torch.inference_mode():
        image = heads.image.standardise(torch.from_numpy(pairs.image[0]))
        text = heads.text.standardise(torch.from_numpy(pairs.text[0]))
        normal = torch.nn.functional.normalize
        out = {"float": (normal(heads.image.embed(image)), normal(heads.text.embed(text)))}
        for width in heads.image.bits:
            out[f"bits_{width}"] = tuple(
                torch.where(tower.values(x, width) >= 0, 1.0, -1.0)
                for tower, x in ((heads.image, image), (heads.text, text))
            )
    return {name: (a.numpy(), b.numpy()) for name, (a, b) in out.items()}


def recall_at_10(image: Any, text: Any) -> Values:
    """Strict Recall@10 of every query, text to image then image to text, f64[2N], ties averaged."""
    score = np.round(image.astype(np.float64) @ text.T.astype(np.float64), 6)
    parts = []
    for table in (score.T, score):
        own = np.diag(table)[:, None]
        nearer, tied = (table > own).sum(axis=1), (table == own).sum(axis=1)
        parts.append(np.clip((10 - nearer) / tied, 0, 1))
    return np.concatenate(parts)


def patients(pairs: Pairs) -> Any:
    """The patient of every query of `recall_at_10`, i64[2N]."""
    assert pairs.patient is not None
    return np.tile(pairs.patient, 2)
