"""How often the poisoning scan alarms on clean codes, and what of planted poison it finds.

`python benchmarks/poisoning.py` makes all it measures: archives of made-up codes, and the codes of
homes in which it trains a model, of phantoms and, where CASELIGHT_DATA names their folder, of real
data sets. Ten minutes or so on two idle cores.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parent.parent))

import caselight
from caselight.codes import hamming
from caselight.index.manifest import IMAGE, REPORT, OpenIndex, read_index
from caselight.index.poisoning import PoisoningScan, occurrences, scan_for_poisoning
from caselight.types import Codes
from machine import commit, machine
from results_retrieval import SETS
from tests.index.synthetic import SHAPES, clean, hub_codes, opened, planted

RESULTS = Path(__file__).resolve().parent / "results" / "poisoning.json"
SIZES = (400, 1000)
WIDTHS = (64, 128)
SEEDS = 20
HUBS = (1, 5, 10)
SHARES = (0.3, 1.0)
PLANTED_SEEDS = 3
ALARM_SEED, HUB_SEED = 105, 106
"""Of archives that no limit of the scan was chosen on."""
N_PHANTOMS = 240
TOY = {
    "towers": {"image": "toy", "text": "toy"},
    "model": {"bits": [128]},
    "train": {"epochs": 30, "settle_epochs": 10, "hash_epochs": 20},
}
REAL = ("medpix2", "ieee8023")


def scanned(index: OpenIndex, learned: NDArray[np.bool_] | None = None) -> PoisoningScan:
    """Scan, taking all pairs for learned where nothing is said."""
    known = np.ones(len(index.items), np.bool_) if learned is None else learned
    return scan_for_poisoning(index, learned=known, rng=np.random.default_rng(0))


def alarms() -> list[dict[str, Any]]:
    """Clean archives of each shape, size and width: how many raise an alarm, and of what kind."""
    out = []
    for shape in SHAPES:
        for n in SIZES:
            for n_bits in WIDTHS:
                found = {"hub": 0, "pair": 0}
                n_items = 0
                for seed in range(SEEDS):
                    rng = np.random.default_rng([ALARM_SEED, seed])
                    scan = scanned(clean(shape, n=n, n_bits=n_bits, rng=rng).index())
                    kinds = [one.kind for one in scan.suspicions]
                    n_items += len(kinds)
                    for kind in found:
                        found[kind] += kind in kinds
                out.append(
                    {
                        "shape": shape,
                        "studies": n,
                        "n_bits": n_bits,
                        "archives": SEEDS,
                        "with_a_hub_alarm": found["hub"],
                        "with_a_pair_alarm": found["pair"],
                        "items_suspected": n_items,
                    }
                )
    return out


def hubs() -> list[dict[str, Any]]:
    """Pictures aimed at reports, planted: how many they reach, how many of them are found."""
    out = []
    for shape in SHAPES:
        for share in SHARES:
            for n_hubs in HUBS:
                caught, others, reached, natural = [], 0, [], []
                for seed in range(PLANTED_SEEDS):
                    rng = np.random.default_rng([HUB_SEED, seed])
                    archive = clean(shape, n=1000, n_bits=128, rng=rng)
                    natural.append(most_found(archive.images, archive.reports).max())
                    index, rows = planted(archive, kind=IMAGE, n_hubs=n_hubs, share=share)
                    codes = archive.images[:n_hubs]
                    reached.append(most_found(archive.images, archive.reports, codes).mean())
                    named = {one.row for one in scanned(index).suspicions if one.kind == "hub"}
                    caught.append(len(named & rows) / n_hubs)
                    others += len(named - rows)
                out.append(
                    {
                        "shape": shape,
                        "aimed_at": share,
                        "hubs": n_hubs,
                        "archives": PLANTED_SEEDS,
                        "reports_that_find_a_hub": round(float(np.mean(reached)) / 1000, 3),
                        "reports_that_find_the_most_found_clean_item": round(
                            float(np.mean(natural)) / 1000, 3
                        ),
                        "hubs_found": round(float(np.mean(caught)), 3),
                        "clean_items_suspected": others,
                    }
                )
    return out


def most_found(
    answers: NDArray[np.uint8], asked: NDArray[np.uint8], of: NDArray[np.uint8] | None = None
) -> NDArray[np.float64]:
    """How many of those asked have each distinct answer among ten, or these answers."""
    codes = np.unique(answers, axis=0)
    counts = occurrences(codes, np.unique(asked, axis=0), k=10)
    if of is None:
        return counts
    return counts[[int((codes == code).all(axis=1).argmax()) for code in of]]


def learned_codes(name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Codes of a real index: alarms as they are, and with hubs or exchanged reports planted."""
    codes, kind, study = arrays["codes"], arrays["kind"], arrays["study"]
    known, rest = arrays["learned"], {"position": arrays["position"]}

    def index(packed: NDArray[np.uint8]) -> OpenIndex:
        return opened(packed, kind=kind, study=study, **rest)

    scan = scanned(index(codes), known)
    images, reports = np.flatnonzero(kind == IMAGE), np.flatnonzero(kind == REPORT)
    said: dict[str, Any] = {
        "codes_of": name,
        "images": len(images),
        "reports": len(reports),
        "clean_suspicions": len(scan.suspicions),
        "most_found_image": round(float(most_found(codes[images], codes[reports]).max()), 1),
        "pairs": [
            {"learned": group.learned, "pairs": group.n, "reach": group.reach}
            for group in scan.pairs
        ],
        "hubs": [],
        "exchanged": [],
    }
    for n_hubs in HUBS:
        rng = np.random.default_rng([3, n_hubs])
        packed = codes.copy()
        packed[images[:n_hubs]] = hub_codes(
            codes[images], codes[reports], n_hubs=n_hubs, share=1.0, rng=rng
        )
        found = {one.row for one in scanned(index(packed), known).suspicions if one.kind == "hub"}
        counts = most_found(packed[images], packed[reports], packed[images[:n_hubs]])
        said["hubs"].append(
            {
                "hubs": n_hubs,
                "reports_that_find_a_hub": round(float(counts.mean()), 1),
                "hubs_found": len(found & set(images[:n_hubs].tolist())) / n_hubs,
                "clean_items_suspected": len(found - set(images[:n_hubs].tolist())),
            }
        )
    for from_learned in (True, False):
        own = reports[known[reports] == from_learned]
        caught, others, n_images = 0, 0, 0
        for seed in range(10):
            two = np.random.default_rng([4, seed]).choice(own, 2, replace=False)
            packed = codes.copy()
            packed[two] = packed[two[::-1]]
            apart = hamming(*(Codes(packed=codes[[i]], n_bits=8 * codes.shape[1]) for i in two))
            if apart[0, 0] == 0:
                continue  # they say the same
            hit = np.array([i for i in images.tolist() if own_report(arrays, i) in two], np.int64)
            named = {s.row for s in scanned(index(packed), known).suspicions if s.kind == "pair"}
            caught += len(named & set(hit.tolist()))
            others += len(named - set(hit.tolist()))
            n_images += len(hit)
        said["exchanged"].append(
            {
                "learned": from_learned,
                "pictures_whose_report_was_exchanged": n_images,
                "found": caught,
                "clean_items_suspected": others,
            }
        )
    return said


