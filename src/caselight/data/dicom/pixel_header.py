"""What a DICOM header says of its pixels, checked before anything is allocated."""

from dataclasses import dataclass

from pydicom.dataset import Dataset

from caselight.data.dicom.headers import header_text
from caselight.data.dicom.values import contradicted, unsupported, whole
from caselight.errors import DataError

PIXEL_TAGS = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PlanarConfiguration",
)
GREY = ("MONOCHROME1", "MONOCHROME2")
_SAMPLES = {
    **dict.fromkeys((*GREY, "PALETTE COLOR"), 1),
    **dict.fromkeys(("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"), 3),
}
"""Samples a pixel has, by photometric interpretation."""
_NOT_READ = ("HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "XYB")


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelHeader:
    """The shape and the coding of a file's frames."""

    rows: int
    columns: int
    n_frames: int
    samples: int
    """1 or 3."""
    photometric: str
    """As the standard spells it."""
    allocated: int
    """Bits that one sample takes: 1, 8, 16 or 32; 32 or 64 for floating point."""
    stored: int
    """Bits of them that carry the value."""
    high: int
    """The highest bit that carries the value, from 0."""
    signed: bool
    by_plane: bool
    """Colours one plane after another rather than pixel by pixel."""

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""
        return self.rows * self.columns

    @property
    def frame_bits(self) -> int:
        """Bits of one uncompressed frame."""
        if self.photometric == "YBR_FULL_422":
            return 2 * self.pixels * self.allocated
        return self.pixels * self.samples * self.allocated


def read_pixel_header(header: Dataset, *, max_pixels: int, floating: int = 0) -> PixelHeader:
    """What the header says of the pixels.

    Args:
        header: holds `PIXEL_TAGS`.
        max_pixels: the most pixels of a frame, rows times columns.
        floating: bits of a floating-point sample, 0 for whole numbers.

    Raises:
        DataError: data.zero_pixels, data.too_large, data.unsupported_pixels, data.truncated.
        ValueError: a value that is no number.
    """
    rows, columns = whole(header, "Rows") or 0, whole(header, "Columns") or 0
    _check_size(rows, columns, max_pixels)
    n_frames = whole(header, "NumberOfFrames")
    if n_frames is not None and n_frames < 1:
        raise contradicted(f"the header says NumberOfFrames is {n_frames} and there is a picture")
    photometric = (header_text(header, "PhotometricInterpretation") or "").upper()
    samples = whole(header, "SamplesPerPixel") or 1
    if _SAMPLES.get(photometric) != samples:
        # Only a term of the standard is repeated: a damaged header may hold anything there.
        named = photometric if photometric in (*_SAMPLES, *_NOT_READ) else "of no known name"
        raise unsupported(
            f"the colours are {named} in {samples} samples",
            "export it as MONOCHROME2 or RGB",
        )
    allocated = floating or whole(header, "BitsAllocated") or 0
    stored = floating or whole(header, "BitsStored") or 0
    high = whole(header, "HighBit")
    found = PixelHeader(
        rows=rows,
        columns=columns,
        n_frames=n_frames or 1,
        samples=samples,
        photometric=photometric,
        allocated=allocated,
        stored=stored,
        high=stored - 1 if floating or high is None else high,
        signed=bool(floating) or _flag(header, "PixelRepresentation"),
        by_plane=samples == 3 and _flag(header, "PlanarConfiguration"),
    )
    if not floating:
        _check_bits(found)
    elif photometric not in GREY:
        raise unsupported("the pixels are floating-point colours", "export it as RGB")
    return found


def _flag(header: Dataset, keyword: str) -> bool:
    value = whole(header, keyword) or 0
    if value not in (0, 1):
        raise contradicted(f"the header says {keyword} is {value}, which means nothing")
    return value == 1


def _check_size(rows: int, columns: int, max_pixels: int) -> None:
    if rows <= 0 or columns <= 0:
        raise DataError(
            f"the picture is {columns} x {rows} pixels, which is none; export it again",
            code="data.zero_pixels",
        )
    if rows * columns > max_pixels:
        raise DataError(
            f"the picture is {columns} x {rows} pixels and the limit is {max_pixels} in all; "
            "shrink it or raise the limit",
            code="data.too_large",
        )


def _check_bits(header: PixelHeader) -> None:
    allowed = (1, 8, 16, 32) if header.samples == 1 else (8, 16, 32)
    if header.allocated not in allowed or not 1 <= header.stored <= header.allocated:
        raise unsupported(
            f"the samples have {header.stored} of {header.allocated} bits",
            "export it with 8, 16 or 32 bits",
        )
    if not header.stored - 1 <= header.high < header.allocated:
        raise unsupported(
            f"the samples have {header.stored} bits and the highest is bit {header.high}",
            "export it with HighBit one less than BitsStored",
        )
    if header.signed and header.samples == 3:
        raise unsupported("the colours have signs", "export it as plain RGB")
    if header.photometric == "PALETTE COLOR" and header.allocated > 16:
        raise unsupported("the palette is looked up with 32 bits", "export it as RGB")
