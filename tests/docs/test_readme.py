"""What the README tells a stranger to type works, in exactly that form."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.docs import pages
from tests.docs.pages import ROOT, blocks
from tests.homes import contents, door, picture, save

README = ROOT / "README.md"
SMALL = ("ingest", "train", "index", "search")


def own_folder(folder: Path) -> str:
    """Write the README's table and its pictures; return the table."""
    (csv,) = blocks(README, "csv")
    folder.mkdir()
    (folder / "records.csv").write_text(csv, "utf-8")
    for number, row in enumerate(csv.splitlines()[1:]):
        save(folder / row.split(",")[0], picture(number))
    return csv


def test_the_commands_on_ones_own_folder_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own_folder(tmp_path / "my-export")
    _, block, ways = blocks(README, "console")
    for command in pages.commands(block):
        answer = pages.run_command(command, small=SMALL)
    assert re.search(r"chest-00[12]", answer.out), "the search finds nothing of the folder"
    for command in pages.commands(ways):
        pages.run_command(command, small=SMALL)
    assert "chest-001" in Path("hits/index.html").read_text("utf-8")


def test_the_table_is_whole() -> None:
    (csv,) = blocks(README, "csv")
    lines = csv.splitlines()
    assert len(lines) == 3
    assert "image" in lines[0]


def test_the_first_commands_are_targets_that_exist() -> None:
    first, *_ = blocks(README, "console")
    assert [command.words for command in pages.commands(first)] == [
        ("make", "run"),
        ("make", "test"),
    ]


def test_the_readme_says_what_it_is_not_and_what_is_stored() -> None:
    text = README.read_text("utf-8")
    assert "Not a medical device" in text
    assert "not for diagnosis" in text
    for heading in ("Try it", "Install", "Privacy", "What it is not"):
        assert f"\n## {heading}\n" in text
    privacy = text.split("\n## Privacy\n")[1].split("\n## ")[0]
    assert len(re.findall(r"^- ", privacy, re.MULTILINE)) == 6


def test_what_the_readme_says_is_never_stored_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No patient id, and no picture that was only searched with, is found in the home's bytes."""
    monkeypatch.chdir(tmp_path)
    csv = own_folder(tmp_path / "my-export")
    patients = [row.split(",")[1].encode() for row in csv.splitlines()[1:]]
    _, block, _ = blocks(README, "console")
    for command in pages.commands(block):
        pages.run_command(command, small=SMALL)
    outside = save(tmp_path / "outside.png", picture(99))
    before = contents(tmp_path / "my-home")
    assert door("search", "--image", outside, "--home", "my-home").status == 0
    assert contents(tmp_path / "my-home") == before
    held = [path for path in (tmp_path / "my-home").rglob("*") if path.is_file()]
    text = [path.read_bytes() for path in held if path.suffix in (".sqlite", ".json")]
    assert b"pleural effusion" in b"".join(text), "the search for ids looks in the right files"
    assert not any(patient in content for patient in patients for content in text)


@pytest.mark.slow
def test_the_main_job_runs(tmp_path: Path) -> None:
    """What `make run` does after setting up, at a third of its size."""
    tools = Path(sys.executable).parent
    ran = subprocess.run(
        ["bash", str(ROOT / "scripts" / "run.sh"), "demo"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "STUDIES": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert [f"\n{n}. " in ran.stdout for n in (1, 2, 3)] == [True] * 3
    assert len(re.findall(r"^ +1 +\S", ran.stdout, re.MULTILINE)) == 3
    picture_of_it = tmp_path / "search.png"
    drawn = subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts" / "picture.py"),
            "demo/home",
            "demo/outside",
            str(picture_of_it),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert drawn.returncode == 0, drawn.stderr
    from PIL import Image

    with Image.open(picture_of_it) as image:
        pixels = np.asarray(image.convert("L"))
    assert (pixels[-1] == 255).all(), "the margin is white"
    assert picture_of_it.stat().st_size < 300_000
