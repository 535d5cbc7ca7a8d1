"""Write benchmarks/results/report_sections.json: are sections found again, and names taken out?

Composes whole reports from real sections in many styles of headings, splits them again and counts;
then writes names into real findings and takes them out again. Reads the folder of data sets named
by CASELIGHT_DATA. Rules were written with `--half development`; what is reported is the other half,
with another seed.

    python benchmarks/results_report_sections.py [--half test] [--seed 1]
"""

import argparse
import json
import os
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from caselight.data.reports import remove_names, split_sections
from machine import machine
from report_styles import HELD_OUT, SEEN, STYLES, compose

ROOT = Path(__file__).resolve().parent.parent
GIVEN = (
    "Amina",
    "Jonas",
    "Mei",
    "Carlos",
    "Ingrid",
    "Tariq",
    "Svetlana",
    "Emeka",
    "Noor",
    "Piotr",
    "Lucía",
    "Haruto",
)
COMMON = (
    "Nguyen",
    "Okafor",
    "Kowalski",
    "Haddad",
    "Fernández",
    "Müller",
    "O'Brien",
    "Lindqvist",
    "Petrov",
    "Tanaka",
    "Abdullah",
    "Rossi",
    "Silva",
    "Novak",
    "Johansson",
    "Smith-Jones",
)
PLAIN = (
    "Small",
    "White",
    "Long",
    "Bone",
    "Base",
    "Hand",
    "Head",
    "Stone",
    "Field",
    "Short",
    "Young",
    "Little",
    "Wall",
    "Ray",
    "Cross",
    "Marks",
    "Sharp",
    "Wing",
    "Low",
    "Best",
    "Rose",
    "Price",
    "Case",
    "Major",
    "Clear",
    "Hill",
    "Wells",
    "Lung",
)
BESIDE = (
    "Discussed with Dr. {family} at the time of reading.",
    "{family_capitals}, {given} was positioned twice.",
    "{given} {family} has had the same before.",
    "Dr. {initial}. {family} was informed.",
    "Mr. {family} did not hold still.",
    "{family}, {given} returned.",
)
ALONE = ("This was explained to {family} by phone.", "{family} did not hold still.")


