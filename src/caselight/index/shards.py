"""Published shards: an index cut by rows into files that any machine can open by itself.

A shard holds the items of one range of rows, as one segment (`segments.py`), and is named by the
digest of its items: what did not change is not written again, and what is no more is removed. One
signed manifest names all shards with the digests of their sections, so whoever has the public key
can open any shard and trust it.
"""

import hashlib
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from caselight.errors import ClusterError, Error, IndexMismatch
from caselight.index.journal import Opens, Seal
from caselight.index.places import Place, reaching
from caselight.index.segments import LIST, TABLES, SegmentInfo, open_segment, write_segment
from caselight.index.snapshot import Part, Snapshot

MANIFEST = "manifest"
FORMAT = 1
_OURS = re.compile(r"\.?(manifest|shard-[0-9a-f]{32}(\.items|\.tables)?)(-[0-9a-f]{8})?")
"""Names of our files, those that a killed publication left among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the signed manifest of a published index says."""

    model: str
    """Fingerprint of the model that made the codes."""
    n_bits: int
    dim: int
    """Numbers of an embedding."""
    digest: str
    """Of all items and the model: that of the index it was published from."""
    shard_rows: int
    """Rows that a shard spans; it holds those of them that are alive."""
    shards: tuple[SegmentInfo, ...]
    """In order of row."""
    format: int = FORMAT

    def __len__(self) -> int:
        return sum(info.n for info in self.shards)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What was published."""

    published: Published
    n_written: int
    """Shards that were new."""
    n_removed: int
    """Files that the manifest named no more."""


@dataclass(frozen=True, slots=True)
class Shard:
    """An open shard; the same on the machine that asks and on any other."""

    name: str
    items: Snapshot

    def answer(self, method: str, args: Sequence[Any]) -> Any:
        """Answer as `Snapshot` does, of its own items and by their own places.

        Args:
            method: one of `METHODS`.
            args: what it takes.
        """
        return METHODS[method](self.items, *args)


METHODS: dict[str, Any] = {
    "explain": lambda items, codes, k, allowed: items.explain(codes, k=k, allowed=allowed),
    "take": Snapshot.take,
    "vectors": Snapshot.vectors,
    "leaves": Snapshot.leaves,
    "column": Snapshot.column,
    "row": lambda items: items.row,
}
"""What a shard answers; none of it changes anything."""


def publish(
    place: Place,
    items: Snapshot,
    *,
    model: str,
    digest: str,
    shard_rows: int,
    seal: Seal,
    anew: Collection[str] = (),
    fresh: bool = False,
) -> Publication:
    """Publish an index: afterwards its items, and no others, lie in the place.

    Args:
        place: an empty place, or one with an earlier publication of the same home.
        items: of the index.
        model: fingerprint.
        digest: of the index.
        shard_rows: rows that a shard spans, 1 or more.
        seal: signs the manifest.
        anew: names of shards to write even where they are there already.
        fresh: believe nothing that lies there: replace the manifest and write all shards.

    Raises:
        ClusterError: `cluster.bad_place`, or `cluster.not_ours`.
        IndexMismatch: `index.digest_mismatch` for an item that was changed on disk.
    """
    known = {info.file: info for info in check_place(place, seal=seal, fresh=fresh)}
    with reaching(place):
        there = place.names()
        infos, n_written = [], 0
        spans = items.row // shard_rows
        leaves = items.leaves()
        for span in np.unique(spans).tolist():
            begin, end = np.searchsorted(spans, (span, span + 1)).tolist()
            name = f"shard-{hashlib.sha256(leaves[begin:end].tobytes()).hexdigest()[:32]}"
            info = known.get(name)
            if info is None or name in anew or not there.issuperset(files_of(info)):
                with place.filling() as folder:
                    own = items.items(np.arange(begin, end))
                    info = write_segment(folder / name, own, leaves[begin:end])
                n_written += 1
            infos.append(info)
        published = Published(
            model=model,
            n_bits=items.n_bits,
            dim=items.dim,
            digest=digest,
            shard_rows=shard_rows,
            shards=tuple(infos),
        )
        place.write(MANIFEST, seal.seal(f"{json.dumps(asdict(published), sort_keys=True)}\n"))
        n_removed = _sweep(place, kept={name for info in infos for name in files_of(info)})
    return Publication(published=published, n_written=n_written, n_removed=n_removed)


def check_place(place: Place, *, seal: Opens, fresh: bool = False) -> tuple[SegmentInfo, ...]:
    """What this home has published in a place before.

    Args:
        place: the place.
        seal: whose signature it must have.
        fresh: take anybody's publication for nothing.

    Raises:
        ClusterError: `cluster.bad_place`, or `cluster.not_ours` where other things lie.
    """
    with reaching(place):
        there = place.names()
    if not all(_OURS.fullmatch(name) for name in there):
        raise _not_ours(place)
    if fresh or MANIFEST not in there:
        return ()
    try:
        return read_published(place, seal=seal).shards
    except ClusterError as error:
        if error.code != "cluster.damaged":
            raise
        raise _not_ours(place) from None


def withdraw(place: Place, *, seal: Opens) -> int:
    """Remove a published index; returns how many files that were.

    Raises:
        ClusterError: `cluster.bad_place`, or `cluster.not_ours`.
    """
    check_place(place, seal=seal)
    with reaching(place):
        there = place.names()
        place.remove(MANIFEST)
        return _sweep(place, kept=()) + (MANIFEST in there)


def read_published(place: Place, *, seal: Opens) -> Published:
    """Read and check the manifest of a published index.

    Raises:
        ClusterError: `cluster.bad_place`, or `cluster.damaged` where there is none, or none of
            ours.
    """
    with reaching(place):
        try:
            note = place.read(MANIFEST)
        except (FileNotFoundError, UnicodeDecodeError):
            raise _damaged(place, "its manifest is missing, or was changed") from None
    try:
        said = json.loads(seal.open(note))
    except (Error, ValueError):
        raise _damaged(place, "its manifest was changed, or is another home's") from None
    if said.get("format") != FORMAT:
        raise _damaged(place, f"its format is {said.get('format')}, expected {FORMAT}")
    shards = tuple(SegmentInfo(**one) for one in said.pop("shards"))
    return Published(shards=shards, **said)


def open_shard(place: Place, published: Published, name: str) -> Shard:
    """Open one shard and hold all of it against the signed manifest.

    Args:
        place: where it lies.
        published: from `read_published`.
        name: which; one that the manifest names.

    Raises:
        ClusterError: `cluster.bad_place`, or `cluster.damaged` for a file that is missing or is
            not what was signed.
    """
    info = next((info for info in published.shards if info.file == name), None)
    if info is None:
        raise _damaged(place, f"the manifest names no {name} any more")
    try:
        with reaching(place), place.fetched(files_of(info)) as folder:
            segment = open_segment(folder, info, whole=True)
            # Opened while the files are there: those that were fetched are gone behind this.
            _ = segment.tables
    except IndexMismatch as error:
        raise _damaged(place, str(error).split(":")[0]) from None
    except ClusterError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise _damaged(place, f"a file of {name} is missing") from None
        raise
    part = Part(segment, None, kept=True)
    return Shard(name, Snapshot((part,), published.n_bits, published.dim))


def files_of(info: SegmentInfo) -> list[str]:
    """Names of the files of a shard."""
    tables = [f"{info.file}{TABLES}"] if TABLES in info.sections else []
    return [info.file, f"{info.file}{LIST}", *tables]


def _not_ours(place: Place) -> ClusterError:
    return ClusterError(
        f"{place.url} holds other things than an index that this home has published, or one that "
        "was damaged; name an empty place, or replace what is there with `caselight index publish "
        "--anew`",
        code="cluster.not_ours",
    )


def _sweep(place: Place, *, kept: Collection[str]) -> int:
    """Remove what the manifest does not name: what was replaced, and what a kill left."""
    gone = [name for name in place.names() if name != MANIFEST and name not in kept]
    for name in gone:
        place.remove(name)
    return len(gone)


def _damaged(place: Place, what: str) -> ClusterError:
    return ClusterError(
        f"{what}: the published index at {place.url} was changed, damaged or removed; run "
        "`caselight index publish --anew` to make it anew",
        code="cluster.damaged",
    )
