"""`import caselight`: all that the commands do, from Python, and nothing before it is needed."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import caselight
from caselight import Config, Home, Query
from tests.homes import TOY, archive, done, picture, save, trained, trained_copy

SETTINGS = {
    "towers": {"image": "toy", "text": "toy"},
    "model": {"embed_dim": 16, "hidden_dim": 32, "bits": [32, 64]},
    "train": {"epochs": 3, "settle_epochs": 3, "hash_epochs": 3},
    "evaluate": {"n_resamples": 100},
}
"""What the options of `tests.homes.TOY` say."""


@pytest.fixture
def config() -> Config:
    return Config.from_mapping(SETTINGS)


# -- public names ------------------------------------------------------------------------------


def test_every_public_name_is_there_and_where_the_type_checker_looks() -> None:
    tree = ast.parse(Path(caselight.__file__).read_text("utf-8"))
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(caselight.__all__) == {"__version__", *seen}
    for name, (module, inner) in seen.items():
        assert module is not None
        assert getattr(caselight, name) is getattr(importlib.import_module(module), inner)
    assert set(caselight.__all__) <= set(dir(caselight))


def test_every_public_name_explains_itself() -> None:
    for name in set(caselight.__all__) - {"__version__"}:
        assert inspect.getdoc(getattr(caselight, name)), name
    for name, method in inspect.getmembers(Home, inspect.isfunction):
        assert name.startswith("_") or inspect.getdoc(method), name


def test_every_error_is_public() -> None:
    for family in caselight.Error.__subclasses__():
        assert getattr(caselight, family.__name__) is family


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = caselight.no_such_name


def test_names_and_studies_need_no_torch(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=2)
    code = f"""
import sys, caselight
assert not {{"torch", "numpy", "pydantic", "PIL"}} & set(sys.modules)
with caselight.Home({str(tmp_path / "home")!r}, config=caselight.Config()) as home:
    assert home.ingest({str(source)!r}).accepted == 2
    assert len(list(home.studies())) == 2
caselight.read_embeddings, caselight.read_config, caselight.write_demo_archive, caselight.examine
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


# -- the whole way -----------------------------------------------------------------------------


def test_python_does_what_the_commands_do(config: Config, tmp_path: Path) -> None:
    """The same archive and settings: the same model, the same answer, the same score."""
    source, other = archive(tmp_path / "archive", n_studies=16), tmp_path / "other"
    told: set[str] = set()
    with Home(
        tmp_path / "home", config=config, device="cpu", progress=lambda what, *_: told.add(what)
    ) as home:
        assert home.ingest(source).accepted == 16
        learned = home.train()
        built = home.build_index()
        result = home.search("amber")
        report = home.evaluate(split=None)
        home.embed(tmp_path / "python.npz")
        home.export(result, tmp_path / "sheet")
    assert {"reading studies", "encoding pictures", "encoding texts"} <= told

    done("ingest", source, "--home", other)
    done("train", "--home", other, *TOY)
    done("index", "build", "--home", other)
    asked = done("search", "amber", "--home", other, "--json").json
    assert json.loads((other / "trained" / "run.json").read_text())["fingerprint"] == (
        learned.fingerprint
    )
    assert asked["index"] == result.index == built.manifest.digest
    assert [hit["study"] for hit in asked["hits"]] == [hit.study_uid for hit in result.hits]
    options = ("--split", "all", "--set", "evaluate.n_resamples=100", "--json")
    said = done("evaluate", "--home", other, "--model", other / "trained", *options).json
    assert said == json.loads(json.dumps(report))
    done("embed", "--home", other, "--out", tmp_path / "door.npz")
    ours, theirs = (
        caselight.read_embeddings(tmp_path / f"{name}.npz", model=learned.fingerprint)
        for name in ("python", "door")
    )
    assert ours.digest == theirs.digest
    assert (tmp_path / "sheet" / "index.html").is_file()


def test_an_archive_is_scored_without_a_home(config: Config) -> None:
    source, home = trained()
    report = caselight.evaluate_archive(source, home / "trained", config=config)
    with Home(home, config=config) as opened:
        kept = opened.evaluate()
    assert report.pop("ingest")["accepted"] == 24
    assert report == kept


def test_a_missing_model_is_refused_before_an_archive_is_read(
    config: Config, tmp_path: Path
) -> None:
    told: list[str] = []
    with pytest.raises(caselight.ModelError):
        caselight.evaluate_archive(
            trained()[0], tmp_path, config=config, progress=lambda what, *_: told.append(what)
        )
    assert told == []


