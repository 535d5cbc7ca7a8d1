"""Draw films for a reader who is told nothing, and score the readings.

    python benchmarks/blind_reading.py draw FOLDER       40 films; nothing says what is on them
    python benchmarks/blind_reading.py score FILE.json   the readings against the truth

A reading is {"film-01": {"findings": [{"name": ..., "side": ...}, ...]}, ...}; an empty list is a
normal film. A finding is named right when its name and side are. The films are drawn again for
scoring, so that the truth lies in no file beside them.
"""

import argparse
import json
import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from PIL import Image

from caselight.data.phantoms.archive import write_archive

RESULTS = Path(__file__).resolve().parent / "results" / "blind_reading.json"
SEED, N_STUDIES, SIZE, SHOWN = 4711, 400, 512, 768
N_FILMS, MOST_SEVERAL, MOST_NORMAL, MOST_OF_ONE = 40, 8, 5, 4
_SAME = {
    "pleural effusion": "effusion",
    "pulmonary edema": "edema",
    "rib fracture": "fracture",
    "enlarged heart": "cardiomegaly",
}
_DEVICES = {
    "pacemaker": "pacemaker",
    "central line": "central_line",
    "central venous": "central_line",
    "endotracheal": "endotracheal_tube",
    "drain": "chest_drain",
    "chest tube": "chest_drain",
    "nasogastric": "nasogastric_tube",
    "ng tube": "nasogastric_tube",
    "enteric": "nasogastric_tube",
    "sternal": "sternal_wires",
    "sternotomy": "sternal_wires",
}
_MIDLINE = ("cardiomegaly", "endotracheal_tube", "nasogastric_tube", "sternal_wires")
"""Their side says nothing."""


def films(folder: Path) -> list[tuple[Path, list[dict[str, Any]]]]:
    """The films of the test in their order: picture and true findings."""
    write_archive(folder, n_studies=N_STUDIES, seed=SEED, size=SIZE, images="png")
    lines = (folder / "truth.jsonl").read_text("utf-8").splitlines()
    truth = [json.loads(line) for line in lines]
    rng = random.Random(1)  # noqa: S311 (a draw, no secret)
    order = list(range(N_STUDIES))
    rng.shuffle(order)
    counts: dict[str, int] = defaultdict(int)
    picked = []
    for i in order:
        names = [finding["name"] for finding in truth[i]["findings"]]
        kind = names[0] if len(names) == 1 else "several" if names else "normal"
        most = {"several": MOST_SEVERAL, "normal": MOST_NORMAL}.get(kind, MOST_OF_ONE)
        if counts[kind] < most and len(picked) < N_FILMS:
            counts[kind] += 1
            picked.append(i)
    rng.shuffle(picked)
    return [
        (folder / "images" / f"{truth[i]['study_id']}-pa.png", truth[i]["findings"]) for i in picked
    ]


def draw(out: Path) -> None:
    """Write the films under names that say nothing."""
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        for n, (path, _) in enumerate(films(Path(work) / "archive"), start=1):
            film = Image.open(path).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
            film.save(out / f"film-{n:02d}.png")


def said(finding: dict[str, Any]) -> tuple[str, str | None]:
    """A reader's words as ours: name (of a device, its kind) and side."""
    words = str(finding["name"]).casefold().split("(")[0].strip()
    name = _SAME.get(words, words)
    for spelling, kind in _DEVICES.items():
        if spelling in words:
            name = kind
    side = str(finding.get("side") or "none").casefold()
    return name, None if name in _MIDLINE or side == "none" else side


def meant(finding: dict[str, Any]) -> tuple[str, str | None]:
    """The truth in the same form."""
    name = finding["kind"] or finding["name"]
    return name, None if name in _MIDLINE else finding["side"]


def score(path: Path) -> dict[str, Any]:
    """Findings named with their side, by finding and size; normal films called normal."""
    readings = json.loads(path.read_text("utf-8"))
    by_name: dict[str, list[bool]] = defaultdict(list)
    by_size: dict[str, list[bool]] = defaultdict(list)
    misses, extra, normals = [], 0, []
    whole = []
    with tempfile.TemporaryDirectory() as work:
        for n, (_, truth) in enumerate(films(Path(work) / "archive"), start=1):
            film = f"film-{n:02d}"
            named = [said(finding) for finding in readings[film]["findings"]]
            if not truth:
                normals.append(not named)
            wanted = [meant(finding) for finding in truth]
            for finding, want in zip(truth, wanted, strict=True):
                found = want in named
                by_name[finding["name"]].append(found)
                if finding["severity"] is not None:
                    by_size[("small", "middle", "large")[min(2, int(3 * finding["size"]))]].append(
                        found
                    )
                if not found:
                    misses.append(
                        {"film": film, "finding": want, "size": finding["size"], "said": named}
                    )
            extra += sum(one not in wanted for one in named)
            whole.append(set(named) == set(wanted))
    every = [found for one in by_name.values() for found in one]
    return {
        "films": len(whole),
        "findings": len(every),
        "named_with_side": round(sum(every) / len(every), 3),
        "films_wholly_right": round(sum(whole) / len(whole), 3),
        "normal_films": len(normals),
        "normal_films_right": sum(normals),
        "named_though_absent": extra,
        "by_finding": {name: [sum(one), len(one)] for name, one in sorted(by_name.items())},
        "by_size": {name: [sum(one), len(one)] for name, one in sorted(by_size.items())},
        "misses": misses,
        "readings": readings,
    }


def main() -> None:
    """Draw or score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["draw", "score"])
    parser.add_argument("path", type=Path)
    asked = parser.parse_args()
    if asked.what == "draw":
        draw(asked.path)
        return
    result = score(asked.path)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps({k: v for k, v in result.items() if k != "readings"}, indent=1))


if __name__ == "__main__":
    main()
