"""Where the features of a batch come from: the cache, or a tower that is being trained."""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from caselight.train.pairs import Floats

Encode = Callable[[Sequence[tuple[int, int]]], Tensor]
"""((row, view) of each item) to its features f32[B, dim], with a gradient."""


class Source(Protocol):
    """The features of one modality, row by row."""

    n_rows: int
    n_views: int
    """How many views there are to draw from; 1 is the item itself alone."""

    def features(self, rows: Tensor, views: Tensor) -> Tensor:
        """f32[B, dim] of rows i64[B] seen as views i64[B], at least 0; 0 is the item itself."""
        ...

    def backward(self) -> None:
        """Carry the gradients of all features handed out since the last call to the weights."""
        ...


class Cached:
    """Features that were encoded before, on the device; nothing under them is trained."""

    def __init__(self, views: Floats, *, device: torch.device) -> None:
        self._views = torch.from_numpy(views).to(device)
        self.n_views, self.n_rows = self._views.shape[0], self._views.shape[1]

    def features(self, rows: Tensor, views: Tensor) -> Tensor:
        """Look up f32[B, dim]; views count from the first again past the last."""
        return self._views[views.to(rows.device) % self.n_views, rows]

    def backward(self) -> None:
        """There is nothing to train."""


class Tuned:
    """Features of a tower that is being trained, in chunks that its memory can hold.

    Handed out without the tower's graph: once the loss has its gradient with respect to the
    features, each chunk passes through the tower again, with a graph, and takes its share. So a
    batch of any size has the exact gradient of the whole contrastive table.

    Args:
        encode: the tower, as it now stands; the same (row, view) must give the same input.
        n_rows: how many items there are.
        n_views: views to draw from.
        chunk: items at a time.

    Source: Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
    RepL4NLP 2021.
    """

    def __init__(self, encode: Encode, *, n_rows: int, n_views: int, chunk: int) -> None:
        self.n_rows, self.n_views = n_rows, n_views
        self._encode = encode
        self._chunk = chunk
        self._out: list[tuple[list[tuple[int, int]], Tensor]] = []

    def features(self, rows: Tensor, views: Tensor) -> Tensor:
        """Encode f32[B, dim]; takes a gradient where one is recorded."""
        items = list(zip(rows.tolist(), views.tolist(), strict=True))
        with torch.no_grad():
            found = torch.cat([self._encode(part) for part in self._parts(items)])
        if torch.is_grad_enabled():
            found.requires_grad_()
            self._out.append((items, found))
        return found

    def backward(self) -> None:
        """Pass every chunk again and hand its gradient on."""
        for items, found in self._out:
            if found.grad is None:
                continue
            for part, gradient in zip(
                self._parts(items), torch.split(found.grad, self._chunk), strict=True
            ):
                torch.autograd.backward(self._encode(part), gradient)
        self._out.clear()

    def _parts(self, items: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
        return [items[i : i + self._chunk] for i in range(0, len(items), self._chunk)]


class Sources(nn.Module):
    """The sources of both modalities, and the modules that are trained under them."""

    def __init__(
        self, image: Source, text: Source, *, modules: dict[str, nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.image, self.text = image, text
        self.towers = nn.ModuleDict(modules or {})

    def backward(self) -> None:
        """Carry gradients on in both."""
        self.image.backward()
        self.text.backward()

    def trainable(self) -> list[nn.Parameter]:
        """The towers' parameters that take a gradient."""
        return [p for p in self.towers.parameters() if p.requires_grad]
