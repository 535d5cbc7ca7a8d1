"""What a text is searched for: the names of a lexicon as sequences of folded words."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from caselight.language.nouns import Concept
from caselight.language.words import fold, fold_phrase, plurals

PAIR = " + "
"""Parts the two halves of a synonym that is a pair; see `Concept.synonyms`."""
HALF = "="
"""Begins what stands for half of a pair that is no concept of its own, such as "flattened"."""

Phrase = tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Phrases:
    """The names of a lexicon, arranged for matching."""

    bases: Mapping[str, str]
    """Every folded word that a name has, and its plurals, to the form that names are kept in."""
    names: Mapping[Phrase, str]
    """A name in such forms, to its key, or to `HALF` and words."""
    lengths: Mapping[str, tuple[int, ...]]
    """The first word of a name, to how many words names that begin so have; most first."""
    shorts: Mapping[str, tuple[str, ...]]
    """An abbreviation as written, to the keys that it may mean."""
    lower: Mapping[str, tuple[str, ...]]
    """An abbreviation in lower case, to what may be meant as written."""
    pairs: Mapping[tuple[str, str], str]
    """(what is found, where): the key of what is found there. (mass, lung): lung mass."""

    @classmethod
    def of(cls, concepts: Mapping[str, Concept], folded: Mapping[str, Phrase]) -> "Phrases":
        """Arrange the names of all concepts; `folded` has the words of each."""
        named, halves = _named(concepts, folded)
        vocabulary = {
            w for phrases in (*named.values(), *halves.values()) for p in phrases for w in p
        }
        bases = _bases(vocabulary)

        def based(phrase: Phrase) -> Phrase:
            return tuple(bases[word] for word in phrase)

        names: dict[Phrase, str] = {}
        for key, phrases in named.items():
            for phrase in phrases:
                names.setdefault(based(phrase), key)
        for couples in halves.values():
            for half in couples:
                names.setdefault(based(half), HALF + " ".join(half))
        # A name wins over words that were joined.
        for key, concept in concepts.items():
            for joined in _joined(concept):
                bases.setdefault(joined[0], joined[0])
                names.setdefault(tuple(bases.get(word, word) for word in joined), key)
        lengths: dict[str, set[int]] = defaultdict(set)
        for phrase in names:
            lengths[phrase[0]].add(len(phrase))
        shorts: dict[str, list[str]] = defaultdict(list)
        for key, concept in concepts.items():
            for short in concept.abbreviations:
                shorts[short].append(key)
        lower: dict[str, list[str]] = defaultdict(list)
        for short in shorts:
            lower[short.lower()].append(short)
        pairs = _split_names(names, concepts)
        for key, couples in halves.items():
            for first, second in zip(couples[::2], couples[1::2], strict=True):
                pairs[names[based(second)], names[based(first)]] = key
        return cls(
            bases=bases,
            names=names,
            lengths={word: tuple(sorted(found, reverse=True)) for word, found in lengths.items()},
            shorts={short: tuple(keys) for short, keys in shorts.items()},
            lower={short: tuple(found) for short, found in lower.items()},
            pairs=pairs,
        )

    def keys_of(self, term: str) -> tuple[str, ...]:
        """Return the keys that a whole term may mean, a name before abbreviations."""
        phrase = tuple(self.bases.get(word, word) for word in fold_phrase(term))
        key = self.names.get(phrase)
        if key is not None and not key.startswith(HALF):
            return (key,)
        exact = self.shorts.get(term.strip())
        found = exact or [
            key for short in self.lower.get(term.strip().lower(), ()) for key in self.shorts[short]
        ]
        return tuple(dict.fromkeys(found))


def _named(
    concepts: Mapping[str, Concept], folded: Mapping[str, Phrase]
) -> tuple[dict[str, list[Phrase]], dict[str, list[Phrase]]]:
    """The names of each concept, and apart from them the halves of its pairs, two by two."""
    named: dict[str, list[Phrase]] = {}
    halves: dict[str, list[Phrase]] = {}
    for key, concept in concepts.items():
        named[key] = [folded[concept.name]]
        for synonym in concept.synonyms:
            if PAIR in synonym:
                first, second = synonym.split(PAIR, 1)
                halves.setdefault(key, []).extend((folded[first], folded[second]))
            else:
                named[key].append(folded[synonym])
    return named, halves


def _bases(vocabulary: set[str]) -> dict[str, str]:
    """Every word and its plurals to its singular, or to itself where the vocabulary has none."""
    ordered = sorted(vocabulary)
    singular: dict[str, str] = {}
    several = {word: list(plurals(word)) for word in ordered}
    for word in ordered:
        for plural in several[word]:
            if plural in vocabulary and singular.get(word) != plural:
                singular.setdefault(plural, word)
    bases = {word: singular.get(word, word) for word in ordered}
    for word in ordered:
        for plural in several[word]:
            # "pelvises" folds as "visualises" does.
            bases.setdefault(fold(plural), bases[word])
    return bases


def _joined(concept: Concept) -> Iterator[Phrase]:
    """Names in which a hyphen was left out: "groundglass opacity"."""
    for name in (concept.name, *concept.synonyms):
        if "-" in name and PAIR not in name:
            yield fold_phrase(name.replace("-", ""))


def _split_names(
    names: Mapping[Phrase, str], concepts: Mapping[str, Concept]
) -> dict[tuple[str, str], str]:
    """Pairs that names give away: "renal cyst" is "renal" and "cyst", a cyst of the kidney."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for phrase, key in names.items():
        for cut in range(1, len(phrase)):
            one, other = names.get(phrase[:cut]), names.get(phrase[cut:])
            if one is None or other is None or {one, other} - concepts.keys():
                continue
            kinds = concepts[one].category, concepts[other].category
            if kinds == ("anatomy", "finding"):
                found[other, one].add(key)
            elif kinds == ("finding", "anatomy"):
                found[one, other].add(key)
    return {pair: min(keys) for pair, keys in found.items() if len(keys) == 1}
