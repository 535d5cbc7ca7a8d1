"""What a batch of rows looks like to the objective: views, targets, and unpaired company."""

import torch
from torch import Tensor

from caselight.config import Config
from caselight.models.heads import Heads, Tower
from caselight.train.objective import Seen
from caselight.train.pairs import Floats, Ints, Pairs
from caselight.train.sources import Cached, Source, Sources
from caselight.train.targets import agreement, targets


class Eye:
    """Sees the batches of one stage.

    Args:
        pairs: what is learned from.
        sources: features of its pairs.
        heads: they standardise.
        config: settings; the terms with a weight decide what is looked at.
        stage: "float", "settle" or "hash".
        device: where the features live.
    """

    def __init__(
        self,
        pairs: Pairs,
        sources: Sources,
        heads: Heads,
        *,
        config: Config,
        stage: str,
        device: torch.device,
    ) -> None:
        terms = config.hash_terms if stage == "hash" else config.float_terms
        self._sources, self._heads, self._loss = sources, heads, config.loss
        self._asks = {"image": terms.intra_image > 0, "text": terms.intra_text > 0}
        self._needs_plain = stage == "hash"
        unpaired = config.train.unpaired and stage != "hash"
        loose = pairs.loose
        # No rows of the tower's own width where there is no company to see.
        self._loose_image, self._loose_text = (
            Cached(own if unpaired and own.shape[1] else paired[:, :0], device=device)
            for own, paired in ((loose.image, pairs.image), (loose.text, pairs.text))
        )
        self._loose_said = _on(loose.image_said, device), _on(loose.text_said, device)
        self._plain_text = _on(pairs.text[0], device)
        self._text_id = _on(pairs.text_id, device)
        self._said = None if pairs.said is None else _on(pairs.said, device)

    def see(self, rows: Tensor, generator: torch.Generator) -> Seen:
        """Draw the views of a batch of rows, i64[B], and gather all that a term may look at."""
        image, image_other = self._two("image", self._sources.image, rows, generator)
        text, text_other = self._two("text", self._sources.text, rows, generator)
        here = rows.to(self._text_id.device)
        ids = self._text_id[here]
        said = None if self._said is None else self._said[here]
        drawn = [
            torch.randperm(loose.n_rows, generator=generator)[: len(rows)]
            for loose in (self._loose_image, self._loose_text)
        ]
        loose_image, loose_image_other = self._two("image", self._loose_image, drawn[0], generator)
        loose_text, loose_text_other = self._two("text", self._loose_text, drawn[1], generator)
        own, theirs = (
            said[rows.to(said.device)] for said, rows in zip(self._loose_said, drawn, strict=True)
        )
        return Seen(
            image=image,
            text=text,
            image_other=image_other,
            text_other=text_other,
            plain_image=self._plain("image", self._sources.image, rows),
            plain_text=self._plain("text", self._sources.text, rows),
            target=targets(ids, self._plain_text[here], said, self._loss),
            same=ids[:, None] == ids[None, :],
            loose_image=loose_image,
            loose_image_other=loose_image_other,
            loose_text=loose_text,
            loose_text_other=loose_text_other,
            loose_target=agreement(own, theirs),
        )

    def _two(
        self, name: str, source: Source, rows: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Features of a view drawn at random, and of another one where a term compares two."""
        n_views = source.n_views
        view = torch.randint(n_views, (len(rows),), generator=generator)
        one = self._one(name, source, rows, view)
        if not self._asks[name] or n_views < 2:
            return one, None
        step = torch.randint(1, n_views, (len(rows),), generator=generator)
        return one, self._one(name, source, rows, (view + step) % n_views)

    def _plain(self, name: str, source: Source, rows: Tensor) -> Tensor | None:
        return self._one(name, source, rows, torch.zeros_like(rows)) if self._needs_plain else None

    def _one(self, name: str, source: Source, rows: Tensor, views: Tensor) -> Tensor:
        tower: Tower = getattr(self._heads, name)
        return tower.standardise(source.features(rows, views))


def _on(values: Floats | Ints, device: torch.device) -> Tensor:
    return torch.from_numpy(values).to(device)
