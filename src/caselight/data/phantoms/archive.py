"""Write an archive of phantom studies: pictures, reports, and the truth behind both."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from caselight.data.phantoms.patients import Case, draw_cases
from caselight.data.phantoms.radiograph import SITES, render_lateral, render_pa
from caselight.errors import DataError, UsageError

MIN_SIZE = 64
"""Pixels; below this a nodule is less than two pixels wide."""


def write_archive(
    out: Path,
    *,
    n_studies: int,
    seed: int,
    size: int = 256,
    on_study: Callable[[int], None] | None = None,
) -> None:
    """Write `records.jsonl`, `truth.jsonl` and `images/` to a new or empty folder.

    `records.jsonl` has one line an image, in order of study; `truth.jsonl` one line a study. The
    same arguments write the same bytes, and the first studies of a larger archive are those of a
    smaller one. `records.jsonl` is written last: a folder without it was not finished.

    Args:
        out: the folder; made where it is missing.
        n_studies: 1 or more.
        seed: 0 or more.
        size: pixels along each side of an image, `MIN_SIZE` or more.
        on_study: told how many studies are written, after each.

    Raises:
        UsageError: a count, seed or size out of range.
        DataError: "data.not_empty", where `out` holds something or is a file.
    """
    for name, value, least in (
        ("studies", n_studies, 1),
        ("seed", seed, 0),
        ("size", size, MIN_SIZE),
    ):
        if value < least:
            raise UsageError(f"{name} is {value}, and the least is {least}; ask for more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(
            "the folder for the phantoms is not empty, and nothing is ever overwritten; name a "
            "new folder or an empty one",
            code="data.not_empty",
        )
    (out / "images").mkdir(parents=True)
    records: list[dict[str, Any]] = []
    truths: list[dict[str, Any]] = []
    for done, case in zip(range(n_studies), draw_cases(seed), strict=False):
        study_id = f"study-{done + 1:06d}"
        for view, film in render_case(case, seed=seed, size=size).items():
            name = f"images/{study_id}-{view.lower()}.png"
            PIL.Image.fromarray(film).save(out / name, format="PNG")
            records.append(_record(case, study_id=study_id, image=name, view=view))
        truths.append(_truth(case, study_id=study_id))
        if on_study is not None:
            on_study(done + 1)
    _write_lines(out / "truth.jsonl", truths)
    _write_lines(out / "records.jsonl", records)


def render_case(case: Case, *, seed: int, size: int) -> dict[str, NDArray[np.uint8]]:
    """Draw the pictures of one study: view to u8[size, size], the frontal one first."""
    films: dict[str, NDArray[np.uint8]] = {}
    for view in case.views:
        render, stream = (render_pa, 1) if view == "PA" else (render_lateral, 2)
        films[view] = render(
            case.anatomy,
            case.state.findings,
            detector=SITES[case.site],
            rng=np.random.default_rng([seed, case.patient, case.number, stream]),
            size=size,
        )
    return films


def _record(case: Case, *, study_id: str, image: str, view: str) -> dict[str, Any]:
    return {
        "image": image,
        "study_id": study_id,
        "patient_id": f"patient-{case.patient + 1:06d}",
        "date": case.date.isoformat(),
        "findings": case.dictation.findings,
        "impression": case.dictation.impression,
        "indication": case.dictation.indication,
        "labels": list(dict.fromkeys(f.name for f in case.state.findings)) or ["normal"],
        "age": case.age,
        "sex": case.sex,
        "view": view,
        "modality": "DX",
        "site": case.site,
    }


def _truth(case: Case, *, study_id: str) -> dict[str, Any]:
    return {
        "study_id": study_id,
        "findings": [
            {
                "name": finding.name,
                "side": finding.side,
                "zone": finding.zone,
                "kind": finding.kind,
                "size": finding.size,
                "severity": finding.severity,
                "size_mm": finding.size_mm,
                "change": finding.change,
                "certainty": certainty,
            }
            for finding, certainty in zip(
                case.state.findings, case.dictation.certainty, strict=True
            )
        ],
        "resolved": [finding.name for finding in case.state.resolved],
    }


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
