"""What is open of a home, and what its headings share."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from caselight.config import Config, TextField
from caselight.data.in_use import using
from caselight.data.store import Store, open_store
from caselight.recording import Recorder

if TYPE_CHECKING:
    from caselight.engine import Engine
    from caselight.index.cluster import Cluster
    from caselight.mediator.mediate import Mediator
    from caselight.models.dual_encoder import DualEncoder


DEFAULT_MODEL = "trained"
"""Where `train` puts a model inside the home unless told otherwise."""

Progress = Callable[[str, int, int], None]
"""(what is being done, how many are done now, how many there are in all)."""
PathLike = Path | str


class OpenedHome:
    """A home and what is open of it; its headings are the classes that build on this one."""

    def __init__(
        self,
        path: PathLike,
        *,
        config: Config | None = None,
        device: str | None = None,
        progress: Progress | None = None,
        actor: str = "python",
        is_identifying: Callable[[str], bool] | None = None,
        model_key: str | None = None,
    ) -> None:
        """Name a home; `ingest` makes it where there is none.

        Args:
            path: its folder.
            config: all settings; the defaults if not given.
            device: "cpu", "cuda", ...; a working GPU if there is one, else the CPU.
            progress: told of long work.
            actor: who asks, for the record.
            is_identifying: whether words may name a person; such words are never kept (see
                `words.keep`). None asks the guards.
            model_key: of the server of a language model (`mediator.base_url`), where it wants one.
        """
        self.path = Path(path)
        self.config = config or Config()
        self._device = device
        self._progress: Progress = progress or silent
        self._actor = actor
        self._model_key = model_key
        self._is_identifying = is_identifying or names_somebody
        self._store: Store | None = None
        self._engine: Engine | None = None
        self._model: DualEncoder | None = None
        self._cluster: Cluster | None = None
        self._mediator: Mediator | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the home; the next call opens it again."""
        if self._engine is not None:
            self._engine.close()
        if self._store is not None:
            self._store.close()
        self._store = self._engine = self._model = None

    def _open_store(self) -> Store:
        if self._store is None:
            self._store = open_store(self.path)
        return self._store

    def _recorder(self) -> Recorder:
        """Who speaks to the log."""
        return Recorder(self._open_store(), actor=self._actor)

    @contextlib.contextmanager
    def _at_work(self, request: str) -> Iterator[None]:
        """Keep erasures out while a verb writes what it makes of patients; record a refusal."""
        with self._recorder().refusals(request), using(self.path, request):
            yield

    def _open_engine(self, config: Config) -> "Engine":
        """The engine with the towers of these settings; only one is kept."""
        from caselight.device import open_device
        from caselight.engine import Engine

        if self._engine is not None and self._engine.towers != config.towers:
            self._engine.close()
            self._engine = None
        if self._engine is None:
            self._engine = Engine(
                open_store(self.path),
                towers=config.towers,
                device=open_device(self._device),
                progress=self._progress,
                actor=self._actor,
            )
        return self._engine

    def _asked(self, model: PathLike | None) -> "tuple[Engine, DualEncoder]":
        """The open home with the towers of its index's model, and that model."""
        from caselight.indexing import indexed_model

        self._open_store()
        if model is not None or self._model is None or not self._is_indexed(self._model):
            with self._recorder().refusals("search"):
                self._model, _ = indexed_model(
                    self.path,
                    None if model is None else Path(model),
                    seal=self._recorder().verifier,
                )
        return self._open_engine(self._model.config), self._model

    def _load(self, model: PathLike | None) -> "DualEncoder":
        from caselight.indexing import home_model
        from caselight.models.checkpoint import load_checkpoint

        if model is not None:
            return load_checkpoint(Path(model))
        self._open_store()
        seal = self._recorder().verifier
        return home_model(self.path, default=self.path / DEFAULT_MODEL, seal=seal)

    def _is_indexed(self, model: "DualEncoder") -> bool:
        from caselight.indexing import indexed_fingerprint

        seal = self._recorder().verifier
        return indexed_fingerprint(self.path, seal=seal) == model.fingerprint


def text_field(text: str) -> TextField:
    """The text that a name means, refused like the setting."""
    return Config.from_mapping({"train": {"text": text}}).train.text


def names_somebody(words: str) -> bool:
    """Whether the guards find an identifier in words."""
    from caselight.mediator.guards.identifiers import identifiers

    return bool(identifiers(words).identifiers)


def silent(what: str, n_done: int, n_all: int) -> None:
    """Tell nobody."""
