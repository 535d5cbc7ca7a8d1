"""Rows that need no model score what they must."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.evaluation.figures import points, score_task
from caselight.evaluation.gallery import Gallery
from caselight.evaluation.readings import Features
from caselight.evaluation.sanity import METADATA, sanity_distances
from caselight.models.checkpoint import load_checkpoint
from caselight.models.dual_encoder import DualEncoder
from tests.evaluation.galleries import entry, gallery, of_texts, tasks
from tests.homes import trained

DIRECTIONS = ("text_to_image", "image_to_text", "image_to_image")


@pytest.fixture(scope="module")
def model() -> DualEncoder:
    return load_checkpoint(Path(trained()[1] / "trained"))


def features(n: int) -> Features:
    image, text = np.random.default_rng(2).normal(size=(2, n, 64)).astype(np.float32)
    return Features(image=image, text=text)


def rows(held: Gallery, direction: str, model: DualEncoder) -> dict[str, Any]:
    task = tasks(held)[direction]
    return dict(sanity_distances(held, task, model, features(len(held))))


def strict(held: Gallery, direction: str, distance: Any) -> dict[str, float | None]:
    return points(score_task(distance, tasks(held)[direction]).strict)


@pytest.mark.parametrize("direction", DIRECTIONS[:2])
@pytest.mark.parametrize("blind", ["image_blind", "text_blind"])
def test_a_blind_model_is_at_chance(direction: str, blind: str, model: DualEncoder) -> None:
    """Either all answers look alike, or all queries do; the mean over queries is the same."""
    held = of_texts([f"text {n}" for n in range(12)])
    distance = rows(held, direction, model)[blind]
    found = strict(held, direction, distance)
    for k in (1, 5, 10):
        assert found[f"recall_at_{k}"] == pytest.approx(k / 12, abs=1e-6)
    assert found["mrr"] == pytest.approx(sum(1 / r for r in range(1, 13)) / 12, abs=1e-6)
    alike = distance if direction.startswith(blind.split("_")[0]) else distance.T
    assert all(np.array_equal(row, alike[0]) for row in alike)


def test_a_blind_model_of_images_ties_everywhere(model: DualEncoder) -> None:
    held = gallery(*(entry(f"t{n}", study=f"s{n}", labels=("x",)) for n in range(6)))
    distance = rows(held, "image_to_image", model)["image_blind"]
    assert len(np.unique(distance)) == 1
    assert "text_blind" not in rows(held, "image_to_image", model)


def test_words_find_the_study_that_says_them_elsewhere(model: DualEncoder) -> None:
    """A planted word stands in the text of one study and in its other words."""
    planted = "zebrafish"
    held = gallery(
        *(
            entry(
                f"Clear lungs {n} {planted if n == 3 else ''}",
                study=f"s{n}",
                other=f"Asked about cough {planted if n == 3 else 'again'}",
                labels=("x",),
            )
            for n in range(8)
        )
    )
    for direction in DIRECTIONS[:2]:
        distance = rows(held, direction, model)["bm25"]
        assert distance[3].argmin() == 3
        assert (distance[3] < distance[3, 3]).sum() == 0
        assert (distance[3] == distance[3, 3]).sum() == 1


def test_words_are_never_matched_with_themselves(model: DualEncoder) -> None:
    """Where the other words say nothing of the text, the text's own words do not help."""
    held = gallery(*(entry(f"unique{n} words{n}", study=f"s{n}", other="cough") for n in range(6)))
    distance = rows(held, "text_to_image", model)["bm25"]
    assert len(np.unique(distance)) == 1
    silent = gallery(*(entry(f"unique{n}", study=f"s{n}") for n in range(6)))
    assert "bm25" not in rows(silent, "text_to_image", model)
    assert "bm25" not in rows(silent, "image_to_text", model)


def test_case_and_unknown_words_are_no_matter(model: DualEncoder) -> None:
    held = gallery(
        entry("EFFUSION unheard-of", study="a", other="pleural effusion"),
        entry("nothing known here", study="b", other="cough"),
        entry("c", study="c", other="dyspnoea"),
    )
    distance = rows(held, "text_to_image", model)["bm25"]
    assert distance[0].argmin() == 0
    assert len(np.unique(distance[1])) == 1


def test_metadata_count_what_differs(model: DualEncoder) -> None:
    held = gallery(
        entry("a", study="a", modality="DX", view="PA", site="n"),
        entry("b", study="b", modality="DX", view="PA", site="s"),
        entry("c", study="c", modality="CT", view="PA", site="n"),
        entry("d", study="d", modality="CT", view="AX", site="s"),
        entry("e", study="e"),
    )
    assert METADATA == ("modality", "view", "site")
    distance = rows(held, "text_to_image", model)["metadata_only"]
    assert distance.tolist() == [
        [0, 1, 1, 3, 3],
        [1, 0, 2, 2, 3],
        [1, 2, 0, 2, 3],
        [3, 2, 2, 0, 3],
        [3, 3, 3, 3, 0],
    ]


def test_the_commonest_labels_come_first_whoever_asks(model: DualEncoder) -> None:
    labels = [("x",), ("x", "y"), ("y", "x"), ("x",), ("x",), ()]
    held = gallery(*(entry(f"t{n}", study=f"s{n}", labels=ls) for n, ls in enumerate(labels)))
    distance = rows(held, "image_to_image", model)["label_majority"]
    assert distance.tolist() == [[-3, -2, -2, -3, -3, 0]] * 5


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_row_has_a_distance_for_every_pair(direction: str, model: DualEncoder) -> None:
    held = gallery(
        *(entry(f"t{n}", study=f"s{n}", other="o", labels=("x",)) for n in range(4)),
        entry(None, study="silent", labels=("x",)),
    )
    task = tasks(held)[direction]
    for distance in rows(held, direction, model).values():
        assert distance.shape == (len(task.queries), len(task.answers))
        assert np.isfinite(distance).all()
