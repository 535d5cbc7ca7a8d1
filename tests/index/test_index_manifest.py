"""An index on disk is whole, fresh and the last one finished, or it is refused."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from caselight.codes import pack_signs, sign_bits
from caselight.errors import IndexMismatch
from caselight.index import manifest as module
from caselight.index.manifest import (
    IMAGE,
    REPORT,
    IndexManifest,
    OpenIndex,
    Rows,
    read_index,
    read_manifest,
    write_index,
)
from caselight.types import Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    rows: Rows
    codes: Codes
    embeddings: NDArray[np.float32]


def contents(seed: int = 0, *, n: int = 5) -> Contents:
    rng = np.random.default_rng(seed)
    embeddings = rng.standard_normal((n, 4)).astype(np.float32)
    kind = np.array([IMAGE, REPORT] * n, dtype=np.uint8)[:n]
    return Contents(
        rows=Rows(
            kind=kind,
            study=np.arange(n, dtype=np.int64) // 2,
            position=np.where(kind == IMAGE, 0, -1).astype(np.int64),
        ),
        codes=pack_signs(sign_bits(rng.standard_normal((n, 16)))),
        embeddings=embeddings,
    )


def write(home: Path, seed: int = 0, *, store: str = "store:1") -> IndexManifest:
    c = contents(seed)
    return write_index(
        home, rows=c.rows, codes=c.codes, embeddings=c.embeddings, model="m" * 64, store=store
    )


def folder_of(home: Path) -> Path:
    """The folder of the index in force."""
    return home / "index" / (home / "index" / "current").read_text("utf-8")


def holds(opened: OpenIndex, c: Contents) -> bool:
    return (
        np.array_equal(opened.embeddings, c.embeddings)
        and np.array_equal(opened.flat.codes.packed, c.codes.packed)
        and np.array_equal(opened.rows.kind, c.rows.kind)
        and np.array_equal(opened.rows.study, c.rows.study)
        and np.array_equal(opened.rows.position, c.rows.position)
    )


def test_an_index_reads_back_as_it_was_written(home: Path) -> None:
    written = write(home)
    opened = read_index(home, store="store:1")
    assert opened.manifest == written == read_manifest(home)
    assert (written.model, written.store, written.n_bits) == ("m" * 64, "store:1", 16)
    assert (written.n_images, written.n_reports) == (3, 2)
    assert holds(opened, contents())
    assert opened.embeddings.dtype == np.float32
    assert opened.flat.rows.tolist() == list(range(5))


def test_the_digest_is_of_the_contents(home: Path) -> None:
    first, again = write(home), write(home, store="store:2")
    assert first.digest == again.digest
    assert write(home, 1).digest != first.digest


@pytest.mark.parametrize("name", ["kind", "study", "position", "codes", "embeddings"])
def test_every_array_counts_for_the_digest(home: Path, name: str) -> None:
    before = write(home).digest
    c = contents()
    if name == "codes":
        c = replace(c, codes=replace(c.codes, packed=c.codes.packed ^ np.uint8(1)))
    elif name == "embeddings":
        c = replace(c, embeddings=c.embeddings + 1)
    else:
        changed: dict[str, Any] = {name: getattr(c.rows, name) + 1}
        c = replace(c, rows=replace(c.rows, **changed))
    after = write_index(
        home, rows=c.rows, codes=c.codes, embeddings=c.embeddings, model="m", store="s"
    )
    assert after.digest != before


def test_an_index_of_another_state_of_the_archive_is_refused(home: Path) -> None:
    write(home, store="store:1")
    with pytest.raises(IndexMismatch, match="caselight index build") as refused:
        read_index(home, store="store:2")
    assert refused.value.code == "index.stale"


def test_a_home_without_an_index_is_refused(home: Path) -> None:
    for read in (lambda: read_manifest(home), lambda: read_index(home, store="store:1")):
        with pytest.raises(IndexMismatch, match="caselight index build") as refused:
            read()
        assert refused.value.code == "index.missing"


def test_any_changed_bit_of_the_arrays_is_found(home: Path) -> None:
    write(home)
    path = folder_of(home) / "index.safetensors"
    whole = path.read_bytes()
    for position in range(len(whole)):
        bit = 1 << (position % 8)
        path.write_bytes(whole[:position] + bytes([whole[position] ^ bit]) + whole[position + 1 :])
        with pytest.raises(IndexMismatch) as refused:
            read_index(home, store="store:1")
        assert refused.value.code == "index.digest_mismatch"
    path.write_bytes(whole)
    assert holds(read_index(home, store="store:1"), contents())


@pytest.mark.parametrize("kept", [0, 7, 8, 100, -1])
def test_a_truncated_file_of_arrays_is_found(home: Path, kept: int) -> None:
    write(home)
    path = folder_of(home) / "index.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(IndexMismatch) as refused:
        read_index(home, store="store:1")
    assert refused.value.code == "index.digest_mismatch"


@pytest.mark.parametrize("name", ["index.safetensors", "manifest.json"])
def test_a_lost_file_is_found(home: Path, name: str) -> None:
    write(home)
    (folder_of(home) / name).unlink()
    with pytest.raises(IndexMismatch) as refused:
        read_index(home, store="store:1")
    assert refused.value.code == "index.digest_mismatch"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b'{"digest": "0", "unknown": 1}',
    ],
)
def test_a_broken_manifest_is_found(home: Path, content: bytes) -> None:
    write(home)
    (folder_of(home) / "manifest.json").write_bytes(content)
    with pytest.raises(IndexMismatch) as refused:
        read_index(home, store="store:1")
    assert refused.value.code == "index.digest_mismatch"


def change_manifest(home: Path, **values: object) -> None:
    path = folder_of(home) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), "utf-8")


def test_a_manifest_with_another_digest_is_found(home: Path) -> None:
    write(home)
    change_manifest(home, digest="0" * 64)
    with pytest.raises(IndexMismatch) as refused:
        read_index(home, store="store:1")
    assert refused.value.code == "index.digest_mismatch"


@pytest.mark.parametrize(
    ("name", "value"), [("n_bits", 32), ("n_bits", 8), ("n_images", 9), ("format", 2)]
)
def test_a_manifest_that_says_something_else_of_its_arrays_is_found(
    home: Path, name: str, value: int
) -> None:
    write(home)
    change_manifest(home, **{name: value})
    with pytest.raises(IndexMismatch):
        read_index(home, store="store:1")


def test_a_broken_pointer_is_found(home: Path) -> None:
    write(home)
    (home / "index" / "current").write_bytes(b"\xff\xfe")
    with pytest.raises(IndexMismatch) as refused:
        read_index(home, store="store:1")
    assert refused.value.code == "index.digest_mismatch"


def test_a_new_index_takes_the_place_of_the_old_one(home: Path) -> None:
    write(home, 0)
    old = folder_of(home)
    write(home, 1)
    assert holds(read_index(home, store="store:1"), contents(1))
    assert not old.exists()
    assert {path.name for path in (home / "index").iterdir()} == {"current", folder_of(home).name}


class Killed(Exception):
    """Stands for the process's end."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("moment", ["before the arrays", "before the manifest", "before the step"])
