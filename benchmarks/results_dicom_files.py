"""Every picture that pydicom installs with itself: decoded or refused, and checked by others.

Stored values are compared with python-gdcm, with pydicom's own reading where nothing is compressed,
and with dcmtk's decoders where its programs are at hand; what is displayed, with dcmtk's rendering.
gdcm and we both decode JPEG 2000 with OpenJPEG, so there the second opinion is on the rest alone.
Writes `results/dicom_files.json` and a sheet of thumbnails.
"""

import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image, ImageDraw, features
from pydicom.uid import UID

from caselight.data.dicom.codecs import COMPRESSED
from caselight.data.dicom.colour import to_rgb
from caselight.data.dicom.frames import StoredFrame, read_dicom_pixels, read_stored_frame
from caselight.data.dicom.headers import is_dicom, read_head
from caselight.errors import DataError

RESULTS = Path(__file__).resolve().parent / "results" / "dicom_files.json"
SHEET = Path(__file__).resolve().parents[1] / "docs" / "images" / "dicom-files.png"
MOST_PIXELS = 100_000_000
LOSSY = ("JPEG Baseline", "JPEG Extended", "JPEG 2000 Image Compression", "JPEG-LS Lossy")
LOSSY_TOLERANCE = 2
"""Grey levels by which two decoders of one lossy picture may differ; they may round otherwise."""
COLOUR_TOLERANCE = 4
"""The same for lossy colours, whose conversion to RGB multiplies a rounding by up to 1.8."""
SHOWN_TOLERANCE = 2
"""Of 255, between our rendering and dcmtk's."""
_RUNS = (
    "gdcm mixes the bytes of the three colours; our values and dcmtk's are those of SC_rgb_rle.dcm "
    "times {}, as the files were made"
)
_WORDS = (
    "the standard keeps the order of the 16-bit words of a 32-bit sample, as gdcm and dcmtk read "
    "it; the writer of this file, and pydicom, swap them too: refused, since nothing says which"
)
_ENDS = "gdcm aborts on this file, a fault of its own reading of its header"
NOTES: dict[str, str] = {
    f"test_files/{name}": note
    for name, note in {
        "SC_rgb_rle_16bit.dcm": _RUNS.format(257),
        "SC_rgb_rle_16bit_2frame.dcm": _RUNS.format(257),
        "SC_rgb_rle_32bit.dcm": _RUNS.format(16843009),
        "SC_rgb_rle_32bit_2frame.dcm": _RUNS.format(16843009),
        "rtdose_expb.dcm": _WORDS,
        "rtdose_expb_1frame.dcm": _WORDS,
        "rtdose_1frame.dcm": _ENDS,
        "rtdose_rle_1frame.dcm": _ENDS,
        "JPEG2000-embedded-sequence-delimiter.dcm": (
            "its maker wrote over the size in the codestream, which now says 3722445056 columns"
        ),
        "693_J2KI.dcm": "compressed so hard that the window shows blocks; they are in the file",
        "badVR.dcm": 'NumberOfFrames is "1A"',
        "MR_truncated.dcm": "its last 62 bytes are missing",
        "SC_rgb_jpeg.dcm": (
            "its header has implicit VRs, which its transfer syntax forbids; its Adobe mark is too "
            "short to count, so the header's RGB holds"
        ),
    }.items()
}
"""What was found out about files that are refused or on which decoders differ, by name."""
_DCMTK = {"JPEG-LS": "dcmdjpls", "JPEG": "dcmdjpeg", "RLE": "dcmdrle"}
_THUMBNAIL, _LABEL, _ACROSS = 92, 11, 12


def shipped() -> Iterator[tuple[str, Path]]:
    """Every DICOM file in pydicom's own data folder that says it has pixels, by name."""
    root = Path(pydicom.__file__).parent / "data"
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if is_dicom(read_head(path)) and _has_pixels(path):
                yield path.relative_to(root).as_posix(), path


