"""A plan carried out in a search: its wordings as rankings, its criteria over the hits."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from caselight.audit.digests import keyed_digest
from caselight.composing import Asked
from caselight.data.texts import searched_text
from caselight.engine import Engine
from caselight.index.parts import CodePart
from caselight.mediator.judging import Judge
from caselight.mediator.plan import Plan
from caselight.models.dual_encoder import DualEncoder
from caselight.types import Hit, Image, Study


def wordings(engine: Engine, model: DualEncoder, plan: Plan, n_bits: int) -> list[CodePart]:
    """A ranking for each further wording of a plan."""
    others = plan.rewrites[1:]
    if not others:
        return []
    features = engine.encode_texts([one.text for one in others])
    vectors = model.embed(features, "text").mean
    soft = model.soft_bits(features, "text", n_bits)
    return [
        CodePart(
            name=f"wording {i + 2}",
            asked=Asked(vector=vectors[i], soft=soft[i]),
            weight=one.weight,
        )
        for i, one in enumerate(others)
    ]


def judged(
    judge: Judge, hits: Sequence[Hit], studies: Sequence[Study], *, k: int
) -> tuple[tuple[Hit, ...], Sequence[Study], tuple[Hit, ...]]:
    """The k hits that agree best with a plan, their studies, and what was dropped before them."""
    checks = [
        judge.check(searched_text(study, _image_of(hit, study)))
        for hit, study in zip(hits, studies, strict=True)
    ]
    order = judge.order(checks)[:k]
    kept = tuple(
        replace(hits[i], rank=rank, check=checks[i]) for rank, i in enumerate(order, start=1)
    )
    # What stood below the last hit that is shown would not have been shown anyway.
    last = max(order, default=len(hits))
    dropped = tuple(
        replace(hit, check=check)
        for hit, check in list(zip(hits, checks, strict=True))[: last + 1]
        if check.decision == "dropped"
    )
    return kept, [studies[i] for i in order], dropped


def _image_of(hit: Hit, study: Study) -> Image | None:
    return next((image for image in study.images if image.image_uid == hit.image_uid), None)


def for_the_record(
    engine: Engine, judge: Judge, hits: Sequence[Hit], dropped: Sequence[Hit]
) -> dict[str, Any]:
    """What the record says of a plan and of each decision; what was asked is under the log's key.

    A decision is the finds of the criteria in the plan's order, of each hit and each dropped one.
    """
    key = engine.recorder.log.digest_key

    def decided(hit: Hit) -> list[str]:
        return [] if hit.check is None else [reason.finds for reason in hit.check.reasons]

    return {
        **judge.for_the_record(),
        "digest": keyed_digest(key, "plan", judge.plan.model_dump_json()),
        "decisions": [decided(hit) for hit in hits],
        "dropped": [decided(hit) for hit in dropped],
    }
