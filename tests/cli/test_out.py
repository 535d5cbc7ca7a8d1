"""`caselight embed` and `caselight export`, from the outside."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import caselight
from tests.cli.refusals import refused
from tests.homes import contents, done, door, picture, process, save, trained

HOME = ("--home", "HOME")
KEYS = {
    *("out", "schema", "n_images", "n_reports", "embed_dim", "n_bits", "model", "store"),
    *("digest", "rejected", "notes", "version"),
}


def home() -> Path:
    return trained()[1]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# -- embed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["e.npz", "e.parquet", "e"])
def test_a_home_is_embedded_into_every_form(tmp_path: Path, name: str) -> None:
    said = done("embed", "--home", home(), "--out", name, "--json").json
    assert said.keys() == KEYS
    assert (said["n_images"], said["n_reports"]) == (30, 24)
    assert (said["embed_dim"], said["n_bits"], said["out"]) == (16, 64, name)
    read = caselight.read_embeddings(tmp_path / name, model=said["model"])
    assert (len(read), read.digest, read.store) == (54, said["digest"], said["store"])


def test_the_file_has_a_name_where_none_is_given(tmp_path: Path) -> None:
    said = done("embed", "--home", home()).out
    assert said.startswith("embedded 30 images and 24 texts as 16 numbers and 64 bits each, in ")
    assert len(caselight.read_embeddings(tmp_path / "embeddings.npz")) == 54


def test_the_options_choose(tmp_path: Path) -> None:
    options = ("--split", "test", "--filter", "sex=F", "--kind", "image", "--bits", 32)
    said = done("embed", "--home", home(), *options, "--json").json
    assert (said["n_reports"], said["n_bits"]) == (0, 32)
    read = caselight.read_embeddings(tmp_path / "embeddings.npz")
    assert {row.split for row in read.rows} == {"test"}


def test_one_study_is_embedded_by_one_command(tmp_path: Path) -> None:
    save(tmp_path / "study" / "pa.png", picture(1))
    save(tmp_path / "study" / "lateral.png", picture(2))
    (tmp_path / "words.txt").write_text("Large left effusion.\n")
    model = home() / "trained"
    options = ("--images", "study", "--texts", "words.txt", "--model", model, "--out", "s.npz")
    said = done("embed", *options, "--json").json
    assert (said["n_images"], said["n_reports"], said["store"]) == (2, 1, None)
    rows = caselight.read_embeddings(tmp_path / "s.npz").rows
    assert [row.image for row in rows] == ["lateral.png", "pa.png", None]
    again = done("embed", *options[:4], "--home", home(), "--out", "t.npz", "--json").json
    assert again["digest"] == said["digest"]


def test_what_was_refused_is_shown(tmp_path: Path) -> None:
    save(tmp_path / "b.png", picture(1))
    for n in range(12):
        (tmp_path / f"a{n:02d}.png").write_bytes(b"")
    answer = done("embed", "--images", ".", "--home", home(), "--out", "e.npz")
    assert "refused a00.png: data.empty_file" in answer.out
    assert "... and 2 more; --json lists all" in answer.out


@pytest.mark.parametrize(
    ("args", "code", "status", "says"),
    [
        ((), "usage.bad_argument", 2, "name what to embed"),
        (("--texts", "t.txt"), "usage.bad_argument", 2, "name what to embed"),
        (("--model", "HOME/trained"), "usage.bad_argument", 2, "name what to embed"),
        (
            (*HOME, "--texts", "t.txt", "--split", "test"),
            "usage.bad_argument",
            2,
            "leave out one or the other",
        ),
        ((*HOME, "--out", "e.csv"), "usage.bad_argument", 2, ".npz or .parquet"),
        ((*HOME, "--out", "t.txt/e.npz"), "store.damaged", 1, "system refused"),
        ((*HOME, "--out", "full.npz"), "data.not_empty", 1, "nothing is ever overwritten"),
        ((*HOME, "--bits", "48"), "model.no_such_bits", 1, "48-bit"),
        ((*HOME, "--filter", "colour=red"), "query.bad_filter", 1, "colour"),
        ((*HOME, "--filter", "site=none"), "query.empty_gallery", 1, "nothing is left"),
        ((*HOME, "--texts", "none.txt"), "data.not_found", 1, "none.txt"),
        ((*HOME, "--images", "none.png"), "data.not_found", 1, "none.png"),
        ((*HOME, "--images", "t.txt"), "data.not_an_image", 1, "t.txt"),
        ((*HOME, "--model", "none"), "model.not_found", 1, "none"),
        (("--home", "none"), "store.missing", 1, "none"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    tmp_path: Path, args: tuple[str, ...], code: str, status: int, says: str
) -> None:
    (tmp_path / "t.txt").write_text("Words.\n")
    (tmp_path / "full.npz").write_text("mine")
    before = contents(tmp_path)
    answer = door("embed", *(arg.replace("HOME", str(home())) for arg in args))
    refused(answer, code=code, status=status, says=says)
    assert contents(tmp_path) == before


def test_parquet_without_pyarrow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = door("embed", "--home", home(), "--out", "e.parquet")
    refused(answer, code="usage.missing_extra", status=2, says="pip install caselight[export]")


# -- export ------------------------------------------------------------------------------------


def test_a_query_is_exported(tmp_path: Path) -> None:
    options = ("amber", "--filter", "sex=F", "-k", 3, "--home", home())
    said = done("export", *options, "--out", "sheet", "--full", "--json").json
    asked = done("search", *options, "--json").json
    assert (said["n_hits"], said["n_pictures"]) == (3, 3)
    assert (said["model"], said["index"]) == (asked["model"], asked["index"])
    hits = json.loads((tmp_path / "sheet" / "hits.json").read_text())["hits"]
    assert [hit["study"] for hit in hits] == [hit["study"] for hit in asked["hits"]]
    assert "“amber” with sex=F" in (tmp_path / "sheet" / "index.html").read_text("utf-8")


def test_an_answer_is_exported_from_a_file_or_a_pipe(tmp_path: Path) -> None:
    answer = done("search", "amber", "-k", 2, "--home", home(), "--json").out
    (tmp_path / "answer.json").write_text(answer, "utf-8")
    said = done("export", "--from", "answer.json", "--home", home(), "--out", "one").out
    assert said.startswith("exported 2 hits to one; open one/index.html; model ")
    done("export", "amber", "-k", 2, "--home", home(), "--out", "two")
    one, two = (contents(tmp_path / name, without=["hits.json"]) for name in ("one", "two"))
    assert one == two


@pytest.mark.slow
def test_an_answer_comes_through_a_pipe(tmp_path: Path) -> None:
    import subprocess

    from tests.homes import script

    answer = process("search", "amber", "-k", 2, "--home", home(), "--json").out
    command = [script(), "export", "--from", "-", "--home", str(home()), "--out", "sheet"]
    subprocess.run(command, input=answer, text=True, check=True, capture_output=True)
    assert (tmp_path / "sheet" / "index.html").is_file()


def test_a_note_is_shown_apart() -> None:
    answer = done("export", "amber", "-k", 999, "--home", home(), "--out", "sheet")
    assert "note: k is 999" in answer.err
    assert "note" not in answer.out


def test_export_asks_all_that_search_asks() -> None:
    """The same options with the same words and defaults, so that neither is forgotten."""
    import typer.main

    from caselight.cli.main import app

    root: Any = typer.main.get_command(app)
    search, export = (
        {
            param.name: (param.opts, param.default, getattr(param, "help", None))
            for param in root.commands[name].params
        }
        for name in ("search", "export")
    )
    # What --explain shows goes into the JSON of an export anyway.
    del search["explain"]
    assert export.items() >= search.items()
    assert export.keys() - search.keys() == {"out_", "from_", "full"}


@pytest.mark.parametrize(
    ("args", "code", "status", "says"),
    [
        ((*HOME, "amber", "--out", "full"), "data.not_empty", 1, "nothing is ever overwritten"),
        ((*HOME, "", "--out", "s"), "query.empty", 1, "give some words"),
        ((*HOME, "--from", "a.json", "amber", "--out", "s"), "usage.bad_argument", 2, "words"),
        ((*HOME, "--from", "a.json", "-k", "3", "--out", "s"), "usage.bad_argument", 2, "-k"),
        ((*HOME, "--from", "none.json", "--out", "s"), "data.not_found", 1, "none.json"),
        ((*HOME, "--from", "a.json", "--out", "s"), "data.bad_row", 1, "not JSON"),
        ((*HOME, "--from", "latin.json", "--out", "s"), "data.bad_row", 1, "UTF-8"),
        (("--home", "none", "amber", "--out", "s"), "store.missing", 1, "none"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    tmp_path: Path, args: tuple[str, ...], code: str, status: int, says: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "latin.json").write_bytes(b'{"\xdf": 1}')
    before = contents(tmp_path)
    answer = door("export", *(arg.replace("HOME", str(home())) for arg in args))
    refused(answer, code=code, status=status, says=says)
    assert contents(tmp_path) == before
