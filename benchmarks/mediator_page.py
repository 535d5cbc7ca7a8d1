"""docs/results/mediator.md, from the numbers that the scripts named in it kept.

One function a section; a section whose numbers are missing says so.

    python benchmarks/mediator_page.py
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backend_page
import guards_page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "results" / "mediator.md"
READERS = {
    "none": "none: whatever is named is there",
    "negspacy": "negspacy",
    "denials": "ours, denials only",
    "ours": "ours: present, and of this study",
    "older": "`data/findings.py`",
}


def held(name: str) -> dict[str, Any] | None:
    """What a script kept; None where it has not run."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def page() -> str:
    """The document."""
    lines = [
        "# The mediator: what it understands, stops and explains",
        "",
        "Written by `make mediator` (the scripts named below, then benchmarks/mediator_page.py); "
        "do not edit. Every number is in benchmarks/results. Intervals are 95 %.",
        "",
    ]
    for title, section in SECTIONS.items():
        lines += [f"## {title}", "", *section(), ""]
    return "\n".join(lines).rstrip() + "\n"


def context() -> list[str]:
    """What a sentence says of what it mentions."""
    found = held("language_context")
    if found is None:
        return ["Not measured yet: `python benchmarks/results_language.py context`."]
    said = found["sentences"]
    denial = said["denial"]
    lines = [
        "benchmarks/results_language.py context, on the test parts; rules were written looking at "
        f"the dev parts alone. Seed {found['seed']}, commit {found['commit']}, {on(found)}",
        "",
        "**Sentences written by hand** (tests/language/context_sentences.tsv, "
        f"{said['n_sentences']} in the test part with {said['n_mentions']} mentions, written "
        "before the reader): "
        f"{whole(said)} of them are read wholly as expected, certainty and of whom, "
        f"{spread(said['whole'])}. The person who wrote the rules had written the sentences, too, "
        "so a stranger's sentences will do worse.",
        "",
        "| Kind | sentences | read as expected |",
        "|---|---|---|",
        *(f"| {kind} | {of['n']} | {of['right']} |" for kind, of in said["by_kind"].items()),
        "",
        "Whether a mention is denied, the one thing that negspacy answers, is told rightly for "
        f"{spread(denial['ours'])} of the mentions by ours, {spread(denial['negspacy'])} by "
        f"negspacy and {spread(denial['none'])} by calling nothing denied.",
        "",
        "**Real reports.** A report has a finding when one of its mentions is read as present; its "
        "labels are weak (MeSH headings of Open-i, 14 of them; the 18 labels of CT-RATE). All "
        "readers get the same mention spans, but the last, which finds the same names itself. "
        "Intervals are bootstrapped over reports.",
        "",
    ]
    for name, title in (("openi_reports", "Open-i"), ("ctrate_reports", "CT-RATE")):
        lines += [*readers(found[name], title), ""]
    lines += [*labels(found["ctrate_reports"]), ""]
    return lines + speed(held("language_context_speed"))


def plans() -> list[str]:
    """How well questions become plans."""
    found = held("plan")
    if found is None:
        return ["Not measured yet: `python benchmarks/results_plan.py test`."]
    names = {
        "intent": "intent",
        "include": "all that is included, with side, severity and size",
        "exclude": "all that is excluded",
        "filters": "all filters",
        "exact": "**the whole plan**",
    }
    rows = []
    for part, name in names.items():
        value, low, high = found[part]
        rows.append(f"| {name} | {value:.3f} ({low:.3f} to {high:.3f}) |")
    return [
        f"benchmarks/results_plan.py test, at {found['commit']}: the {found['n']} questions of the "
        "test half of tests/mediator/questions.jsonl, by the lexicon alone; rules and rows were "
        "mended on the dev half. Questions and expected plans are by one hand, and were written "
        "before the planner ([rules](../guide/plan.md)). Intervals resample questions.",
        "",
        "| Right | share of questions |",
        "|---|---|",
        *rows,
        "",
        "| Kind of question | whole plans right |",
        "|---|---|",
        *(f"| {kind} | {hits} of {n} |" for kind, (hits, n) in found["by_kind"].items()),
        "",
        "With a language model: not measured yet.",
    ]


def whole(said: dict[str, Any]) -> int:
    return sum(of["right"] for of in said["by_kind"].values())


def readers(found: dict[str, Any], title: str) -> list[str]:
    """One collection, a row a reader."""
    ours, denials = found["ours_less_negspacy"], found["denials_less_negspacy"]
    return [
        f"{title}, {found['n_reports']:,} reports:",
        "",
        "| Context | precision | recall | F1, micro | F1, macro |",
        "|---|---|---|---|---|",
        *(
            f"| {READERS[reader]} | "
            + " | ".join(spread(one["micro"][key]) for key in ("precision", "recall", "f1"))
            + f" | {spread(one['macro_f1'])} |"
            for reader, one in found["readers"].items()
        ),
        "",
        f"Micro F1 of ours less negspacy's: {spread(ours)}; of its denials alone "
        f"{spread(denials)}.",
    ]


def labels(found: dict[str, Any]) -> list[str]:
    """Each label of CT-RATE."""
    ours, other = found["readers"]["ours"]["labels"], found["readers"]["negspacy"]["labels"]
    return [
        "By label of CT-RATE. What is low for both is a name that is missing, not a context.",
        "",
        "| Label | reports | precision, ours | recall, ours | F1, ours | F1, negspacy |",
        "|---|---|---|---|---|---|",
        *(
            f"| {label} | {a['n']} | {spread(a['precision'])} | {spread(a['recall'])} | "
            f"{spread(a['f1'])} | {spread(b['f1'])} |"
            for label, a, b in zip(found["labels"], ours, other, strict=True)
        ),
    ]


def speed(found: dict[str, Any] | None) -> list[str]:
    """How long reading takes."""
    if found is None:
        return ["Speed: not measured yet, `python benchmarks/bench_language_context.py`."]
    return [
        f"**Speed** (benchmarks/bench_language_context.py, commit {found['commit']}, {on(found)} "
        f"One thread, processor time, medians.) The rules load once, in "
        f"{found['load_rules_ms']} ms.",
        "",
        "| Characters | mentions | context, ms | all of a reading but finding mentions, ms |",
        "|---|---|---|---|",
        *(
            f"| {row['characters']:,} | {row['mentions']} | {row['read_context_ms']['median']} | "
            f"{row['read_text_ms']['median']} |"
            for row in found["rows"]
        ),
    ]


def on(found: dict[str, Any]) -> str:
    where = found["machine"]
    return f"{where['processor']}, {where['cores']} cores, Python {where['python']}."


def spread(one: dict[str, float]) -> str:
    """A value with its interval."""
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


SECTIONS: dict[str, Callable[[], list[str]]] = {
    "What a sentence says of what it mentions": context,
    "How well questions become plans": plans,
    "What the guards stop, and what they let through": lambda: guards_page.section(
        held("guards"), held("guards_training")
    ),
    "What a language model adds": lambda: backend_page.section(held("backend")),
}


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
