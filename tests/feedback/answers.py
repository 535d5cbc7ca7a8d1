"""Homes with answers on their record, for the tests of this folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from caselight.config import Config
from caselight.data.store import open_store
from caselight.home import Home
from caselight.types import Query
from tests.homes import trained_copy

WORDS = "kumquat-like amber zone"
"""What is asked; the first word stands in no report."""
KEEP = Config.from_mapping({"words": {"keep": True}})
SMALL = {
    "towers": {"image": "toy", "text": "toy"},
    "model": {"embed_dim": 16, "hidden_dim": 32, "bits": [32, 64]},
    "train": {"epochs": 2, "settle_epochs": 0, "hash_epochs": 2},
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A home, and one answer of it."""

    home: Path
    record: int
    hits: tuple[str, ...]

    def of(self, *splits: str) -> list[str]:
        """Hits of some splits, best first."""
        held = split_of(self.home)
        return [study for study in self.hits if held[study] in splits]

    def approved(self, studies: Sequence[str], *, relevant: bool = True, by: str = "Ann") -> None:
        """Give feedback on studies, and approve it."""
        with Home(self.home) as place:
            given = place.give_feedback(self.record, studies, relevant=relevant, by=by)
            place.review_feedback([one.id for one in given], approve=True, reviewer="Bob")


def asked(folder: Path, query: Query | str = WORDS, *, config: Config = KEEP) -> Asked:
    """A home of one's own that was asked once."""
    return ask(trained_copy(folder), query, config=config)


def ask(home: Path, query: Query | str = WORDS, *, config: Config = KEEP) -> Asked:
    """Ask a home."""
    one = Query(text=query, k=24, group="study") if isinstance(query, str) else query
    with Home(home, config=config) as place:
        result = place.search(one)
    assert result.record is not None
    return Asked(home=home, record=result.record, hits=tuple(h.study_uid for h in result.hits))


def split_of(home: Path) -> dict[str, str]:
    """The split of every study."""
    with open_store(home) as store:
        return {study.study_uid: study.split for _, study in store.studies()}


def owner_of(home: Path, study: str) -> str:
    """The pseudonym of a study's patient."""
    with open_store(home) as store:
        return store.owner(study)
