"""The scanners of the sites: how each turns a beam into grey, and how it writes it down."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Syntax = Literal["explicit", "jpeg_ls", "jpeg_2000", "rle"]
"""How pixels are packed: explicit VR little endian, or one of three lossless codings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """One machine of one site, as its service left it."""

    site: str
    manufacturer: str
    """Invented, like the model: no real machine behaves as these do."""
    model: str
    station: str
    blur: float
    """Deviation of its point spread, a fraction of the film."""
    noise: float
    """Deviation of the log signal behind a lung."""
    grain: float
    """Deviation of its noise's own blur, pixels of a film of 256."""
    veil: float
    """Scattered over direct radiation: how much haze lies over dense parts."""
    latitude: float
    """0..1, how much of the coarse differences its software takes out, to show the fine ones."""
    sharpen: float
    """How much fine detail its software adds; 0 for none."""
    centre: float
    """Attenuation shown as middle grey."""
    width: float
    """Attenuation from middle grey to about three quarters; smaller is more contrast."""
    gamma: float
    """Power of grey on top of the S-shaped curve; above 1 is darker."""
    frame: Literal["black", "white", "faint"]
    """What lies outside the collimated field."""
    margin: float
    """Most that the collimator cuts off a side, a fraction of the film."""
    letter: Literal["L", "R"]
    """The lead letter that lies beside the patient."""
    letter_size: float
    """Height of the letter, a fraction of the film."""
    plate: bool
    """Whether the letter is cut out of a small lead plate."""
    levels: tuple[int, int]
    """Stored values of black and white, within 0..4095."""
    inverted: bool
    """Whether it stores the negative, MONOCHROME1."""
    syntax: Syntax


SCANNERS: Mapping[str, Scanner] = MappingProxyType(
    {
        "site-a/1": Scanner(
            site="site-a",
            manufacturer="Umbra Imaging",
            model="Penumbra 4",
            station="A-DX-1",
            blur=0.0018,
            noise=0.008,
            grain=0.60,
            veil=0.10,
            latitude=0.22,
            sharpen=0.50,
            centre=1.07,
            width=0.40,
            gamma=1.0,
            frame="black",
            margin=0.025,
            letter="L",
            letter_size=0.050,
            plate=False,
            levels=(0, 4095),
            inverted=False,
            syntax="explicit",
        ),
        "site-a/2": Scanner(
            site="site-a",
            manufacturer="Umbra Imaging",
            model="Antumbra CR",
            station="A-DX-2",
            blur=0.0024,
            noise=0.013,
            grain=0.75,
            veil=0.20,
            latitude=0.05,
            sharpen=0.10,
            centre=1.12,
            width=0.44,
            gamma=1.1,
            frame="white",
            margin=0.040,
            letter="R",
            letter_size=0.042,
            plate=True,
            levels=(300, 3400),
            inverted=False,
            syntax="rle",
        ),
        "site-b/1": Scanner(
            site="site-b",
            manufacturer="Lantern Medical",
            model="Beacon DR",
            station="B-DX-1",
            blur=0.0016,
            noise=0.007,
            grain=0.50,
            veil=0.06,
            latitude=0.42,
            sharpen=0.60,
            centre=1.02,
            width=0.36,
            gamma=0.9,
            frame="faint",
            margin=0.012,
            letter="L",
            letter_size=0.060,
            plate=False,
            levels=(120, 3900),
            inverted=False,
            syntax="jpeg_ls",
        ),
        "site-b/2": Scanner(
            site="site-b",
            manufacturer="Lantern Medical",
            model="Wick Mobile",
            station="B-DX-2",
            blur=0.0025,
            noise=0.011,
            grain=0.60,
            veil=0.26,
            latitude=0.15,
            sharpen=0.30,
            centre=1.08,
            width=0.46,
            gamma=1.0,
            frame="black",
            margin=0.045,
            letter="L",
            letter_size=0.038,
            plate=True,
            levels=(0, 3000),
            inverted=True,
            syntax="explicit",
        ),
        "site-c/1": Scanner(
            site="site-c",
            manufacturer="Graticule",
            model="Reseau 12",
            station="C-DX-1",
            blur=0.0020,
            noise=0.011,
            grain=0.90,
            veil=0.15,
            latitude=0.10,
            sharpen=0.20,
            centre=1.10,
            width=0.34,
            gamma=1.0,
            frame="white",
            margin=0.020,
            letter="R",
            letter_size=0.055,
            plate=False,
            levels=(60, 4000),
            inverted=False,
            syntax="jpeg_2000",
        ),
    }
)
"""Name of a scanner, its site and a number, to the machine."""
