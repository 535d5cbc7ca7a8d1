"""The lexicon: how long it takes to load, and to find what a query and a report name.

Writes benchmarks/results/language.json. Takes ten seconds. The texts are made up.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from caselight.language.lexicon import SHIPPED, Lexicon, read_lexicon, shipped_lexicon
from caselight.language.mentions import find_mentions
from caselight.language.spelling import LEAST_LETTERS
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "language.json"
QUERY = (
    "72 yo woman, s/p CABG, r/o PE vs pnuemonia: show me cases with a small left pleural effusion, "
    "bibasilar atelectasis and an enlarged heart, but without pneumothorax, on a portable AP film"
)
REPORT = (
    "Portable AP radiograph of the chest. Comparison: two days ago. The endotracheal tube ends "
    "above the carina and the nasogastric tube in the stomach. The heart is moderately enlarged "
    "and the aorta is tortuous and calcified. There is a small left pleural effusion with "
    "adjacent atelectasis of the left lower lobe, and a patchy opacity in the right upper and "
    "middle lobes that may be pneumonia. No pneumothorax. Old healed fracture of the left sixth "
    "rib. Degenerative changes of the thoracic spine, with osteophytes. Mild interstitial oedema,"
    " kerley B lines. A calcified granuloma in the lingula is unchanged. Hilar and mediastinal "
    "lymphadenopathy cannot be excluded; CT is recommended if clinically indicated. Surgical "
    "clips project over the right upper quadrant. "
)


def best(work: Callable[[], object], *, n: int) -> dict[str, float]:
    """Milliseconds of so many: the best, the median, and the best that the processor was busy."""
    took, busy = [], []
    for _ in range(n):
        begin, begin_busy = time.perf_counter(), time.process_time()
        work()
        took.append(1000 * (time.perf_counter() - begin))
        busy.append(1000 * (time.process_time() - begin_busy))
    return {
        "best_ms": round(min(took), 3),
        "median_ms": round(float(np.median(took)), 3),
        "best_processor_ms": round(min(busy), 3),
    }


def load() -> Lexicon:
    """Read all rows and arrange them for matching."""
    known = read_lexicon(SHIPPED)
    assert known.phrases.names
    assert known.main_phrases
    assert known.spelling.by_letter
    return known


def misspell(word: str, rng: np.random.Generator) -> str:
    """One letter left out, doubled, exchanged with its neighbour, or another in its place."""
    at = int(rng.integers(1, len(word) - 1))
    kind = int(rng.integers(4))
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    if kind == 2:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    other = "abcdefghijklmnopqrstuvwxyz"[int(rng.integers(26))]
    return word[:at] + other + word[at + 1 :]


def misspellings(known: Lexicon, *, n_each: int, seed: int) -> dict[str, int]:
    """Misspell every name of one word of six letters or more; what is it taken for?"""
    rng = np.random.default_rng(seed)
    counts = {"seed": seed, "misspelled": 0, "right": 0, "not_found": 0, "another": 0}
    for (word, *more), key in known.phrases.names.items():
        if more or len(word) < LEAST_LETTERS or not word.isalpha() or not word.isascii():
            continue
        for _ in range(n_each):
            wrong = misspell(word, rng)
            if wrong in known.phrases.bases:
                continue
            counts["misspelled"] += 1
            found = {one.concept for one in find_mentions(wrong, known)}
            right = key in found or (key not in known and not found)
            verdict = "right" if right else "another" if found else "not_found"
            counts[verdict] += 1
    return counts


def importing() -> float:
    """Milliseconds to import the room in a fresh process, the best of five."""
    code = (
        "import time; t = time.perf_counter(); import caselight.language.mentions; "
        "print(1000 * (time.perf_counter() - t))"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    return round(min(took), 1)


def main() -> None:
    """Measure and write."""
    known = shipped_lexicon()
    query = (QUERY + " " * 200)[:200]
    report = (REPORT * 4)[:2000]
    names = known.phrases.names
    result = {
        "lexicon": {
            "concepts": len(known),
            "names": len(names),
            "abbreviations": len(known.phrases.shorts),
            "abbreviations_with_several_meanings": sum(
                len(keys) > 1 for keys in known.phrases.shorts.values()
            ),
            "pairs": len(known.phrases.pairs),
            "radlex_ids": sum(one.radlex is not None for one in known),
            "digest": known.digest,
        },
        "import_ms": importing(),
        "load": best(load, n=20),
        "query_200_characters": {
            "mentions": len(find_mentions(query, known)),
            **best(lambda: find_mentions(query, known), n=300),
        },
        "report_2000_characters": {
            "mentions": len(find_mentions(report, known)),
            **best(lambda: find_mentions(report, known), n=100),
        },
        "misspellings_of_one_error": misspellings(known, n_each=3, seed=0),
        "load_average": round(os.getloadavg()[0], 1),
        "machine": machine(),
        "commit": commit(),
    }
    print(json.dumps(result, indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
