"""Write benchmarks/results/language_context_speed.json: how long reading takes, on one core.

Our own texts, so that no data set is needed: a question of 200 characters, a report of 2,000 and,
to show that time grows with length, one of 20,000. What is timed is all of `read_text` with the
mentions given, and `read_context` alone; the median of many runs, in
processor time of the thread, since the machine is shared.

    python benchmarks/bench_language_context.py
"""

import json
import re
import statistics
import time
from pathlib import Path

from caselight.language.context import read_context
from caselight.language.context_rules import our_context_rules, read_context_rules
from caselight.language.nouns import Mention
from caselight.language.reading import read_text
from machine import commit, machine

RESULT = Path(__file__).resolve().parent / "results" / "language_context_speed.json"
RULES = Path(__file__).resolve().parent.parent / "src/caselight/language/context_rules.tsv"
TEXT = (
    "63-year-old woman with a history of breast cancer, evaluate for PE. No pneumothorax or large "
    "left pleural effusion, but a 5 mm nodule in the right upper lobe; cannot exclude pneumonia. "
    "Stable since 2019.\n"
)
NAMES = re.compile("breast cancer|PE|pneumothorax|pleural effusion|nodule|upper lobe|pneumonia")


def mentions(text: str) -> tuple[Mention, ...]:
    return tuple(
        Mention(span=found.span(), concept=found[0].lower().replace(" ", "-"), named="name")
        for found in NAMES.finditer(text)
    )


def main() -> None:
    table = RULES.read_text("utf-8")
    started = time.thread_time()
    read_context_rules(table, name="context_rules.tsv")
    load_ms = (time.thread_time() - started) * 1e3
    our_context_rules()
    rows = []
    for n_characters in (200, 2_000, 20_000):
        text = (TEXT * (n_characters // len(TEXT) + 1))[:n_characters]
        given = mentions(text)
        spans = [one.span for one in given]
        runs = 40_000 // n_characters + 10
        taken: dict[str, list[float]] = {"read_context": [], "read_text": []}
        for _ in range(runs):
            for name in taken:
                started = time.thread_time()
                if name == "read_context":
                    read_context(text, spans)
                else:
                    read_text(text, lambda _, given=given: given)  # type: ignore[misc]
                taken[name].append((time.thread_time() - started) * 1e3)
        rows.append(
            {
                "characters": n_characters,
                "mentions": len(given),
                "runs": runs,
                **{
                    f"{name}_ms": {
                        "median": round(statistics.median(some), 3),
                        "p95": round(sorted(some)[int(0.95 * len(some))], 3),
                    }
                    for name, some in taken.items()
                },
            }
        )
    found = {
        "machine": machine(),
        "commit": commit(),
        "load_rules_ms": round(load_ms, 1),
        "rows": rows,
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
