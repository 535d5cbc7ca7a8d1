"""Importing has no effect: nothing heavy is loaded early, nothing is written, nothing is said."""

import json
import os
import pkgutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import caselight

HEAVY = ("torch", "transformers", "scipy", "pydantic", "pydicom", "PIL", "typer")


def loaded_after(statement: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after a statement."""
    report = f"import json, sys; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(json.loads(done.stdout))


def modules() -> list[str]:
    """Every module of the package."""
    return [m.name for m in pkgutil.walk_packages(caselight.__path__, "caselight.")]


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import caselight") == set()


def test_words_and_parts_without_models_load_no_torch() -> None:
    rooms = (
        "types",
        "errors",
        "config",
        "protocols",
        "codes",
        "ranking",
        "metrics",
        "index",
        "data",
    )
    statement = "; ".join(f"import caselight.{room}" for room in rooms)
    assert not loaded_after(statement) & {"torch", "transformers"}


def test_opening_the_models_room_loads_no_transformers() -> None:
    assert "transformers" not in loaded_after("import caselight.models")


def test_importing_every_module_writes_nothing_says_nothing_and_changes_no_global(
    tmp_path: Path,
) -> None:
    names = modules()
    assert "caselight.models.dual_encoder" in names
    code = """
import importlib, os, random, socket, sys
import numpy, rich.style, torch, typer  # what these do when they are imported is their business
def refuse(*_): raise RuntimeError("an import used the network")
socket.socket.connect = refuse
def state():
    return {
        "folder": os.getcwd(), "environment": dict(os.environ), "arguments": list(sys.argv),
        "random": random.getstate(), "numpy": numpy.random.get_state()[1].tolist(),
        "torch": torch.get_rng_state().tolist(), "threads": torch.get_num_threads(),
        "type": torch.get_default_dtype(),
    }
before = state()
for name in sys.argv[1:]:
    importlib.import_module(name)
after = state()
print(*[name for name in before if before[name] != after[name]], sep=", ", end="")
"""
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.rglob("*")) == []


def test_the_package_names_its_version(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
    assert caselight.__version__ == project["version"]


def test_tests_have_no_network() -> None:
    with socket.socket() as outward, pytest.raises(RuntimeError, match="no network"):
        outward.connect(("192.0.2.1", 9))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert ours.family == socket.AF_UNIX


def test_the_door_opens_without_reading_torch_or_dicom() -> None:
    """Nobody should wait for `--help`."""
    assert not loaded_after("import caselight.cli.main") & {"torch", "transformers", "pydicom"}
