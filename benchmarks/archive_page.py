"""docs/results/archive.md, from the numbers that the scripts named in it kept.

python benchmarks/archive_page.py
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import asking_page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "results" / "archive.md"


def held(name: str) -> dict[str, Any]:
    """What a script kept."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return found


def page() -> str:
    """The document."""
    where = held("dicom_ingest")["machine"]
    lines = [
        "# The archive: DICOM, phantoms, reports, and the ways of asking",
        "",
        "Written by `make archive` (the scripts named below, then benchmarks/archive_page.py); do "
        "not edit. Every number is in benchmarks/results.",
        "",
        f"Machine: {where['processor']}, {where['cores']} cores, shared; Python {where['python']}, "
        f"numpy {where['numpy']}, torch {where['torch']}. Intervals are 95 %.",
        "",
        *ingest(held("dicom_ingest")),
        *fuzz(held("fuzz_dicom")),
        *phantoms(held("phantom_shortcuts"), held("blind_reading")),
        *asking_page.section(held("asking")),
        *reports(held("report_sections")),
        *files(held("dicom_files")),
    ]
    return "\n".join(lines).rstrip() + "\n"


def ingest(found: dict[str, Any]) -> list[str]:
    """Writing and reading the demo archive."""
    write, stages = found["write"], found["stages"]
    lines = [
        f"## Ingest of {found['n_studies']:,} demo DICOM studies",
        "",
        "benchmarks/results_ingest.py. The archive is 256 pixels wide, in four transfer syntaxes "
        "(uncompressed, JPEG 2000, JPEG-LS, RLE), with reports as text and as structured reports. "
        f"Writing it on one core: {write['seconds']} s, {write['studies_a_second']} studies a "
        f"second, peak {write['peak_mib']} MiB, {write['bytes'] / 2**20:.0f} MiB on disk.",
        "",
        "The command itself, held to so many cores; medians of three.",
        "",
        "| Read as | cores | seconds (all runs) | studies/s | pictures/s | CPU s | peak MiB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, kind in (("manifest", "manifest over DICOM"), ("folder", "DICOM folder")):
        lines += [
            f"| {kind} | {run['cores']} | {run['seconds']} "
            f"({', '.join(str(s) for s in run['all_seconds'])}) | {run['studies_a_second']} | "
            f"{run['pictures_a_second']} | {run['cpu_seconds']} | {run['peak_mib']} |"
            for run in found[name]
        ]
    lines += [
        "",
        f"What it waits for: the stages on the same files, in one thread "
        f"({stages['n_pictures']} pictures, {stages['seconds']} s without the database).",
        "",
        "| Stage | share |",
        "|---|---|",
        *(f"| {name} | {100 * share:.0f} % |" for name, share in stages["share"].items()),
        "",
        "| Transfer syntax | files | decoding, median ms |",
        "|---|---|---|",
        *(
            f"| {name} | {one['files']} | {one['median']} |"
            for name, one in stages["decode_ms"].items()
        ),
        "",
    ]
    return lines


def fuzz(found: dict[str, Any]) -> list[str]:
    """The mutated files."""
    limits = found["limits"]
    lines = [
        f"## {found['n']:,} mutated DICOM files",
        "",
        "benchmarks/fuzz_dicom.py: bits flipped, values, lengths, transfer syntaxes and sequences "
        "changed, files cut, spliced and grown, in all that pydicom installs and in demo studies. "
        "Each goes the way of an ingest in a process with "
        f"{limits['memory_bytes'] / 2**30:.0f} GiB of address space and {limits['seconds']:.0f} "
        "seconds.",
        "",
        f"Crashes, hangs and anything but a coded refusal: **{len(found['findings'])}**. Slowest "
        f"{found['slowest_seconds']} s, median {found['median_seconds']} s, peak "
        f"{found['peak_mib']} MiB resident, {found['bytes_printed']} bytes printed.",
        "",
        "| Outcome | mutants |",
        "|---|---|",
    ]
    lines += [f"| {name} | {count} |" for name, count in found["outcomes"].items()]
    lines += [
        "",
        "*Left out*: what says that it is no picture and no report (a plan, say) is counted in the "
        "receipt. A mutant with several outcomes counts as decoded if any picture of it was.",
        "",
    ]
    return lines


def phantoms(shortcuts: dict[str, Any], reading: dict[str, Any]) -> list[str]:
    """What the phantoms look like, and whether something other than findings gives them away."""
    lines = [
        "## The phantoms",
        "",
        "![24 films of a demo archive](../images/contact-sheet.png)",
        "",
        "![Each finding, its box and its words](../images/atlas.png)",
        "",
        "### Read blind",
        "",
        f"benchmarks/blind_reading.py: {reading['films']} frontal films with {reading['findings']} "
        "findings, taken from an archive as it comes and read in batches of four by a "
        "vision-language model that was given the films alone; no radiologist has read them. "
        "The scorer's list of synonyms was completed with the readings at hand, no reading was "
        "changed. "
        f"Findings named with their side: **{100 * reading['named_with_side']:.0f} %**; films "
        f"read wholly right: {100 * reading['films_wholly_right']:.0f} %; normal films called "
        f"normal: {reading['normal_films_right']} of {reading['normal_films']}; findings named "
        f"that are not there: {reading['named_though_absent']}.",
        "",
        "| Finding | named | | Size | named |",
        "|---|---|---|---|---|",
    ]
    sizes = [f"{name} | {a} of {b}" for name, (a, b) in reading["by_size"].items()]
    for n, (name, (a, b)) in enumerate(reading["by_finding"].items()):
        lines.append(f"| {name} | {a} of {b} | | {sizes[n] if n < len(sizes) else ' | '} |")
    lines += [
        "",
        "The reader's remarks on what looked unnatural: a skeleton too symmetric and schematic, "
        "vessels too straight, outlines of heart and diaphragm too smooth, nodules and fractures "
        "too clean, no shift of the mediastinum.",
        "",
        "### Shortcuts",
        "",
        "benchmarks/phantom_shortcuts.py: how well a classifier tells each finding from something "
        "that is no finding, as the area under the ROC curve out of fold (0.5 is chance, intervals "
        "over patients). Age and sex are a control: their influence is drawn on purpose.",
        "",
    ]
    sources = shortcuts["by_source"]
    names = list(next(iter(sources.values()))["by_finding"])
    lines += [
        "| From | studies | " + " | ".join(names) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for source, one in sources.items():
        cells = [
            f"{f['auc']:.2f} ({f['low']:.2f} to {f['high']:.2f})"
            for f in one["by_finding"].values()
        ]
        lines.append(f"| {source} | {one['n_studies']:,} | {' | '.join(cells)} |")
    return [*lines, ""]


def reports(found: dict[str, Any]) -> list[str]:
    """Sections and names."""
    lines = [
        "## Sections and names of reports",
        "",
        "benchmarks/results_report_sections.py: real sections (Open-i, CT-RATE) written as whole "
        "reports with headings drawn by seed, and split again. Rules were written on one half of "
        "the reports and other draws; these are the other half. *Held out* are spellings that the "
        "table of headings does not know.",
        "",
        "| Set | reports | sections recovered exactly | words missing | words added |",
        "|---|---|---|---|---|",
    ]
    for name, one in found["sections"].items():
        every = one["all"]
        lines.append(
            f"| {name} | {one['reports']} | {100 * every['share_exact']:.1f} % of "
            f"{every['sections']} | {every['words_missing']} of {every['words']} | "
            f"{every['words_added']} |"
        )
    lines += [
        "",
        "Names put into the same reports, and taken out again. *Beside*: by a title or another "
        "part of the name. *Plain word*: surnames such as Small that are also words; alone they "
        "stay, so that no finding loses its size. *Word of the report*: a surname drawn from the "
        "report itself, the worst there is.",
        "",
        "| Names | name words | removed | precision |",
        "|---|---|---|---|",
    ]
    for data, kinds in found["names"].items():
        for kind, one in kinds.items():
            precision = "" if one["precision"] is None else f"{one['precision']:.2f}"
            lines.append(
                f"| {data}, {kind} | {one['name_words']} | {100 * one['recall']:.0f} % "
                f"| {precision} |"
            )
    return [*lines, ""]


def files(found: dict[str, Any]) -> list[str]:
    """Every pixel file that pydicom installs."""
    rows = found["files"]
    outcomes = Counter(row["outcome"] for row in rows)
    wrong = [row for row in rows if not row.get("agrees", True) and "note" not in row]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [
        "## Every pixel file that pydicom installs",
        "",
        f"benchmarks/results_dicom_files.py: {len(rows)} files, {outcomes['decoded']} decoded, "
        f"{outcomes['refused']} refused. Stored values are compared with gdcm, dcmtk and pydicom, "
        "and the picture as shown with dcmtk's own rendering, on a scale of 255. Files that "
        f"differ from every other decoder, or from one without an explanation: "
        f"**{len(wrong)}**. No samples of dcmtk's or Orthanc's own were at hand.",
        "",
        "![Thumbnails of the files decoded](../images/dicom-files.png)",
        "",
        f"Versions: {versions}.",
        "",
        "| File | syntax | what | min | max | differs by: gdcm, dcmtk, pydicom; shown | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        what = f"{row['modality']} {row['size']}, {row['frames']} fr., {row['photometric']}"
        name = row["file"].removeprefix("test_files/")
        if row["outcome"] == "refused":
            why = row.get("note") or row["why"]
            lines.append(
                f"| {name} | {row['syntax']} | {what} | refused | `{row['code']}` | | {why} |"
            )
            continue
        others = row["stored_by_others"]
        cells = [_largest(others.get(one)) for one in ("gdcm", "dcmtk", "pydicom")]
        lines.append(
            f"| {name} | {row['syntax']} | {what} | {row['low']} | {row['high']} | "
            f"{', '.join(cells)}; {_largest(row['shown_by_dcmtk'])} | {row.get('note', '')} |"
        )
    return [*lines, ""]


def _largest(one: dict[str, Any] | None) -> str:
    return "-" if one is None or "largest" not in one else f"{one['largest']:g}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
