"""What the page about taking things out promises."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from caselight.data.embedding_files import _WRITERS
from tests.docs import pages
from tests.docs.pages import ROOT, blocks, table
from tests.homes import done

PAGE = ROOT / "docs" / "guide" / "out.md"


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the folder after the first steps, as the working folder."""
    folder = tmp_path / "studio"
    shutil.copytree(pages.first_steps().name, folder)
    monkeypatch.chdir(folder)
    return folder


def test_what_embed_says_has_the_shape_of_its_page(studio: Path) -> None:
    (promised,) = map(json.loads, blocks(PAGE, "json"))
    Path("loose").mkdir()
    Path("loose/empty.png").touch()
    Path("words.txt").write_text("No effusion.\n")
    options = ("--images", "loose", "--texts", "words.txt", "--home", "home")
    found = done("embed", *options, "--json").json
    assert found["rejected"]
    pages.same_shape(promised, found)


def test_every_form_and_every_array_is_on_its_page(studio: Path) -> None:
    forms = {"" if ending == "none" else ending for ending in table(PAGE, "| Ending |")}
    assert forms == set(_WRITERS)
    done("embed", "--home", "home")
    with np.load("embeddings.npz", allow_pickle=False) as arrays:
        listed = [row.split("`")[0] for row in table(PAGE, "| Array or column |")]
        assert sorted(listed) == sorted(arrays.files)


def test_every_file_of_an_export_is_on_its_page(studio: Path) -> None:
    done("export", "effusion", "--home", "home", "--full", "--out", "hits")
    written = {path.as_posix() for path in Path("hits").iterdir()}
    assert written == set(table(PAGE, "| File |"))
