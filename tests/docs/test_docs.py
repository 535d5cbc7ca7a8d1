"""The documentation is complete, its commands run, and its links lead somewhere."""

import importlib.util
import json
import re
import shutil
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import caselight
from caselight.audit.record import EVENTS
from caselight.config import known_keys, read_config
from caselight.data.columns import COLUMNS
from caselight.data.filters import KNOWN
from caselight.errors import families
from caselight.evaluation.sanity import sanity_distances
from caselight.models import IMAGE_TOWERS, TEXT_TOWERS
from tests.docs import pages
from tests.docs.pages import GUIDES, PAGES, ROOT, blocks, name, steps, table, tables
from tests.homes import door

GUIDE = ROOT / "docs" / "guide"


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the folder after the first steps, as the working folder."""
    folder = tmp_path / "studio"
    shutil.copytree(pages.first_steps().name, folder)
    monkeypatch.chdir(folder)
    return folder


def settings_script() -> ModuleType:
    path = ROOT / "scripts" / "settings_page.py"
    spec = importlib.util.spec_from_file_location("settings_page", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_every_block_of_a_guide_runs(page: Path, studio: Path) -> None:
    scope: dict[str, Any] = {}
    n_run = 0
    for kind, step in steps(page):
        if kind == "console":
            pages.run_command(step)
        else:
            pages.run_python(step, scope, where=name(page))
        n_run += 1
    assert n_run > 0, f"{name(page)} has nothing that runs"


def test_only_pages_that_run_have_blocks_that_look_like_it() -> None:
    running = {*GUIDES, ROOT / "docs" / "README.md", ROOT / "README.md", ROOT / "CONTRIBUTING.md"}
    for page in set(PAGES) - running:
        assert not blocks(page, "console"), name(page)


def test_a_promise_that_is_not_kept_fails(studio: Path) -> None:
    """The runner itself: wrong output, a missing refusal and an unexpected one all fail."""
    for block in (
        "$ caselight ingest archive --home home\n41 studies accepted ...\n",
        '$ caselight search "effusion" --home home\ncaselight: query.empty: ...\n',
        '$ caselight search "" --home home\n',
        "$ ls home\n",
    ):
        (command,) = pages.commands(block)
        with pytest.raises(AssertionError):
            pages.run_command(command)


def test_the_receipt_has_the_shape_of_its_page(studio: Path) -> None:
    (promised,) = map(json.loads, blocks(GUIDE / "ingest.md", "json"))
    (studio / "broken").mkdir()
    (studio / "broken" / "records.csv").write_text("image,findings,extra\nnone.png,Clear.,1\n")
    refused = door("ingest", "broken", "--home", "other", "--json")
    assert refused.status == 1
    assert refused.json["rejected"]
    pages.same_shape(promised, refused.json)


def test_an_answer_has_the_shape_of_its_page(studio: Path) -> None:
    (promised,) = map(json.loads, blocks(GUIDE / "search.md", "json"))
    found = door("search", "effusion", "--home", "home", "--json").json
    assert found["hits"]
    pages.same_shape(promised, found)


def test_the_record_of_a_training_has_the_shape_of_its_page(studio: Path) -> None:
    (promised,) = map(json.loads, blocks(GUIDE / "train.md", "json"))
    found = json.loads((studio / "home" / "trained" / "run.json").read_text("utf-8"))
    assert found["epochs"]
    pages.same_shape(promised, found)


def test_a_report_has_the_shape_of_its_page(studio: Path) -> None:
    (promised,) = map(json.loads, blocks(GUIDE / "evaluate.md", "json"))
    asked = ("--model", "home/trained", "--home", "home", "--split", "all")
    found = door("evaluate", *asked, "--config", pages.TOY, "--json").json
    pages.same_shape(promised, found, bits=read_config(pages.TOY).model.bits)


# What is complete ---------------------------------------------------------------------------


def test_every_error_code_is_documented_once_and_no_other() -> None:
    rows = tables(GUIDE / "errors.md", "| Code |")
    listed = [code for one in rows for code in one]
    assert len(listed) == len(set(listed))
    assert set(listed) == {code for family in families() for code in family.codes}
    assert all(len(cells) == 2 and all(cells) for one in rows for cells in one.values())


def test_every_exit_status_is_documented() -> None:
    listed = set(table(GUIDE / "errors.md", "| Exit status |"))
    assert listed == {"0", "130", *(str(family.exit_status) for family in families())}


def test_every_code_and_setting_that_a_page_names_exists() -> None:
    known = {*known_keys(), *(code for family in families() for code in family.codes), *EVENTS}
    files = {"py", "md", "toml", "json", "safetensors", "sqlite", "csv", "xlsx", "npz", "npy"}
    rooms = "|".join(sorted({one.split(".")[0] for one in known}))
    for page in PAGES:
        # Commands are left out: they run, and some show a wrong name on purpose.
        text = re.sub(r"^```console.*?^```$", "", page.read_text("utf-8"), flags=re.S | re.M)
        for word in re.findall(rf"(?:`|--set )((?:{rooms})\.[a-z_]+)\b", text):
            assert word in known or word.split(".")[1] in files, f"{name(page)} names {word}"


def test_the_settings_page_is_what_the_settings_say() -> None:
    script = settings_script()
    assert script.PAGE.read_text("utf-8") == script.settings_page(), (
        "run `python scripts/settings_page.py`"
    )


def test_every_setting_has_a_meaning_on_its_page() -> None:
    listed = {
        key: cells
        for one in tables(GUIDE / "settings.md", "| Setting |")
        for key, cells in one.items()
    }
    assert set(listed) == set(known_keys())
    assert all(meaning for _, _, meaning in listed.values())


def test_every_command_and_option_is_on_the_settings_page() -> None:
    text = (GUIDE / "settings.md").read_text("utf-8")
    found = list(settings_script().commands())
    assert {name for name, _ in found} >= {"ingest", "train", "index build", "search", "evaluate"}
    for command, click in found:
        section = text.split(f"\n### caselight {command}\n", 1)[1].split("\n### ")[0]
        told = door(*command.split(), "--help").out
        options = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", told.split("Options:")[1]))
        for option in options & {word for param in click.params for word in param.opts}:
            assert f"`{option}`" in section, f"{command} {option}"
        assert click.help


def test_every_command_is_shown_in_use() -> None:
    words = "\n".join(page.read_text("utf-8") for page in PAGES if page != GUIDE / "settings.md")
    for command, _ in settings_script().commands():
        assert f"caselight {command}" in words, command


def test_the_columns_are_those_that_are_read() -> None:
    listed = table(GUIDE / "ingest.md", "| Column |")
    assert listed == {column.name: (column.meaning,) for column in COLUMNS}


def test_the_filters_are_those_that_are_known() -> None:
    listed = table(GUIDE / "search.md", "| Key |")
    assert listed == {key: (meaning,) for key, meaning in KNOWN.items()}


def test_every_built_in_tower_is_documented() -> None:
    listed = table(GUIDE / "train.md", "| Value |")
    assert set(listed) == {
        *IMAGE_TOWERS,
        *TEXT_TOWERS,
        "transformers:FOLDER",
        "transformers:NAME",
        "file:PATH",
    }


def test_every_sanity_row_is_documented() -> None:
    listed = table(GUIDE / "evaluate.md", "| Row |")
    assert sanity_distances.__doc__ is not None
    assert set(listed) <= set(re.findall(r"`(\w+)`", sanity_distances.__doc__))
    (shape,) = map(json.loads, blocks(GUIDE / "evaluate.md", "json"))
    assert set(listed) == set(shape["text_to_image"]["sanity"])


def test_every_make_target_is_documented_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    listed = {row.removeprefix("make ") for row in table(ROOT / "CONTRIBUTING.md", "| Target |")}
    assert listed == targets
    for page in PAGES:
        for target in re.findall(
            r"`make ([a-z-]+)`|^\$ make ([a-z-]+)", page.read_text("utf-8"), re.M
        ):
            assert "".join(target) in targets, f"{name(page)} names make {target}"


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {re.split(r"[<>=\[ ]", one)[0] for one in project["dependencies"]}
    record = ROOT / "docs" / "decisions" / "0011-dependencies-and-extras.md"
    assert set(table(record, "| Package |")) == needed


def test_every_decision_is_numbered_listed_and_whole() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    contents = (ROOT / "docs" / "README.md").read_text("utf-8")
    for number, record in enumerate(records, start=1):
        text = record.read_text("utf-8")
        assert record.name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number:04d} ")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Price"))
        assert f"(decisions/{record.name})" in contents


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "docs" / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        place = page.relative_to(ROOT / "docs").as_posix()
        assert place == "README.md" or f"({place})" in contents, place


def test_the_glossary_is_in_order() -> None:
    words = list(table(ROOT / "docs" / "glossary.md", "| Word |"))
    assert words == sorted(words, key=str.casefold)


def test_the_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {caselight.__version__}\n" in citation


# What leads somewhere -----------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_internal_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        place, _, fragment = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), f"{name(page)} links to {target}, which does not exist"
        assert path.is_relative_to(ROOT), f"{name(page)} links out of the repository: {target}"
        if fragment:
            assert fragment in pages.anchors(path), f"{name(page)} links to {target}"


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CITATION.cff"], ids=name)
def test_pages_name_no_machine(page: Path) -> None:
    text = re.sub(r"https?://\S+", "", page.read_text("utf-8"))
    assert not re.findall(r"(?<![\w.)\-])/[a-z]+/[\w./-]+", text), "an absolute path"
    assert not re.findall(r"(?i)\b(?:registry|registries|pypi|artifactory|devpi|proxy)\b", text)
    assert not re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|localhost", text), "an address"


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs").rglob("*.png"))
    assert pictures
    assert all(picture.stat().st_size < 300_000 for picture in pictures)


# Settings files -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=name)
def test_every_settings_file_loads(path: Path) -> None:
    settings = read_config(path)
    said = tomllib.loads(path.read_text("utf-8"))
    for section, values in said.items():
        for key, value in values.items():
            held = getattr(getattr(settings, section), key)
            assert (list(held) if isinstance(held, tuple) else held) == value


def test_the_toy_settings_train(studio: Path) -> None:
    options = ("--config", pages.TOY, "--out", "model")
    assert door("train", "--home", "home", *options).status == 0
    record = json.loads((studio / "model" / "run.json").read_text("utf-8"))
    assert record["towers"] == {"image": "toy", "text": "toy"}
    stages = [epoch["stage"] for epoch in record["epochs"]]
    toy = read_config(pages.TOY).train
    assert [stages.count(stage) for stage in ("float", "settle", "hash")] == [
        toy.epochs,
        toy.settle_epochs,
        toy.hash_epochs,
    ]
