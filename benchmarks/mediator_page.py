"""docs/results/mediator.md, from the numbers that the scripts named in it kept.

python benchmarks/mediator_page.py
"""

import json
from pathlib import Path
from typing import Any

import guards_page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "results" / "mediator.md"


def held(name: str) -> dict[str, Any] | None:
    """What a script kept; None where it has not run yet."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def page() -> str:
    """The document."""
    lines = [
        "# The mediator: what words become, what is refused, and what a language model adds",
        "",
        "Written by benchmarks/mediator_page.py from what the scripts named below kept; do not "
        "edit. Every number is in benchmarks/results.",
        "",
        *guards_page.section(held("guards"), held("guards_training")),
    ]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
