"""Draw the picture of the README: a query and its five hits, from a demo home.

    python scripts/picture.py demo/home demo/outside docs/images/search.png

The query is the first image of the outside archive whose study has a finding, whatever it is.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from caselight.data.pixels import read_pixels
from caselight.home import Home
from caselight.types import Pixels, Query

SIDE = 184
GAP = 14
TEXT = 84
INK, GREY, ACCENT = (20, 20, 20), (105, 105, 105), (30, 90, 160)
N_HITS = 5


def main(home: Path, archive: Path, out: Path) -> None:
    """Ask the home for the picture's nearest images and draw them in a row."""
    name, labels = _first_finding(archive)
    panels = [
        (
            _square(read_pixels(archive / name, max_pixels=2**62)),
            ["query", _short(labels), "from outside the home"],
            ACCENT,
        )
    ]
    with Home(home, actor="picture") as place:
        result = place.search(Query(image=archive / name, target="image", k=N_HITS))
        studies = {study.study_uid: study for study in place.studies()}
        for hit in result.hits:
            study = studies[hit.study_uid]
            image = next(i for i in study.images if i.image_uid == hit.image_uid)
            words = [
                f"rank {hit.rank}",
                _short(study.labels),
                f"{hit.hamming} bits differ",
                f"score {hit.score:.3f}",
            ]
            panels.append((_square(place.pixels(image)), words, INK))
    out.parent.mkdir(parents=True, exist_ok=True)
    _draw(panels).quantize(128).save(out, optimize=True)
    print(f"wrote {out}, {out.stat().st_size} bytes")


def _first_finding(archive: Path) -> tuple[str, tuple[str, ...]]:
    lines = (archive / "records.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        if row["labels"] != ["normal"]:
            return row["image"], tuple(row["labels"])
    raise SystemExit(f"every study of {archive} is normal; make one with another --seed")


def _short(labels: Sequence[str]) -> str:
    return ", ".join(label.replace("_", " ") for label in labels) or "no label"


def _square(found: Pixels) -> Image.Image:
    """A picture as an 8-bit grey square."""
    pixels = np.asarray(found)
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    picture = Image.fromarray(pixels).convert("L")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    square = Image.new("L", (SIDE, SIDE), 0)
    square.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
    return square


def _draw(
    panels: Sequence[tuple[Image.Image, Sequence[str], tuple[int, int, int]]],
) -> Image.Image:
    width = len(panels) * (SIDE + GAP) + 2 * GAP
    sheet = Image.new("RGB", (width, SIDE + TEXT + 2 * GAP), "white")
    pen = ImageDraw.Draw(sheet)
    bold, plain = ImageFont.load_default(17), ImageFont.load_default(14)
    for place, (picture, words, ink) in enumerate(panels):
        # The query stands a little apart.
        left = GAP + place * (SIDE + GAP) + (GAP if place else 0)
        sheet.paste(picture, (left, GAP))
        if place == 0:
            pen.rectangle((left - 3, GAP - 3, left + SIDE + 2, GAP + SIDE + 2), None, ink, 3)
        for line, text in enumerate(words):
            font = plain if line else bold
            shown = text
            while pen.textlength(shown, font) > SIDE:
                shown = f"{shown.rstrip('.')[:-1]}..."
            at = (left, GAP + SIDE + 6 + (20 * line if line else 0))
            pen.text(at, shown, GREY if line == 1 else ink, font)
    return sheet


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*(Path(word) for word in sys.argv[1:]))
