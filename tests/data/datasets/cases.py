"""One tiny copy of each dataset, and what is true of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from caselight.config import IngestSettings
from caselight.data.datasets import DATASETS, check_dataset, open_dataset
from caselight.data.datasets.opening import Check
from caselight.ingest import assign_split
from caselight.types import SourceStudy
from tests.data.datasets import copies


@dataclass(frozen=True, kw_only=True)
class Case:
    """One copy, and what is true of it."""

    name: str
    version: str
    make: Callable[[Path], Path]
    studies: int
    images: int
    official: bool
    """Whether the archive decides the split of every study."""
    table: str
    """A table whose rows may stand in any order."""
    wrong: tuple[str, str]
    """Words in that table, and what makes a row of them wrong."""
    first: tuple[str, str]
    """The first picture, and the piece of the layout it is in."""
    lacks: tuple[str, ...] = field(default=())
    """Optional pieces that the copy does not have."""


CASES = (
    Case(
        name="mimic-cxr-jpg",
        version="2.1.0",
        make=copies.mimic,
        studies=4,
        images=4,
        official=True,
        table="mimic-cxr-2.0.0-metadata.csv.gz",
        wrong=("10000001,", "../../etc,"),
        first=(
            f"files/p10/p10000001/s50000001/{copies.MIMIC[0][2]}.jpg",
            "files/p10",
        ),
        lacks=("mimic-cxr-2.0.0-negbio.csv.gz",),
    ),
    Case(
        name="openi",
        version="kaggle",
        make=copies.openi_kaggle,
        studies=3,
        images=6,
        official=False,
        table="indiana_reports.csv",
        wrong=("1,Cardiomegaly", "one,Cardiomegaly"),
        first=(
            "images/images_normalized/1_IM-0001-3001.dcm.png",
            "images/images_normalized/",
        ),
    ),
    Case(
        name="nih-chestxray14",
        version="2020",
        make=copies.nih,
        studies=24,
        images=24,
        official=True,
        table="Data_Entry_2017_v2020.csv",
        wrong=("00000001_000.png,Effusion|Mass", "00000001_000.png,Effusion||Mass"),
        first=("images_001/images/00000001_000.png", "images"),
        lacks=tuple(f"images_{n:03d}/" for n in range(4, 13)),
    ),
    Case(
        name="padchest",
        version="2019-02-01",
        make=copies.padchest,
        studies=3,
        images=3,
        official=False,
        table="PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
        wrong=("['pleural effusion'", "[open('x')"),
        first=("1/216840111361_00-163-001.png", "1"),
    ),
    Case(
        name="chexpert",
        version="1.0-small",
        make=copies.chexpert,
        studies=4,
        images=4,
        official=True,
        table="train.csv",
        wrong=("train/patient00001/study1", "train/../patient00001/study1"),
        first=("train/patient00001/study1/view1_frontal.jpg", "train"),
    ),
    Case(
        name="roco",
        version="2",
        make=copies.rocov2,
        studies=3,
        images=3,
        official=True,
        table="train_captions.csv",
        wrong=("ROCOv2_2023_train_000001", "/etc/passwd"),
        first=("train_images/train/ROCOv2_2023_train_000001.jpg", "train"),
    ),
    Case(
        name="brset",
        version="1.0.1",
        make=copies.brset,
        studies=4,
        images=4,
        official=False,
        table="labels_brset.csv",
        wrong=("img00001,1,Canon CR,41.0,diabetes1,1,2", "img00001,1,Canon CR,41.0,diabetes1,1,3"),
        first=("fundus_photos/img00001.jpg", "fundus_photos/"),
    ),
    Case(
        name="odir5k",
        version="kaggle",
        make=copies.odir_kaggle,
        studies=3,
        images=5,
        official=False,
        table="full_df.csv",
        wrong=("0,60,Male", "0,sixty,Male"),
        first=("Training Images/0_left.jpg", "Training Images/"),
    ),
)
CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def check(name: str, path: Path) -> Check:
    settings = IngestSettings()
    return check_dataset(
        DATASETS[name], path, assign=lambda patient: assign_split(patient, settings)
    )


def source(name: str, path: Path) -> dict[str, SourceStudy]:
    """Every study as the importer names it, by id."""
    with open_dataset(DATASETS[name], path) as archive:
        assert archive.rejected == ()
        return {study.study_id: study for study in archive.studies()}
