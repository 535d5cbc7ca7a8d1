"""RadLex, SNOMED CT and UMLS as rows of a lexicon, for a site that is licensed for them.

Each file of a terminology is streamed once or twice; what stays in memory is what is kept. Our own
rows win: a licensed concept that has a name of ours becomes that row, with its id and its further
names, and keeps our place in the hierarchy. None of these terminologies comes with Caselight.

Sources: RadLex in the CSV of BioPortal; SNOMED CT Release File Specifications (RF2), snapshot
files; UMLS Reference Manual, Rich Release Format.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TextIO

from caselight.errors import LanguageError
from caselight.language.lexicon import Lexicon
from caselight.language.nouns import Category, Concept
from caselight.language.phrases import PAIR
from caselight.language.words import fold_phrase

Terminology = Literal["radlex", "snomed", "umls"]
Progress = Callable[[str, int, int], None]
"""What is read, bytes read since the last call, bytes in all."""
_EVERY = 20_000
"""Lines between two reports of progress."""
_MOST_WORDS = 8
"""Longer names are sentences that no report writes so; they are left out."""
_FEW_LETTERS = 3
"""Shorter names are taken for abbreviations."""


@dataclass(slots=True)
class Term:
    """A concept of a terminology as it is gathered."""

    name: str
    category: Category
    synonyms: list[str] = field(default_factory=list)
    is_a: list[str] = field(default_factory=list)
    """Ids."""
    part_of: list[str] = field(default_factory=list)
    site: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of an import."""

    concepts: tuple[Concept, ...]
    """Rows of ours that were matched, then the others, in order of the terminology."""
    matched: int
    """Of them, rows of ours."""
    dropped_names: int
    """Names that another concept had already, that came twice, or that no report would use."""
    dropped_links: int
    """Links to concepts that were not kept, and those that would have closed a circle."""


def stream(path: Path, *, progress: Progress) -> Iterator[str]:
    """Read the lines of a large file, reporting how far it is.

    Raises:
        LanguageError: `language.bad_terminology`, where it cannot be read as UTF-8 text.
    """
    try:
        size = path.stat().st_size
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _lines(file, path.name, size, progress)
    except OSError as error:
        raise bad(
            f"{path.name} cannot be read ({error.strerror}); name the file as released"
        ) from None
    except UnicodeDecodeError:
        raise bad(f"{path.name} is not UTF-8 text; name the file as released, unpacked") from None


def _lines(file: TextIO, name: str, size: int, progress: Progress) -> Iterator[str]:
    n_bytes = 0
    for number, line in enumerate(file, 1):
        n_bytes += len(line)
        if number % _EVERY == 0:
            progress(name, n_bytes, size)
            n_bytes = 0
        yield line
    progress(name, n_bytes, size)


def tabbed(path: Path, columns: Sequence[str], *, progress: Progress) -> Iterator[dict[str, str]]:
    """Read the rows of an RF2 file; its first line must name these columns."""
    lines = stream(path, progress=progress)
    header = next(lines, "").rstrip("\r\n").split("\t")
    if not set(columns) <= set(header):
        raise bad(
            f"the first line of {path.name} does not name {', '.join(columns)}; expected a "
            "snapshot file of SNOMED CT RF2, parted by tabs"
        )
    for number, line in enumerate(lines, 2):
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) != len(header):
            raise bad(
                f"line {number} of {path.name} has {len(cells)} cells, expected {len(header)}; "
                "the file is damaged or no RF2 file"
            )
        yield dict(zip(header, cells, strict=True))


def bad(message: str) -> LanguageError:
    """A file that is not of its terminology."""
    return LanguageError(message, code="language.bad_terminology")


