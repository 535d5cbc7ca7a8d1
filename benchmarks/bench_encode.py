"""Pictures and texts a second through the built-in towers; one JSON line each."""

import json
import time
from pathlib import Path

import numpy as np
import torch

from caselight.config import TowerSettings
from caselight.models import open_image_tower, open_text_tower
from machine import machine

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> None:
    """Measure and append."""
    RESULTS.mkdir(exist_ok=True)
    settings, cpu = TowerSettings(), torch.device("cpu")
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (320, 320), dtype=np.uint8) for _ in range(64)]
    texts = [" ".join(["opacity"] * int(n)) for n in rng.integers(5, 60, 256)]
    image, text = (
        open_image_tower(settings, device=cpu),
        open_text_tower(settings, device=cpu),
    )
    image.encode(torch.from_numpy(image.preprocess.batch(pictures[:4])))
    text.encode(texts[:4])
    start = time.perf_counter()
    for first in range(0, len(pictures), settings.batch_images):
        batch = image.preprocess.batch(pictures[first : first + settings.batch_images])
        image.encode(torch.from_numpy(batch))
    rates = {"efficientnet-lite0": len(pictures) / (time.perf_counter() - start)}
    start = time.perf_counter()
    for first in range(0, len(texts), settings.batch_texts):
        text.encode(sorted(texts, key=len)[first : first + settings.batch_texts])
    rates["minilm-l6"] = len(texts) / (time.perf_counter() - start)
    for tower, rate in rates.items():
        result = {
            "bench": "encode",
            "tower": tower,
            "a_second": round(rate, 1),
            "threads": torch.get_num_threads(),
            "machine": machine(),
        }
        print(json.dumps(result))
        with (RESULTS / "encode.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
