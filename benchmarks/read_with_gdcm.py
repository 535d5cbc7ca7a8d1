"""Every frame of one DICOM file as python-gdcm reads it: `read_with_gdcm.py FILE FRAMES.npz`."""

import sys
from typing import Any

import gdcm
import numpy as np


def read(path: str) -> tuple[np.ndarray[Any, Any], str]:
    """[F, H, W] or [F, H, W, C] stored values, and the photometric interpretation they now have."""
    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    if not reader.Read():
        sys.exit("gdcm does not read it")
    image = reader.GetImage()
    form = image.GetPixelFormat()
    dims = [image.GetDimension(axis) for axis in range(image.GetNumberOfDimensions())]
    data = image.GetBuffer().encode("utf-8", "surrogateescape")
    bits, samples = form.GetBitsAllocated(), form.GetSamplesPerPixel()
    columns, rows, n_frames = dims[0], dims[1], dims[2] if len(dims) > 2 else 1
    if bits == 1:
        flat = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little")
    else:
        kind = "ui"[form.GetPixelRepresentation()]
        flat = np.frombuffer(data, dtype=f"<{kind}{bits // 8}")
    flat = flat[: n_frames * rows * columns * samples]
    if samples == 3 and image.GetPlanarConfiguration() == 1:
        values = np.moveaxis(flat.reshape(n_frames, samples, rows, columns), 1, -1)
    else:
        shape = (n_frames, rows, columns) if samples == 1 else (n_frames, rows, columns, samples)
        values = flat.reshape(shape)
    spare = bits - form.GetBitsStored()
    if spare and bits > 1 and form.GetHighBit() == form.GetBitsStored() - 1:
        values = (values << spare) >> spare
    return values, image.GetPhotometricInterpretation().GetString().strip()


if __name__ == "__main__":
    found, photometric = read(sys.argv[1])
    np.savez(sys.argv[2], values=found, photometric=photometric)
