"""Towers that are trained in the float stage, and what becomes of them after it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from caselight.config import Config, TowerSettings
from caselight.engine import Engine
from caselight.errors import ConfigError
from caselight.models import open_image_tower, open_text_tower
from caselight.models.checkpoint import TOWERS
from caselight.models.lora import add_lora, merge_lora
from caselight.models.tower_files import PREFIX as FILE_PREFIX
from caselight.models.tower_files import save_tower
from caselight.models.towers import ImageTower, TextTower
from caselight.models.tunable import settle, unfreeze
from caselight.models.views import augment, view_generator
from caselight.train.collect import Found, Item, read_pairs, text_rows
from caselight.train.loop import stage_generator
from caselight.train.pairs import Pairs
from caselight.train.sources import Cached, Source, Sources, Tuned

ENDLESS = 2**31 - 1
"""Views of a picture to draw from: each is made when it is drawn."""


class Tuning:
    """The towers of some settings, opened to training.

    Args:
        engine: the open home; its own towers stay as they are.
        found: the items of both splits.
        config: all settings.
        out: the model's folder; the tuned towers are written into it.

    Raises:
        ConfigError: `config.out_of_range` for settings that exclude each other.
    """

    def __init__(self, engine: Engine, found: Found, config: Config, out: Path) -> None:
        if config.float_terms.unpaired:
            raise ConfigError(
                "found float_terms.unpaired together with finetune.towers, expected one of them: "
                "unpaired studies are read from cached features; set one to 0 or none",
                code="config.out_of_range",
            )
        self._engine, self._found, self._config, self._out = engine, found, config, out
        wanted = config.finetune.towers
        self._names = ("image", "text") if wanted == "both" else (wanted,)
        self._towers: dict[str, ImageTower | TextTower] = {}
        self.files: dict[str, str] = {}
        """Settled towers, as paths inside the model's folder."""

    @property
    def settings(self) -> TowerSettings:
        """The towers as they are after the tuning."""
        files = {name: f"{FILE_PREFIX}{self._out / file}" for name, file in self.files.items()}
        return self._config.towers.model_copy(update=files)

    def open(self) -> tuple[Sources, Sources]:
        """Open the towers and give the features of both splits through them.

        Raises:
            ModelError: `model.not_tunable` for a tower without weights, or LoRA in one that is no
                transformer.
        """
        tune, towers, device = self._config.finetune, self._config.towers, self._engine.device
        for name in self._names:
            tower = (
                open_image_tower(towers, device=device)
                if name == "image"
                else open_text_tower(towers, device=device)
            )
            if tune.lora_rank:
                generator = stage_generator(self._config.train.seed, f"lora-{name}", 0)
                add_lora(tower, rank=tune.lora_rank, alpha=tune.lora_alpha, generator=generator)
            else:
                unfreeze(tower, part=tune.part)
            self._towers[name] = tower
        train, val = self._found.pairs["train"], self._found.pairs["val"]
        modules = {name: tower.module for name, tower in self._towers.items()}
        return (
            Sources(self._images(train, views=True), self._texts(train), modules=modules),
            Sources(self._images(val, views=False), self._texts(val)),
        )

    def settle(self) -> tuple[Pairs, Pairs]:
        """Close the towers, write them beside the model, and encode both splits again."""
        for name, tower in self._towers.items():
            if self._config.finetune.lora_rank:
                merge_lora(tower)
            settle(tower)
            path = save_tower(tower, self._out / TOWERS)
            self.files[name] = path.relative_to(self._out).as_posix()
        return self.reopen(self.files)

    def reopen(self, files: Mapping[str, str]) -> tuple[Pairs, Pairs]:
        """Encode both splits with towers that were settled before."""
        self.files = dict(files)
        engine = self._engine.with_towers(self.settings)
        return read_pairs(engine, self._found, self._config)

    def _images(self, items: Sequence[Item], *, views: bool) -> Source:
        groups = [item.digests for item in items]
        if "image" not in self._names:
            n_views = self._config.train.image_views if views else 0
            strength = self._config.train.view_strength
            features = self._engine.image_views(groups, n_views=n_views, strength=strength)
            return Cached(features, device=self._engine.device)
        encode = _Images(
            self._engine, cast(ImageTower, self._towers["image"]), groups, self._config
        )
        # Augmented without end where views are asked for at all.
        n_views = ENDLESS if views and self._config.train.image_views else 1
        return self._tuned(encode, len(items), n_views)

    def _texts(self, items: Sequence[Item]) -> Source:
        if "text" not in self._names:
            return Cached(text_rows(self._engine, items), device=self._engine.device)
        tower = cast(TextTower, self._towers["text"])

        def encode(wanted: Sequence[tuple[int, int]]) -> Tensor:
            texts = [items[row].texts for row, _ in wanted]
            chosen = [own[view % len(own)] for own, (_, view) in zip(texts, wanted, strict=True)]
            ids, mask = tower.tokenise(chosen)
            with precision(self._config, self._engine.device):
                return tower.forward(ids, mask).float()

        return self._tuned(encode, len(items), max((len(i.texts) for i in items), default=1))

    def _tuned(
        self, encode: Callable[[Sequence[tuple[int, int]]], Tensor], n_rows: int, n_views: int
    ) -> Tuned:
        return Tuned(encode, n_rows=n_rows, n_views=n_views, chunk=self._config.finetune.chunk)


def precision(config: Config, device: torch.device) -> AbstractContextManager[object]:
    """The arithmetic of the towers in training."""
    if config.finetune.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


class _Images:
    """Pictures through the tower in training; each is decoded once, then kept small in memory."""

    def __init__(
        self, engine: Engine, tower: ImageTower, groups: Sequence[tuple[str, ...]], config: Config
    ) -> None:
        self._engine, self._tower, self._groups, self._config = engine, tower, groups, config
        self._kept: dict[str, Tensor] = {}

    def __call__(self, wanted: Sequence[tuple[int, int]]) -> Tensor:
        """Encode (row, view) items, f32[B, dim]; view 0 is the picture itself."""
        flat = [(digest, view) for row, view in wanted for digest in self._groups[row]]
        pixels = torch.stack([self._read(digest) for digest, _ in flat])
        changed = [i for i, (_, view) in enumerate(flat) if view]
        if changed:
            pixels[changed] = augment(
                pixels[changed],
                strength=self._config.train.view_strength,
                generators=[view_generator(*flat[i]) for i in changed],
            )
        with precision(self._config, self._engine.device):
            features = self._tower.forward(pixels).float()
        sizes = [len(self._groups[row]) for row, _ in wanted]
        pool = self._engine.towers.stack_pool
        parts = torch.split(features, sizes)
        return torch.stack([part.amax(0) if pool == "max" else part.mean(0) for part in parts])

    def _read(self, digest: str) -> Tensor:
        """The tower's input, f32[3, S, S]; kept as half floats, grey ones in one plane."""
        if digest not in self._kept:
            planes = torch.from_numpy(
                self._tower.preprocess(self._engine.read_stored(digest))
            ).half()
            is_grey = bool((planes == planes[:1]).all())
            self._kept[digest] = planes[:1].clone() if is_grey else planes
        planes = self._kept[digest]
        return planes.to(self._engine.device, torch.float32).expand(3, -1, -1)
