"""What the system refuses ends in one sentence too, not in a traceback."""

import subprocess
import sys
from pathlib import Path

from homes import TOY, archive, done, door


def test_a_model_folder_that_is_a_file_is_refused_before_training(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done("ingest", archive(tmp_path / "archive", n_studies=4), "--home", home)
    (tmp_path / "model").write_text("not a folder")
    answer = door("train", "--home", home, "--out", tmp_path / "model", *TOY)
    assert answer.status == 1
    assert answer.err.strip().startswith("caselight: store.damaged: the system refused")
    assert (tmp_path / "model").read_text() == "not a folder"


def test_an_archive_is_not_made_a_home(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=4)
    before = sorted(source.rglob("*"))
    answer = door("ingest", source, "--home", source)
    assert answer.status == 1
    assert "store.not_a_home" in answer.err
    assert sorted(source.rglob("*")) == before


def test_a_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    done("ingest", archive(tmp_path / "archive", n_studies=4), "--home", tmp_path / "home")
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_a_home_without_its_key_says_so(tmp_path: Path) -> None:
    source, home = archive(tmp_path / "archive", n_studies=4), tmp_path / "home"
    done("ingest", source, "--home", home)
    (home / "key").unlink()
    for args in (("ingest", source), ("train",)):
        answer = door(*args, "--home", home)
        assert answer.status == 1
        assert "restore it from a copy" in answer.err


def test_words_that_are_no_text_are_refused(tmp_path: Path) -> None:
    from homes import trained_copy

    answer = door("search", "\udcff", "--home", trained_copy(tmp_path))
    assert answer.status == 1
    assert "query.bad_text" in answer.err


def test_the_doctor_works_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['caselight', 'doctor'];"
        "from caselight.cli.main import run; run()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "cannot be looked at" in answer.stdout
    assert "Traceback" not in answer.stderr
