"""A lexicon: concepts, how they hang together, and what else they are called."""

import functools
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from caselight.errors import LanguageError
from caselight.language.nouns import Concept
from caselight.language.phrases import PAIR, Phrase, Phrases
from caselight.language.rows import Row, read_rows, write_rows
from caselight.language.spelling import Spelling
from caselight.language.words import fold_names, fold_phrase

SHIPPED = tuple(
    Path(__file__).with_name(name)
    for name in ("radiology.tsv", "cardiology.tsv", "ophthalmology.tsv")
)
_LIKE = 75
"""Of 100: how like a name must be to a term to be offered in its place."""
_UP = ("is_a", "part_of", "site")


@dataclass(frozen=True, eq=False, repr=False)
class Lexicon:
    """Concepts by their key. Made by `make_lexicon`, which checks them."""

    concepts: Mapping[str, Concept]
    folded: Mapping[str, Phrase]
    """Every name and synonym, to its folded words."""

    def __repr__(self) -> str:
        return f"Lexicon({len(self.concepts)} concepts)"

    def __len__(self) -> int:
        return len(self.concepts)

    def __contains__(self, key: object) -> bool:
        return key in self.concepts

    def __iter__(self) -> Iterator[Concept]:
        return iter(self.concepts.values())

    def __getitem__(self, key: str) -> Concept:
        """Return the concept with a key.

        Raises:
            LanguageError: `language.unknown_term`.
        """
        if key not in self.concepts:
            raise LanguageError(
                "the lexicon has no concept with this key; look terms up with "
                "`caselight lexicon show TERM`",
                code="language.unknown_term",
            )
        return self.concepts[key]

    @cached_property
    def digest(self) -> str:
        """The digest of all rows in order of their keys, after "sha256:"; for the record."""
        ordered = (self.concepts[key] for key in sorted(self.concepts))
        return "sha256:" + hashlib.sha256("".join(write_rows(ordered)).encode()).hexdigest()

    @cached_property
    def phrases(self) -> Phrases:
        """What the matcher looks for."""
        return Phrases.of(self.concepts, self.folded)

    @cached_property
    def main_phrases(self) -> Mapping[str, Phrase]:
        """The name of each concept, in the form that names are kept in."""
        bases = self.phrases.bases
        return {
            key: tuple(bases[word] for word in self.folded[concept.name])
            for key, concept in self.concepts.items()
        }

    @cached_property
    def spelling(self) -> Spelling:
        """Finds the words of misspelled names."""
        return Spelling.of(tuple(self.phrases.bases))

    @cached_property
    def _below(self) -> Mapping[tuple[str, str], list[str]]:
        below: dict[tuple[str, str], list[str]] = defaultdict(list)
        for concept in self.concepts.values():
            for relation in _UP:
                for parent in getattr(concept, relation):
                    below[relation, parent].append(concept.key)
        return below

    def ancestors(self, key: str) -> Mapping[str, int]:
        """Return what a concept is a kind of: key to steps, 1 or more, nearest first."""
        return self._walk(key, lambda one: self.concepts[one].is_a)

    def descendants(self, key: str) -> Mapping[str, int]:
        """Return the kinds of a concept: key to steps, 1 or more, nearest first."""
        return self._walk(key, lambda one: self._below.get(("is_a", one), ()))

    def parts(self, key: str) -> Mapping[str, int]:
        """Return the parts of an anatomy, and theirs: key to steps, nearest first.

        Parts of its kinds and kinds of its parts are among them, its kinds are not: of a lung the
        left upper lobe, but not the left lung.
        """
        kinds = self.descendants(key)
        within = self._walk(
            key,
            lambda one: (
                *self._below.get(("part_of", one), ()),
                *self._below.get(("is_a", one), ()),
            ),
        )
        return {one: steps for one, steps in within.items() if one not in kinds}

    def wholes(self, key: str) -> Mapping[str, int]:
        """Return what an anatomy is a part of, or a kind of: key to steps, nearest first."""
        return self._walk(key, lambda one: (*self.concepts[one].part_of, *self.concepts[one].is_a))

    def found_at(self, key: str) -> tuple[str, ...]:
        """Return the keys of what has an anatomy for its site, in order of the lexicon."""
        return tuple(self._below.get(("site", self[key].key), ()))

    def synonyms_of(self, key: str) -> tuple[str, ...]:
        """Return how a concept may be written: its name, its synonyms, its abbreviations."""
        one = self[key]
        names = (name for name in one.synonyms if PAIR not in name)
        return tuple(dict.fromkeys((one.name, *names, *one.abbreviations)))

    def named(self, term: str) -> tuple[str, ...]:
        """Return the keys that a term may mean: a key, a name, a synonym, an abbreviation."""
        if term in self.concepts:
            return (term,)
        return self.phrases.keys_of(term)

    def kinds(self, key: str) -> tuple[str, ...]:
        """Return the keys of what is a kind of a concept, one step below it."""
        return tuple(self._below.get(("is_a", self[key].key), ()))

    def nearest(self, term: str) -> str | None:
        """Return the name that is spelled most like a term; None where none is like it."""
        from rapidfuzz.process import extractOne

        words = " ".join(fold_phrase(term))
        spelled = {" ".join(folded): name for name, folded in self.folded.items()}
        found = extractOne(words, spelled.keys(), score_cutoff=_LIKE)
        return None if found is None else spelled[found[0]]

    def _walk(self, key: str, onward: Callable[[str], Iterable[str]]) -> dict[str, int]:
        steps = {self[key].key: 0}
        for one in (queue := [key]):
            for other in onward(one):
                if other not in steps:
                    steps[other] = steps[one] + 1
                    queue.append(other)
        del steps[key]
        return steps


