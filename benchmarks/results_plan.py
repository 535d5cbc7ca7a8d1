"""How well questions become plans: 403 written by hand, with the plans they should become.

`python benchmarks/results_plan.py dev` while the planner is worked on, `test` to report.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from caselight.language.lexicon import open_lexicon
from caselight.mediator.planner import plan_by_lexicon, understand
from caselight.metrics.significance import cluster_bootstrap
from machine import commit, machine

HERE = Path(__file__).resolve().parent
QUESTIONS = HERE.parent / "tests" / "mediator" / "questions.jsonl"
RESULTS = HERE / "results" / "plan.json"
PARTS = ("intent", "include", "exclude", "filters")


def comparable(plan: dict[str, Any]) -> dict[str, Any]:
    """The parts of a plan that are compared: concepts with side, severity and size, as sets."""

    def things(rule: str) -> set[tuple[Any, ...]]:
        return {
            (
                one["concept"],
                one.get("side"),
                one.get("severity"),
                tuple(one["size_mm"]) if one.get("size_mm") else None,
            )
            for one in plan[rule]
        }

    return {
        "intent": plan["intent"],
        "include": things("include"),
        "exclude": things("exclude"),
        "filters": {key: set(value.split("|")) for key, value in plan["filters"].items()},
    }


def planned(text: str) -> dict[str, Any]:
    """What the lexicon makes of a question, in the shape of the expected plans."""
    lexicon = open_lexicon()
    plan = plan_by_lexicon(understand(text, lexicon), lexicon)
    rules: dict[str, list[dict[str, Any]]] = {"include": [], "exclude": []}
    for one in plan.criteria:
        if one.why == "asked":
            rules[one.rule].append(one.model_dump())
    return {"intent": plan.intent, "filters": dict(plan.filters), **rules}


def main() -> None:
    """Score one half, print what is wrong in the dev half, keep the test half's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("split", choices=("dev", "test"))
    parser.add_argument("--show", action="store_true", help="the wrong ones; of dev alone")
    asked = parser.parse_args()
    rows = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["split"] == asked.split]
    right: dict[str, list[bool]] = defaultdict(list)
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        wanted, made = comparable(row), comparable(planned(row["text"]))
        same = {part: wanted[part] == made[part] for part in PARTS}
        for part in PARTS:
            right[part].append(same[part])
        exact = all(same.values())
        right["exact"].append(exact)
        for kind in row["kinds"]:
            by_kind[kind].append(exact)
        if asked.show and asked.split == "dev" and not exact:
            print(row["text"])
            for part in PARTS:
                if not same[part]:
                    print(f"   {part}: wanted {wanted[part]}")
                    print(f"   {' ' * len(part)}    made {made[part]}")
    found: dict[str, Any] = {"split": asked.split, "n": len(rows), "route": "lexicon"}
    for name, hits in right.items():
        values, each = np.array(hits, dtype=float), np.arange(len(hits))
        rng = np.random.default_rng(0)
        around = cluster_bootstrap(values, each, n_resamples=2000, rng=rng)
        found[name] = [round(x, 4) for x in (around.value, around.low, around.high)]
    found["by_kind"] = {kind: [sum(hits), len(hits)] for kind, hits in sorted(by_kind.items())}
    print(json.dumps(found, indent=1))
    if asked.split == "test":
        kept = found | {"machine": machine(), "commit": commit()}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
