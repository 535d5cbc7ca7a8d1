"""Draw the docs' two pictures of the phantoms: a contact sheet, and an atlas of findings.

    python scripts/atlas.py docs/images [--seed 0]

The contact sheet shows the first films of an archive as they come, from every scanner and both
views; the atlas shows each finding alone, named, with the box that the truth keeps of it.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from caselight.data.phantoms.anatomy import draw_anatomy
from caselight.data.phantoms.archive import render_case, window_film
from caselight.data.phantoms.detectors import SCANNERS
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.patients import Case, draw_cases
from caselight.data.phantoms.radiograph import Film, render_lateral, render_pa

Panel = tuple[Image.Image, Sequence[str]]
"""A film and the lines below it."""

DRAWN = 256
"""Pixels along each side of a film as it is drawn."""
SIDE, GAP, LINE = 190, 6, 14
COLUMNS = 6
N_ON_SHEET = 24
N_LATERAL = 6
"""Of the films on the contact sheet."""
STEP = 10
"""Greys that the pictures are rounded to: files stay small."""
BOX = 1
"""The palette's entry of the boxes, which is no grey."""
PALETTE = [value for grey in range(256) for value in (grey, grey, grey)]
PALETTE[3 * BOX : 3 * BOX + 3] = (240, 150, 30)

ATLAS: tuple[tuple[str, str | None, str | None, float, str | None, str], ...] = (
    ("cardiomegaly", None, None, 0.15, None, "PA"),
    ("cardiomegaly", None, None, 0.90, None, "PA"),
    ("effusion", "right", None, 0.20, None, "PA"),
    ("effusion", "left", None, 0.60, None, "PA"),
    ("effusion", "bilateral", None, 0.50, None, "PA"),
    ("effusion", "left", None, 0.40, None, "LATERAL"),
    ("pneumothorax", "right", None, 0.15, None, "PA"),
    ("pneumothorax", "left", None, 0.85, None, "PA"),
    ("consolidation", "right", "upper", 0.60, None, "PA"),
    ("consolidation", "right", "middle", 0.60, None, "PA"),
    ("consolidation", "left", "lower", 0.80, None, "PA"),
    ("consolidation", "right", "middle", 0.60, None, "LATERAL"),
    ("nodule", "left", "upper", 0.10, None, "PA"),
    ("nodule", "right", "lower", 0.90, None, "PA"),
    ("edema", "bilateral", None, 0.25, None, "PA"),
    ("edema", "bilateral", None, 0.90, None, "PA"),
    ("atelectasis", "right", "lower", 0.30, None, "PA"),
    ("atelectasis", "left", "lower", 0.90, None, "PA"),
    ("fracture", "left", "middle", 0.20, None, "PA"),
    ("fracture", "right", "upper", 0.50, None, "PA"),
    ("fracture", "left", "lower", 0.95, None, "PA"),
    ("device", "left", None, 0.50, "pacemaker", "PA"),
    ("device", "left", None, 0.50, "pacemaker", "LATERAL"),
    ("device", "right", None, 0.50, "central_line", "PA"),
    ("device", None, None, 0.50, "endotracheal_tube", "PA"),
    ("device", "right", None, 0.50, "chest_drain", "PA"),
    ("device", None, None, 0.50, "nasogastric_tube", "PA"),
    ("device", None, None, 0.50, "sternal_wires", "PA"),
    ("device", None, None, 0.50, "sternal_wires", "LATERAL"),
    ("nodule", "right", "lower", 0.60, None, "LATERAL"),
)
"""Name, side, zone, size, kind and view of every panel."""