def test_an_interrupted_write_leaves_the_old_index_in_force(
    home: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    write(home, 0)
    with monkeypatch.context() as patch:
        if moment == "before the arrays":
            patch.setattr(module, "save_file", killed)
        elif moment == "before the manifest":
            patch.setattr(Path, "write_text", killed)
        else:
            patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            write(home, 1)
    assert holds(read_index(home, store="store:1"), contents(0))
    write(home, 2)
    assert holds(read_index(home, store="store:1"), contents(2))
    folders = [path for path in (home / "index").iterdir() if path.is_dir()]
    assert folders == [folder_of(home)]


def test_the_first_write_interrupted_leaves_no_index(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            write(home, 0)
    with pytest.raises(IndexMismatch) as refused:
        read_index(home, store="store:1")
    assert refused.value.code == "index.missing"


def test_a_write_sweeps_up_what_a_killed_one_left(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            write(home, 0)
    write(home, 1)
    assert {path.name for path in (home / "index").iterdir()} == {"current", folder_of(home).name}


def test_an_empty_index_is_an_index(home: Path) -> None:
    c = contents(n=0)
    write_index(home, rows=c.rows, codes=c.codes, embeddings=c.embeddings, model="m", store="s")
    assert len(read_index(home, store="s").flat) == 0
