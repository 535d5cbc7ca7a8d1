"""The ways of asking as a part of docs/results/archive.md, from benchmarks/results/asking.json."""

from collections.abc import Mapping
from typing import Any

SYSTEMS = {
    "codes": "codes: 128 bits, then the float embedding (`--by codes`)",
    "bits": "128 bits alone",
    "bm25": "words (`--by words`)",
    "hybrid_1": "both by reciprocal rank fusion (`--by both`)",
    "image": "the film alone",
    "words": "the words alone",
    "sentence": "all findings wanted, in words, without the film",
    "vectors": "fusion `vectors`",
    "vectors_0.5": "fusion `vectors`, weight 0.5",
    "ranks": "fusion `ranks`",
    "edit": "the film moved along what sets the words apart (tried, left out)",
}


def section(results: Mapping[str, Any]) -> list[str]:
    """Markdown lines: hybrid search, composed queries, and retrieval by finding."""
    return [
        *_hybrid(results["hybrid"]["results"]),
        *_composed(results["composed"]["results"]),
        *_findings(results["phantoms"]["results"]),
    ]


def _hybrid(blocks: list[dict[str, Any]]) -> list[str]:
    lines = [
        "## Hybrid search against each half",
        "",
        "The query is a text of the case that is taken out of the gallery: the impression or the "
        "indication on medpix2 (the gallery has captions and findings), the last sentence of the "
        "note on ieee8023 (the gallery has the rest of it). The same words may stand in what is "
        "left, and how often they do is said. Right is the query's own case. Query and text have "
        "one author, which is kind to BM25. Intervals are 95 %, patients resampled.",
    ]
    for block in blocks:
        lines += [
            "",
            f"{block['data']}, query: {block['query']} ({block['n_queries']} queries of "
            f"{block['n_patients']} patients, {block['n_gallery']} studies, split "
            f"{block['split']}, seeds {block['seeds']}; {block['n_queries_verbatim_in_gallery']} "
            "queries stand word for word in a text of the gallery):",
            "",
            "| Searched by | R@1 | R@5 | R@10 | MRR |",
            "|---|---|---|---|---|",
        ]
        for name, found in block["systems"].items():
            if name in SYSTEMS:
                cells = [_cell(found[f"recall_at_{k}"]) for k in (1, 5, 10)]
                lines.append(f"| {SYSTEMS[name]} | {' | '.join(cells)} | {_cell(found['mrr'])} |")
        lines += [
            "",
            "MRR of both, less that of codes: "
            f"{_cell(block['hybrid_1_minus']['codes']['mrr'])}; less that of words: "
            f"{_cell(block['hybrid_1_minus']['bm25']['mrr'])}.",
        ]
    return [*lines, ""]


def _composed(blocks: Mapping[str, dict[str, Any]]) -> list[str]:
    lines = [
        "## Composed queries on phantoms",
        "",
        "A film, and words such as *but with a left pleural effusion*. Right are the studies of "
        "other patients whose findings and sides are exactly the film's and the change. The image "
        "weight of each fusion was chosen on other phantoms.",
    ]
    for target, block in blocks.items():
        lines += [
            "",
            f"`--target {target}` ({block['n_queries']} queries of {block['n_patients']} patients, "
            f"{block['n_gallery']} studies; chance nDCG@10 "
            f"{block['chance']['ndcg_at_10']:.3f}):",
            "",
            "| Asked with | image weight | nDCG@10 | R@10 |",
            "|---|---|---|---|",
        ]
        for name, found in block["systems"].items():
            weight = block["chosen_image_weight"].get(name, "")
            lines.append(
                f"| {SYSTEMS[name]} | {weight} | {_cell(found['ndcg_at_10'])} "
                f"| {_cell(found['recall_at_10'])} |"
            )
    return [*lines, ""]


def _findings(blocks: Mapping[str, dict[str, Any]]) -> list[str]:
    lines = [
        "## Phantoms by finding, side, size and style",
        "",
        "Asked for in words, such as *left pleural effusion*. Precision and nDCG of the first ten "
        "with intervals that resample the gallery's patients. Recall@R is the share of the R "
        "studies with a finding that are among the first R. A side is meant exactly: both sides "
        "are no answer to one.",
    ]
    image, study = blocks["image"], blocks["study"]
    lines += [
        "",
        "| Question | studies | chance | P@10 images | nDCG@10 images | P@10 with reports |",
        "|---|---|---|---|---|---|",
    ]
    for text, found in image["questions"].items():
        other = study["questions"][text]
        lines.append(
            f"| {text} | {found['n_relevant']} | {found['chance']:.3f} "
            f"| {_cell(found['precision_at_10'])} | {_cell(found['ndcg_at_10'])} "
            f"| {_cell(other['precision_at_10'])} |"
        )
    for key, what in (("name", "finding"), ("side", "side"), ("size", "size, 0 to 1"),
                      ("author", "author of the report"), ("site", "site")):  # fmt: skip
        lines += [
            "",
            f"| By {what} | findings | chance | Recall@R images | Recall@R with reports |",
            "|---|---|---|---|---|",
        ]
        for value, found in image["recall_at_r"][key].items():
            lines.append(
                f"| {value} | {found['n']} | {found['chance']:.3f} | {_cell(found)} "
                f"| {_cell(study['recall_at_r'][key][value])} |"
            )
    return [*lines, ""]


def _cell(found: Mapping[str, float | None]) -> str:
    value, low, high = (found[name] for name in ("value", "low", "high"))
    if value is None:
        return "-"
    if low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f} to {high:.3f})"