def own_report(arrays: dict[str, Any], image: int) -> int | None:
    """The one report that an image is held against: its own caption, or its study's only one."""
    same = (arrays["kind"] == REPORT) & (arrays["study"] == arrays["study"][image])
    caption = np.flatnonzero(same & (arrays["position"] == arrays["position"][image]))
    found = caption if len(caption) else np.flatnonzero(same)
    return int(found[0]) if len(found) == 1 else None


def homes(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Codes of homes that are made here, and what they are of."""
    archive = folder / "phantoms"
    caselight.write_demo_archive(archive, n_studies=N_PHANTOMS, seed=1)
    yield "phantoms, toy towers", home_codes(archive, folder / "toy", TOY)
    yield "phantoms", home_codes(archive, folder / "home", {"train": {"seed": 0}})
    if data := os.environ.get("CASELIGHT_DATA"):
        for name in REAL:
            kind = SETS[name]
            train = {"seed": 0, "text": kind.text, "filters": kind.filters}
            yield name, home_codes(Path(data) / name, folder / name, {"train": train})


def home_codes(archive: Path, home: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Codes of an archive by a model that learned from its training split."""
    with caselight.Home(home, config=caselight.Config.from_mapping(settings)) as place:
        place.ingest(archive)
        place.train()
        place.build_index()
        train = [row for row, one in place._open_store().studies() if one.split == "train"]
        generation, seal = place._open_store().generation, place._recorder().verifier
    index = read_index(home, store=generation, seal=seal)
    return {
        "codes": index.items.take(np.arange(len(index.items))).packed,
        "kind": index.rows.kind,
        "study": index.rows.study,
        "position": index.rows.position,
        "learned": np.isin(index.rows.study, train),
    }


def main() -> None:
    """Measure and write."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        learned = [learned_codes(name, arrays) for name, arrays in homes(Path(folder))]
    result = {
        "bench": "poisoning",
        "clean": alarms(),
        "planted": hubs(),
        "learned": learned,
        "seconds": round(time.perf_counter() - start),
        "commit": commit(),
        **machine(),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
