"""Losses: what training makes small.

One loss a file. A loss is a plain callable that returns its terms by name, each a scalar with a
gradient; weights and schedules are the loop's business. Read `infonce.py` first. To add one, write
its file and name it in `LOSSES`. What stands in for the sign while codes are learned is in
`relaxations.py`, with a table of its own.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from torch import Tensor

from caselight.losses.asymmetric import asymmetric
from caselight.losses.bit_balance import bit_balance
from caselight.losses.bit_independence import bit_independence
from caselight.losses.distillation import distillation
from caselight.losses.djsrh import djsrh
from caselight.losses.greedy_penalty import greedy_penalty
from caselight.losses.infonce import infonce
from caselight.losses.intra_modal import intra_modal
from caselight.losses.jdsh import jdsh
from caselight.losses.margin import margin, margin_scale, violation_rate
from caselight.losses.quantization import quantization
from caselight.losses.relaxations import RELAXATIONS, Relaxation
from caselight.losses.ucch import ucch

__all__ = [
    "LOSSES",
    "RELAXATIONS",
    "Relaxation",
    "asymmetric",
    "bit_balance",
    "bit_independence",
    "distillation",
    "djsrh",
    "greedy_penalty",
    "infonce",
    "intra_modal",
    "jdsh",
    "margin",
    "margin_scale",
    "quantization",
    "ucch",
    "violation_rate",
]

LOSSES: Final[Mapping[str, Callable[..., dict[str, Tensor]]]] = MappingProxyType(
    {
        "infonce": infonce,
        "intra_modal": intra_modal,
        "margin": margin,
        "asymmetric": asymmetric,
        "distillation": distillation,
        "quantization": quantization,
        "bit_balance": bit_balance,
        "bit_independence": bit_independence,
        "greedy_penalty": greedy_penalty,
        "djsrh": djsrh,
        "jdsh": jdsh,
        "ucch": ucch,
    }
)
