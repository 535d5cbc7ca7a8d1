"""What the pages about learning and comparing promise."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from caselight.cli.adapt import MEASURES
from caselight.config import Config, FloatTerms, HashTerms
from caselight.losses import RELAXATIONS
from caselight.metrics.bits import bit_statistics
from caselight.train.samplers import SAMPLERS
from tests.docs import pages
from tests.docs.pages import ROOT, blocks, table, tables
from tests.homes import done

TRAIN = ROOT / "docs" / "guide" / "train.md"
ADAPT = ROOT / "docs" / "guide" / "adapt.md"
EVALUATE = ROOT / "docs" / "guide" / "evaluate.md"


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of the folder after the first steps, as the working folder."""
    folder = tmp_path / "studio"
    shutil.copytree(pages.first_steps().name, folder)
    monkeypatch.chdir(folder)
    return folder


def test_every_term_is_on_its_page() -> None:
    listed = [
        {name for cell in one for name in re.findall(r"\w+", cell)}
        for one in tables(TRAIN, "| Term |")
    ]
    assert listed == [set(FloatTerms.model_fields), set(HashTerms.model_fields)]


def test_every_choice_of_relaxation_and_sampler_is_on_its_page() -> None:
    assert set(table(TRAIN, "| Relaxation |")) == set(RELAXATIONS)
    assert set(table(TRAIN, "| Sampler |")) == set(SAMPLERS)


def test_every_statistic_of_the_bits_is_on_its_page() -> None:
    statistics = bit_statistics(np.eye(4))
    assert list(table(TRAIN, "| Statistic |")) == list(statistics)


def test_a_published_objective_stands_alone_in_its_settings() -> None:
    (block,) = blocks(TRAIN, "toml")
    terms = Config.from_mapping(tomllib.loads(block)).hash_terms
    assert [name for name, weight in terms if weight] == ["djsrh"]


def test_a_comparison_has_the_fields_of_its_page(studio: Path) -> None:
    models = ("home/trained", "home/trained", "--home", "home", "--split", "all")
    asked = ("--reading", "bits_64:float", "--config", pages.TOY, "--json")
    report = done("compare", *models, *asked).json
    text = EVALUATE.read_text("utf-8").split("| Field | Meaning |")
    promised = table(EVALUATE, "| Field |")
    assert report["rows"]
    assert all(list(row) == list(promised) for row in report["rows"]), list(report["rows"][0])
    before = text[0].rsplit("With `--json` come", 1)[1]
    assert set(re.findall(r"`(\w+)`", before)) == set(report)


def test_what_adapt_says_has_the_shape_of_its_page(studio: Path) -> None:
    (promised,) = map(json.loads, blocks(ADAPT, "json"))
    model = ("--model", "home/trained", "--pairs", "0,10")
    towers = ("--towers", "text", "--set", "towers.text=toy-embedding")
    short = ("--set", "adapt.text_epochs=1", "--set", "adapt.picture_epochs=1")
    shared = ("--home", "home", "--config", pages.TOY, "--json", *short)
    moved = done("adapt", *model, *shared, "--out", "moved").json
    made = done("adapt", *towers, *shared, "--out", "made").json
    assert moved["transfer"]["points"]
    assert made["towers"]
    pages.same_shape(promised, {**moved, "towers": made["towers"]})


def test_every_measure_of_a_tower_is_on_its_page() -> None:
    assert set(table(ADAPT, "| Measure |")) == set(MEASURES)