def merge(terms: Mapping[str, Term], scheme: str, own: Lexicon) -> Imported:
    """Make rows of what was gathered, beside our own.

    Args:
        terms: id to concept, in the order of the terminology.
        scheme: begins keys and ids: "radlex", "snomed", "umls".
        own: rows that win.
    """
    keys, taken, dropped_names = _keys(terms, scheme, own)
    theirs: dict[str, Concept] = {}
    ours: dict[str, Concept] = {}
    above: dict[str, dict[str, tuple[str, ...]]] = {"is_a": {}, "part_of": {}}
    dropped_links = 0
    for id_, term in terms.items():
        key = keys.get(id_)
        if key is None:
            continue
        names, n_dropped = _free_names(_names(term), key, taken)
        dropped_names += n_dropped
        if key in own:
            ours[key] = _with(ours.get(key, own[key]), scheme, id_, names)
            continue
        links: dict[str, tuple[str, ...]] = {}
        for relation in ("is_a", "part_of", "site"):
            wanted = [keys.get(one) for one in getattr(term, relation)]
            kept = tuple(dict.fromkeys(one for one in wanted if one and one != key))
            if relation in above:
                kept = tuple(one for one in kept if not _leads(above[relation], one, key))
                above[relation][key] = kept
            dropped_links += len(wanted) - len(kept)
            links[relation] = kept
        theirs[key] = Concept(
            key=key,
            name=names[0],
            category=term.category,
            is_a=links["is_a"],
            part_of=links["part_of"],
            site=links["site"],
            synonyms=tuple(names[1:]),
            abbreviations=_abbreviations(term),
            radlex=id_ if scheme == "radlex" else None,
            ids=() if scheme == "radlex" else (f"{scheme}:{id_}",),
        )
    return Imported(
        concepts=(*ours.values(), *theirs.values()),
        matched=len(ours),
        dropped_names=dropped_names,
        dropped_links=dropped_links,
    )


def _keys(
    terms: Mapping[str, Term], scheme: str, own: Lexicon
) -> tuple[dict[str, str], dict[tuple[str, ...], str], int]:
    """Id to key, ours where a name is ours; and every name to the key that has it.

    The first concept of a terminology that has a name keeps it. One with no name left is no row.
    """
    taken = {phrase: one.key for one in own for phrase in _phrases((one.name, *one.synonyms))}
    by_radlex = {one.radlex: one.key for one in own if one.radlex}
    keys: dict[str, str] = {}
    dropped = 0
    for id_, term in terms.items():
        phrases = _phrases(_names(term))
        ours = by_radlex.get(id_) or next(
            (taken[one] for one in phrases if taken.get(one) in own), None
        )
        key = ours or f"{scheme}-{id_.lower()}"
        free = [one for one in phrases if taken.setdefault(one, key) == key]
        if free or ours:
            keys[id_] = key
        else:
            dropped += len(phrases)
    return keys, taken, dropped


def _names(term: Term) -> list[str]:
    """Names that a report may use; " + " would part the halves of a pair."""
    names = [term.name, *(one for one in term.synonyms if not _is_abbreviation(one))]
    return [name.replace(PAIR, " and ") for name in names]


def _abbreviations(term: Term) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in term.synonyms if _is_abbreviation(one)))


def _is_abbreviation(name: str) -> bool:
    """In any case, "ALL" would be found in every "all"."""
    return name.isalnum() and (name.isupper() or len(name) < _FEW_LETTERS)


def _phrases(names: Iterable[str]) -> list[tuple[str, ...]]:
    return [phrase for name in names if 0 < len(phrase := fold_phrase(name)) <= _MOST_WORDS]


def _free_names(
    names: Sequence[str], key: str, taken: Mapping[tuple[str, ...], str]
) -> tuple[list[str], int]:
    kept: dict[tuple[str, ...], str] = {}
    for name in names:
        phrase = fold_phrase(name)
        if taken.get(phrase) == key:
            kept.setdefault(phrase, name)
    return list(kept.values()), len(names) - len(kept)


def _with(concept: Concept, scheme: str, id_: str, names: Sequence[str]) -> Concept:
    """A row of ours, with an id and the names that it lacked."""
    known = set(_phrases((concept.name, *concept.synonyms)))
    more = tuple(name for name in names if fold_phrase(name) not in known)
    synonyms = (*concept.synonyms, *more)
    if scheme == "radlex":
        return replace(concept, synonyms=synonyms, radlex=concept.radlex or id_)
    ids = tuple(dict.fromkeys((*concept.ids, f"{scheme}:{id_}")))
    return replace(concept, synonyms=synonyms, ids=ids)


def _leads(above: Mapping[str, tuple[str, ...]], start: str, goal: str) -> bool:
    """Whether one goes up from a key to another by the links that were kept so far."""
    seen, queue = {start}, [start]
    for one in queue:
        if one == goal:
            return True
        fresh = [up for up in above.get(one, ()) if up not in seen]
        seen.update(fresh)
        queue.extend(fresh)
    return False