def test_the_demo_archive_and_the_doctor_are_there(tmp_path: Path) -> None:
    caselight.write_demo_archive(tmp_path / "a", n_studies=2, seed=1)
    with Home(tmp_path / "home") as home:
        assert home.ingest(tmp_path / "a").accepted == 2
    assert "python" in {check.what for check in caselight.examine()}


# -- one home ----------------------------------------------------------------------------------


def test_words_are_a_query() -> None:
    with Home(trained()[1]) as home:
        assert home.search("amber").hits == home.search(Query(text="amber")).hits


def test_the_model_stays_in_memory_until_the_index_changes(tmp_path: Path) -> None:
    place = trained_copy(tmp_path)
    with Home(place) as home:
        first = home.search("amber")
        held = home._model
        home.search("birch")
        assert home._model is held
        done("train", "--home", place, "--out", tmp_path / "m", *TOY, "--set", "train.seed=9")
        done("index", "build", "--home", place, "--model", tmp_path / "m")
        again = home.search("amber")
    assert again.model != first.model


def test_another_model_is_refused(tmp_path: Path) -> None:
    place = trained_copy(tmp_path)
    done("train", "--home", place, "--out", tmp_path / "m", *TOY, "--set", "train.seed=9")
    with Home(place) as home:
        home.search("amber")
        with pytest.raises(caselight.IndexMismatch) as caught:
            home.search("amber", model=tmp_path / "m")
        assert caught.value.code == "index.encoder_mismatch"
        assert home.search("amber").hits


def test_one_home_takes_models_with_other_towers(tmp_path: Path) -> None:
    place = trained_copy(tmp_path)
    settings = {**SETTINGS, "towers": {"image": "toy", "text": "toy", "trim_fraction": 0.2}}
    with Home(place, config=Config.from_mapping(settings)) as home:
        before = home.search("amber")
        home.train(tmp_path / "m")
        assert home.search("amber").hits == before.hits


def test_studies_and_their_pixels_can_be_read() -> None:
    with Home(trained()[1]) as home:
        studies = list(home.studies())
        assert len(studies) == 24
        study = home.study("s003")
        assert study in studies
        (image,) = study.images
        assert np.array_equal(home.pixels(image), picture(7))
        assert home.thumbnail(image).is_file()
        with pytest.raises(caselight.QueryRefused) as caught:
            home.study("none")
        assert caught.value.code == "query.no_such_study"


def test_a_home_opens_again_after_it_was_closed() -> None:
    home = Home(trained()[1])
    first = home.search("amber").hits
    home.close()
    home.close()
    assert home.search("amber").hits == first
    home.close()


def test_a_folder_that_is_no_home_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    calls = (
        lambda home: list(home.studies()),
        lambda home: home.search("amber"),
        lambda home: home.train(),
        lambda home: home.build_index(),
        lambda home: home.embed(),
        lambda home: home.evaluate(),
    )
    for call in calls:
        with Home(tmp_path / "none") as home, pytest.raises(caselight.StoreError) as caught:
            call(home)
        assert caught.value.code == "store.missing"
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_is_not_there_makes_no_home(tmp_path: Path) -> None:
    with Home(tmp_path / "home") as home, pytest.raises(caselight.DataError):
        home.ingest(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_home_may_be_read_while_it_is_written(tmp_path: Path) -> None:
    save(tmp_path / "a" / "x.png", picture(3))
    (tmp_path / "a" / "records.csv").write_text("image,findings\nx.png,Clear.\n")
    place = trained_copy(tmp_path)
    with Home(place) as home:
        assert home.search("amber").hits
        home.ingest(tmp_path / "a")
        assert len(list(home.studies())) == 25
        with pytest.raises(caselight.IndexMismatch) as caught:
            home.search("amber")
        assert caught.value.code == "index.stale"
        home.build_index()
        assert home.search("amber").hits


def test_a_home_shows_where_it_is_and_nothing_of_its_studies() -> None:
    with Home(trained()[1]) as home:
        home.search("amber")
        assert repr(home) == f"Home({str(home.path)!r})"


# -- public datasets ---------------------------------------------------------------------------


def test_a_dataset_that_is_none_is_refused_before_a_home_is_made(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=2)
    with Home(tmp_path / "home") as home, pytest.raises(caselight.DataError) as caught:
        home.ingest(source, dataset="none")
    assert caught.value.code == "data.no_such_dataset"
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "code"), [("archive", "data.no_such_dataset"), ("none", "data.not_found")]
)
def test_a_folder_that_is_no_dataset_is_not_checked(tmp_path: Path, name: str, code: str) -> None:
    archive(tmp_path / "archive", n_studies=2)
    with pytest.raises(caselight.DataError) as caught:
        caselight.check_dataset(tmp_path / name)
    assert caught.value.code == code
    assert caselight.DATASETS
