"""What a film shows besides the patient: the edges of the beam, and the letter of a side."""

import numpy as np
import PIL.Image

from caselight.data.phantoms.detectors import Scanner
from caselight.data.phantoms.shapes import Map, step

_LETTERS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}
"""Lead letters, as dots."""

_LETTER_GREY = 0.97
_FRAME_GREY = {"black": 0.0, "white": 0.93, "faint": 0.10}


def stamp(grey: Map, scanner: Scanner, rng: np.random.Generator, *, lateral: bool) -> None:
    """Lay the frame of the collimator and the letter of the side over a film, in place.

    The letter says which side of the patient is where: L lies at the upper right of a frontal
    film, R at the upper left. Neither depends on what is wrong with the patient.

    Args:
        grey: f32[size, size], 0 black .. 1 white.
        scanner: the machine.
        rng: for margins, tilt and place.
        lateral: whether the patient is seen from the side; the letter is then an L in front.
    """
    size = grey.shape[0]
    margins = (scanner.margin * rng.uniform(-0.4, 1.0, 4)).tolist()
    tilt = float(rng.normal(0.0, 0.006))
    letter = "L" if lateral else scanner.letter
    place = rng.uniform((0.055, 0.045), (0.10, 0.10))
    turn = float(rng.normal(0.0, 7.0))
    _letter(grey, letter, scanner, place=(float(place[0]), float(place[1])), turn=turn)
    at = ((np.arange(size, dtype=np.float32) + 0.5) / size).astype(np.float32)
    x, y = at[None, :], at[:, None]
    soft = 0.003 if scanner.frame != "white" else 0.007
    lean = np.float32(tilt)
    across, down = x + lean * (y - 0.5), y - lean * (x - 0.5)
    inside = np.minimum(across - margins[0], (1.0 - margins[1]) - across)
    np.minimum(inside, down - margins[2], out=inside)
    np.minimum(inside, (1.0 - margins[3]) - down, out=inside)
    beam = step(inside, soft)
    grey *= beam
    if scanner.frame != "black":
        grey += np.float32(_FRAME_GREY[scanner.frame]) * (1.0 - beam)


def _letter(
    grey: Map, letter: str, scanner: Scanner, *, place: tuple[float, float], turn: float
) -> None:
    """Draw one letter near an upper corner: the right one for L, the left one for R."""
    size = grey.shape[0]
    dots = np.array([[int(dot) for dot in row] for row in _LETTERS[letter]], dtype=np.uint8)
    if scanner.plate:
        dots = 1 - np.pad(dots, 1)
    dots = np.pad(dots, 2)
    high = max(len(dots), round(scanner.letter_size * size * len(dots) / 7))
    wide = round(high * dots.shape[1] / len(dots))
    image = PIL.Image.fromarray(255 * dots).resize((wide, high), PIL.Image.Resampling.BOX)
    image = image.rotate(turn, PIL.Image.Resampling.BILINEAR)
    weight = np.asarray(image, dtype=np.float32) / 255.0
    column = round(place[0] * size) - wide // 2
    if letter == "L":
        column = size - column - wide
    row, column = max(0, round(place[1] * size) - high // 2), min(max(0, column), size - wide)
    part = grey[row : row + high, column : column + wide]
    weight = weight[: part.shape[0]]
    part += weight * (_LETTER_GREY - part)
