"""Adapting towers and models, and what an encoder hears; adapt-all.json and probes-all.json.

    python benchmarks/results_adapt.py [--work FOLDER]

Texts: MiniLM adapted to medpix2's captions (LoRA), the probes of a "no" and of a side before and
after, and the heads of medpix2 trained on either. Models: one trained on one set is trained further
on another, with more and more of its pairs. Default settings but for what is said.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.codes import pack_signs, sign_bits
from caselight.config import Config
from caselight.evaluation.probes import bit_distance, probe
from caselight.home import Home
from caselight.models.checkpoint import load_checkpoint
from learning_common import CPU, home_of
from machine import machine

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "benchmarks/results/learning"
TEXT = {"finetune": {"lora_rank": 8, "lr": 1e-3}}
MOVES = (("phantoms", "ieee8023", "report", "notes"), ("medpix2", "phantoms", "caption", "report"))


def main() -> None:
    """Measure both and keep them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path)
    parser.add_argument("--parts", default="texts,moves")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        parts = {"texts": texts, "moves": moves}
        for part in options.parts.split(","):
            start = time.perf_counter()
            for name, found in parts[part](work, Path(scratch)).items():
                minutes = round((time.perf_counter() - start) / 60, 1)
                kept = json.dumps({**found, "machine": machine(), "minutes": minutes}, indent=1)
                (OUT / f"{name}.json").write_text(kept + "\n", "utf-8")
            print(part, round((time.perf_counter() - start) / 60, 1), "min", flush=True)


def texts(work: Path, scratch: Path) -> dict[str, Any]:
    """The text tower, before and after; the heads over either."""
    place = home_of("medpix2", work)
    base: dict[str, Any] = {"train": {"text": "caption"}}
    with Home(place, config=Config.from_mapping({**base, **TEXT})) as home:
        home.adapt(scratch / "text", towers=["text"])
    tower = next((scratch / "text").glob("text-*.safetensors"))
    rows: dict[str, Any] = {}
    recalls: dict[str, Any] = {}
    for words, towers in (("MiniLM", {}), ("MiniLM adapted", {"text": f"file:{tower}"})):
        config = Config.from_mapping({**base, "towers": towers})
        out = scratch / words.replace(" ", "-")
        with Home(place, config=config) as home:
            home.train(out)
            recalls[words] = {
                direction: report["strict"]["recall_at_10"]
                for direction, report in strict(home.evaluate(out)).items()
            }
        rows |= heard(words, config, out)
    return {
        "probes-all": {
            "about": "Share of sentences that lie nearer to a paraphrase than to their opposite; "
            "0.5 is chance. The opposite differs from the sentence in one word (minimal: a "
            "paraphrase changes more words than that, so an encoder that counts words fails), or "
            'from the paraphrase (reworded). Built-in sentences, 624 of a "no" and 384 of a '
            "side; intervals are clustered by finding. *Heads* are those of medpix2 over the "
            "tower, with default settings; *adapted* is `caselight adapt --towers text` on "
            "medpix2's training captions with LoRA of rank 8. Its opposites name half of the "
            "built-in findings, and the sentences here name all: the part on findings it never "
            "met is under Adapting.",
            "rows": rows,
        },
        "adapt-texts": {"receipt": told(scratch / "text"), "recall_at_10": recalls},
    }


def strict(report: dict[str, Any]) -> dict[str, Any]:
    """The float and 128-bit blocks of both directions."""
    return {
        f"{direction} {reading}": report[direction][reading]
        for direction in ("text_to_image", "image_to_text")
        for reading in ("float", "bits_128")
    }


def heard(words: str, config: Config, folder: Path) -> dict[str, Any]:
    """Probes of a tower by itself, and through the heads over it, as embedding and as bits."""
    from caselight.engine import OpenTowers

    model = load_checkpoint(folder)
    tower = OpenTowers(config.towers, device=CPU, progress=lambda *_: None).text_tower

    def features(asked: Sequence[str]) -> NDArray[np.float32]:
        return np.concatenate(
            [tower.encode(asked[i : i + 32]).numpy() for i in range(0, len(asked), 32)]
        )

    def unit(asked: Sequence[str]) -> NDArray[np.float32]:
        found = features(asked)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))

    def embedded(asked: Sequence[str]) -> NDArray[np.float32]:
        return model.embed(features(asked), "text").mean

    def packed(asked: Sequence[str]) -> NDArray[np.uint8]:
        return pack_signs(sign_bits(model.soft_bits(features(asked), "text", 128))).packed

    out = {}
    for row, encode, distance in (
        (words, unit, {}),
        (f"{words}, heads, float", embedded, {}),
        (f"{words}, heads, 128 bits", packed, {"distance": bit_distance}),
    ):
        report = probe(encode, rng=np.random.default_rng(0), **distance)
        out[row] = plain(asdict(report))
    return out


def moves(work: Path, scratch: Path) -> dict[str, Any]:
    """Models moved from one set to another."""
    found = []
    for old, new, old_text, new_text in MOVES:
        first = Config.from_mapping({"train": {"text": old_text}})
        with Home(home_of(old, work), config=first) as home:
            home.train(scratch / f"{old}-model")
        second = Config.from_mapping({"train": {"text": new_text}})
        with Home(home_of(new, work), config=second) as home:
            home.adapt(
                scratch / f"{old}-{new}",
                model=scratch / f"{old}-model",
                old_home=home_of(old, work),
            )
        found.append({"old": old, "new": new, "receipt": told(scratch / f"{old}-{new}")})
        print(old, "to", new, "done", flush=True)
    return {"adapt-moves": {"moves": found}}


def told(folder: Path) -> Any:
    """What an adaptation wrote of itself."""
    found = json.loads((folder / "adapted.json").read_text("utf-8"))
    for tower in found["towers"]:
        tower["file"] = Path(tower["file"]).name
    if found["transfer"]:
        found["transfer"].pop("model")
    return found


def plain(values: Any) -> Any:
    """The same with paths and arrays as JSON has them."""
    return json.loads(json.dumps(values, default=str))


if __name__ == "__main__":
    main()
