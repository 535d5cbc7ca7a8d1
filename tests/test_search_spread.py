"""A spread index answers a query as the home does, and what is missing is in the answer."""

import functools
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from caselight.errors import ClusterError
from caselight.home import Home
from caselight.index.manifest import IndexManifest
from caselight.index.places import open_place
from caselight.index.sharded import InProcess, Sharded, ShardLost
from caselight.index.shards import Shard, open_shard
from caselight.types import Query, SearchResult
from caselight.wire import result_json
from tests.homes import done, door, picture, save, trained_copy


class Losing(InProcess):
    """Shards of this process, of which some are lost from their n-th question on."""

    def __init__(self, shards: Sequence[Shard], lost: dict[str, int]) -> None:
        super().__init__(shards)
        self._left = dict(lost)

    def begin(self, replica: Shard, method: str, args: tuple[Any, ...]) -> Future[Any]:
        left = self._left.get(replica.name)
        if left is not None:
            self._left[replica.name] = left - 1
            if left <= 0:
                gone: Future[Any] = Future()
                gone.set_exception(ShardLost(replica.name))
                return gone
        return super().begin(replica, method, args)


class Desk:
    """A home, asked as it is and through its shards."""

    def __init__(self, folder: Path) -> None:
        self.path = trained_copy(folder)
        self.home = Home(self.path)
        self.said = self.home.publish_index(shard_rows=10).published
        place = open_place(str(self.path / "shards"))
        self.shards = [open_shard(place, self.said, info.file) for info in self.said.shards]
        self.lost: dict[str, int] = {}

    def spread(self, manifest: IndexManifest) -> Sharded:
        assert manifest.digest == self.said.digest
        return Sharded(
            {one.name: len(one.items) for one in self.shards},
            Losing(self.shards, self.lost),
            n_bits=self.said.n_bits,
            dim=self.said.dim,
        )

    def ask(self, query: Query, monkeypatch: pytest.MonkeyPatch) -> SearchResult:
        with monkeypatch.context() as patch:
            patch.setattr(self.home, "_spread", lambda: self.spread)
            return self.home.search(query)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("spread"))
    assert len(desk.shards) >= 4
    yield desk
    desk.home.close()


def hits(result: SearchResult) -> list[tuple[Any, ...]]:
    return [
        (one.study_uid, one.image_uid, one.hamming, one.score, one.parts) for one in result.hits
    ]


@functools.cache
def queries(folder: Path) -> tuple[Query, ...]:
    film = save(folder / "asked.png", picture(9))
    return (
        Query(text="amber", k=5),
        Query(text="amber", k=99, group="image"),
        Query(text="birch", by="both", k=7),
        Query(text="cedar", by="words", k=7),
        Query(text="delta", image=film, k=6),
        Query(text="delta", image=film, fusion="ranks", k=6, target="report"),
        Query(like=("s003",), unlike=("s010",), k=6),
        Query(text="fjord", filters={"sex": "F"}, target="image"),
    )


@pytest.mark.parametrize("n", range(8))
def test_every_kind_of_query_is_answered_as_by_the_home(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, n: int
) -> None:
    query = queries(tmp_path_factory.getbasetemp())[n]
    desk.lost = {}
    spread = desk.ask(query, monkeypatch)
    assert hits(spread) == hits(desk.home.search(query))
    assert spread.missing is None
    assert result_json(spread)["missing"] is None


