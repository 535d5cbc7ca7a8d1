"""docs/results/retrieval.md, from the numbers that results_retrieval.py kept."""

from typing import Any

BITS = (48, 64, 128, 256)
CROSS = ("text_to_image", "image_to_text")


def page(results: dict[str, Any]) -> str:
    """The document."""
    where = results["machine"]
    lines = [
        "# Retrieval: float against bits, on test splits",
        "",
        "Written by `make results` (benchmarks/results_retrieval.py); do not edit. Every number is "
        "in benchmarks/results/retrieval.json.",
        "",
        f"Machine: {where['processor']}, {where['cores']} cores, torch {where['torch']}. Seeds "
        f"{results['seeds']}, pooled; intervals are 95 %, from a bootstrap over patients. Ties are "
        "averaged. `R@k` is the chance that the one right answer (strict) stands among the first "
        "k. *Ratio* is Recall@10 over that of `float`, paired by query, over both directions and "
        "all seeds. `tanh_sign`, `itq` and `cca` are baselines trained in the same run: the sign "
        "of a tanh head trained without any hash term, ITQ of the float embedding (`itq_centred`: "
        "each modality about its own mean, as our heads start), and the sign of canonical "
        "correlates of the features (its ridge chosen on the validation split). All choices were "
        "made on training and validation patients; see [experiments](../experiments.md).",
        "",
    ]
    lines += overview(results)
    for name, block in results["sets"].items():
        lines += set_page(name, block)
    return "\n".join(lines) + "\n"


def set_page(name: str, block: dict[str, Any]) -> list[str]:
    """One data set's part."""
    chosen = f", {block['filters']}" if block["filters"] else ""
    seconds = ", ".join(f"{s:.0f}" for s in block["train_seconds"])
    lines = [
        f"## {name}: {block['about']}",
        "",
        f"Text `{block['text']}`{chosen}. {block['n_pairs']} training pairs; {block['split']} "
        f"split: {block['n_queries']} queries with a text, {block['n_gallery']} images, "
        f"{block['n_unique_texts']} distinct texts. Training took {seconds} s once the features "
        "existed.",
        "",
        "| reading | text to image R@1 | R@5 | R@10 (95 %) | R@50 | image to text R@1 | R@5 "
        "| R@10 (95 %) | R@50 | ratio to float (95 %) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for reading in ordered(block["readings"]):
        table = block["readings"][reading]
        cells = []
        for direction in CROSS:
            strict = table[direction]["strict"]
            cells += [percent(strict[f"recall_at_{k}"], interval=k == 10) for k in (1, 5, 10, 50)]
        cells.append(span(block["ratio_to_float"][reading]))
        lines.append(f"| {reading} | " + " | ".join(cells) + " |")
    for limit in ("ceiling", "chance"):
        cells = [
            f"{100 * block['limits'][direction]['strict'][limit][f'recall_at_{k}']:.1f}"
            for direction in CROSS
            for k in (1, 5, 10, 50)
        ]
        lines.append(f"| *{limit}* | " + " | ".join(cells) + " | |")
    lines += ["", *warnings(block), *more(block)]
    return lines


def warnings(block: dict[str, Any]) -> list[str]:
    """What a reader must know before comparing rows."""
    lines = []
    for direction in CROSS:
        found = block["readings"]["float"][direction]["strict"]["recall_at_10"]
        chance = block["limits"][direction]["strict"]["chance"]["recall_at_10"]
        if found["low"] <= chance:
            lines.append(
                f"**{direction.replace('_', ' ').capitalize()}: the interval of `float` reaches "
                f"chance ({100 * found['low']:.1f} to {100 * found['high']:.1f} against "
                f"{100 * chance:.1f}).** Differences between rows mean nothing in this direction."
            )
    return [*lines, ""] if lines else []


def ordered(readings: dict[str, Any]) -> list[str]:
    """Our readings, then the baselines, each by width."""
    kinds = (
        "float",
        "bits",
        "float_query_bits",
        "rescored_bits",
        "tanh_sign_bits",
        "itq_bits",
        "itq_centred_bits",
    )
    rank = {kind: i for i, kind in enumerate((*kinds, "cca_bits"))}

    def place(name: str) -> tuple[int, int]:
        kind, _, width = name.rpartition("_")
        return (0, 0) if name == "float" else (rank[kind], int(width))

    return sorted(readings, key=place)


def overview(results: dict[str, Any]) -> list[str]:
    """What most readers come for."""
    lines = [
        "| set | float R@10, text to image / image to text | 128 bits to float | ITQ | "
        "ITQ, centred | sign of a tanh head | CCA |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, block in results["sets"].items():
        found = [
            percent(block["readings"]["float"][direction]["strict"]["recall_at_10"], interval=False)
            for direction in CROSS
        ]
        ratios = [
            span(block["ratio_to_float"][reading])
            for reading in (
                "bits_128",
                "itq_bits_128",
                "itq_centred_bits_128",
                "tanh_sign_bits_128",
                "cca_bits_128",
            )
        ]
        lines.append(f"| {name} | {' / '.join(found)} | " + " | ".join(ratios) + " |")
    return [*lines, ""]


def more(block: dict[str, Any]) -> list[str]:
    """Multi-positive and image to image, for the readings that matter."""
    lines = [
        "Multi-positive (equal texts all count), and image to image (an answer of another patient "
        "whose labels share half or more):",
        "",
        "| reading | text to image R@10 | mAP@R | NDCG@10 | image to text R@10 | mAP@R | NDCG@10 "
        "| image to image R@10 | mAP@R | NDCG@10 |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    chosen = ("float", *(f"bits_{n}" for n in BITS), "rescored_bits_128", "itq_bits_128")
    names = ("recall_at_10", "map_at_r", "ndcg_at_10")
    directions = (*CROSS, "image_to_image")
    for reading in chosen:
        table = block["readings"][reading]
        cells = [
            percent(table[direction]["multi_positive"][metric], interval=False)
            for direction in directions
            for metric in names
        ]
        lines.append(f"| {reading} | " + " | ".join(cells) + " |")
    cells = [
        percent({"value": block["limits"][d]["multi_positive"]["chance"][m]}, interval=False)
        for d in directions
        for m in names
    ]
    return [*lines, "| *chance* | " + " | ".join(cells) + " |", ""]


def percent(value: dict[str, Any], *, interval: bool) -> str:
    """A fraction as per cent."""
    if value["value"] is None:
        return "-"
    text = f"{100 * value['value']:.1f}"
    if interval and value["low"] is not None:
        text += f" ({100 * value['low']:.1f} to {100 * value['high']:.1f})"
    return text


def span(value: dict[str, Any]) -> str:
    """A ratio with its interval."""
    if value["value"] is None:
        return "-"
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
