# ruff: noqa: ARG002 - the signatures are those of pymilvus
"""As much of Milvus as the adapter asks for, with its bad habits: ties in any order, few checks."""

import random
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

FILES: dict[str, dict[str, Any]] = {}
"""Collections of each file."""


class MilvusException(Exception):
    """What Milvus raises."""


class DataType:
    INT64 = 5
    BINARY_VECTOR = 100


class Pages:
    def __init__(self, entries: list[dict[str, Any]], size: int) -> None:
        self._entries, self._size = entries, size

    def next(self) -> list[dict[str, Any]]:
        page, self._entries = self._entries[: self._size], self._entries[self._size :]
        return page

    def close(self) -> None:
        pass


class MilvusClient:
    """One client; what it stores outlives it."""

    limit = 16384

    def __init__(self, uri: str, *, token: str = "", timeout: float = 0) -> None:
        if not uri.endswith(".db"):
            raise MilvusException("Fail connecting to server")
        self._file = FILES.setdefault(uri, {})
        self._random = random.Random(0)  # noqa: S311 - no secret

    def close(self) -> None:
        pass

    def has_collection(self, name: str, timeout: float) -> bool:
        return name in self._file

    def load_collection(self, name: str, timeout: float) -> None:
        assert name in self._file

    def drop_collection(self, name: str) -> None:
        self._file.pop(name, None)

    def create_schema(self, **said: Any) -> Any:
        return SimpleNamespace(description=said["description"], add_field=lambda *_, **__: None)

    def prepare_index_params(self) -> Any:
        def add_index(field: str, *, index_type: str, metric_type: str) -> None:
            assert (index_type, metric_type) == ("BIN_FLAT", "HAMMING")

        return SimpleNamespace(add_index=add_index)

    def create_collection(self, name: str, *, schema: Any, **said: Any) -> None:
        self._file[name] = {"description": schema.description, "codes": {}}

    def describe_collection(self, name: str, timeout: float) -> dict[str, Any]:
        return {"description": self._file[name]["description"]}

    def upsert(self, name: str, entries: list[dict[str, Any]], timeout: float) -> None:
        self._file[name]["codes"].update({e["row"]: e["code"] for e in entries})

    def delete(self, name: str, ids: list[int], timeout: float) -> None:
        for row in ids:
            self._file[name]["codes"].pop(row, None)

    def query_iterator(
        self, name: str, batch_size: int, output_fields: list[str], timeout: float
    ) -> Pages:
        codes = list(self._file[name]["codes"].items())
        self._random.shuffle(codes)
        entries = [{"row": row, "code": [code]} for row, code in codes]
        return Pages(entries, 3)

    def search(
        self, name: str, queries: list[bytes], *, limit: int, search_params: Any, **said: Any
    ) -> list[list[dict[str, Any]]]:
        if not 1 <= limit <= self.limit:
            raise MilvusException("limit")
        ring = search_params["params"]
        # The filters that the adapter writes are Python too.
        rule = compile(said["filter"] or "True", "filter", "eval")
        codes = self._file[name]["codes"]
        allowed = [row for row in codes if eval(rule, {"row": row})]  # noqa: S307
        packed = np.array([list(codes[row]) for row in allowed], dtype=np.uint8)
        answers = []
        for query in queries:
            far = np.bitwise_count(packed ^ np.frombuffer(query, np.uint8)).sum(axis=-1)
            hits = [{"row": row, "distance": float(d)} for row, d in zip(allowed, far, strict=True)]
            if ring:
                hits = [h for h in hits if ring["range_filter"] <= h["distance"] < ring["radius"]]
            self._random.shuffle(hits)
            answers.append(sorted(hits, key=lambda hit: hit["distance"])[:limit])
        return answers


def modules() -> dict[str, ModuleType]:
    """What is imported, by name."""
    milvus, grpc = ModuleType("pymilvus"), ModuleType("grpc")
    for part in (MilvusClient, MilvusException, DataType):
        setattr(milvus, part.__name__, part)
    grpc.RpcError = type("RpcError", (Exception,), {})  # type: ignore[attr-defined]
    return {"pymilvus": milvus, "grpc": grpc}
