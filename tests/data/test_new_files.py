"""What is written appears whole, alone, and never over something else."""

import stat
from pathlib import Path

import pytest

from caselight.data.new_files import new_file, new_folder
from caselight.errors import DataError, StoreError


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    with new_file(target) as staged:
        staged.write_text("half")
        assert not target.exists()
        staged.write_text("whole")
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_a_folder_appears_when_it_is_full_and_for_its_owner_alone(tmp_path: Path) -> None:
    target = tmp_path / "sheet"
    with new_folder(target) as staged:
        (staged / "a.txt").write_text("a")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a.txt"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("new", [new_file, new_folder])
def test_nothing_is_left_of_what_failed(tmp_path: Path, new: object) -> None:
    assert callable(new)
    with pytest.raises(RuntimeError, match="on purpose"), new(tmp_path / "a"):
        raise RuntimeError("on purpose")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("new", [new_file, new_folder])
@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_what_is_there_stays(tmp_path: Path, new: object, kind: str) -> None:
    assert callable(new)
    target = tmp_path / "a"
    if kind == "file":
        target.write_text("mine")
    elif kind == "folder":
        (target / "inner").mkdir(parents=True)
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(DataError) as caught, new(target):
        pytest.fail("it was given out")
    assert caught.value.code == "data.not_empty"
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("new", [new_file, new_folder])
@pytest.mark.parametrize("target", [".", "..", ""])
def test_the_folder_we_stand_in_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: object, target: str
) -> None:
    assert callable(new)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught, new(Path(target)):
        pytest.fail("it was given out")
    assert caught.value.code == "data.not_empty"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    target = tmp_path / "sheet"
    target.mkdir()
    with new_folder(target) as staged:
        (staged / "a.txt").write_text("a")
    assert (target / "a.txt").is_file()


def test_what_came_in_between_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with pytest.raises(DataError) as caught, new_file(target) as staged:
        staged.write_text(str(target.write_text("theirs")))
    assert caught.value.code == "data.not_empty"
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_what_the_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError), new_file(tmp_path / "file" / "a.txt"):
        pytest.fail("it was given out")