def _has_pixels(path: Path) -> bool:
    try:
        dataset = pydicom.dcmread(path)
    except Exception:  # noqa: BLE001 (a broken file cannot be asked, and is shown as refused)
        return True
    return any(word in dataset for word in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def describe(name: str, path: Path) -> tuple[dict[str, Any], Image.Image | None]:
    """One file's row, and its picture."""
    dataset = pydicom.dcmread(path)
    syntax = UID(dataset.file_meta.get("TransferSyntaxUID") or "")
    row: dict[str, Any] = {
        "file": name,
        "syntax": syntax.name or "not said",
        "modality": str(dataset.get("Modality") or ""),
        "size": f"{dataset.get('Columns')} x {dataset.get('Rows')}",
        "frames": _frames_of(dataset),
        "photometric": str(dataset.get("PhotometricInterpretation") or ""),
        "bits": f"{dataset.get('BitsStored')}/{dataset.get('BitsAllocated')}",
    }
    try:
        stored = _every_frame(path)
        shown = [
            read_dicom_pixels(path, max_pixels=MOST_PIXELS, frame=index)
            for index in range(len(stored))
        ]
    except DataError as error:
        row |= {"outcome": "refused", "code": error.code, "why": str(error)}
        if name in NOTES:
            row["note"] = NOTES[name]
        return row, None
    row |= {
        "outcome": "decoded",
        "kind": str(shown[0].dtype),
        "stored_low": min(_plain(frame.values.min()) for frame in stored),
        "stored_high": max(_plain(frame.values.max()) for frame in stored),
        "low": min(int(frame.min()) for frame in shown),
        "high": max(int(frame.max()) for frame in shown),
        "stored_by_others": _compare_stored(path, syntax, stored),
        "shown_by_dcmtk": _compare_shown(path, syntax, dataset, shown),
    }
    checks = [*row["stored_by_others"].values(), row["shown_by_dcmtk"]]
    row["agrees"] = all(check["agrees"] for check in checks if "agrees" in check)
    if name in NOTES:
        row["note"] = NOTES[name]
    return row, _thumbnail(shown[len(shown) // 2])


def _frames_of(dataset: pydicom.Dataset) -> str:
    element = dataset.get_item("NumberOfFrames")
    value = None if element is None else element.value
    if not value:
        return "1"
    return value.decode("ascii").strip() if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> float | int:
    return value.item() if hasattr(value, "item") else value


def _every_frame(path: Path) -> list[StoredFrame]:
    first = read_stored_frame(path, max_pixels=MOST_PIXELS, frame=0)
    return [first] + [
        read_stored_frame(path, max_pixels=MOST_PIXELS, frame=index)
        for index in range(1, first.header.n_frames)
    ]


def _compare_stored(path: Path, syntax: UID, ours: list[StoredFrame]) -> dict[str, Any]:
    """By decoder: the largest difference of stored values, or of RGB where there are colours."""
    lossy = syntax.name.startswith(LOSSY)
    colour = ours[0].header.samples == 3
    allowed = (COLOUR_TOLERANCE if colour else LOSSY_TOLERANCE) if lossy else 0
    theirs = {"gdcm": _by_gdcm(path), "dcmtk": _by_dcmtk(path, syntax)}
    if syntax not in COMPRESSED:
        theirs["pydicom"] = _by_pydicom(path)
    found: dict[str, Any] = {}
    for name, frames in theirs.items():
        if isinstance(frames, str):
            found[name] = {"none": frames}
            continue
        values, photometric = frames
        if colour and photometric != ours[0].photometric:
            mine = [to_rgb(frame.values, frame.photometric, frame.header) for frame in ours]
            other = [
                to_rgb(value.astype(np.uint8), _name(photometric), ours[0].header)
                for value in values
            ]
            allowed = max(allowed, COLOUR_TOLERANCE)
        else:
            mine, other = [frame.values for frame in ours], values
        if len(mine) != len(other) or mine[0].shape != other[0].shape:
            found[name] = {"agrees": False, "why": "another shape"}
            continue
        largest = max(
            _largest(np.asarray(a), np.asarray(b)) for a, b in zip(mine, other, strict=True)
        )
        found[name] = {"largest": largest, "allowed": allowed, "agrees": largest <= allowed}
    return found


def _largest(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> int | float:
    return _plain(np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max())


def _name(photometric: str) -> str:
    return "YBR_FULL" if photometric.startswith("YBR_FULL") else "RGB"


def _by_gdcm(path: Path) -> tuple[list[np.ndarray[Any, Any]], str] | str:
    """What gdcm reads, in a process of its own: on some damage it ends the process it runs in."""
    with tempfile.TemporaryDirectory() as work:
        held = Path(work) / "frames.npz"
        command = [sys.executable, str(Path(__file__).with_name("read_with_gdcm.py"))]
        done = subprocess.run([*command, str(path), str(held)], capture_output=True, check=False)
        if done.returncode != 0:
            return "does not read it" if done.returncode > 0 else "ends its process"
        with np.load(held) as found:
            return list(found["values"]), str(found["photometric"])


def _by_pydicom(path: Path) -> tuple[list[np.ndarray[Any, Any]], str] | str:
    try:
        dataset = pydicom.dcmread(path)
        values = pydicom.pixels.pixel_array(dataset, raw=True)
    except Exception as error:  # noqa: BLE001 (whatever it raises, it has no answer)
        return f"raises {type(error).__name__}"
    axes = 2 + (int(dataset.get("SamplesPerPixel") or 1) == 3)
    frames = [values] if values.ndim == axes else list(values)
    return frames, str(dataset.PhotometricInterpretation)


def _by_dcmtk(path: Path, syntax: UID) -> tuple[list[np.ndarray[Any, Any]], str] | str:
    """What dcmtk's decompressor for the coding makes of it, read by pydicom."""
    with tempfile.TemporaryDirectory() as work:
        plain = _decompressed(path, syntax, Path(work))
        if plain is None:
            return "has no decoder for it" if syntax in COMPRESSED else "not asked"
        return _by_pydicom(plain)


def _decompressed(path: Path, syntax: UID, work: Path) -> Path | None:
    program = next((p for word, p in _DCMTK.items() if syntax.name.startswith(word)), None)
    if program is None or syntax.name.startswith("JPEG 2000") or not shutil.which(program):
        return None
    options = ["+cn"] if program == "dcmdjpeg" else []
    plain = work / "plain.dcm"
    done = subprocess.run(
        [program, *options, str(path), str(plain)], capture_output=True, check=False
    )
    return plain if done.returncode == 0 and plain.is_file() else None


def _compare_shown(
    path: Path, syntax: UID, dataset: pydicom.Dataset, shown: list[np.ndarray[Any, Any]]
) -> dict[str, Any]:
    """The largest difference, of 255, from dcmtk's rendering of the first and the last frame."""
    if not shutil.which("dcmj2pnm"):
        return {"none": "dcmj2pnm is not installed"}
    if dataset.get("WindowCenter") is not None:
        window = ["+Wi", "1"]
    elif shown[0].ndim == 2 and (shown[0].dtype == np.uint16 or dataset.BitsStored == 1):
        window = ["+Wm"]
    else:
        window = []
    largest = 0.0
    with tempfile.TemporaryDirectory() as work:
        source = path
        if syntax.name.startswith("JPEG-LS"):
            source = _decompressed(path, syntax, Path(work)) or path
        for index in sorted({0, len(shown) - 1}):
            command = ["dcmj2pnm", "-O", *window, "+F", str(index + 1), "+op", str(source)]
            done = subprocess.run([*command, f"{work}/shown.pnm"], capture_output=True, check=False)
            if done.returncode != 0:
                return {"none": "does not render it"}
            theirs = np.array(Image.open(io.BytesIO(Path(f"{work}/shown.pnm").read_bytes())))
            ours = shown[index] / (257.0 if shown[index].dtype == np.uint16 else 1.0)
            if ours.shape != theirs.shape:
                return {"agrees": False, "why": "another shape"}
            largest = max(largest, float(np.abs(ours - theirs).max()))
    lossy = syntax.name.startswith(LOSSY) and shown[0].ndim == 3
    allowed = COLOUR_TOLERANCE if lossy else SHOWN_TOLERANCE
    return {"largest": round(largest, 2), "allowed": allowed, "agrees": largest <= allowed}


def _thumbnail(shown: np.ndarray[Any, Any]) -> Image.Image:
    eight = (shown // 257).astype(np.uint8) if shown.dtype == np.uint16 else shown
    picture = Image.fromarray(eight).convert("RGB")
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
    if max(picture.size) < _THUMBNAIL // 2:
        times = _THUMBNAIL // 2 // max(picture.size) or 1
        picture = picture.resize((picture.width * times, picture.height * times), 0)
    return picture


def sheet(entries: list[tuple[dict[str, Any], Image.Image | None]]) -> Image.Image:
    """Thumbnails with their names, in rows; a refused file is an empty frame with its code."""
    step = _THUMBNAIL + 4
    down = -(-len(entries) // _ACROSS)
    page = Image.new("RGB", (_ACROSS * step, down * (step + 2 * _LABEL)), (24, 24, 24))
    draw = ImageDraw.Draw(page)
    for place, (row, picture) in enumerate(entries):
        left, top = place % _ACROSS * step + 2, place // _ACROSS * (step + 2 * _LABEL) + 2
        if picture is None:
            draw.rectangle((left, top, left + _THUMBNAIL, top + _THUMBNAIL), outline=(120, 60, 60))
            code = row["code"].removeprefix("data.").replace("_", "\n")
            draw.text((left + 6, top + 26), code, fill=(230, 150, 150), font_size=11)
        else:
            page.paste(picture, (left, top))
        name = Path(row["file"]).stem
        for line, part in enumerate((name[:17], name[17:34])):
            where = (left, top + _THUMBNAIL + line * _LABEL)
            draw.text(where, part, fill=(200, 200, 200), font_size=9)
    return page


def versions() -> dict[str, str]:
    """What decoded and what checked."""
    from importlib.metadata import version

    found = {
        name: version(name)
        for name in (
            "pydicom",
            "pillow",
            "pylibjpeg-openjpeg",
            "pylibjpeg-rle",
            "pyjpegls",
            "imagecodecs",
        )
    }
    found |= {"python": platform.python_version(), "numpy": np.__version__}
    found |= {"libjpeg-turbo": str(features.version("libjpeg_turbo"))}
    found |= {"python-gdcm": version("python-gdcm"), "dcmtk": "not installed"}
    if shutil.which("dcmj2pnm"):
        done = subprocess.run(["dcmj2pnm", "--version"], capture_output=True, text=True, check=True)
        found["dcmtk"] = done.stdout.split()[2]
    return found


def rows() -> list[dict[str, Any]]:
    """The rows of the last run, for the page of results."""
    held: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8"))["files"]
    return held


def main() -> None:
    """Decode, compare, write."""
    warnings.simplefilter("ignore")
    entries = [describe(name, path) for name, path in shipped()]
    found = [row for row, _ in entries]
    RESULTS.parent.mkdir(exist_ok=True)
    report = {"versions": versions(), "files": found}
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    SHEET.parent.mkdir(exist_ok=True)
    sheet(entries).save(SHEET, optimize=True)
    for row in found:
        if row["outcome"] == "refused" or not row["agrees"]:
            print(json.dumps({k: v for k, v in row.items() if k != "note"}))
    decoded = sum(row["outcome"] == "decoded" for row in found)
    print(
        f"{decoded} decoded, {len(found) - decoded} refused; {SHEET.stat().st_size} bytes of sheet"
    )
    unexplained = [r["file"] for r in found if not r.get("agrees", True) and "note" not in r]
    if unexplained:
        sys.exit(f"disagree and are not explained: {', '.join(unexplained)}")


if __name__ == "__main__":
    main()
