"""Write an archive of phantom studies: pictures, reports, and the truth behind both."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from caselight.data.phantoms.detectors import SCANNERS, Scanner
from caselight.data.phantoms.dicom_files import write_picture, write_report
from caselight.data.phantoms.patients import Case, draw_cases
from caselight.data.phantoms.radiograph import Film, render_lateral, render_pa
from caselight.data.phantoms.reports import render_text
from caselight.errors import DataError, UsageError

Images = Literal["dicom", "png"]

MIN_SIZE = 64
"""Pixels; below this a nodule is less than two pixels wide."""

SR_SITES = frozenset({"site-b"})
"""Sites whose reports are DICOM documents; the others file plain text."""


def write_archive(
    out: Path,
    *,
    n_studies: int,
    seed: int,
    size: int = 256,
    images: Images = "dicom",
    on_study: Callable[[int], None] | None = None,
) -> None:
    """Write a phantom archive to a new or empty folder.

    `records.jsonl` has one line an image, in order of study, and `truth.jsonl` one line a study;
    `masks/` shows lungs and heart of each frontal film as the bits of `masks`. The pictures are

    - "dicom": `dicom/<study>/pa.dcm` and `lateral.dcm` with the report beside them as
      `report.txt` or, at `SR_SITES`, `report.dcm`; `dicom/` by itself is what a hospital exports;
    - "png": `images/<study>-pa.png`, 8 bits, as the window of the scanner shows them.

    The same arguments write the same bytes, and the first studies of a larger archive are those
    of a smaller one. `records.jsonl` is written last: a folder without it was not finished.

    Args:
        out: the folder; made where it is missing.
        n_studies: 1 or more.
        seed: 0 or more.
        size: pixels along each side of an image, `MIN_SIZE` or more.
        images: how pictures are written.
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
    for folder in ("masks", "dicom" if images == "dicom" else "images"):
        (out / folder).mkdir(parents=True)
    records: list[dict[str, Any]] = []
    truths: list[dict[str, Any]] = []
    for done, case in zip(range(n_studies), draw_cases(seed), strict=False):
        study_id = f"study-{done + 1:06d}"
        films = render_case(case, seed=seed, size=size)
        names = {view: _image_name(study_id, view, images) for view in films}
        if images == "dicom":
            (out / "dicom" / study_id).mkdir()
            _write_text(out / "dicom" / study_id, case, seed=seed)
        for view, film in films.items():
            if images == "dicom":
                write_picture(out / names[view], film.pixels, case=case, view=view, seed=seed)
            else:
                shown = window_film(film.pixels, SCANNERS[case.scanner])
                PIL.Image.fromarray(shown).save(out / names[view], format="PNG")
            if film.mask is not None:
                mask = PIL.Image.fromarray(film.mask)
                mask.save(out / "masks" / f"{study_id}-{view.lower()}.png", format="PNG")
            records.append(_record(case, study_id=study_id, image=names[view], view=view))
        truths.append(_truth(case, study_id=study_id, films=films))
        if on_study is not None:
            on_study(done + 1)
    _write_lines(out / "truth.jsonl", truths)
    _write_lines(out / "records.jsonl", records)


def render_case(case: Case, *, seed: int, size: int) -> dict[str, Film]:
    """Draw the pictures of one study: view to film, the frontal one first."""
    films: dict[str, Film] = {}
    for view in case.views:
        render, stream = (render_pa, 1) if view == "PA" else (render_lateral, 2)
        films[view] = render(
            case.anatomy,
            case.state.findings,
            scanner=SCANNERS[case.scanner],
            rng=np.random.default_rng([seed, case.patient, case.number, stream]),
            size=size,
        )
    return films


def window_film(pixels: NDArray[np.uint16], scanner: Scanner) -> NDArray[np.uint8]:
    """A film as the scanner's window shows it: u8, 0 black .. 255 white."""
    black, white = scanner.levels
    grey = (pixels.astype(np.float32) - black) * np.float32(255.0 / (white - black))
    shown: NDArray[np.uint8] = np.round(np.clip(grey, 0.0, 255.0)).astype(np.uint8)
    return shown


def _image_name(study_id: str, view: str, images: Images) -> str:
    if images == "dicom":
        return f"dicom/{study_id}/{view.lower()}.dcm"
    return f"images/{study_id}-{view.lower()}.png"


def _write_text(folder: Path, case: Case, *, seed: int) -> None:
    """File the report of a study in its folder, as its site does."""
    if case.site in SR_SITES:
        write_report(folder / "report.dcm", case, seed=seed)
    else:
        (folder / "report.txt").write_text(render_text(case), encoding="utf-8", newline="\n")


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


def _truth(case: Case, *, study_id: str, films: Mapping[str, Film]) -> dict[str, Any]:
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
                "boxes": {view: film.boxes[n] for view, film in films.items()},
            }
            for n, (finding, certainty) in enumerate(
                zip(case.state.findings, case.dictation.certainty, strict=True)
            )
        ],
        "resolved": [finding.name for finding in case.state.resolved],
    }


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
