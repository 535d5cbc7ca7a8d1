"""caselight lexicon: look terms up, check a site's own rows, import what a site is licensed for."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from caselight.cli.common import AsJson, ConfigFile, Overrides, out, print_json, progress
from caselight.config import read_config
from caselight.data.new_files import new_file, refuse_existing
from caselight.errors import LanguageError
from caselight.language.lexicon import Lexicon, open_lexicon, shipped_lexicon
from caselight.language.nouns import Concept
from caselight.language.phrases import PAIR
from caselight.language.rows import write_rows
from caselight.wire import VERSION

app = typer.Typer(no_args_is_help=True, help="The terms that questions and reports are read with.")


@app.callback()
def lexicon() -> None:
    """The terms that questions and reports are read with."""


@app.command()
def show(
    term: Annotated[str, typer.Argument(help="A name, a synonym, an abbreviation or a key.")],
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say what a term means, what else it is called, and what stands above and below it."""
    known = _configured(config, set_)
    keys = known.named(term)
    if not keys:
        near = known.nearest(term)
        hint = f"did you mean {near!r}" if near else "try a word of a report, such as 'effusion'"
        raise LanguageError(
            f"the lexicon does not know this term; {hint}, or add rows of your own "
            "(language.lexicons)",
            code="language.unknown_term",
        )
    if as_json:
        print_json({"version": VERSION, "concepts": [_wire(known, key) for key in keys]})
        return
    for n, key in enumerate(keys):
        for line in ([""] if n else []) + _lines(known, key):
            out.print(line, markup=False, soft_wrap=True)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Your own rows, TSV.")],
    as_json: AsJson = False,
) -> None:
    """Read your own rows as an addition to ours, and say what they add."""
    ours, both = shipped_lexicon(), open_lexicon(files)
    added = [one.key for one in both if one.key not in ours]
    replaced = [one.key for one in ours if both[one.key] != one]
    if as_json:
        said = {"concepts": len(both), "added": added, "replaced": replaced, "digest": both.digest}
        print_json({"version": VERSION, **said})
        return
    out.print(f"{len(both)} concepts: {len(added)} added, {len(replaced)} replaced, no fault found")
    for what, keys in (("added", added), ("replaced", replaced)):
        for key in keys:
            out.print(f"{what}: {key}", markup=False, soft_wrap=True)
    out.print(f"digest: {both.digest}")


@app.command("import")
def import_(
    path: Annotated[
        Path, typer.Argument(help="The CSV file of RadLex, the folder of SNOMED CT or UMLS.")
    ],
    source: Annotated[
        Literal["radlex", "snomed", "umls"], typer.Option("--from", help="Which terminology.")
    ],
    out_: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the rows.")],
) -> None:
    """Make rows of a terminology that you are licensed for; ours win, ids are kept."""
    from caselight.language.licensed import merge
    from caselight.language.radlex import read_radlex
    from caselight.language.snomed import read_snomed
    from caselight.language.umls import read_umls

    refuse_existing(out_)
    readers = {"radlex": read_radlex, "snomed": read_snomed, "umls": read_umls}
    with progress() as advance:
        terms = readers[source](path, progress=advance)
        made = merge(terms, source, shipped_lexicon())
    with new_file(out_) as staged, staged.open("w", encoding="utf-8", newline="") as file:
        file.writelines(write_rows(made.concepts))
    out.print(
        f"{len(made.concepts)} rows written, {made.matched} of them ours with new names and ids; "
        f"left out: {made.dropped_names} names, {made.dropped_links} links",
        soft_wrap=True,
    )


def _configured(config: Path | None, set_: list[str] | None) -> Lexicon:
    return open_lexicon([Path(one) for one in read_config(config, set_ or ()).language.lexicons])


def _wire(known: Lexicon, key: str) -> dict[str, Any]:
    concept = known[key]
    return {
        **asdict(concept),
        "broader": known.ancestors(key),
        "narrower": known.descendants(key),
        "parts": known.parts(key) if concept.category == "anatomy" else {},
        "found_here": known.found_at(key),
    }


def _lines(known: Lexicon, key: str) -> list[str]:
    concept = known[key]
    lines = [f"{concept.name}: {concept.category}, {concept.specialty} ({key})"]
    for label, values in (
        ("also called", [one for one in concept.synonyms if PAIR not in one]),
        ("written short", concept.abbreviations),
        ("ids", (*((concept.radlex,) if concept.radlex else ()), *concept.ids)),
    ):
        if values:
            lines.append(f"  {label}: {', '.join(values)}")
    if concept.sided or concept.sex:
        has = ["left and right"] * concept.sided
        has += {"F": ["women alone"], "M": ["men alone"]}.get(concept.sex or "", [])
        lines.append(f"  has: {', '.join(has)}")
    for label, keys in (
        ("is a kind of", tuple(known.ancestors(key))),
        ("is part of", concept.part_of),
        ("is found in", concept.site),
    ):
        if keys:
            lines.append(f"  {label}: {', '.join(known[one].name for one in keys)}")
    for label, below in (("kinds", _tree(known, key)), ("parts", _parts(known, concept))):
        if below:
            lines += [f"  {label}:", *below]
    if found := known.found_at(key):
        lines.append(f"  found here: {', '.join(known[one].name for one in found)}")
    return lines


def _tree(known: Lexicon, key: str) -> list[str]:
    """The kinds of a concept, indented by how far below they are; one with two parents twice."""
    lines = []
    stack = [(one, 2) for one in reversed(known.kinds(key))]
    while stack:
        one, depth = stack.pop()
        lines.append(f"{'  ' * depth}{known[one].name}")
        stack.extend((below, depth + 1) for below in reversed(known.kinds(one)))
    return lines


def _parts(known: Lexicon, concept: Concept) -> list[str]:
    if concept.category != "anatomy":
        return []
    names = [known[one].name for one in known.parts(concept.key)]
    return [f"    {', '.join(names)}"] if names else []
