"""The guards as a part of docs/results/mediator.md, from guards.json and guards_training.json."""

from collections.abc import Mapping
from typing import Any

_SETS = {
    "attack": "attacks of the corpus (core), test",
    "in_requisition": "attacks in requisitions, templates not seen in training",
    "own_attack": "the same attacks alone",
    "other_attack": "labelled attacks with core = false (mostly harmful requests, shell commands)",
    "query": "`benign_clinical_queries`, held out",
    "own_trigger": "clinical texts with trigger words, templates not seen in training",
    "own_plain": "clinical texts of signs, numbers or other languages, templates not seen",
    "own_requisition": "requisitions, templates not seen in training",
    "other_trigger": "everyday texts with trigger words, our templates not seen in training",
    "general_with_triggers": "benign rows of the corpus with trigger words (everyday requests)",
    "general": "all benign rows of the corpus (everyday requests)",
}
_LEAST_SHOWN = 8
"""Categories with fewer test attacks are joined: their shares say nothing."""


def section(found: Mapping[str, Any] | None, training: Mapping[str, Any] | None) -> list[str]:
    """Markdown lines; none before `results_guards.py` has run."""
    if found is None or training is None:
        return ["Not measured yet: `python benchmarks/results_guards.py`."]
    refused, settings = found["refused"], found["settings"]
    where = found["machine"]
    lines = [
        "Made by `python benchmarks/train_injection_filter.py` and `python "
        "benchmarks/results_guards.py`, on the test split of the development texts "
        "(near-duplicates of it were taken out of training; our own texts are split by "
        "template). Thresholds were chosen on validation: injection "
        f"{settings['injection_threshold']}, documents "
        f"{settings['document_threshold']}, off topic {settings['off_topic_threshold']}. Intervals "
        f"are 95 %, {found['n_resamples']} resamples of single texts (too narrow for "
        "texts of one template), seed "
        f"{found['seed']}. {where['processor']}, commit {found['commit']}.",
        "",
        "| Texts | n | refused | asked: off topic |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {title} | {refused[name]['n']} | {_cell(refused[name])} "
        f"| {_cell(found['asked_off_topic'][name])} |"
        for name, title in _SETS.items()
    ]
    reports = found["reports_refused"]
    lines += [
        f"| reports, as documents | {reports['n']} | {_cell(reports)} | |",
        f"| all of `benign_clinical_queries`, training part included "
        f"| {found['all_queries_refused']['n']} | {_cell(found['all_queries_refused'])} | |",
        "",
        f"Aimed at: 99 % of the corpus' attacks refused, reached {_percent(refused['attack'])}; at "
        f"most 0.5 % of clinical queries refused, reached {_percent(refused['query'])}; 95 % of "
        "texts with trigger words let through, reached "
        f"{100 - 100 * refused['own_trigger']['share']:.1f} % of clinical ones and "
        f"{100 - 100 * refused['general_with_triggers']['share']:.1f} % of everyday ones.",
        "",
        "The curve: the threshold that refuses at most so many held-out queries, and what else it "
        "refuses. It is for reading; nothing was chosen from it.",
        "",
        "| queries refused, at most | attacks refused | clinical with triggers | everyday with "
        "triggers | everyday |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {100 * point['queries_refused_at_most']:.2f} % "
        f"| {100 * point['attacks_refused']:.1f} % | {100 * point['own_trigger']:.1f} % "
        f"| {100 * point['general_with_triggers']:.1f} % "
        f"| {100 * point['general']:.1f} % |"
        for point in found["curve"]
    ]
    return [*lines, "", *_misses(found), *_hardening(training), *_time(found)]


def _misses(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "Where the misses are, by the corpus' own categories:",
        "",
        "| Category | n | refused |",
        "|---|---|---|",
    ]
    few, missed = 0, 0
    for name, one in found["attacks_by_category"].items():
        if one["n"] < _LEAST_SHOWN:
            few, missed = few + one["n"], missed + one["n"] - one["count"]
        else:
            lines.append(f"| {name} | {one['n']} | {_cell(one)} |")
    lines.append(f"| all smaller ones | {few} | {100 * (few - missed) / max(few, 1):.1f} % |")
    return [
        *lines,
        "",
        "Read one by one, the misses of the corpus are harmful or playful requests that give no "
        "order to a machine (a riddle whose answer is the forbidden word, a story to be written), "
        "and short orders without a word of the usual ones. Nearly all of them are asked about. "
        "In requisitions, the misses are our own orders to a retrieval system in words that no "
        "training template has, in English as in other languages, among clinical words.",
        "",
    ]


def _hardening(training: Mapping[str, Any]) -> list[str]:
    held = training["held_out_search"]
    carried = held["found_before_still_through"]
    rounds = ", ".join(f"{one['through']} of {one['n']}" for one in training["hardening_rounds"])
    return [
        "An attacker who sees the probability searches against the filter: synonyms, misspellings, "
        "split and joined words, look-alikes, clinical padding, wrappers, paraphrases, encodings; "
        f"up to six greedy steps of fourteen tries. On training attacks {rounds} got through, "
        "round by round, and were learned from. On held-out attacks, with other synonyms and "
        "templates, "
        f"{held['before']['through']} of {held['before']['n']} got through before and "
        f"{held['after']['through']} of {held['after']['n']} after; of the texts found against the "
        f"filter before, {carried['through']} of {carried['n']} still get through after.",
        "",
    ]


def _time(found: Mapping[str, Any]) -> list[str]:
    lines = [
        "All layers together, one thread:",
        "",
        "| Texts of 200 characters | n | median | p99 | processor time: median | p99 |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one['n']} | {one['median_ms']} ms | {one['p99_ms']} ms "
        f"| {one['processor_median_ms']} ms | {one['processor_p99_ms']} ms |"
        for name, one in found["time"].items()
    ]
    asked = found["queries_asked_by_layer"]
    return [
        *lines,
        "",
        "Of all clinical queries, other layers ask about: "
        + "; ".join(f"{name} {one['count']} of {one['n']}" for name, one in asked.items())
        + ". None of the queries was written with a person's name in it, so what `identifiers` "
        "asks about is nearly all false.",
        "",
    ]


def _percent(one: Mapping[str, Any]) -> str:
    return f"{100 * one['share']:.1f} % ({one['count']} of {one['n']})"


def _cell(one: Mapping[str, Any]) -> str:
    low, high = (100 * bound for bound in one["interval"])
    return f"{100 * one['share']:.1f} % ({low:.1f} to {high:.1f})"
