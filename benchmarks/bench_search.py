"""Search of a large home: the first query of a process, the next ones, and what they cost before.

Made-up homes (`large_home.py`) with the toy towers, so that encoding is no part of it. Every kind
of query is asked in a process of its own. Writes benchmarks/results/search.json. `--quick`: the
smallest home, nothing written.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from caselight import Home, Query
from caselight.audit.files import LogFiles
from caselight.audit.log import FOLDER
from caselight.data.store import open_store
from caselight.index import segments
from caselight.index.manifest import current_folder, open_index
from large_home import make_home
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "search.json"
SIZES = (1_000, 10_000, 100_000)
SHORTLIST = 200
N_FIRST, N_AGAIN = 3, 15


def queries(home: Path) -> dict[str, Query]:
    """One of each kind, none of which leaves little to search."""
    film = min((home.parent / "archive" / "images").rglob("*.png"))
    words = "effusion on the left"
    return {
        "words": Query(text=words),
        "words, filtered by sex and view": Query(text=words, filters={"sex": "F", "view": "PA"}),
        "a picture": Query(image=film),
        "like a study": Query(like=("made-7",)),
        "by the words of the reports": Query(text="word7 word123 word999", by="words"),
    }


def ms(act: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    gc.collect()
    start = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - start)


def best(act: Callable[[], object], n: int) -> float:
    """Milliseconds of the quickest of n calls: others use the machine, too."""
    return min(ms(act) for _ in range(n))


def ask(home: Path, kind: str) -> dict[str, float]:
    """What one process pays for queries of a kind."""
    query = queries(home)[kind]
    with Home(home) as place:
        place.search(query)  # loads the model, its towers and BM25's own code

        def forget() -> None:
            place._engine.gallery._kept = None
            place.search(query)

        first = best(forget, N_FIRST)
        again = best(lambda: place.search(query), N_AGAIN)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with open_store(home) as store:
        whole = best(lambda: dict(store.studies()), N_FIRST)
    return {
        "first_ms": round(first, 2),
        "next_ms": round(again, 2),
        "first_over_next": round(first / again, 1),
        "reading_all_studies_ms": round(whole, 2),
        "reading_all_over_next": round(whole / again, 1),
        "peak_mib": round(peak),
    }


def command(home: Path) -> float:
    """Seconds of `caselight search` from beginning to end."""
    script = Path(sys.executable).parent / "caselight"
    asked = [script, "search", "effusion on the left", "--home", home]
    took = best(lambda: subprocess.run(asked, check=True, capture_output=True), N_FIRST)
    return round(took / 1000, 2)


def from_disk(home: Path) -> dict[str, float]:
    """Milliseconds to read a shortlist's embeddings, none of which are in memory.

    As it is, and with the pages read as they are touched.
    """
    folder, rng = current_folder(home), np.random.default_rng(0)
    seal = LogFiles(home / FOLDER).verifier()
    ahead, took = segments.fetch_ahead, {"ahead": [], "touched": []}
    for _ in range(N_AGAIN):
        for how, one in took.items():
            segments.fetch_ahead = ahead if how == "ahead" else lambda *_: None
            gc.collect()  # what is mapped stays
            for path in folder.glob("segment-*"):
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            items = open_index(folder, seal=seal).items
            places = rng.choice(len(items), SHORTLIST, replace=False)
            one.append(ms(lambda items=items, places=places: items.vectors(places)))
            del items
    segments.fetch_ahead = ahead
    return {how: round(float(np.median(one)), 2) for how, one in took.items()}


def child(*asked: str) -> Any:
    """What this program says when it is asked for a part."""
    command = [sys.executable, __file__, *asked]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(n: int) -> dict[str, Any]:
    """Everything for one size."""
    with tempfile.TemporaryDirectory() as folder:
        # Not in this process: a child's peak would begin at its parent's.
        home = Path(child("--make", folder, str(n)))
        found: dict[str, Any] = {"n_studies": n, "command_s": command(home)}
        for kind in queries(home):
            found[kind] = child("--ask", str(home), kind)
            print(n, kind, found[kind], flush=True)
        found["shortlist_from_disk_ms"] = from_disk(home)
        print(n, found["command_s"], "s,", found["shortlist_from_disk_ms"], flush=True)
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ask", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask is not None:
        print(json.dumps(ask(Path(asked.ask[0]), asked.ask[1])))
        return
    if asked.make is not None:
        folder, n = Path(asked.make[0]), int(asked.make[1])
        print(json.dumps(str(make_home(folder, n, rng=np.random.default_rng(0)))))
        return
    rows = [measure(n) for n in (SIZES[:1] if asked.quick else SIZES)]
    if not asked.quick:
        result = {"sizes": rows, "machine": machine(), "commit": commit()}
        RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
