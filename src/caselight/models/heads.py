"""The trained part: small heads over frozen features."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caselight.config import ModelSettings
from caselight.models.empty import with_memory


class Head(nn.Module):
    """Features to a space: standardise, one hidden layer, and for bits a normalised output.

    Dropout draws from the generator that is passed in, so a training repeats exactly and touches
    no global state. `dropout` is the chance that a feature is silenced, and that a hidden unit is.

    Args:
        n_in: features.
        n_out: width of the space.
        settings: hidden width and dropout.
        normalise: batch-normalise the output, so that every bit is on about half of the time.
        rotate: turn the output by a rotation that is learned, at first by none.
        generator: decides the initial weights.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        *,
        settings: ModelSettings,
        normalise: bool,
        rotate: bool = False,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        # Made without PyTorch's own first weights, which would come from its global generator.
        self.hidden = _empty_linear(n_in, settings.hidden_dim)
        self.out = _empty_linear(settings.hidden_dim, n_out)
        self.norm = nn.BatchNorm1d(n_out, affine=False) if normalise else None
        # Skew-symmetric parts of it make a rotation; 0 turns nothing.
        self.turn = nn.Parameter(torch.zeros(n_out, n_out)) if rotate else None
        self.dropout = settings.input_dropout, settings.dropout
        for layer in (self.hidden, self.out):
            bound = 1 / math.sqrt(layer.in_features)
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def forward(self, features: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return f32[B, n_out] from standardised features f32[B, n_in]; a generator is dropout."""
        of_features, of_hidden = self.dropout
        x = _dropout(features, of_features, generator)
        x = _dropout(F.gelu(self.hidden(x)), of_hidden, generator)
        out: Tensor = self.out(x)
        if self.turn is not None:
            out = out @ torch.matrix_exp(self.turn - self.turn.T)
        if self.norm is not None:
            out = self.norm(out)
        return out


class Tower(nn.Module):
    """All heads over one tower's features: a float one, and one for each width of code."""

    mean: Tensor
    std: Tensor

    def __init__(self, n_in: int, *, settings: ModelSettings, generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_in))
        self.register_buffer("std", torch.ones(n_in))
        # A generator of its own for every head: no head depends on which others there are.
        base = draw_seed(generator)
        self.embed = Head(
            n_in,
            settings.embed_dim,
            settings=settings,
            normalise=False,
            generator=torch.Generator().manual_seed(base),
        )
        hashing = settings.model_copy(
            update={"dropout": settings.hash_dropout, "input_dropout": settings.hash_input_dropout}
        )
        self.code = nn.ModuleDict(
            {
                str(n_bits): Head(
                    n_in,
                    n_bits,
                    settings=hashing,
                    normalise=settings.normalise_bits,
                    rotate=settings.rotation,
                    generator=torch.Generator().manual_seed(base + n_bits),
                )
                for n_bits in (settings.bits[-1:] if settings.nested else settings.bits)
            }
        )
        self.bits = settings.bits
        self.nested = settings.nested

    def values(self, features: Tensor, n_bits: int) -> Tensor:
        """What the bits of one width are the signs of, f32[B, n_bits], of standardised features."""
        name = str(n_bits) if str(n_bits) in self.code else str(max(map(int, self.code)))
        values: Tensor = self.code[name](features)
        return values[:, :n_bits]

    def outputs(
        self, features: Tensor, generators: Mapping[int, torch.Generator]
    ) -> dict[int, Tensor]:
        """As `values`, in training, for every width.

        Args:
            features: f32[B, n_in], standardised.
            generators: dropout of each head, by its own width.
        """
        made = {
            int(width): head(features, generators[int(width)]) for width, head in self.code.items()
        }
        widest = made[max(made)]
        return {
            n_bits: made[n_bits] if n_bits in made else widest[:, :n_bits] for n_bits in self.bits
        }

    def fit_scale(self, features: Tensor) -> None:
        """Set mean and spread of the features from the training pairs, f32[N, n_in].

        A feature that never varied there keeps its scale: dividing by next to nothing would let it
        drown the others in a new picture.
        """
        spread = features.std(dim=0)
        self.mean.copy_(features.mean(dim=0))
        self.std.copy_(torch.where(spread > 1e-6, spread, 1.0))

    def standardise(self, features: Tensor) -> Tensor:
        """Bring features, f32[B, n_in], to mean 0 and spread 1 of the training pairs."""
        return (features - self.mean) / self.std


class Heads(nn.Module):
    """The heads of both modalities."""

    def __init__(
        self, image_dim: int, text_dim: int, *, settings: ModelSettings, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.image = Tower(image_dim, settings=settings, generator=generator)
        self.text = Tower(text_dim, settings=settings, generator=generator)


def draw_seed(generator: torch.Generator) -> int:
    """Draw a seed for a generator that depends on this one; below 2**53, with room to add to."""
    return int(torch.randint(2**53, (1,), generator=generator))


def _empty_linear(n_in: int, n_out: int) -> nn.Linear:
    return with_memory(nn.Linear(n_in, n_out, device="meta"))


def _dropout(x: Tensor, chance: float, generator: torch.Generator | None) -> Tensor:
    if generator is None or chance == 0.0:
        return x
    kept = torch.rand(x.shape, generator=generator, device=generator.device) >= chance
    return x * kept.to(x.device) / (1 - chance)
