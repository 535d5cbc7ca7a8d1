"""The same exact answers from a Milvus that a site already runs.

Milvus compares a query with every code (BIN_FLAT, HAMMING) but keeps no order inside ties, and cuts
through them where the answer ends. So the ties at that distance are asked for apart, and all is put
in our order here. It is an adapter for sites whose rules want Milvus: `flat.py` is faster.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.errors import ClusterError, IndexMismatch, QueryRefused, UsageError
from caselight.types import BoolArray, Candidates, Codes

LIMIT = 16384
"""The most that Milvus answers a query with."""
_FORMAT = "caselight-codes-1"
_AT_ONCE = 10_000
"""Codes that are sent together."""
_SPARE = 100
"""Asked for beyond k, so that most queries know the end of their ties at once."""


class MilvusIndex:
    """Codes in a collection of a Milvus server, or of a milvus-lite file; the rows are held here.

    One process may write to a collection at a time: who has it open does not see what others add.
    Milvus has no signatures: what it answers is what somebody with its password put in.
    """

    def __init__(
        self,
        n_bits: int,
        *,
        uri: str,
        collection: str = "caselight",
        model: str = "",
        token: str = "",
        timeout_s: float = 30.0,
    ) -> None:
        """Open a collection, or make it where there is none.

        Args:
            n_bits: width of the codes, a multiple of 8.
            uri: http://HOST:PORT of a server, or a file ending in .db for milvus-lite.
            collection: letters, digits and underscores.
            model: fingerprint of what made the codes; a collection of another is refused.
            token: user:password of the server.
            timeout_s: seconds that each request may take.

        Raises:
            UsageError: `usage.missing_extra` without pymilvus, `usage.bad_argument` for the uri.
            IndexMismatch: `index.bits_mismatch` or `index.encoder_mismatch` for a collection of
                another width or model, `index.not_ours` for one that is not ours at all.
            ClusterError: `cluster.not_reachable`, or `cluster.failed` for what Milvus refuses.
        """
        self.n_bits = n_bits
        self._name, self._timeout = collection, timeout_s
        self._client = _connect(uri, token=token, timeout_s=timeout_s)
        with _told():
            if self._client.has_collection(collection, timeout=timeout_s):
                self._check_collection(model)
                self._client.load_collection(collection, timeout=timeout_s)
            else:
                self._create(model)
        self._rows: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def rows(self) -> NDArray[np.int64]:
        """All rows, i64[N], in order."""
        if self._rows is None:
            self._rows = np.sort(
                np.array([entry["row"] for entry in self._all("row")], dtype=np.int64)
            )
        return self._rows

    def close(self) -> None:
        """Let go of the server; the collection stays."""
        self._client.close()

    def add(self, rows: NDArray[np.int64], codes: Codes) -> None:
        """Add codes under rows, i64[N]; what was added before a failure stays.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
            ValueError: when a row is there already, or named twice, or rows and codes differ in
                number.
            ClusterError: as for opening.
        """
        self._check(codes)
        if len(rows) != len(codes):
            raise ValueError(f"found {len(rows)} rows for {len(codes)} codes; give one row a code")
        if len(np.unique(rows)) < len(rows) or np.isin(rows, self.rows).any():
            raise ValueError("a row was added twice; remove it first")
        with self._changing(np.union1d(self.rows, rows)):
            for part in _parts(len(rows)):
                self._client.upsert(  # sent again by itself where an answer was lost
                    self._name,
                    [
                        {"row": row, "code": code.tobytes()}
                        for row, code in zip(rows[part].tolist(), codes.packed[part], strict=True)
                    ],
                    timeout=self._timeout,
                )

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Take rows out; rows that are not there are passed over."""
        gone = np.intersect1d(self.rows, rows)
        with self._changing(np.setdiff1d(self.rows, gone)):
            for part in _parts(len(gone)):
                self._client.delete(self._name, ids=gone[part].tolist(), timeout=self._timeout)

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest rows of each query code, nearest first, ties in order of row.

        Args:
            codes: Q codes of the index's width.
            k: rows wanted, at least 1; fewer come back when fewer are allowed.
            allowed: bool[len(self)], in order of row; None is all.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width, `index.stale` when another
                process has changed the collection.
            ValueError: for k below 1, or allowed of another length.
            QueryRefused: `query.bad_k` for more rows than Milvus answers.
            ClusterError: as for opening.
        """
        self._check(codes)
        if k < 1:
            raise ValueError(f"found k = {k}, expected at least 1; ask for one hit or more")
        if allowed is not None and len(allowed) != len(self):
            raise ValueError(f"found {len(allowed)} allowed for {len(self)} rows; give one a row")
        n_allowed = len(self) if allowed is None else int(allowed.sum())
        k = min(k, n_allowed)
        if k > LIMIT:
            raise QueryRefused(
                f"found k = {k}, and Milvus answers at most {LIMIT}; ask for fewer, or use another "
                "index",
                code="query.bad_k",
            )
        found = np.zeros((len(codes), k), dtype=np.int64)
        distance = np.zeros((len(codes), k), dtype=np.int32)
        if k == 0 or len(codes) == 0:
            return Candidates(rows=found, distance=distance, n_compared=0)
        rule = _rule(self.rows, allowed)
        limit = min(2 * k + _SPARE, LIMIT)
        queries = [code.tobytes() for code in codes.packed]
        n_passes = len(queries)
        for at, (near, far) in enumerate(self._ask(queries, rule, limit=limit)):
            whole = len(near) == min(limit, n_allowed)
            if whole and len(near) == limit and far[k - 1] == far[-1]:
                # Somewhere in these ties the answer of Milvus ends, in no order: all of them.
                nearer = far < far[-1]
                ties, n_asked = self._ties(
                    queries[at], rule, distance=int(far[-1]), n=k - int(nearer.sum())
                )
                n_passes += n_asked
                near = np.concatenate([near[nearer], ties])
                far = np.concatenate([far[nearer], np.full(len(ties), far[-1])])
            if not whole or len(near) < k or not self._holds(near):
                raise IndexMismatch(
                    f"the Milvus collection {self._name} was changed by another process; open it "
                    "again",
                    code="index.stale",
                )
            order = np.lexsort((near, far))[:k]
            found[at], distance[at] = near[order], far[order]
        return Candidates(rows=found, distance=distance, n_compared=n_passes * n_allowed)

    def digest(self) -> str:
        """SHA-256 over rows and codes, read from Milvus: that of the flat index."""
        held = sorted((entry["row"], entry["code"]) for entry in self._all("row", "code"))
        digest = hashlib.sha256(f"flat:{self.n_bits}:".encode())
        digest.update(np.array([row for row, _ in held], dtype="<i8").tobytes())
        for _, code in held:
            digest.update(code[0] if isinstance(code, list) else code)
        return digest.hexdigest()

    def _ask(
        self, queries: Sequence[bytes], rule: str, *, limit: int, ring: int | None = None
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int32]]]:
        """Rows and distances of each query, nearest first; of one distance alone for a ring."""
        # Milvus: range_filter <= distance < radius.
        params = {} if ring is None else {"radius": ring + 1, "range_filter": ring}
        with _told():
            answers = self._client.search(
                self._name,
                queries,
                filter=rule,
                limit=limit,
                anns_field="code",
                output_fields=["row"],
                search_params={"metric_type": "HAMMING", "params": params},
                timeout=self._timeout,
            )
        return [
            (
                np.array([hit["row"] for hit in answer], dtype=np.int64),
                np.array([hit["distance"] for hit in answer], dtype=np.int32),
            )
            for answer in answers
        ]

    def _ties(
        self, query: bytes, rule: str, *, distance: int, n: int
    ) -> tuple[NDArray[np.int64], int]:
        """The first n rows at a distance, in order, and how many requests it took.

        Where there are more than Milvus answers, the rows are halved until there are not.
        """
        waiting = [(0, len(self.rows))]
        found: list[NDArray[np.int64]] = []
        n_asked = 0
        while waiting and sum(map(len, found)) < n:
            begin, end = waiting.pop()
            low, high = int(self.rows[begin]), int(self.rows[end - 1])
            span = f"row >= {low} and row <= {high}"
            both = f"({rule}) and {span}" if rule else span
            ((rows, _),) = self._ask([query], both, limit=LIMIT, ring=distance)
            n_asked += 1
            if len(rows) < LIMIT or end - begin <= LIMIT:
                found.append(np.sort(rows))
            else:
                middle = (begin + end) // 2
                waiting += [(middle, end), (begin, middle)]
        return np.concatenate(found)[:n], n_asked

    def _holds(self, rows: NDArray[np.int64]) -> bool:
        """Whether all these are rows that are known."""
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return bool((self.rows[at] == rows).all())

    def _all(self, *fields: str) -> Iterator[dict[str, Any]]:
        """Every entry of the collection."""
        with _told():
            pages = self._client.query_iterator(
                self._name, batch_size=_AT_ONCE, output_fields=list(fields), timeout=self._timeout
            )
            try:
                while page := pages.next():
                    yield from page
            finally:
                pages.close()

    @contextlib.contextmanager
    def _changing(self, then: NDArray[np.int64]) -> Iterator[None]:
        """Know other rows afterwards; after a failure, ask Milvus which there are."""
        self._rows = None
        with _told():
            yield
        self._rows = then

    def _create(self, model: str) -> None:
        from pymilvus import DataType

        said = json.dumps({"format": _FORMAT, "n_bits": self.n_bits, "model": model})
        schema = self._client.create_schema(
            auto_id=False, enable_dynamic_field=False, description=said
        )
        schema.add_field("row", DataType.INT64, is_primary=True)
        schema.add_field("code", DataType.BINARY_VECTOR, dim=self.n_bits)
        index = self._client.prepare_index_params()
        index.add_index("code", index_type="BIN_FLAT", metric_type="HAMMING")
        self._client.create_collection(
            self._name,
            schema=schema,
            index_params=index,
            consistency_level="Strong",
            timeout=self._timeout,
        )

    def _check_collection(self, model: str) -> None:
        said = self._client.describe_collection(self._name, timeout=self._timeout)
        try:
            about = json.loads(said["description"])
            form, n_bits, made_by = about["format"], about["n_bits"], about["model"]
        except (ValueError, KeyError, TypeError):
            form, n_bits, made_by = None, None, None
        if form != _FORMAT:
            raise IndexMismatch(
                f"the Milvus collection {self._name} was not made by this Caselight; name another",
                code="index.not_ours",
            )
        if n_bits != self.n_bits:
            raise self._other_width(n_bits, self.n_bits)
        if made_by != model:
            raise IndexMismatch(
                f"the Milvus collection {self._name} holds codes of the model {made_by[:16]!r}, "
                f"expected {model[:16]!r}; name another collection for each model"
            )

    def _check(self, codes: Codes) -> None:
        if codes.n_bits != self.n_bits:
            raise self._other_width(self.n_bits, codes.n_bits)

    def _other_width(self, held: int, asked: int) -> IndexMismatch:
        return IndexMismatch(
            f"the Milvus collection {self._name} holds {held}-bit codes and these have {asked}; "
            "name another collection for each width",
            code="index.bits_mismatch",
        )


def _connect(uri: str, *, token: str, timeout_s: float) -> Any:
    if not (uri.startswith(("http://", "https://")) or uri.endswith(".db")):
        raise UsageError(
            f"found the address {uri!r}, expected http://HOST:PORT of a Milvus server, or a file "
            "ending in .db; correct it"
        )
    try:
        import pymilvus
    except ImportError:
        raise UsageError(
            "Milvus needs pymilvus, which is not installed; run `pip install caselight[milvus]`, "
            "or use another index",
            code="usage.missing_extra",
        ) from None
    # It writes every refusal to the error stream, with what was asked; we raise our own.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    try:
        return pymilvus.MilvusClient(uri, token=token, timeout=timeout_s)
    except pymilvus.MilvusException as error:
        if isinstance(error.__cause__, ImportError):
            raise UsageError(
                "a file of Milvus needs milvus-lite, which is not installed or does not load; "
                "install milvus-lite 2.5.1 with setuptools before 81, or name a server",
                code="usage.missing_extra",
            ) from None
        raise ClusterError(
            f"no Milvus answers at {uri} ({type(error).__name__}); start it, or correct the address"
        ) from None


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What Milvus refuses, as our own error; its sentence may hold the whole request."""
    import grpc
    import pymilvus

    try:
        yield
    except (pymilvus.MilvusException, grpc.RpcError) as error:
        raise ClusterError(
            f"Milvus did not do what was asked ({type(error).__name__}); look into its log, and "
            "try again",
            code="cluster.failed",
        ) from None


def _rule(rows: NDArray[np.int64], allowed: BoolArray | None) -> str:
    """Which rows may be answered, as a filter of Milvus; empty for all."""
    if allowed is None or allowed.all():
        return ""
    named, word = (
        (rows[allowed], "in")
        if 2 * allowed.sum() <= len(rows)
        else (
            rows[~allowed],
            "not in",
        )
    )
    return f"row {word} {named.tolist()}"


def _parts(n: int) -> Iterator[slice]:
    for start in range(0, n, _AT_ONCE):
        yield slice(start, start + _AT_ONCE)
