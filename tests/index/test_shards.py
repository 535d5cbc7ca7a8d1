"""What is published is the index and nothing else, in any place, and no byte of it may change."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caselight.errors import ClusterError, UsageError
from caselight.index import places as places_module
from caselight.index import segments
from caselight.index.manifest import read_snapshot
from caselight.index.places import Place, open_place
from caselight.index.shards import (
    MANIFEST,
    Publication,
    files_of,
    open_shard,
    publish,
    read_published,
    withdraw,
)
from caselight.index.snapshot import Snapshot
from caselight.index.substrings import available
from caselight.index.writer import IndexWriter
from tests.index.sealed import MODEL, OTHER_SEAL, SEAL, filled, some

fsspec = pytest.importorskip(
    "fsspec", reason="fsspec is not installed: pip install 'caselight[scale]'"
)
VERIFIER = SEAL.verifier


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return open_place(f"file://{tmp_path}/published")
    return open_place(f"memory://{tmp_path}/published")


def snapshot(folder: Path) -> Snapshot:
    return read_snapshot(folder, seal=VERIFIER)[1]


def published(place: Place, items: Snapshot, *, shard_rows: int = 10) -> Publication:
    return publish(
        place, items, model=MODEL, digest=items.digest(MODEL), shard_rows=shard_rows, seal=SEAL
    )


def bytes_of(place: Place, name: str) -> bytes:
    with place.fetched([name]) as folder:
        return (folder / name).read_bytes()


def put(place: Place, name: str, data: bytes) -> None:
    with place.filling() as folder:
        (folder / name).write_bytes(data)


def test_what_was_published_is_read_with_the_public_key_alone(place: Place, tmp_path: Path) -> None:
    items = snapshot(filled(tmp_path / "index"))
    said = published(place, items)
    found = read_published(place, seal=VERIFIER)
    assert found == said.published
    assert len(found) == len(items) == 43
    assert said.n_written == len(found.shards) == 5
    shards = [open_shard(place, found, info.file) for info in found.shards]
    assert np.array_equal(np.concatenate([one.items.row for one in shards]), items.row)
    vectors = np.concatenate([one.items.vectors(np.arange(len(one.items))) for one in shards])
    assert np.array_equal(vectors, items.vectors(np.arange(43)))
    named = {MANIFEST, *(name for info in found.shards for name in files_of(info))}
    assert place.names() == named


def test_a_change_writes_the_shards_it_touches_and_removes_what_they_replace(
    place: Place, tmp_path: Path
) -> None:
    folder = filled(tmp_path / "index")
    before = published(place, snapshot(folder)).published
    again = published(place, snapshot(folder))
    assert (again.n_written, again.n_removed) == (0, 0)
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(remove=np.array([12], dtype=np.int64), **some(np.random.default_rng(1), 3))
    after = published(place, snapshot(folder))
    assert (after.n_written, after.n_removed) == (2, 4)  # of row 12, and the last
    kept = {info.file for info in before.shards} & {info.file for info in after.published.shards}
    assert len(kept) == 3
    rows = [
        open_shard(place, after.published, info.file).items.row for info in after.published.shards
    ]
    assert 12 not in np.concatenate(rows)
    assert place.names() == {
        MANIFEST,
        *(name for info in after.published.shards for name in files_of(info)),
    }


def test_a_compaction_changes_nothing_that_is_published(place: Place, tmp_path: Path) -> None:
    folder = filled(tmp_path / "index")
    published(place, snapshot(folder))
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.compact()
    assert published(place, snapshot(folder)).n_written == 0


def test_flipped_bytes_are_found_when_a_shard_is_opened(tmp_path: Path) -> None:
    place = open_place(str(tmp_path / "published"))
    published(place, snapshot(filled(tmp_path / "index")), shard_rows=100)
    found = read_published(place, seal=VERIFIER)
    (info,) = found.shards
    for name in files_of(info):
        path = tmp_path / "published" / name
        whole = path.read_bytes()
        for at in range(0, len(whole), 53):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(ClusterError) as caught:
                open_shard(place, found, info.file)
            assert caught.value.code == "cluster.damaged"
        path.write_bytes(whole)
    open_shard(place, found, info.file)


def test_flipped_bytes_of_the_manifest_are_found(tmp_path: Path) -> None:
    place = open_place(str(tmp_path / "published"))
    published(place, snapshot(filled(tmp_path / "index")), shard_rows=100)
    path = tmp_path / "published" / MANIFEST
    whole = path.read_bytes()
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ClusterError) as caught:
            read_published(place, seal=VERIFIER)
        assert caught.value.code == "cluster.damaged"


Harm = Callable[[Place, list[str]], None]


def _drop(place: Place, names: list[str]) -> None:
    place.remove(names[0])


def _cut(place: Place, names: list[str]) -> None:
    put(place, names[0], bytes_of(place, names[0])[:-1])


def _exchange(place: Place, names: list[str]) -> None:
    first, second = bytes_of(place, names[0]), bytes_of(place, names[2])
    put(place, names[0], second)
    put(place, names[2], first)


@pytest.mark.parametrize("harm", [_drop, _cut, _exchange])
def test_a_shard_that_is_not_what_was_signed_is_refused_and_made_anew(
    place: Place, tmp_path: Path, harm: Harm
) -> None:
    items = snapshot(filled(tmp_path / "index"))
    said = published(place, items).published
    first = said.shards[0]
    harm(place, [name for info in said.shards for name in files_of(info)])
    with pytest.raises(ClusterError, match="publish --anew") as caught:
        open_shard(place, said, first.file)
    assert caught.value.code == "cluster.damaged"
    anew = [info.file for info in said.shards[:2]]
    publish(
        place,
        items,
        model=MODEL,
        digest=items.digest(MODEL),
        shard_rows=10,
        seal=SEAL,
        anew=anew,
    )
    for info in said.shards:
        open_shard(place, said, info.file)


def test_what_another_home_has_published_is_left_alone(place: Place, tmp_path: Path) -> None:
    items = snapshot(filled(tmp_path / "index"))
    published(place, items)
    there = {name: bytes_of(place, name) for name in place.names()}

    def by_another(*, fresh: bool = False) -> None:
        publish(
            place,
            items,
            model=MODEL,
            digest="",
            shard_rows=10,
            seal=OTHER_SEAL,
            fresh=fresh,
        )

    for refused in (by_another, lambda: withdraw(place, seal=OTHER_SEAL)):
        with pytest.raises(ClusterError) as caught:
            refused()
        assert caught.value.code == "cluster.not_ours"
    with pytest.raises(ClusterError):
        read_published(place, seal=OTHER_SEAL)
    assert {name: bytes_of(place, name) for name in place.names()} == there
    by_another(fresh=True)
    assert read_published(place, seal=OTHER_SEAL.verifier).digest == ""


def test_a_place_with_other_files_is_refused(place: Place, tmp_path: Path) -> None:
    put(place, "thesis.txt", b"years of work")
    for fresh in (False, True):
        with pytest.raises(ClusterError) as caught:
            publish(
                place,
                snapshot(filled(tmp_path / f"index-{fresh}")),
                model=MODEL,
                digest="",
                shard_rows=10,
                seal=SEAL,
                fresh=fresh,
            )
        assert caught.value.code == "cluster.not_ours"
    assert place.names() == {"thesis.txt"}


def test_what_a_killed_publication_left_is_swept(place: Place, tmp_path: Path) -> None:
    for name in ("shard-" + 32 * "0", f".shard-{32 * '0'}.items", ".manifest-01234567"):
        put(place, name, b"half")
    said = published(place, snapshot(filled(tmp_path / "index")))
    assert len(place.names()) == 1 + 2 * len(said.published.shards)


def test_what_is_withdrawn_is_gone(place: Place, tmp_path: Path) -> None:
    published(place, snapshot(filled(tmp_path / "index")))
    assert withdraw(place, seal=SEAL) == 11
    assert place.names() == frozenset()
    assert withdraw(place, seal=SEAL) == 0
    with pytest.raises(ClusterError) as caught:
        read_published(place, seal=VERIFIER)
    assert caught.value.code == "cluster.damaged"


@pytest.mark.skipif(not available(), reason="the compiled tables are not there")
def test_a_shard_takes_its_tables_along(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "MIN_ROWS", 10)
    said = published(place, snapshot(filled(tmp_path / "index")), shard_rows=100).published
    (info,) = said.shards
    assert len(files_of(info)) == 3
    shard = open_shard(place, said, info.file)
    assert shard.items.parts[0].segment.tables is not None
    put(place, files_of(info)[2], b"nothing of the kind")
    with pytest.raises(ClusterError) as caught:
        open_shard(place, said, info.file)
    assert caught.value.code == "cluster.damaged"


def test_what_was_fetched_leaves_no_file(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(places_module.tempfile, "tempdir", str(spool))
    said = published(place, snapshot(filled(tmp_path / "index"))).published
    shard = open_shard(place, said, said.shards[0].file)
    assert list(spool.iterdir()) == []
    assert shard.items.vectors(np.array([0, 1])).shape == (2, 4)


def test_what_is_done_to_a_file_behind_the_back_of_an_open_shard_changes_no_answer(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "published"
    said = published(open_place(str(folder)), snapshot(filled(tmp_path / "index"))).published
    shard = open_shard(open_place(str(folder)), said, said.shards[0].file)
    codes = shard.items.take(np.array([0]))
    before = shard.items.search(codes, k=5)
    path = folder / said.shards[0].file
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))  # the same file, in place
    after = shard.items.search(codes, k=5)
    assert np.array_equal(before.rows, after.rows)
    assert np.array_equal(before.distance, after.distance)
    for name in folder.iterdir():
        name.write_bytes(b"")
    assert np.array_equal(shard.items.search(codes, k=5).distance, before.distance)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs the /proc of Linux")
def test_who_is_killed_while_files_are_fetched_leaves_nothing_of_them(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(places_module.tempfile, "tempdir", str(spool))
    said = published(place, snapshot(filled(tmp_path / "index"))).published
    with place.fetched(files_of(said.shards[0])) as folder:
        assert all((folder / name).stat().st_size > 100 for name in files_of(said.shards[0]))
        left = [path for path in spool.rglob("*") if not path.is_dir()]
        assert len(left) == 2
        assert all(path.is_symlink() for path in left)


def test_places_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ClusterError, match="nosuchthing://") as caught:
        open_place("nosuchthing://bucket/index")
    assert caught.value.code == "cluster.bad_place"
    (tmp_path / "file").write_text("no folder")
    items = snapshot(filled(tmp_path / "index"))
    with pytest.raises(ClusterError) as caught:
        published(open_place(str(tmp_path / "file" / "below")), items)
    assert caught.value.code == "cluster.bad_place"

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    place = open_place(f"memory://{tmp_path}/readonly")
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "pipe_file", refuse)
    with pytest.raises(ClusterError, match="Permission denied") as caught:
        published(place, items)
    assert caught.value.code == "cluster.bad_place"


@pytest.mark.parametrize("name", ["here", "file://here", "local://here", "here/", "./here"])
def test_a_folder_is_the_same_from_wherever_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_place(name).url == str(tmp_path / "here")


@pytest.mark.parametrize("name", ["", " ", "file://"])
def test_no_place_is_not_taken_for_this_folder(name: str) -> None:
    with pytest.raises(ClusterError, match="name a folder") as caught:
        open_place(name)
    assert caught.value.code == "cluster.bad_place"


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ClusterError, match="password") as caught:
        open_place("memory://me:geheim@host/index")
    assert caught.value.code == "cluster.bad_place"
    assert "geheim" not in str(caught.value)


class Unfriendly(Exception):
    """What a file system of its own raises; it may say anything."""


@pytest.mark.parametrize("method", ["ls", "pipe_file", "put_file", "mv", "makedirs"])
def test_whatever_a_file_system_raises_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Unfriendly("key=SECRET")

    items = snapshot(filled(tmp_path / "index"))
    place = open_place(f"memory://{tmp_path}/unfriendly")
    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), method, refuse)
    with pytest.raises(ClusterError, match="Unfriendly") as caught:
        published(place, items)
    assert caught.value.code == "cluster.bad_place"
    assert "SECRET" not in str(caught.value)


def test_a_file_system_that_does_not_open_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Unfriendly("key=SECRET")

    monkeypatch.setattr(fsspec.core, "url_to_fs", refuse)
    with pytest.raises(ClusterError, match="Unfriendly") as caught:
        open_place("memory://somewhere")
    assert caught.value.code == "cluster.bad_place"
    assert "SECRET" not in str(caught.value)


def test_without_fsspec_a_url_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(UsageError, match=r"caselight\[scale\]") as caught:
        open_place("memory://somewhere")
    assert caught.value.code == "usage.missing_extra"
