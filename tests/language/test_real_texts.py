"""How much of real texts the lexicon names; splits that are not for training are left alone."""

import json
from pathlib import Path

import pytest

from caselight.language.lexicon import shipped_lexicon
from caselight.language.mentions import find_mentions

KNOWN = shipped_lexicon()


def texts(path: Path, *columns: str) -> list[str]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row.get("split", "train") == "train"]
    return ["\n".join(str(row[column] or "") for column in columns) for row in rows]


def named(found: list[str]) -> float:
    """Share of texts in which something is named."""
    return sum(bool(find_mentions(text, KNOWN)) for text in found) / len(found)


@pytest.mark.realdata
def test_reports_captions_and_diagnoses_name_something(real_data: Path) -> None:
    reports = texts(real_data / "text" / "openi_reports.jsonl", "findings", "impression")[:1000]
    assert named([text for text in reports if len(text) > 20]) > 0.98
    assert named(texts(real_data / "medpix2" / "records.jsonl", "caption")) > 0.95
    assert named(texts(real_data / "odir5k" / "records.jsonl", "keywords")) > 0.99
    assert named(texts(real_data / "echo_tte47" / "records.jsonl", "text")) > 0.99
