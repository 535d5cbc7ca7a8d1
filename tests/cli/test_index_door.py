"""The index through the door: kept up to date, verified, compacted, explained."""

import re
from pathlib import Path

import pytest

from caselight.home import Home
from caselight.index.manifest import index_folders
from tests.homes import TOY, archive, done, door, train_and_index, trained, trained_copy


def digest(home: Path) -> str:
    return str(done("index", "verify", "--home", home, "--json").json["digest"])


def answers(home: Path, words: str = "amber") -> list[tuple[str, int]]:
    hits = done("search", words, "--home", home, "-k", 99, "--json").json["hits"]
    return [(hit["study"], hit["hamming"]) for hit in hits]


def test_only_what_is_new_is_encoded_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    source, home = tmp_path / "archive", tmp_path / "home"
    done("ingest", archive(source, n_studies=24), "--home", home)
    train_and_index(home)
    before = answers(home)
    again = done("index", "build", "--home", home).out
    assert "0 new and 0 taken out" in again
    done("ingest", archive(tmp_path / "more", n_studies=30), "--home", home)
    assert door("search", "amber", "--home", home).refusal[0] == "index.stale"
    grown = done("index", "build", "--home", home).out
    found = re.search(r"(\d+) new and (\d+) taken out", grown)
    assert found is not None
    assert 0 < int(found[1]) < 60
    assert set(before) & set(answers(home))
    whole = digest(home)
    done("index", "build", "--home", home, "--fresh")
    assert len(answers(home)) == 15  # one hit a patient
    assert done("index", "verify", "--home", home, "--json").json["ok"]
    assert len(whole) == 64


def test_an_index_brought_up_to_date_answers_like_a_fresh_one(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    done("ingest", archive(tmp_path / "more", n_studies=36), "--home", home)
    done("index", "build", "--home", home)
    grown = [answers(home, words) for words in ("amber", "zone birch", "opinion")]
    done("index", "build", "--home", home, "--fresh")
    assert [answers(home, words) for words in ("amber", "zone birch", "opinion")] == grown


def test_a_model_is_exchanged_and_the_old_one_is_there_to_go_back_to(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    first, before = answers(home), digest(home)
    done("train", "--home", home, "--out", tmp_path / "other", *TOY, "--set", "train.seed=5")
    assert answers(home) == first
    done("index", "build", "--home", home, "--model", tmp_path / "other")
    assert answers(home) != first
    assert len(index_folders(home)) == 2
    back = done("index", "build", "--home", home, "--model", home / "trained").out
    assert "0 new and 0 taken out" in back
    assert (answers(home), digest(home)) == (first, before)


def test_compaction_changes_no_answer(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    first, before = answers(home), digest(home)
    done("ingest", archive(tmp_path / "more", n_studies=26), "--home", home)
    done("index", "build", "--home", home)
    grown, after = answers(home), digest(home)
    assert "into one file" in done("index", "compact", "--home", home).out
    assert (answers(home), digest(home)) == (grown, after)
    assert after != before
    assert grown != first


def test_a_changed_item_is_named(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    path = next(p for p in home.glob("index/*/segment-*") if not p.suffix)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    answer = door("index", "verify", "--home", home)
    assert answer.status == 1
    assert re.search(r"segment-\d+: item \d+: altered: ", answer.out)
    said = door("index", "verify", "--home", home, "--json").json
    assert [fault["kind"] for fault in said["faults"]] == ["altered"]


def test_the_search_is_explained_with_its_cost(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    told = done("index", "explain", "amber", "--home", home, "--filter", "site=north")
    said = done(
        "index", "explain", "amber", "--home", home, "--filter", "site=north", "--json"
    ).json
    assert said["n_allowed"] < said["n_items"] == 54
    (work,) = said["works"]["codes"]
    assert (work["method"], work["n_scanned"]) == ("scan", said["n_allowed"])
    assert "fewer than" in work["reason"]
    assert work["reason"] in told.out.replace("\n", " ")
    answer = done("search", "amber", "--home", home, "--filter", "site=north", "--json").json
    assert answer["cost"]["n_compared"] == said["n_allowed"]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("verify", "--home", "NONE"), "store.missing"),
        (("compact", "--home", "BARE"), "index.missing"),
        (("verify", "--home", "BARE"), "index.missing"),
        (("explain", "amber", "--home", "BARE"), "index.missing"),
        (("explain", "--home", "HOME"), "query.empty"),
        (("explain", "amber", "-k", "0", "--home", "HOME"), "query.bad_k"),
    ],
)
def test_bad_input_gets_one_sentence(tmp_path: Path, args: tuple[str, ...], code: str) -> None:
    bare = tmp_path / "bare"
    done("ingest", archive(tmp_path / "archive", n_studies=4), "--home", bare)
    named = {"NONE": tmp_path / "none", "BARE": bare, "HOME": trained()[1]}
    answer = door("index", *(named.get(arg, arg) for arg in args))
    assert answer.refusal[0] == code
    assert answer.out == ""


def test_another_writer_is_told_to_wait(tmp_path: Path) -> None:
    from caselight.index.writer import IndexWriter

    home = trained_copy(tmp_path)
    with Home(home) as place:
        seal = place.log().files.signer()
    with IndexWriter(index_folders(home)[0], seal=seal):
        for command in ("build", "compact"):
            assert door("index", command, "--home", home).refusal[0] == "index.locked"
        assert answers(home)
    done("index", "build", "--home", home)
