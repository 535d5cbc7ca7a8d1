"""What an index is asked with: readings of words, a picture and studies, made into rankings."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from caselight.codes import unpack_signs
from caselight.composing import Asked, feedback, mean_of, weigh
from caselight.index.manifest import OpenIndex
from caselight.index.parts import CodePart
from caselight.types import Fusion


def study_reading(index: OpenIndex, study: int) -> Asked:
    """What a study's pictures and texts share.

    Args:
        index: the open index.
        study: the study's row in the store; at least one row of the index is of it.

    Raises:
        ValueError: when its pictures and texts cancel each other out.
    """
    return mean_of(*_readings(index, np.flatnonzero(index.rows.study == study)))


def code_parts(
    index: OpenIndex,
    asked: Mapping[str, Asked],
    *,
    fusion: Fusion | None,
    image_weight: float | None,
    like: Sequence[int],
    unlike: Sequence[int],
    like_weight: float,
    unlike_weight: float,
) -> list[CodePart]:
    """Make rankings by codes: one, or two where a picture and words are fused by their ranks.

    Args:
        index: the open index.
        asked: readings of the "image" and of the "text", where there are.
        fusion: how the two become one; None unless both are there.
        image_weight: share of the picture, 0..1; None unless both are there.
        like: store rows of studies to be near to.
        unlike: store rows of studies to be away from.
        like_weight: see `composing.feedback`.
        unlike_weight: the same.

    Raises:
        ValueError: when the parts of the query cancel each other out.
    """
    starts: list[tuple[str, float, Asked | None]]
    if fusion is None or image_weight is None:
        starts = [("codes", 1.0, next(iter(asked.values()), None))]
    elif fusion == "ranks":
        starts = [
            ("image", image_weight, asked["image"]),
            ("text", 1 - image_weight, asked["text"]),
        ]
    else:
        mixed = weigh(asked["image"], asked["text"], image_weight=image_weight)
        starts = [("codes", 1.0, mixed)]
    near = [study_reading(index, study) for study in like]
    far = [study_reading(index, study) for study in unlike]
    return [
        CodePart(
            name=name,
            weight=share,
            asked=feedback(
                start,
                like=near,
                unlike=far,
                like_weight=like_weight,
                unlike_weight=unlike_weight,
            ),
        )
        for name, share, start in starts
    ]


def _readings(
    index: OpenIndex, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    return index.embeddings[rows], unpack_signs(index.flat.take(rows))
