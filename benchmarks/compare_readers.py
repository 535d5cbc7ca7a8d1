"""Two readers of findings: the regular expressions of `data/findings.py` and the lexicon's names.

For every finding that both know: how often each names it in a report, and Cohen's kappa of that,
with a bootstrap interval over reports. What a report says of a finding (present, absent) is not
compared: here it counts as named. All reports of `text/openi_reports.jsonl`, findings and
impression; nothing is fitted. Writes benchmarks/results/readers.json; half a minute.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caselight.data.finding_words import NAMES
from caselight.data.findings import read_findings
from caselight.language.lexicon import Lexicon, shipped_lexicon
from caselight.language.mentions import find_mentions
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "readers.json"
SEED, N_RESAMPLES = 0, 1000
OTHER_KEYS = {
    "opacity": ("opacity",),
    "edema": ("pulmonary-edema", "pulmonary-vascular-congestion", "heart-failure", "edema"),
    "pleural effusion": ("pleural-effusion", "effusion"),
    "emphysema": ("emphysema", "chronic-obstructive-pulmonary-disease"),
    "fibrosis": ("pulmonary-fibrosis", "fibrosis", "scar"),
    "lung nodule": ("lung-nodule", "nodule"),
    "interstitial markings": ("interstitial-opacity", "interstitial-lung-disease"),
    "elevated diaphragm": ("elevated-diaphragm",),
    "pulmonary embolism": ("pulmonary-embolism", "embolism"),
    "arterial calcification": ("arterial-calcification", "atherosclerosis"),
    "mass": ("mass", "neoplasm"),
    "abscess": ("abscess", "empyema"),
    "infarct": ("infarct", "stroke", "ischemia"),
    "thrombus": ("thrombosis",),
    "stenosis": ("stenosis", "occlusion"),
    "vascular malformation": ("arteriovenous-malformation", "cavernous-malformation"),
    "kidney stone": ("kidney-stone", "ureteral-stone"),
    "gallstones": ("gallstones", "choledocholithiasis"),
    "diverticula": ("diverticulosis", "bladder-diverticulum"),
    "free air": ("free-intraperitoneal-air",),
    "bowel obstruction": ("bowel-obstruction", "ileus", "volvulus", "intussusception"),
    "fatty liver": ("hepatic-steatosis",),
    "lytic lesion": ("lytic-bone-lesion",),
    "schwannoma": ("schwannoma",),
    "device": ("medical-device",),
    "sternotomy": ("sternotomy", "sternal-wires", "coronary-artery-bypass-graft"),
    "surgical clip": ("surgical-clips",),
    "surgical change": ("surgical-change", "surgery"),
    "degenerative change": ("degenerative-change", "arthritis"),
    "midline shift": ("midline-shift", "mediastinal-shift"),
    "hemorrhage": ("hemorrhage",),
    "septal thickening": ("septal-thickening",),
}
"""Keys that stand for a finding of the other reader; the lexicon's own name for it where not here.
Kinds of a key count for it."""


def keys_for(known: Lexicon) -> dict[str, frozenset[str]]:
    """What of the lexicon counts as each finding; a kind that is another finding counts there."""
    roots = {name: OTHER_KEYS.get(name) or known.named(name) for name in NAMES}
    claimed = {key for keys in roots.values() for key in keys}
    found = {}
    for name, keys in roots.items():
        queue = list(keys)
        for one in queue:
            queue += [kind for kind in known.kinds(one) if kind not in claimed | set(queue)]
        found[name] = frozenset(queue)
    return found


def kappa(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Cohen's kappa of two yes-or-no readings, -1..1; NaN where both are constant."""
    both = float(np.mean(one == other))
    chance = float(one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean()))
    return (both - chance) / (1 - chance) if chance < 1 else float("nan")


def main() -> None:
    """Read all reports both ways and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=os.environ.get("CASELIGHT_DATA"))
    data = parser.parse_args().data
    if data is None:
        parser.error("name the data folder with --data or CASELIGHT_DATA")
    known = shipped_lexicon()
    keys = {name: found for name, found in keys_for(known).items() if found}
    rows = [json.loads(line) for line in (data / "text" / "openi_reports.jsonl").open()]
    texts = ["\n".join(row[part] or "" for part in ("findings", "impression")) for row in rows]
    texts = [text for text in texts if text.strip()]
    old = [{one.name for one in read_findings(text)} for text in texts]
    new = [{one.concept for one in find_mentions(text, known)} for text in texts]
    rng = np.random.default_rng(SEED)
    draws = rng.integers(0, len(texts), (N_RESAMPLES, len(texts)))
    found = []
    for name, wanted in keys.items():
        by_old = np.array([name in one for one in old])
        by_new = np.array([bool(one & wanted) for one in new])
        if not by_old.any() and not by_new.any():
            continue
        resampled = [kappa(by_old[draw], by_new[draw]) for draw in draws]
        low, high = np.nanpercentile(resampled, (2.5, 97.5))
        found.append(
            {
                "finding": name,
                "expressions": int(by_old.sum()),
                "lexicon": int(by_new.sum()),
                "both": int((by_old & by_new).sum()),
                "kappa": round(kappa(by_old, by_new), 3),
                "interval": [round(float(low), 3), round(float(high), 3)],
            }
        )
    found.sort(key=lambda row: -int(str(row["expressions"])))
    result = {
        "data": "text/openi_reports.jsonl",
        "reports": len(texts),
        "seed": SEED,
        "unknown_to_the_lexicon": [name for name in NAMES if name not in keys],
        "median_kappa": round(float(np.median([float(str(row["kappa"])) for row in found])), 3),
        "findings": found,
        "machine": machine(),
        "commit": commit(),
    }
    print(json.dumps(result, indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