@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("n", [0, 1, 2, 4, 5])
def test_a_shard_that_is_lost_at_any_moment_is_said_to_be_missing(
    desk: Desk,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    n: int,
    after: int,
) -> None:
    query = queries(tmp_path_factory.getbasetemp())[n]
    desk.lost = {}
    whole = desk.ask(query, monkeypatch)
    lost = desk.shards[1]
    desk.lost = {lost.name: after}
    result = desk.ask(query, monkeypatch)
    if result.missing is None:
        assert hits(result) == hits(whole)  # it was not asked so often
        return
    assert (result.missing.shards, result.missing.items) == (1, len(lost.items))
    assert (result.missing.of_shards, result.missing.of_items) == (
        len(desk.shards),
        len(desk.said),
    )
    (note,) = [one for one in result.notes if "not complete" in one]
    assert note.startswith(f"1 of {len(desk.shards)} shards ({len(lost.items)} of ")
    assert result_json(result)["missing"]["items"] == len(lost.items)
    record = next(r for r in desk.home.log().records() if r.position == result.record)
    assert record.payload["missing"] == result_json(result)["missing"]
    # None of it is of the lost shard, and nothing of the others was lost with it.
    desk.lost = {lost.name: 0}
    assert hits(desk.ask(query, monkeypatch)) == hits(result)


def test_words_alone_need_no_shard(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.lost = {one.name: 0 for one in desk.shards}
    query = Query(text="cedar", by="words", k=7)
    assert hits(desk.ask(query, monkeypatch)) == hits(desk.home.search(query))


@pytest.mark.parametrize(
    "query", [Query(text="amber"), Query(like=("s003",)), Query(text="birch", by="both")]
)
def test_without_any_shard_nothing_is_answered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, query: Query
) -> None:
    desk.lost = {one.name: 0 for one in desk.shards}
    with pytest.raises(ClusterError) as caught:
        desk.ask(query, monkeypatch)
    assert caught.value.code == "cluster.shards_lost"


def test_an_incomplete_answer_says_so_on_its_contact_sheet(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.lost = {desk.shards[0].name: 0}
    result = desk.ask(Query(text="amber"), monkeypatch)
    receipt = desk.home.export(result, tmp_path / "hits")
    assert "this answer is not complete" in (receipt.folder / "index.html").read_text("utf-8")


def test_what_is_exported_says_what_is_missing_as_the_answer_does(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.lost = {desk.shards[0].name: 0}
    answer = result_json(desk.ask(Query(text="amber"), monkeypatch))
    (tmp_path / "answer.json").write_text(json.dumps(answer), "utf-8")
    words = ("export", "--home", desk.path, "--from", tmp_path / "answer.json", "--json")
    said = done(*words, "--out", tmp_path / "hits").json
    assert answer["missing"] is not None
    assert said["missing"] == answer["missing"]
    assert said["notes"] == answer["notes"]


def test_an_incomplete_answer_does_not_say_how_much_the_gallery_holds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = Query(text="amber", k=99, group="image")
    desk.lost = {}
    assert any("the gallery holds" in note for note in desk.ask(query, monkeypatch).notes)
    desk.lost = {desk.shards[0].name: 0}
    notes = desk.ask(query, monkeypatch).notes
    assert not any("the gallery holds" in note for note in notes)
    assert any("not complete" in note for note in notes)


def test_a_cluster_that_cannot_be_is_refused_at_the_door(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    for address in ("nowhere", "local"):
        said = door("search", "amber", "--home", home, "--ray", address).refusal
        assert said[0] == "usage.bad_argument"
        assert "HOST:PORT" in said[1]
    said = door("search", "amber", "--home", home, "--ray", "127.0.0.1:1").refusal
    assert said[0] == "cluster.not_reachable"
    for seconds in ("0", "1e300", "nan"):
        late = door("search", "amber", "--home", home, "--set", f"search.deadline_s={seconds}")
        assert late.refusal[0] == "config.out_of_range"
    last = done("audit", "show", "--home", home, "--last", 1, "--json").json[0]
    assert last["payload"] == {"request": "search", "code": "cluster.not_reachable"}


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = trained_copy(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    for words in (
        ("search", "amber", "--ray", "127.0.0.1:6379"),
        ("index", "serve"),
    ):
        code, sentence = door(*words, "--home", home).refusal
        assert code == "usage.missing_extra"
        assert 'pip install "caselight[scale]"' in sentence
