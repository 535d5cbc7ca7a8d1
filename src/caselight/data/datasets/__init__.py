"""Public datasets in their official layouts, read where they lie, with their official splits.

Holds: one file a dataset, each with a `Dataset`; `common` (the card of a dataset and how a copy is
read), `tables` and `safe_xml` (official tables, a row at a time), `chexpert_labels` and
`mimic_sections` (two rules that datasets share or prescribe), `opening` (open or check a copy).

Promises: an official split is kept, and a digest shows that it is; what a copy lacks is counted and
named, never made up; memory does not grow with the number of rows; the file that says which
documentation was followed also says what could not be verified.

Read first: `common.Dataset`, then `brset`, the shortest importer. To add one: a file with a
`DATASET`, a line in the table below, a fixture in tests/data/datasets.
"""

from pathlib import Path

from caselight.data.datasets import (
    brset,
    chexpert,
    medpix2,
    mimic_cxr_jpg,
    nih_chestxray14,
    odir5k,
    openi,
    padchest,
    roco,
)
from caselight.data.datasets.common import Dataset
from caselight.data.datasets.opening import Check, check_dataset, open_dataset
from caselight.errors import DataError

_ALL: tuple[Dataset, ...] = (
    brset.DATASET,
    chexpert.DATASET,
    medpix2.DATASET,
    mimic_cxr_jpg.DATASET,
    nih_chestxray14.DATASET,
    odir5k.DATASET,
    openi.DATASET,
    padchest.DATASET,
    roco.DATASET,
)

DATASETS = {dataset.name: dataset for dataset in _ALL}
"""Every dataset, by the name that `--dataset` takes."""

__all__ = [
    "DATASETS",
    "Check",
    "Dataset",
    "check_dataset",
    "named_dataset",
    "open_dataset",
    "recognised",
]


def named_dataset(name: str) -> Dataset:
    """The dataset of a name.

    Raises:
        DataError: data.no_such_dataset.
    """
    if name not in DATASETS:
        raise DataError(
            f'there is no dataset "{name}"; known are {", ".join(DATASETS)}',
            code="data.no_such_dataset",
        )
    return DATASETS[name]


def recognised(path: Path) -> Dataset | None:
    """The dataset whose layout a folder has; None where it has none, or has two's.

    Looks for a few names and reads a few headers, so it costs nothing on any folder.
    """
    if not path.is_dir():
        return None
    found = [dataset for dataset in DATASETS.values() if dataset.detect(path) is not None]
    return found[0] if len(found) == 1 else None
