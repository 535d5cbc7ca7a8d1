r"""Sentences with the readings that a person gave them, `context_sentences.tsv`.

Written by hand before there was a reader. The part was drawn once (`random.Random(6)`, half of the
rows): rules may be written looking at "dev"; "test" is for the report alone. In a sentence square
brackets stand around each mention and `\n` is a line break; what is expected is one word a
mention, certainty and, where it is not "now", about what after a stroke.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from caselight.language.nouns import Span
from tests.language.marked import unmark

_FILE = Path(__file__).with_name("context_sentences.tsv")


@dataclass(frozen=True)
class Sentence:
    part: str
    kind: str
    text: str
    spans: tuple[Span, ...]
    expected: tuple[tuple[str, str], ...]
    """Certainty and about, one a span."""


def read_sentences(part: str | None = None) -> list[Sentence]:
    """Those of a part, "dev" or "test"; all for None."""
    read = []
    with _FILE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            text, spans = unmark(row["sentence"])
            said = [one.partition("/") for one in row["expected"].split()]
            expected = tuple((certainty, about or "now") for certainty, _, about in said)
            assert len(spans) == len(expected), f"brackets and expectations differ: {row}"
            read.append(Sentence(row["part"], row["kind"], text, spans, expected))
    return [one for one in read if part is None or one.part == part]
