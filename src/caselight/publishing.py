"""Where a home has published its index, and what lies there: nothing that the home has not.

A home remembers every place. One process at a time publishes, so that no older version is ever put
over a newer one: an erased patient must not come back by a publication that began before.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from caselight.audit.digests import keyed_digest
from caselight.errors import ClusterError, Error, IndexMismatch, UsageError
from caselight.index.journal import HEAD, Opens
from caselight.index.manifest import current_folder, read_snapshot, read_version, replace_file
from caselight.index.places import Place, open_place, reaching
from caselight.index.shards import (
    MANIFEST,
    Publication,
    check_place,
    publish,
    read_published,
    withdraw,
)
from caselight.recording import Recorder

LIST = "published"
"""File of a home: the places, a line each."""
FOLDER = "shards"
"""Where in the home an index is published when no other place is named."""
SHARD_ROWS = 262_144
"""Rows of a shard unless told otherwise: some 150 MB with embeddings of 256 numbers."""
_MAX_ROWS = 2**63
"""More than an index can number."""


def publish_index(
    home: Path,
    place: Place,
    *,
    recorder: Recorder,
    shard_rows: int | None = None,
    anew: Collection[str] = (),
    fresh: bool = False,
) -> Publication:
    """Publish the current index of a home, or bring what lies in the place up to it.

    Args:
        home: the home.
        place: where to.
        recorder: signs, and puts it on the record.
        shard_rows: rows that a shard spans; as they lie there, or `SHARD_ROWS`, if not given.
        anew: shards to write even where they are there.
        fresh: write everything anew, whoever published there before.

    Raises:
        ClusterError: `cluster.bad_place`, or `cluster.not_ours`.
        IndexMismatch: `index.missing` or `index.digest_mismatch`.
        UsageError: for a number of rows that cannot be.
    """
    if shard_rows is not None and not 1 <= shard_rows < _MAX_ROWS:
        raise UsageError(
            f"found {shard_rows} rows of a shard, expected 1 to {_MAX_ROWS - 1}; correct it"
        )
    with _places(home) as listed:
        # Said before anything is remembered for nothing.
        current_folder(home)
        if place.url not in listed:
            check_place(place, seal=recorder.verifier, fresh=fresh)
        _remember(home, {*listed, place.url})
        return _publish(
            home, place, recorder=recorder, shard_rows=shard_rows, anew=anew, fresh=fresh
        )


def withdraw_index(home: Path, place: Place, *, recorder: Recorder) -> int:
    """Remove what the home has published in a place, and forget the place.

    Returns:
        How many files were removed.

    Raises:
        ClusterError: `cluster.bad_place`, or `cluster.not_ours`.
    """
    with _places(home) as listed:
        n_gone = withdraw(place, seal=recorder.verifier)
        _remember(home, {*listed} - {place.url})
        recorder.say("index.withdrawn", {"place": _digest(recorder, place), "files": n_gone})
    return n_gone


def publish_again(home: Path, *, recorder: Recorder) -> None:
    """Bring every place up to the index as it is now, so that nothing else lies there.

    Where the home has no index, what was published is removed, and the place forgotten.

    Raises:
        ClusterError: `cluster.bad_place` when a place cannot be reached, or nothing lies there; the
            other places are up to date all the same.
        IndexMismatch: `index.digest_mismatch`.
    """
    if not (home / LIST).exists():
        return
    with _places(home) as listed:
        problem: ClusterError | None = None
        for url in sorted(listed):
            try:
                if not _bring_up(home, open_place(url), recorder=recorder):
                    listed = listed - {url}
                    _remember(home, listed)
            except ClusterError as error:
                problem = error
        if problem is not None:
            raise problem


def _bring_up(home: Path, place: Place, *, recorder: Recorder) -> bool:
    """Publish again in a place where the home has published; False where nothing is left then."""
    with reaching(place):
        if not place.names():
            # A folder that is not mounted looks the same.
            raise ClusterError(
                f"nothing lies at {place.url}, where this home has published its index; mount it "
                "again, or, if it is gone for good, run `caselight index publish --withdraw "
                f"--files {place.url}`",
                code="cluster.bad_place",
            )
    try:
        current_folder(home)
    except IndexMismatch as error:
        if error.code != "index.missing":
            raise
        withdraw(place, seal=recorder.verifier)
        return False
    _publish(home, place, recorder=recorder)
    return True


def index_mark(home: Path, *, seal: Opens) -> str:
    """A text that changes when the index does; cheap to read.

    Raises:
        IndexMismatch: `index.missing` or `index.digest_mismatch`.
    """
    folder = current_folder(home)
    version = read_version(folder, seal=seal)
    head = folder / f"{version.journal}{HEAD}"
    said = head.read_text("utf-8") if head.is_file() else ""
    return f"{folder.name} {version.number} {said}"


def is_settled(home: Path, *, seal: Opens) -> bool:
    """Whether the index is whole, and not in the middle of a change.

    Raises:
        IndexMismatch: `index.missing` or `index.digest_mismatch`.
    """
    _, _, state = read_snapshot(current_folder(home), seal=seal)
    return "digest" in state


def _publish(
    home: Path,
    place: Place,
    *,
    recorder: Recorder,
    shard_rows: int | None = None,
    anew: Collection[str] = (),
    fresh: bool = False,
) -> Publication:
    version, items, state = read_snapshot(current_folder(home), seal=recorder.verifier)
    if shard_rows is None:
        shard_rows = _known_rows(place, seal=recorder.verifier)
    done = publish(
        place,
        items,
        model=version.model,
        digest=state.get("digest") or items.digest(version.model),
        shard_rows=shard_rows,
        seal=recorder.signer,
        anew=anew,
        fresh=fresh,
    )
    if done.n_written or done.n_removed:
        recorder.say(
            "index.published",
            {
                "place": _digest(recorder, place),
                "index": done.published.digest,
                "model": done.published.model,
                "shards": len(done.published.shards),
                "written": done.n_written,
                "removed": done.n_removed,
            },
        )
    return done


def _known_rows(place: Place, *, seal: Opens) -> int:
    with reaching(place):
        if MANIFEST not in place.names():
            return SHARD_ROWS
    try:
        return read_published(place, seal=seal).shard_rows
    except Error:
        return SHARD_ROWS  # what is wrong there is said when it is written


@contextlib.contextmanager
def _places(home: Path) -> Iterator[frozenset[str]]:
    """The places, while nobody else publishes."""
    descriptor = os.open(home / f"{LIST}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        path = home / LIST
        lines = path.read_bytes().splitlines() if path.is_file() else []
        try:
            listed = [json.loads(line) for line in lines]
        except ValueError:
            listed = [None]
        if not all(isinstance(url, str) for url in listed):
            raise ClusterError(
                f"{path} is no list of places, one in double quotes on each line; mend it",
                code="cluster.bad_place",
            )
        yield frozenset(listed)
    finally:
        os.close(descriptor)


def _remember(home: Path, urls: Collection[str]) -> None:
    replace_file(home / LIST, "".join(f"{json.dumps(url)}\n" for url in sorted(urls)))


def _digest(recorder: Recorder, place: Place) -> str:
    return keyed_digest(recorder.log.digest_key, "place", place.url)
