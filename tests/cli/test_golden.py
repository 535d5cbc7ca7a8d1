"""What the command line says is compared with files; CASELIGHT_GOLDEN=write rewrites them."""

import json
import os
from pathlib import Path

import pytest

from tests.homes import archive, done, train_and_index

GOLDEN = Path(__file__).parents[1] / "golden"
COMMANDS = (
    (),
    ("adapt",),
    ("audit",),
    ("audit", "checkpoint"),
    ("audit", "export"),
    ("audit", "prove"),
    ("audit", "show"),
    ("audit", "verify"),
    ("compare",),
    ("datasets",),
    ("datasets", "check"),
    ("datasets", "list"),
    ("demo-archive",),
    ("doctor",),
    ("embed",),
    ("erase",),
    ("evaluate",),
    ("export",),
    ("feedback",),
    ("feedback", "add"),
    ("feedback", "export"),
    ("feedback", "forget"),
    ("feedback", "list"),
    ("feedback", "review"),
    ("feedback", "undo"),
    ("guard",),
    ("plan",),
    ("index",),
    ("index", "build"),
    ("index", "compact"),
    ("index", "explain"),
    ("index", "publish"),
    ("index", "serve"),
    ("index", "verify"),
    ("ingest",),
    ("lexicon",),
    ("lexicon", "check"),
    ("lexicon", "import"),
    ("lexicon", "show"),
    ("search",),
    ("train",),
    ("tune",),
)
VOLATILE = ("hamming", "score", "model", "index", "thumbnail", "latency_ms", "seconds", "record")


def same_as(name: str, found: str) -> None:
    """Compare with a golden file, or write it where the environment says so."""
    path = GOLDEN / name
    if os.environ.get("CASELIGHT_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, "utf-8")
    assert path.is_file(), f"there is no {path}; run `make golden` and look at the difference"
    assert found == path.read_text("utf-8"), "see `make golden` for the difference"


def masked(value: object, home: Path) -> object:
    """Replace what differs from machine to machine by its type."""
    if isinstance(value, dict):
        return {
            key: f"<{type(held).__name__}>" if key in VOLATILE else masked(held, home)
            for key, held in value.items()
        }
    if isinstance(value, list):
        return [masked(held, home) for held in value]
    return value.replace(str(home.parent), "<folder>") if isinstance(value, str) else value


def test_every_command_has_its_golden_help() -> None:
    listed = done("--help").out.split("Commands:\n")[1].split("\n\n")[0]
    names = {line.split()[0] for line in listed.splitlines() if not line.startswith("   ")}
    assert names == {command[0] for command in COMMANDS if command}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c) or "caselight")
def test_help_is_as_it_was(command: tuple[str, ...]) -> None:
    name = "-".join(command) or "caselight"
    same_as(f"help/{name}.txt", done(*command, "--help").out)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    source = archive(folder / "archive", n_studies=8)
    done("ingest", source, "--home", folder / "home")
    train_and_index(folder / "home")
    return folder / "home"


# One study is left, so that the order of hits does not hang on a machine's arithmetic.
ASKED = ("--filter", "study=s003", "-k", "3", "--json")


def test_an_answer_to_words_is_as_it_was(home: Path) -> None:
    answer = done("search", "amber", "--target", "report", "--home", home, *ASKED)
    found = json.dumps(masked(answer.json, home), indent=1, ensure_ascii=False)
    same_as("search-text.json", found + "\n")


def test_an_answer_to_a_picture_is_as_it_was(home: Path) -> None:
    query = home.parent / "archive" / "images" / "004-PA.png"
    answer = done("search", "--image", query, "--target", "image", "--home", home, *ASKED)
    found = json.dumps(masked(answer.json, home), indent=1, ensure_ascii=False)
    same_as("search-image.json", found + "\n")


def test_a_receipt_is_as_it_was(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=4)
    (source / "images" / "001-PA.png").write_bytes(b"")
    (source / "images" / "002-PA.png").unlink()
    answer = done("ingest", source, "--home", tmp_path / "home", "--json")
    found = json.dumps(masked(answer.json, tmp_path / "home"), indent=1, ensure_ascii=False)
    same_as("ingest.json", found + "\n")
