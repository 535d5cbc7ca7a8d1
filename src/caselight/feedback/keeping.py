"""Keep the words of queries where a site asks for it, and forget them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from caselight.config import WordsSettings
from caselight.data.store import Store
from caselight.data.words import has_words, open_words
from caselight.errors import QueryRefused, StoreError, WordsError
from caselight.recording import Recorder
from caselight.types import Query

Keep = Callable[[int, Query, Sequence[str]], str | None]
"""What `caselight.search.search` is given."""
_EDGES = ".,;:!?()[]{}\"'"


def words_keeper(
    store: Store,
    settings: WordsSettings,
    *,
    is_identifying: Callable[[str], bool],
    today: Callable[[], date],
) -> Keep:
    """What keeps the words of one search, as the settings say; to be made before it begins.

    Args:
        store: the open home, as the search is to see it.
        settings: for how long, and under which key.
        is_identifying: whether words hold what may name a person; these are not kept.
        today: the day, UTC.
    """
    begun = store.generation

    def keep(record: int, query: Query, pictures: Sequence[str]) -> str | None:
        words = query.text
        if words is None or is_identifying(words):
            return None
        day = today()
        try:
            with open_words(store.home, key=settings.key, today=day) as kept:
                is_kept = kept.keep(
                    record,
                    words,
                    today=day,
                    days=settings.keep_days,
                    named=_named(store, query, pictures),
                    unchanged=lambda: store.generation == begun,
                )
        except (StoreError, WordsError, QueryRefused) as error:
            # An answer that is on the record is given: nobody waits for it because of these.
            return f"the words were not kept: {error}"
        return None if is_kept else "the words were not kept: the home changed meanwhile; ask again"

    return keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was forgotten of the kept words."""

    words: int
    """Of so many searches."""
    key: bool
    """Whether the key was destroyed."""


def forget(
    store: Store,
    recorder: Recorder,
    *,
    settings: WordsSettings,
    today: date,
    before: date | None = None,
    record: int | None = None,
    everything: bool = False,
) -> Forgotten:
    """Delete kept words: those before a day, those of one search, or all, and the key with them.

    Raises:
        StoreError: when the home cannot be written.
    """
    if not has_words(store.home):
        return Forgotten(words=0, key=False)
    destroyed = False
    with open_words(store.home, key=settings.key, today=today) as kept:
        if everything:
            n_words, destroyed = kept.forget_all()
        elif record is not None:
            n_words = kept.forget([record])
        else:
            n_words = 0 if before is None else kept.forget_before(before)
    forgotten = Forgotten(words=n_words, key=destroyed)
    recorder.say("words.forgotten", {"words": n_words, "key": destroyed})
    return forgotten


def _named(store: Store, query: Query, pictures: Sequence[str]) -> set[str]:
    """Patients whom a query names: by a study, a picture of one, or an id among its words."""
    said = {one.strip(_EDGES) for one in (query.text or "").split()}
    studies = store.rows_named({*query.like, *query.unlike, *said})
    keys = {one for one in said if re.fullmatch(r"[0-9a-f]{32}", one)}
    return {
        *(store.owner(uid) for uid in studies),
        *(owner for digest in pictures for owner in store.owners_of_picture(digest)),
        *(key for key in keys if store.rows_of(key)),
    }
