"""What a home has published is what it holds, wherever that is, and nothing of the erased."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight import publishing
from caselight.errors import IndexMismatch, UsageError
from caselight.home import Home
from caselight.index.manifest import current_folder, read_snapshot
from caselight.index.places import open_place
from caselight.index.shards import Publication, open_shard, read_published
from caselight.index.writer import IndexWriter
from tests.homes import done, door, trained_copy

UID = "s004"


def seal_of(home: Path) -> Any:
    return Home(home)._recorder().verifier


def publish(home: Path, url: str | None = None, **options: Any) -> Publication:
    with Home(home) as place:
        return place.publish_index(url, **options)


def rows_at(home: Path, url: str) -> list[int]:
    place, seal = open_place(url), seal_of(home)
    said = read_published(place, seal=seal)
    shards = [open_shard(place, said, info.file) for info in said.shards]
    return [int(row) for shard in shards for row in shard.items.row]


def rows_in(home: Path) -> list[int]:
    items = read_snapshot(current_folder(home), seal=seal_of(home))[1]
    return [int(row) for row in items.row]


def events(home: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(one.event, dict(one.payload)) for one in Home(home).log().records()]


def test_an_index_is_published_and_stands_on_the_record(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    said = publish(home, shard_rows=10)
    assert rows_at(home, str(home / publishing.FOLDER)) == rows_in(home)
    event, payload = events(home)[-1]
    assert event == "index.published"
    assert payload["shards"] == payload["written"] == said.n_written == len(said.published.shards)
    assert str(tmp_path) not in str(payload)
    n_records = len(events(home))
    again = publish(home)
    assert again.published == said.published  # the rows of a shard are as they were
    assert (again.n_written, again.n_removed) == (0, 0)
    assert len(events(home)) == n_records


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_erasing_takes_the_patient_out_of_every_place(tmp_path: Path, scheme: str) -> None:
    if scheme:
        pytest.importorskip("fsspec", reason="fsspec is not installed: 'caselight[scale]'")
    home = trained_copy(tmp_path)
    places = [f"{scheme}{tmp_path}/first", f"{scheme}{tmp_path}/second"]
    before = {url: publish(home, url, shard_rows=8).published for url in places}
    with Home(home) as place:
        receipt = place.erase(study=UID)
    assert receipt.finished is not None
    assert receipt.swept is not None
    for url in places:
        after = read_published(open_place(url), seal=seal_of(home))
        assert rows_at(home, url) == rows_in(home)
        assert len(before[url]) - len(after) == receipt.swept.index_rows > 0
        gone = {i.file for i in before[url].shards} - {i.file for i in after.shards}
        assert gone
        assert gone.isdisjoint(open_place(url).names())
    assert [event for event, _ in events(home)].count("index.published") == 4


def test_an_erasure_is_not_finished_while_a_place_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = trained_copy(tmp_path)
    publish(home, str(tmp_path / "away"))
    (tmp_path / "away").rename(tmp_path / "kept")
    (tmp_path / "away").write_text("not a folder now")
    monkeypatch.setattr("caselight.index.places.Folder.names", _unreachable)
    assert door("erase", "--study", UID, "--home", home, "--yes").refusal[0] == "cluster.bad_place"
    assert "erasure.finished" not in [event for event, _ in events(home)]
    monkeypatch.undo()
    (tmp_path / "away").unlink()
    (tmp_path / "kept").rename(tmp_path / "away")
    assert "1 patients erased" in done("erase", "--home", home).out
    assert rows_at(home, str(tmp_path / "away")) == rows_in(home)


def _unreachable(*_: object) -> frozenset[str]:
    raise PermissionError(13, "Permission denied")


def test_a_place_that_is_empty_now_may_be_one_that_is_not_mounted(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    for name in ("away", "here"):
        publish(home, str(tmp_path / name))
    (tmp_path / "away").rename(tmp_path / "not mounted")
    code, sentence = door("erase", "--study", UID, "--home", home, "--yes").refusal
    assert code == "cluster.bad_place"
    assert f"--withdraw --files {tmp_path / 'away'}" in sentence
    assert "erasure.finished" not in [event for event, _ in events(home)]
    # The other one is up to date all the same.
    assert rows_at(home, str(tmp_path / "here")) == rows_in(home)
    (tmp_path / "not mounted").rename(tmp_path / "away")
    done("erase", "--home", home)
    assert rows_at(home, str(tmp_path / "away")) == rows_in(home)


def test_a_place_is_forgotten_when_it_is_withdrawn_whatever_lies_there(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    for name in ("emptied", "withdrawn", "kept"):
        publish(home, str(tmp_path / name))
    for path in (tmp_path / "emptied").iterdir():
        path.unlink()
    with Home(home) as place:
        assert place.withdraw_index(str(tmp_path / "withdrawn")) == 3
        assert place.withdraw_index(str(tmp_path / "emptied")) == 0
    assert list((tmp_path / "withdrawn").iterdir()) == []
    assert events(home)[-1][0] == "index.withdrawn"
    done("erase", "--home", home)
    lines = (home / publishing.LIST).read_text().splitlines()
    assert lines == [f'"{tmp_path / "kept"}"']


def test_a_place_that_was_refused_is_not_remembered(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "thesis.txt").write_text("years of work")
    refused = door("index", "publish", "--home", home, "--files", tmp_path / "desk").refusal
    assert refused[0] == "cluster.not_ours"
    done("erase", "--study", UID, "--home", home, "--yes")
    assert events(home)[-1][0] == "erasure.finished"


@pytest.mark.parametrize("line", ["/no/quotes", "[1]", '"half', "\xff"])
def test_a_list_of_places_that_was_edited_wrongly_is_one_sentence(
    tmp_path: Path, line: str
) -> None:
    home = trained_copy(tmp_path)
    (home / publishing.LIST).write_text(f"{line}\n", "latin-1")
    code, sentence = door("erase", "--home", home).refusal
    assert code == "cluster.bad_place"
    assert f"{home / publishing.LIST}" in sentence


@pytest.mark.parametrize("rows", [0, -5, 2**63])
def test_a_shard_spans_at_least_one_row(tmp_path: Path, rows: int) -> None:
    home = trained_copy(tmp_path)
    with pytest.raises(UsageError, match=f"found {rows}"):
        publish(home, shard_rows=rows)
    assert not (home / publishing.LIST).exists()


def test_where_there_is_no_index_nothing_stays_published(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    publish(home, str(tmp_path / "place"))
    (home / "index" / "current").unlink()
    done("erase", "--home", home)
    assert list((tmp_path / "place").iterdir()) == []
    with pytest.raises(IndexMismatch) as caught:
        publish(home, str(tmp_path / "place"))
    assert caught.value.code == "index.missing"


def test_a_home_without_a_publication_gets_no_file_for_it(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    done("erase", "--home", home)
    assert [path.name for path in home.iterdir() if path.name.startswith("published")] == []


def test_the_mark_changes_with_the_index_and_only_then(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    seal = seal_of(home)
    marks = [publishing.index_mark(home, seal=seal) for _ in range(2)]
    assert marks[0] == marks[1]
    assert publishing.is_settled(home, seal=seal)
    with IndexWriter(current_folder(home), seal=Home(home)._recorder().signer) as writer:
        writer.change(remove=np.array([0]))
    assert publishing.index_mark(home, seal=seal) != marks[0]
    assert not publishing.is_settled(home, seal=seal)
    done("index", "build", "--home", home)
    assert publishing.is_settled(home, seal=seal)


def test_the_door_publishes_and_withdraws(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    said = done("index", "publish", "--home", home, "--shard-rows", 16).out
    assert "written and 0 files removed" in said
    (home / "shards" / "manifest").write_text("nothing")
    assert door("index", "publish", "--home", home).refusal[0] == "cluster.not_ours"
    assert events(home)[-1] == (
        "request.refused",
        {"request": "index publish", "code": "cluster.not_ours"},
    )
    done("index", "publish", "--home", home, "--anew")
    assert door("index", "publish", "--home", home, "--withdraw", "--anew").refusal[0] == (
        "usage.bad_argument"
    )
    assert "withdrawn" in done("index", "publish", "--home", home, "--withdraw").out
    assert list((home / "shards").iterdir()) == []
