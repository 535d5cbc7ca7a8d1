"""Embeddings on disk: every form gives back what was written, and damage is noticed."""

import contextlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.embedding_files import (
    Embedded,
    EmbeddedRow,
    read_embeddings,
    write_embeddings,
)
from caselight.errors import DataError, IndexMismatch, UsageError
from caselight.types import Codes, Embeddings
from tests.homes import contents

FORMS = ("e.npz", "e.parquet", "e")


def embedded(n: int = 3, *, names: tuple[str, ...] = (), seed: int = 0) -> Embedded:
    rng = np.random.default_rng(seed)
    mean = rng.standard_normal((n, 8)).astype(np.float32)
    return Embedded(
        embeddings=Embeddings(mean=mean),
        codes=Codes(packed=rng.integers(0, 256, (n, 2), dtype=np.uint8), n_bits=16),
        rows=tuple(
            EmbeddedRow(
                study=(names[i] if i < len(names) else f"s{i}"),
                image=None if i % 2 else f"i{i}",
                kind="report" if i % 2 else "image",
                split=None if i % 3 else "test",
                digest=f"{i:064x}",
            )
            for i in range(n)
        ),
        model="a" * 64,
        text="auto",
        store=None if seed else "b" * 64,
    )


def same(one: Embedded, other: Embedded) -> bool:
    return (
        np.array_equal(one.embeddings.mean, other.embeddings.mean)
        and np.array_equal(one.codes.packed, other.codes.packed)
        and one.codes.n_bits == other.codes.n_bits
        and one.rows == other.rows
        and (one.model, one.text, one.store) == (other.model, other.text, other.store)
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_read_is_what_was_written(tmp_path: Path, form: str, seed: int) -> None:
    written = embedded(seed=seed)
    write_embeddings(written, tmp_path / form)
    read = read_embeddings(tmp_path / form)
    assert same(read, written)
    assert read.embeddings.mean.dtype == np.float32
    assert read.codes.packed.dtype == np.uint8
    assert read.digest == written.digest


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)))
def test_any_id_comes_back_from_numpy(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.mktemp("ids") / "e.npz"
    written = embedded(max(1, len(names)), names=tuple(names))
    write_embeddings(written, path)
    assert same(read_embeddings(path), written)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_embeddings_make_the_same_bytes(tmp_path: Path, form: str) -> None:
    for place in ("one", "two"):
        write_embeddings(embedded(), tmp_path / place / form)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_numpy_reads_it_without_pickle(tmp_path: Path) -> None:
    write_embeddings(embedded(), tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == {
            *("about", "embeddings", "codes", "study", "image", "kind", "split", "digest"),
        }
        assert arrays["study"].tolist() == ["s0", "s1", "s2"]
        about = json.loads(arrays["about"].item())
    assert about.keys() == {"schema", "model", "store", "text", "n_bits", "digest"}


def test_parquet_carries_its_metadata_and_plain_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_embeddings(embedded(), tmp_path / "e.parquet")
    table = parquet.read_table(tmp_path / "e.parquet")
    assert json.loads(table.schema.metadata[b"caselight"])["model"] == "a" * 64
    assert table.column_names == [
        *("study", "image", "kind", "split", "digest", "embedding", "code"),
    ]
    assert table.column("image").to_pylist() == ["i0", None, "i2"]
    assert np.allclose(table.column("embedding").to_pylist(), embedded().embeddings.mean)


def test_a_folder_can_be_mapped_into_memory(tmp_path: Path) -> None:
    write_embeddings(embedded(), tmp_path / "e")
    mapped = np.load(tmp_path / "e" / "embeddings.npy", mmap_mode="r")
    assert np.array_equal(mapped, embedded().embeddings.mean)


@pytest.mark.parametrize("form", FORMS)
def test_the_model_is_checked_when_it_is_asked_for(tmp_path: Path, form: str) -> None:
    write_embeddings(embedded(), tmp_path / form)
    for right in ("a" * 64, "aaaa"):
        assert read_embeddings(tmp_path / form, model=right).model == "a" * 64
    for wrong in ("b" * 64, "a" * 65, ""):
        with pytest.raises(IndexMismatch) as caught:
            read_embeddings(tmp_path / form, model=wrong)
        assert caught.value.code == "index.encoder_mismatch"


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_overwritten(tmp_path: Path, form: str) -> None:
    write_embeddings(embedded(), tmp_path / form)
    before = contents(tmp_path)
    with pytest.raises(DataError) as caught:
        write_embeddings(embedded(seed=1), tmp_path / form)
    assert caught.value.code == "data.not_empty"
    assert contents(tmp_path) == before


def test_another_suffix_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write_embeddings(embedded(), tmp_path / "e.csv")
    assert "'.csv'" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_one_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as caught:
        write_embeddings(embedded(), tmp_path / "e.parquet")
    assert caught.value.code == "usage.missing_extra"
    assert "pip install caselight[export]" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_embeddings(path)
    return caught.value.code


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.npz") == "data.not_found"


@pytest.mark.parametrize("form", ["e.npz", "e.parquet"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, form: str) -> None:
    write_embeddings(embedded(), tmp_path / form)
    whole = (tmp_path / form).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        (tmp_path / form).write_bytes(whole[:length])
        assert refused(tmp_path / form) == "data.bad_embeddings"


@pytest.mark.parametrize("name", ["embeddings.npy", "codes.npy", "rows.jsonl", "about.json"])
def test_a_folder_with_a_changed_or_missing_part_is_refused(tmp_path: Path, name: str) -> None:
    write_embeddings(embedded(), tmp_path / "e")
    part = tmp_path / "e" / name
    whole = part.read_bytes()
    part.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    assert refused(tmp_path / "e") == "data.bad_embeddings"
    part.unlink()
    assert refused(tmp_path / "e") == "data.bad_embeddings"


def test_an_array_with_any_changed_byte_in_its_header_is_refused_or_the_same(
    tmp_path: Path,
) -> None:
    write_embeddings(embedded(), tmp_path / "e")
    part = tmp_path / "e" / "embeddings.npy"
    whole = part.read_bytes()
    for place in range(whole.index(b"\n")):
        for other in b"('\0":
            if whole[place] != other:
                part.write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])
                # A header may be written in several ways that mean the same.
                with contextlib.suppress(DataError):
                    assert read_embeddings(tmp_path / "e").digest == embedded().digest


def test_arrays_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    np.savez(path, embeddings=np.zeros((2, 2), np.float32))
    assert refused(path) == "data.bad_embeddings"
    header = {"schema": "caselight-embeddings-9", "model": "", "store": None, "n_bits": 16}
    np.savez(path, about=np.array(json.dumps(header)), allow_pickle=False)
    assert refused(path) == "data.bad_embeddings"
    (tmp_path / "e.txt").write_text("words")
    assert refused(tmp_path / "e.txt") == "data.bad_embeddings"


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "e.npz", about=np.array([Trap()], dtype=object), allow_pickle=True)
    assert refused(tmp_path / "e.npz") == "data.bad_embeddings"
    assert not (tmp_path / "sprung").exists()
