"""Archives, homes and doors that many tests share."""

import atexit
import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from caselight.cli.main import run
from caselight.data.pixels import read_pixels
from caselight.data.store import open_store
from caselight.types import Pixels, Study

TOY_TOWERS = ("--set", "towers.image=toy", "--set", "towers.text=toy")
TOY = (
    *TOY_TOWERS,
    *("--set", "model.embed_dim=16"),
    *("--set", "model.hidden_dim=32"),
    *("--set", "model.bits=[32,64]"),
    *("--set", "train.epochs=3"),
    *("--set", "train.settle_epochs=3"),
    *("--set", "train.hash_epochs=3"),
)
"""Options of `train` that make it a matter of milliseconds."""
RECORD = ("audit", "trained-on")
"""Folders of a home's record."""
FEW_RESAMPLES = ("--set", "evaluate.n_resamples=100")

LABELS = (("effusion",), ("effusion", "nodule"), ("normal",), ("nodule",))
SITES = ("north", "south")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def refusal(self) -> tuple[str, str]:
        """The code and the sentence of the one line that a refusal prints."""
        lines = [line for line in self.err.splitlines() if line.startswith("caselight: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        _, code, sentence = lines[0].split(": ", 2)
        return code, sentence


def door(*args: object) -> Answer:
    """Run the console script's own function in this process, 80 columns wide."""
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with (
        mock.patch.object(sys, "argv", ["caselight", *map(str, args)]),
        mock.patch.dict(os.environ, {"COLUMNS": "80"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as left:
            status = left.code
    assert isinstance(status, int)
    return Answer(status=status, out=out.getvalue(), err=err.getvalue())


def done(*args: object) -> Answer:
    """Run a command that must succeed."""
    answer = door(*args)
    assert answer.status == 0, answer.err
    return answer


def script() -> str:
    """The installed console script."""
    return str(Path(sys.executable).parent / "caselight")


def process(*args: object) -> Answer:
    """Run the console script itself, as a person would."""
    ran = subprocess.run([script(), *map(str, args)], capture_output=True, text=True, check=False)
    return Answer(status=ran.returncode, out=ran.stdout, err=ran.stderr)


def picture(seed: int, *, side: int = 68) -> Pixels:
    """A grey picture of 17 by 17 patches: far from every other, and robust to re-saving."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, size=(17, 17), dtype=np.uint8)
    return np.kron(patches, np.ones((side // 17, side // 17), dtype=np.uint8))


def save(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_records(folder: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """`records.jsonl` of these rows; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row) + "\n" for row in rows]
    (folder / "records.jsonl").write_text("".join(lines), "utf-8")
    return folder


def archive(folder: Path, *, n_studies: int = 24, side: int = 68, seed: int = 0) -> Path:
    """Random pictures with words: two studies a patient, a quarter of studies with two images.

    The splits are the archive's own: half of the patients train, a sixth val, the rest test.
    """
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for n in range(n_studies):
        row: dict[str, object] = {
            "study_id": f"s{n:03d}",
            "patient_id": f"mrn-{48390 + n // 2}",
            "date": f"2024-{1 + n % 12:02d}-03",
            "findings": f"Finding {WORDS[int(rng.integers(len(WORDS)))]} in zone {n}.",
            "impression": f"Opinion {n}: {WORDS[n % len(WORDS)]}.",
            "indication": f"Asked about {WORDS[n % len(WORDS)]}.",
            "labels": list(LABELS[n % len(LABELS)]),
            "age": 30 + n,
            "sex": "FM"[n % 2],
            "site": SITES[n % 2],
            "split": _split(n, n_studies),
        }
        for view in ("PA", "LATERAL")[: 2 if n % 4 == 0 else 1]:
            name = f"images/{n:03d}-{view}.png"
            save(folder / name, picture(1000 * seed + 2 * n + (view == "PA"), side=side))
            rows.append({**row, "image": name, "view": view, "modality": "DX"})
    return write_records(folder, rows)


WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath")


def _split(n: int, n_studies: int) -> str:
    place = (n - n % 2) / n_studies
    return "train" if place < 0.5 else "val" if place < 0.66 else "test"


@functools.cache
def trained() -> tuple[Path, Path]:
    """An archive and a home that holds it, trained and indexed. Copy the home before writing."""
    root = Path(tempfile.mkdtemp(prefix="caselight-tests-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    source, home = archive(root / "archive"), root / "home"
    done("ingest", source, "--home", home)
    train_and_index(home)
    return source, home


def train_and_index(home: Path, *options: str) -> None:
    done("train", "--home", home, *TOY, *options)
    done("index", "build", "--home", home)


def trained_copy(folder: Path) -> Path:
    """A home of one's own, trained and indexed."""
    home = folder / "home"
    shutil.copytree(trained()[1], home)
    return home


def contents(folder: Path, *, without: Sequence[str] = ()) -> dict[str, str]:
    """Every file below a folder with the digest of its bytes; no record, which always grows."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in without and path.parent.name not in RECORD
    }


def ingest(source: Path, home: Path, *options: str) -> Any:
    """Bring an archive in; returns the receipt."""
    return done("ingest", source, "--home", home, "--json", *options).json


def held(home: Path) -> dict[str, Study]:
    """Every study of a home, by id."""
    with open_store(home) as store:
        return {study.study_uid: study for _, study in store.studies()}


def tally(receipt: Any) -> tuple[int, int, int, int]:
    """Studies accepted, updated and unchanged, and things refused."""
    return (
        receipt["accepted"],
        receipt["updated"],
        receipt["unchanged"],
        len(receipt["rejected"]),
    )


def one_row(folder: Path, **columns: object) -> Path:
    save(folder / "a.png", picture(1))
    return write_records(folder, [{"image": "a.png", "study_id": "s", **columns}])


def stored(home: Path, digest: str) -> Pixels:
    with open_store(home) as store:
        return read_pixels(store.pixels_path(digest), max_pixels=10**9)
