"""Write benchmarks/results/language_PART.json: how well language is read.

Reads the folder of data sets named by CASELIGHT_DATA. `context` needs the extra `bench` (spacy and
negspacy). Rules were written looking at `--split dev`, which is printed and not kept.

    python benchmarks/results_language.py context [--split test] [--seed 6]
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import language_context
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results"
PARTS: dict[str, Callable[..., dict[str, Any]]] = {"context": language_context.measure}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--seed", type=int, default=6)
    asked = parser.parse_args()
    data = Path(os.environ["CASELIGHT_DATA"])
    found = PARTS[asked.part](data, part=asked.split, seed=asked.seed)
    found = {"machine": machine(), "commit": commit(), **found}
    text = json.dumps(found, indent=1) + "\n"
    if asked.split == "test":
        (RESULTS / f"language_{asked.part}.json").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