def main() -> None:
    """Measure, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=("development", "test"), default="test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = Path(os.environ["CASELIGHT_DATA"]) / "text"
    sets = {
        "openi": list(openi(folder / "openi_reports.jsonl", options.half)),
        "ctrate": list(ctrate(folder / "ctrate_reports.jsonl", options.half)),
    }
    results: dict[str, Any] = {
        "machine": machine(),
        "half": options.half,
        "seed": options.seed,
        "sections": {},
        "names": {},
    }
    spellings = (
        {"seen": SEEN} if options.half == "development" else {"seen": SEEN, "held out": HELD_OUT}
    )
    for name, reports in sets.items():
        for group, words in spellings.items():
            results["sections"][f"{name}, spellings {group}"] = sections_of(
                reports, words, options.seed
            )
        results["names"][name] = names_of(reports, options.seed)
    if options.half == "development":
        print(json.dumps(results, indent=1))
        return
    target = options.out or ROOT / "benchmarks/results/report_sections.json"
    target.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(target)


def openi(path: Path, half: str) -> Iterator[dict[str, str]]:
    """Sections of Open-i reports; the technique is the caption of the first film."""
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        if in_half(row["study_id"], half):
            images = row.get("images") or [{}]
            row["technique"] = images[0].get("caption")
            yield {section: row[section].strip() for section in SEEN if row.get(section)}


def ctrate(path: Path, half: str) -> Iterator[dict[str, str]]:
    """CT-RATE reports, cut where a lone quotation mark stands before their impression."""
    for line in path.open(encoding="utf-8"):
        row = json.loads(line)
        findings, *impression = row["text"].split(' " ')
        if in_half(row["id"], half) and len(impression) <= 1:
            yield {
                name: text.strip()
                for name, text in (("findings", findings), ("impression", " ".join(impression)))
                if text.strip()
            }


def in_half(name: str, half: str) -> bool:
    return (sha256(name.encode()).digest()[0] % 2 == 0) == (half == "development")


def sections_of(
    reports: list[dict[str, str]], spellings: dict[str, str], seed: int
) -> dict[str, Any]:
    """Sections recovered exactly, and words that ended elsewhere, by section and by style."""
    rng = random.Random(f"sections {seed}")  # noqa: S311 (draws, no secrets)
    by: dict[str, Counter[str]] = defaultdict(Counter)
    seconds = 0.0
    for truth in reports:
        if not truth:
            continue
        style = rng.choice(STYLES)
        text = compose(truth, style, spellings, rng)
        start = time.perf_counter()
        found = split_sections(text)
        seconds += time.perf_counter() - start
        for section, words in truth.items():
            wanted, got = (Counter(x.upper().split()) for x in (words, found.get(section, "")))
            for key in ("all", section, f"style: {style}"):
                by[key]["sections"] += 1
                by[key]["exact"] += words.upper().split() == found.get(section, "").upper().split()
                by[key]["words"] += wanted.total()
                by[key]["words_missing"] += (wanted - got).total()
                by[key]["words_added"] += (got - wanted).total()
    return {
        "reports": len(reports),
        "ms_a_report": round(1000 * seconds / len(reports), 3),
        **{
            key: {**count, "share_exact": round(count["exact"] / count["sections"], 4)}
            for key, count in sorted(by.items())
        },
    }


def names_of(reports: list[dict[str, str]], seed: int) -> dict[str, Any]:
    """Name words left behind and other words lost, by kind of family name."""
    rng = random.Random(f"names {seed}")  # noqa: S311 (draws, no secrets)
    by: dict[str, Counter[str]] = defaultdict(Counter)
    for truth in reports:
        original = truth.get("findings") or truth.get("impression")
        if not original:
            continue
        own = [word for word in re.findall(r"[A-Za-z]{4,}", original) if word.lower() != "xxxx"]
        for kind, families in (
            ("common", COMMON),
            ("plain word", PLAIN),
            ("word of the report", own),
        ):
            for place, templates in (("beside", BESIDE), ("alone", ALONE)):
                family, given = rng.choice(families or COMMON), rng.choice(GIVEN)
                count_names(
                    by[f"{kind}, {place}"],
                    original,
                    rng.choice(templates),
                    family.capitalize() if kind != "common" else family,
                    given,
                    rng,
                )
    return {key: summary(count) for key, count in by.items()}


def count_names(
    count: Counter[str], original: str, template: str, family: str, given: str, rng: random.Random
) -> None:
    sentences = re.split(r"(?<=[.])\s+", original)
    said = template.format(
        family=family, family_capitals=family.upper(), given=given, initial=given[0]
    )
    rest = re.sub(r"\{\w+\}", "", template)
    sentences.insert(rng.randint(0, len(sentences)), said)
    text, _ = remove_names(" ".join(sentences), [f"{family.upper()}^{given.upper()}"])
    base, out = words_of(f"{original} {rest}"), words_of(text.replace("[name]", " "))
    n_names = (words_of(said) - words_of(rest)).total()
    left, lost = (out - base).total(), (base - out).total()
    count["texts"] += 1
    count["name_words"] += n_names
    count["removed"] += n_names - left
    count["left"] += left
    count["other_words"] += base.total()
    count["other_words_lost"] += lost


def words_of(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text.lower()))


def summary(count: Counter[str]) -> dict[str, Any]:
    taken = count["removed"] + count["other_words_lost"]
    return {
        **count,
        "recall": round(count["removed"] / count["name_words"], 4),
        "precision": round(count["removed"] / taken, 4) if taken else None,
    }


if __name__ == "__main__":
    main()