def main(out: Path, *, seed: int) -> None:
    """Write `contact-sheet.png` and `atlas.png` into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name, panels in (
        ("contact-sheet", list(_archive_films(seed))),
        ("atlas", [_atlas_film(n, seed=seed) for n in range(len(ATLAS))]),
    ):
        path = out / f"{name}.png"
        _sheet(panels).save(path, optimize=True)
        print(f"wrote {path}, {path.stat().st_size} bytes")


def _archive_films(seed: int) -> Iterator[Panel]:
    """The first films of an archive, so many of them from the side."""
    cases = draw_cases(seed)
    room = {"PA": N_ON_SHEET - N_LATERAL, "LATERAL": N_LATERAL}
    shown = Counter[str]()
    for case in islice(cases, 40 * N_ON_SHEET):
        # One study a patient, and no scanner more often than its share.
        if case.number > 0 or shown[case.scanner] >= N_ON_SHEET / len(SCANNERS):
            continue
        for view, film in render_case(case, seed=seed, size=DRAWN).items():
            if room[view] > 0:
                room[view] -= 1
                shown[case.scanner] += 1
                yield _picture(film, case.scanner), _words(case, view)


def _words(case: Case, view: str) -> tuple[str, str]:
    found = [finding.kind or finding.name for finding in case.state.findings]
    return f"{view}, {case.sex} {case.age}, {case.scanner}", _short(found or ["normal"])


def _short(names: Sequence[str]) -> str:
    first = [name.replace("_", " ") for name in names[:2]]
    return ", ".join(first) + (f" +{len(names) - 2}" if len(names) > 2 else "")


def _atlas_film(n: int, *, seed: int) -> Panel:
    name, side, zone, size, kind, view = ATLAS[n]
    finding = Finding(
        name=name,
        side=side,  # type: ignore[arg-type]
        zone=zone,  # type: ignore[arg-type]
        kind=kind,
        size=size,
        texture=7 + n,
        change=None,
    )
    rng = np.random.default_rng([seed, n])
    body = draw_anatomy(rng, sex="F" if n % 2 else "M", age=int(rng.integers(25, 85)))
    scanner = ("site-a/1", "site-b/1", "site-c/1")[n % 3]
    render = render_pa if view == "PA" else render_lateral
    film = render(body, (finding,), scanner=SCANNERS[scanner], rng=rng, size=DRAWN)
    place = [part for part in (side, zone, finding.severity, view) if part is not None]
    return _picture(film, scanner, box=True), ((kind or name).replace("_", " "), ", ".join(place))


def _picture(film: Film, scanner: str, *, box: bool = False) -> Image.Image:
    """A film in the scanner's own window, rounded to few greys, its first box drawn in."""
    grey = Image.fromarray(window_film(film.pixels, SCANNERS[scanner]))
    small = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    picture = Image.fromarray(_rounded(small))
    if box and film.boxes[0] is not None:
        left, top, right, bottom = (round(edge * SIDE / DRAWN) for edge in film.boxes[0])
        pen = ImageDraw.Draw(picture)
        pen.rectangle((left - 1, top - 1, right, bottom), outline=BOX)
    return picture


def _rounded(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fewer greys, none of which is the palette's entry of the boxes."""
    return (grey // STEP * STEP).astype(np.uint8)


def _sheet(panels: Sequence[Panel]) -> Image.Image:
    rows = -(-len(panels) // COLUMNS)
    high = SIDE + 2 * LINE + GAP
    sheet = Image.new("L", (COLUMNS * (SIDE + GAP) + GAP, rows * high + GAP), 255 // STEP * STEP)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    corners = [
        (GAP + n % COLUMNS * (SIDE + GAP), GAP + n // COLUMNS * high) for n in range(len(panels))
    ]
    for (left, top), (_, words) in zip(corners, panels, strict=True):
        for line, text in enumerate(words):
            pen.text((left, top + SIDE + line * LINE), text, fill=0, font=font)
    # Rounded before the pictures come: the edge of a letter must not look like a box.
    sheet = Image.fromarray(_rounded(np.asarray(sheet)))
    for corner, (picture, _) in zip(corners, panels, strict=True):
        sheet.paste(picture, corner)
    coloured = sheet.convert("P")
    coloured.putpalette(PALETTE)
    return coloured


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other people")
    asked = parser.parse_args()
    main(asked.out, seed=asked.seed)
