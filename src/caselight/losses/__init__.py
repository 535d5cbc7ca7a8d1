"""Losses: what training makes small.

One loss a file. A loss is a plain callable that returns its terms by name, each a scalar with a
gradient; weights and schedules are the loop's business. Read `infonce.py` first. To add one, write
its file and name it in `LOSSES`.
"""

from caselight.losses.bit_balance import bit_balance
from caselight.losses.infonce import infonce
from caselight.losses.quantization import quantization

__all__ = ["LOSSES", "bit_balance", "infonce", "quantization"]

LOSSES = {"infonce": infonce, "quantization": quantization, "bit_balance": bit_balance}
