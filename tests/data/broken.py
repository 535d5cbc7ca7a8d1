"""Named broken files: each builder writes one into a folder and returns its path."""

import csv
import io
import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

RAMP = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
"""A small grey picture in which every pixel differs."""


def png_bytes(
    rows: Sequence[bytes],
    *,
    width: int,
    depth: int = 8,
    colour: int = 0,
    height: int | None = None,
    before: Sequence[tuple[bytes, bytes]] = (),
    interlace: int = 0,
) -> bytes:
    """A PNG from raw rows, with valid checksums whatever its header says."""
    tall = len(rows) if height is None else height
    header = struct.pack(">IIBBBBB", width, tall, depth, colour, 0, 0, interlace)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [(b"IHDR", header), *before, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def _encoded(pixels: np.ndarray[Any, Any], kind: str, **options: object) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, kind, **options)
    return held.getvalue()


def _write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def good_png(folder: Path, name: str = "good.png") -> Path:
    return _write(folder / name, _encoded(RAMP, "PNG"))


def good_jpeg(folder: Path, name: str = "good.jpg") -> Path:
    return _write(folder / name, _encoded(RAMP, "JPEG", quality=95))


def truncated_png(folder: Path) -> Path:
    data = good_png(folder).read_bytes()
    return _write(folder / "truncated.png", data[: len(data) // 2])


def png_without_end(folder: Path) -> Path:
    return _write(folder / "no_end.png", good_png(folder).read_bytes()[:-12])


def png_with_a_flipped_bit(folder: Path) -> Path:
    data = bytearray(good_png(folder).read_bytes())
    data[data.index(b"IDAT") + 12] ^= 1
    return _write(folder / "flipped.png", bytes(data))


def png_with_too_few_rows(folder: Path) -> Path:
    """Every checksum is right, and the pixels end before the header says."""
    return _write(folder / "short.png", png_bytes([bytes(16)] * 6, width=16, height=12))


def truncated_jpeg(folder: Path) -> Path:
    data = good_jpeg(folder).read_bytes()
    return _write(folder / "truncated.jpg", data[: len(data) * 3 // 4])


def truncated_jpeg_with_thumbnail(folder: Path) -> Path:
    """Cut short, yet the end mark's bytes occur: they end the thumbnail in its header."""
    data = good_jpeg(folder).read_bytes()
    thumbnail = b"thumb" + data
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    return _write(folder / "cut.jpg", (data[:2] + segment + data[2:])[:-2])


def jpeg_with_padding(folder: Path) -> Path:
    return _write(folder / "padded.jpg", good_jpeg(folder).read_bytes() + b"\0" * 100 + b"tail")


def empty_file(folder: Path) -> Path:
    return _write(folder / "empty.png", b"")


def text_named_png(folder: Path) -> Path:
    return _write(folder / "text.png", b"this is no picture, whatever its name says\n" * 5)


def jpeg_named_png(folder: Path) -> Path:
    return _write(folder / "jpeg.png", _encoded(RAMP, "JPEG"))


def dicom_named_png(folder: Path) -> Path:
    return _write(folder / "dicom.png", dicom_bytes())


def png_named_dcm(folder: Path) -> Path:
    return _write(folder / "png.dcm", _encoded(np.tile(RAMP, (3, 3)), "PNG"))


def zero_pixel_png(folder: Path) -> Path:
    return _write(folder / "zero.png", png_bytes([], width=0, height=12))


def enormous_png(folder: Path) -> Path:
    """A header of 100000 x 100000 pixels over a few bytes."""
    return _write(folder / "bomb.png", png_bytes([b"\0"], width=100_000, height=100_000))


def sixteen_bit_grey(folder: Path, pixels: np.ndarray[Any, Any]) -> Path:
    rows = [row.astype(">u2").tobytes() for row in pixels]
    return _write(folder / "g16.png", png_bytes(rows, width=pixels.shape[1], depth=16))


def sixteen_bit_rgb(folder: Path, pixels: np.ndarray[Any, Any]) -> Path:
    rows = [row.astype(">u2").tobytes() for row in pixels]
    return _write(folder / "c16.png", png_bytes(rows, width=pixels.shape[1], depth=16, colour=2))


def sixteen_bit_rgba(folder: Path, pixels: np.ndarray[Any, Any]) -> Path:
    rows = [row.astype(">u2").tobytes() for row in pixels]
    return _write(folder / "a16.png", png_bytes(rows, width=pixels.shape[1], depth=16, colour=6))


def transparent_png(folder: Path) -> Path:
    alpha = np.full_like(RAMP, 255)
    alpha[3, 4] = 254
    return _write(folder / "transparent.png", _encoded(np.dstack([RAMP, alpha]), "PNG"))


def opaque_alpha_png(folder: Path) -> Path:
    return _write(
        folder / "opaque.png", _encoded(np.dstack([RAMP, np.full_like(RAMP, 255)]), "PNG")
    )


def keyed_png(folder: Path, *, key: int) -> Path:
    """An 8-bit grey PNG in which one grey value is declared transparent."""
    rows = [row.tobytes() for row in RAMP]
    data = png_bytes(rows, width=16, before=[(b"tRNS", struct.pack(">H", key))])
    return _write(folder / "keyed.png", data)


def animated_png(folder: Path) -> Path:
    frames = [Image.fromarray(RAMP), Image.fromarray(255 - RAMP)]
    frames[0].save(folder / "animated.png", save_all=True, append_images=frames[1:])
    return folder / "animated.png"


def cmyk_jpeg(folder: Path) -> Path:
    inks = Image.fromarray(np.dstack([RAMP] * 4), mode=None).convert("CMYK")
    inks.save(folder / "cmyk.jpg")
    return folder / "cmyk.jpg"


def twelve_bit_jpeg(folder: Path) -> Path:
    data = bytearray(good_jpeg(folder).read_bytes())
    data[data.index(b"\xff\xc0") + 4] = 12
    return _write(folder / "twelve.jpg", bytes(data))


def manifest(folder: Path, rows: Sequence[Mapping[str, object] | str]) -> Path:
    """records.jsonl of these rows; a string stands as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return _write(folder / "records.jsonl", ("\n".join(lines) + "\n").encode())


def csv_manifest(folder: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    held = io.StringIO(newline="")
    writer = csv.DictWriter(held, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return _write(folder / "records.csv", held.getvalue().encode("utf-8-sig"))


def climbing_path(folder: Path) -> Path:
    """A study with one image outside of the folder and one inside, and one with only one out."""
    good_png(folder.parent, "secret.png")
    good_png(folder)
    return manifest(
        folder,
        [
            {"image": "../secret.png", "study_id": "mixed", "findings": "Clear lungs."},
            {"image": "good.png", "study_id": "mixed"},
            {"image": "../secret.png", "study_id": "lost", "findings": "Effusion."},
        ],
    )


def linked_outside(folder: Path) -> Path:
    """An image that is a link to a file outside of the folder."""
    secret = good_png(folder.parent, "secret.png")
    folder.mkdir(exist_ok=True)
    (folder / "link.png").symlink_to(secret)
    return manifest(folder, [{"image": "link.png", "study_id": "linked"}])


def dicom_bytes(
    pixels: np.ndarray[Any, Any] | None = None, *, syntax: str = ExplicitVRLittleEndian, **tags: Any
) -> bytes:
    """A small DICOM file; `tags` set or, with None, remove header values by keyword."""
    stored = RAMP if pixels is None else pixels
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = "1.2.3.4"
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 3 if stored.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if stored.ndim == 3 else "MONOCHROME2"
    if stored.ndim == 3:
        dataset.PlanarConfiguration = 0
    bits = 8 * stored.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    for keyword, value in tags.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(ExplicitVRLittleEndian)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID") or "1.2"
    held = io.BytesIO()
    # Only the label changes: the bytes need not be what a compressed syntax promises.
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.save_as(
        held, enforce_file_format=True, implicit_vr=False, little_endian=True, overwrite=True
    ) if syntax == ExplicitVRLittleEndian else _save_mislabelled(dataset, held)
    return held.getvalue()


def _save_mislabelled(dataset: Dataset, held: io.BytesIO) -> None:
    syntax = dataset.file_meta.TransferSyntaxUID
    dataset.file_meta.TransferSyntaxUID = UID(ExplicitVRLittleEndian)
    plain = io.BytesIO()
    dataset.save_as(plain, enforce_file_format=True)
    held.write(_relabelled(plain.getvalue(), syntax))


def dicom_file(folder: Path, name: str = "good.dcm", **options: Any) -> Path:
    return _write(folder / name, dicom_bytes(**options))


def truncated_dicom(folder: Path) -> Path:
    return _write(folder / "truncated.dcm", dicom_bytes()[:-20])


def promising_dicom(folder: Path) -> Path:
    """A header of 60000 x 60000 pixels over a few bytes."""
    return _write(folder / "promise.dcm", dicom_bytes(Rows=60_000, Columns=60_000))


def encapsulated(frames: Sequence[bytes | Sequence[bytes]], *, table: bool = False) -> bytes:
    """Compressed pixels as items: a frame is one fragment or several; with an offset table or none.

    Source: DICOM PS3.5, A.4.
    """
    offsets, body = [], b""
    for frame in frames:
        offsets.append(len(body))
        for fragment in [frame] if isinstance(frame, bytes) else frame:
            even = fragment + b"\0" * (len(fragment) % 2)
            body += b"\xfe\xff\x00\xe0" + struct.pack("<I", len(even)) + even
    listed = struct.pack(f"<{len(offsets)}I", *offsets) if table else b""
    first = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(listed)) + listed
    return first + body + b"\xfe\xff\xdd\xe0\0\0\0\0"


def compressed_dicom(
    folder: Path,
    frames: Sequence[bytes | Sequence[bytes]],
    *,
    syntax: str,
    like: np.ndarray[Any, Any],
    name: str = "packed.dcm",
    table: bool = False,
    pixel_data: bytes | None = None,
    **tags: Any,
) -> Path:
    """A DICOM file around compressed frames.

    `like` is one frame uncompressed, and gives the header its shape and depth; `pixel_data` takes
    the place of the items that `frames` would make.
    """
    data = dicom_bytes(like, PixelData=b"", NumberOfFrames=len(frames), **tags)
    # Behind the pixels' tag and VR: the length that says "until the end mark", and the items.
    at = data.rindex(b"\xe0\x7f\x10\x00")
    items = encapsulated(frames, table=table) if pixel_data is None else pixel_data
    data = data[: at + 4] + b"OB\0\0\xff\xff\xff\xff" + items
    return _write(folder / name, _relabelled(data, syntax))


def _relabelled(data: bytes, syntax: str) -> bytes:
    """The same file under another transfer syntax."""
    old = _even(ExplicitVRLittleEndian.encode())
    new = _even(str(syntax).encode())
    at = data.index(old)
    data = data[: at - 2] + struct.pack("<H", len(new)) + new + data[at + len(old) :]
    # The group length counts the bytes of the meta group.
    where = 132 + 8
    (length,) = struct.unpack("<I", data[where : where + 4])
    return data[:where] + struct.pack("<I", length + len(new) - len(old)) + data[where + 4 :]


def _even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)