@functools.cache
def shipped_lexicon() -> Lexicon:
    """Return the lexicon that comes with Caselight, read once."""
    return read_lexicon(SHIPPED)


def open_lexicon(more: Sequence[Path] = ()) -> Lexicon:
    """Return the lexicon that comes with Caselight, and a site's own rows.

    Args:
        more: files of rows; a row whose key is known replaces the one that was read before.

    Raises:
        LanguageError: `language.bad_lexicon`.
    """
    return read_lexicon((*SHIPPED, *more)) if more else shipped_lexicon()


def read_lexicon(paths: Sequence[Path]) -> Lexicon:
    """Read files of rows, a later file's row in the place of an earlier one with its key.

    Raises:
        LanguageError: `language.bad_lexicon`, naming file and line.
    """
    rows: dict[str, Row] = {}
    for path in paths:
        here: dict[str, Row] = {}
        for row in read_rows(path):
            if row.concept.key in here:
                raise _bad(row, f"has the key {row.concept.key!r} a second time", "keep one")
            here[row.concept.key] = row
        rows.update(here)
    return make_lexicon(rows.values())


def make_lexicon(rows: Iterable[Row]) -> Lexicon:
    """Check rows against each other and make a lexicon of them.

    Raises:
        LanguageError: `language.bad_lexicon`, for keys that nobody has, circles of "is a" or "part
            of", and a name or synonym that two concepts have.
    """
    by_key = {row.concept.key: row for row in rows}
    for row in by_key.values():
        for relation in _UP:
            for other in getattr(row.concept, relation):
                if other not in by_key:
                    what = f"names {other!r} in {relation}, and no row has that key"
                    raise _bad(row, what, "correct it or add the row")
    for relation in ("is_a", "part_of"):
        _refuse_circles(by_key, relation)
    concepts = {key: row.concept for key, row in by_key.items()}
    folded = fold_names(
        half
        for one in concepts.values()
        for name in (one.name, *one.synonyms)
        for half in name.split(PAIR)
    )
    _refuse_doubles(by_key, folded)
    return Lexicon(concepts=MappingProxyType(concepts), folded=MappingProxyType(folded))


def _refuse_circles(rows: Mapping[str, Row], relation: str) -> None:
    done: set[str] = set()
    for first in rows:
        path: dict[str, None] = {}
        # Each element: a key, and whether all that it leads to has been seen.
        stack = [(first, False)]
        while stack:
            key, left = stack.pop()
            if left:
                done.add(key)
                path.pop(key)
            elif key in path:
                raise _bad(rows[key], f"is {relation} itself by way of others", "cut the circle")
            elif key not in done:
                path[key] = None
                stack.append((key, True))
                stack.extend((up, False) for up in getattr(rows[key].concept, relation))


def _refuse_doubles(rows: Mapping[str, Row], folded: Mapping[str, Phrase]) -> None:
    owner: dict[tuple[str, ...], str] = {}
    for key, row in rows.items():
        for name in (row.concept.name, *row.concept.synonyms):
            if not all(folded[half] for half in name.split(PAIR)):
                raise _bad(row, "has a synonym without a word", "write letters")
            if PAIR in name:
                continue
            phrase = folded[name]
            if owner.setdefault(phrase, key) != key:
                what = f"calls {key!r} {name!r}, as {owner[phrase]!r} is called"
                raise _bad(row, what, "give the name to one of them, or make it an abbreviation")


def _bad(row: Row, what: str, do: str) -> LanguageError:
    return LanguageError(f"{row.where} {what}; {do}", code="language.bad_lexicon")
