"""The validation split as a search for settings sees it: query by query, in halves of patients."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.codes import hamming
from caselight.config import Config, TextField
from caselight.data.filters import check_filters, matches
from caselight.data.stacks import pictures
from caselight.data.texts import pair_text
from caselight.engine import Engine
from caselight.errors import TrainError
from caselight.metrics.retrieval import score_queries
from caselight.models.checkpoint import image_identity, text_identity
from caselight.models.dual_encoder import DualEncoder
from caselight.types import BoolArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The validation pairs as features, and whose they are."""

    image: NDArray[np.float32]
    """f32[N, image_dim]."""
    text: NDArray[np.float32]
    """f32[N, text_dim], row by row the partner of `image`."""
    patients: NDArray[np.int64]
    """i64[2 N]: whose query it is, numbered from 0; first every image's, then every text's."""
    data: str
    """Digest of the training and validation pairs and of the towers that read them."""

    @property
    def n_patients(self) -> int:
        """How many patients there are, 2 or more."""
        return int(self.patients.max()) + 1


def read_validation(engine: Engine, config: Config) -> Validation:
    """Read the validation pairs; of the test split nothing is read but which studies it has.

    Raises:
        TrainError: `train.too_few_pairs` for a validation split of fewer than two patients.
    """
    field, filters = config.train.text, config.train.filters
    check_filters(filters)
    pairs = {split: _pairs(engine, split, field, filters) for split in ("train", "val")}
    numbers: dict[str, int] = {}
    owners = [numbers.setdefault(patient, len(numbers)) for *_, patient in pairs["val"]]
    if len(numbers) < 2:
        raise TrainError(
            f"found {len(numbers)} patients with pairs in the validation split, expected at least "
            "2, one half to choose by and one to report; ingest with ingest.val_percent, or choose "
            "another text or filter",
            code="train.too_few_pairs",
        )
    said: list[Any] = [
        # Patients' pseudonyms differ from home to home, and what is learned does not.
        {split: [one[:-1] for one in found] for split, found in pairs.items()},
        owners,
        asdict(image_identity(engine.image_tower)),
        asdict(text_identity(engine.text_tower)),
    ]
    return Validation(
        image=engine.picture_features([digests for _, _, digests, *_ in pairs["val"]]),
        text=engine.text_features([text for *_, text, _ in pairs["val"]]),
        patients=np.tile(np.array(owners, dtype=np.int64), 2),
        data=hashlib.sha256(json.dumps(said).encode()).hexdigest(),
    )


def recall_of_queries(
    model: DualEncoder, validation: Validation, reading: str
) -> NDArray[np.float64]:
    """Strict Recall@10 of every validation query, in expectation over ties.

    Args:
        model: the model to score.
        validation: its queries; every pair of the split answers.
        reading: `float` or `bits_N`.

    Returns:
        f64[2 N], 0..1: images that ask, then texts that ask.
    """
    distance: NDArray[np.float64] | NDArray[np.int32]
    if reading == "float":
        image = model.embed(validation.image, "image").mean.astype(np.float64)
        text = model.embed(validation.text, "text").mean.astype(np.float64)
        # Rounded so that equal inputs tie whatever the order of summation.
        distance = -np.round(image @ text.T, 6)
    else:
        n_bits = int(reading.removeprefix("bits_"))
        distance = hamming(
            model.encode_codes(validation.image, "image", n_bits),
            model.encode_codes(validation.text, "text", n_bits),
        )
    own = np.eye(len(distance), dtype=np.bool_)
    return np.concatenate(
        [score_queries(table, own, ks=(10,)).recall_at[10] for table in (distance, distance.T)]
    )


def draw_half(validation: Validation, rng: np.random.Generator) -> BoolArray:
    """Draw half of the patients; bool[2 N], true for their queries."""
    order = rng.permutation(validation.n_patients)
    half: BoolArray = np.isin(validation.patients, order[: validation.n_patients // 2])
    return half


def _pairs(
    engine: Engine, split: str, field: TextField, filters: Mapping[str, str]
) -> list[tuple[str, str, tuple[str, ...], str, str]]:
    """(study, image, its digests, text, patient) of every pair of a split, in order of study."""
    found = []
    for _, study in engine.store.studies():
        if study.split != split:
            continue
        for picture in pictures(study.images, engine.towers.stack_pool):
            image = study.images[picture.position]
            text = pair_text(study, image, field)
            if text is not None and matches(study, image, filters):
                one = (study.study_uid, image.image_uid, picture.digests, text, study.patient_key)
                found.append(one)
    return sorted(found)
