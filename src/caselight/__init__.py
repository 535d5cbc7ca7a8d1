"""Caselight finds the cases that look like this one, and says how far to trust the answer.

The public names are here, and are loaded when they are first used: `import caselight` is instant.
docs/guide/python.md shows them at work.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caselight.config import Config, read_config
    from caselight.data.archive import open_archive
    from caselight.data.datasets import DATASETS
    from caselight.data.embedding_files import (
        Embedded,
        EmbeddedRow,
        read_embeddings,
    )
    from caselight.data.phantoms.archive import write_archive as write_demo_archive
    from caselight.data.pixels import read_pixels
    from caselight.doctor import examine
    from caselight.embed import EmbedReceipt
    from caselight.errors import (
        AuditError,
        ClusterError,
        CodeError,
        ConfigError,
        DataError,
        EraseError,
        Error,
        EvaluationError,
        FeedbackError,
        IndexMismatch,
        LanguageError,
        MediatorError,
        ModelError,
        QueryRefused,
        StoreError,
        TrainError,
        UsageError,
        WordsError,
    )
    from caselight.export import ExportReceipt
    from caselight.home import Home
    from caselight.indexing import IndexReceipt
    from caselight.loose import check_dataset, embed_files, evaluate_archive
    from caselight.train.run import TrainReceipt
    from caselight.types import (
        Codes,
        Cost,
        Embeddings,
        ErasureReceipt,
        Hit,
        Image,
        IngestReceipt,
        Query,
        Rejected,
        SearchResult,
        Study,
    )


__version__ = "0.1.0"

_PLACES = {
    "caselight.config": ("Config", "read_config"),
    "caselight.data.archive": ("open_archive",),
    "caselight.data.datasets": ("DATASETS",),
    "caselight.data.embedding_files": ("Embedded", "EmbeddedRow", "read_embeddings"),
    "caselight.data.pixels": ("read_pixels",),
    "caselight.doctor": ("examine",),
    "caselight.embed": ("EmbedReceipt",),
    "caselight.errors": (
        "AuditError",
        "ClusterError",
        "CodeError",
        "ConfigError",
        "DataError",
        "EraseError",
        "Error",
        "EvaluationError",
        "FeedbackError",
        "IndexMismatch",
        "LanguageError",
        "MediatorError",
        "ModelError",
        "QueryRefused",
        "StoreError",
        "TrainError",
        "UsageError",
        "WordsError",
    ),
    "caselight.export": ("ExportReceipt",),
    "caselight.home": ("Home",),
    "caselight.indexing": ("IndexReceipt",),
    "caselight.loose": ("check_dataset", "embed_files", "evaluate_archive"),
    "caselight.train.run": ("TrainReceipt",),
    "caselight.types": (
        "Codes",
        "Cost",
        "Embeddings",
        "ErasureReceipt",
        "Hit",
        "Image",
        "IngestReceipt",
        "Query",
        "Rejected",
        "SearchResult",
        "Study",
    ),
}
_FOUND = {name: (place, name) for place, names in _PLACES.items() for name in names}
_FOUND["write_demo_archive"] = ("caselight.data.phantoms.archive", "write_archive")

__all__ = [
    "DATASETS",
    "AuditError",
    "ClusterError",
    "CodeError",
    "Codes",
    "Config",
    "ConfigError",
    "Cost",
    "DataError",
    "EmbedReceipt",
    "Embedded",
    "EmbeddedRow",
    "Embeddings",
    "EraseError",
    "ErasureReceipt",
    "Error",
    "EvaluationError",
    "ExportReceipt",
    "FeedbackError",
    "Hit",
    "Home",
    "Image",
    "IndexMismatch",
    "IndexReceipt",
    "IngestReceipt",
    "LanguageError",
    "MediatorError",
    "ModelError",
    "Query",
    "QueryRefused",
    "Rejected",
    "SearchResult",
    "StoreError",
    "Study",
    "TrainError",
    "TrainReceipt",
    "UsageError",
    "WordsError",
    "__version__",
    "check_dataset",
    "embed_files",
    "evaluate_archive",
    "examine",
    "open_archive",
    "read_config",
    "read_embeddings",
    "read_pixels",
    "write_demo_archive",
]


def __getattr__(name: str) -> Any:
    if name not in _FOUND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place, inner = _FOUND[name]
    return getattr(importlib.import_module(place), inner)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
