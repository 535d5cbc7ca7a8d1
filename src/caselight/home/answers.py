"""A home's index, and what is asked of it."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from caselight.home.feedback import Feedbacks
from caselight.home.machines import Machines
from caselight.home.opened import DEFAULT_MODEL, PathLike
from caselight.types import Query, SearchResult

if TYPE_CHECKING:
    from caselight.checking import StudyScan
    from caselight.engine import Engine
    from caselight.index.manifest import IndexManifest
    from caselight.index.verify import IndexVerdict
    from caselight.indexing import IndexReceipt
    from caselight.mediator.judging import Judge
    from caselight.mediator.mediate import Mediated
    from caselight.search import Explanation


class Answers(Machines, Feedbacks):
    """The part of a home that is searched."""

    def build_index(
        self, model: PathLike | None = None, *, fresh: bool = False, ray: str | None = None
    ) -> "IndexReceipt":
        """Encode every picture and text that is not in the index yet, so that they can be searched.

        Args:
            model: the model's folder; `trained` inside the home if not given.
            fresh: encode all of them, whatever the index has.
            ray: "local", or HOST:PORT of a Ray cluster whose machines encode; this process if not
                given. See docs/guide/index.md.

        Raises:
            StoreError: when there is no home, or it cannot be read.
            ModelError: when the model cannot be loaded, or has no head of that width.
            UsageError: for Ray that is not installed, or an address that is none.
            ClusterError: when the cluster is not there, or cannot do it.
        """
        from caselight.indexing import build_index, choose_bits
        from caselight.models.checkpoint import load_checkpoint

        folder = self.path / DEFAULT_MODEL if model is None else Path(model)
        self._open_store()  # says so before anything is missed in a home that is none
        loaded = load_checkpoint(folder)
        engine = self._open_engine(loaded.config)
        with self._at_work("index build"), _encoding(engine, ray) as encoding:
            receipt = build_index(
                encoding,
                loaded,
                folder,
                n_bits=choose_bits(self.config, loaded),
                fresh=fresh,
            )
        manifest = receipt.manifest
        self._recorder().say(
            "index.built",
            {
                "index": manifest.digest,
                "model": manifest.model,
                "bits": manifest.n_bits,
                "images": manifest.n_images,
                "reports": manifest.n_reports,
                "added": receipt.n_added,
                "removed": receipt.n_removed,
            },
        )
        return receipt

    def compact_index(self) -> "IndexManifest":
        """Write the index anew as one file, without what was removed from it.

        Raises:
            IndexMismatch: when there is none, it was changed, or another process writes to it.
        """
        from caselight.indexing import compact_index

        recorder = self._recorder()
        with self._at_work("index compact"):
            manifest = compact_index(self.path, seal=recorder.signer)
        recorder.say("index.compacted", {"index": manifest.digest, "model": manifest.model})
        return manifest

    def verify_index(self) -> "IndexVerdict":
        """Read every byte of the index and say which item was altered, dropped, added or swapped.

        Its canaries are asked, too: whether a search, and the model, still answer as they must; and
        the record, whether it is this index that answers.

        Raises:
            IndexMismatch: `index.missing`.
        """
        from caselight.checking import verify_current

        return verify_current(self.path, log=self._recorder().log)

    def scan_index(self, *, seed: int = 0) -> "StudyScan":
        """Look for items that somebody may have slipped in; see docs/guide/index.md.

        Args:
            seed: draws the samples where there are many items.

        Raises:
            IndexMismatch: for an index that is missing, stale or changed.
        """
        from caselight.checking import scan_current

        return scan_current(
            self._open_store(),
            seal=self._recorder().verifier,
            rng=np.random.default_rng(seed),
        )

    def search(self, query: Query | str, *, model: PathLike | None = None) -> SearchResult:
        """Answer a query; see `caselight.search.search`.

        Args:
            query: words, or a `Query` with all that can be asked.
            model: refuse to answer with any other model.

        Raises:
            QueryRefused: for a query that cannot be asked.
            DataError: for a picture that cannot be read exactly.
            IndexMismatch: for an index that is missing, stale, changed, or of another model.
            ClusterError: where `search.ray` names a cluster that cannot answer.
        """
        from caselight.search import search

        asked = Query(text=query) if isinstance(query, str) else query
        engine, loaded = self._asked(model)
        return search(
            engine,
            loaded,
            asked,
            config=self.config,
            clock=time.perf_counter,
            spread=self._spread(),
            keep=self._keep(engine.store),
            judge=self._judge(asked),
        )

    def plan(self, query: Query | str) -> "Mediated":
        """Say what the words of a query become, by the settings `search.plan` and `mediator`.

        Args:
            query: words, or a `Query` with words.

        Raises:
            LanguageError: for rows of a site that cannot be read.
            MediatorError: for criteria templates, or a script, that cannot be read.
        """
        from caselight.mediator.backends import open_model
        from caselight.mediator.mediate import Mediator

        asked = Query(text=query) if isinstance(query, str) else query
        if self._mediator is None:
            settings = self.config.mediator
            model = None
            if self.config.search.plan == "model":
                model = open_model(settings, api_key=self._model_key)
            self._mediator = Mediator(self.config, model=model)
        return self._mediator.mediate(
            asked.text or "", target=asked.target, k=asked.k, filters=asked.filters
        )

    def _judge(self, query: Query) -> "Judge | None":
        """The plan of a query's words, where the settings ask for one."""
        from caselight.mediator.judging import Judge

        if self.config.search.plan == "off" or not (query.text or "").strip():
            return None
        found = self.plan(query)
        if found.drafted is not None and found.drafted.event is not None:
            self._recorder().say(
                found.drafted.event, {"model": found.drafted.model, "prompt": found.drafted.prompt}
            )
        if found.plan is None:
            with self._recorder().refusals("search"):
                raise found.refusal(query.text or "")
        mediator = self._mediator
        return (
            None
            if mediator is None
            else Judge(found.plan, mediator.lexicon, places=self.config.search.agreement_places)
        )

    def explain(self, query: Query | str, *, model: PathLike | None = None) -> "Explanation":
        """Say how the index would be searched for a query, and what it costs; nothing is answered.

        Takes and raises what `search` does.
        """
        from caselight.search import explain

        asked = Query(text=query) if isinstance(query, str) else query
        engine, loaded = self._asked(model)
        return explain(engine, loaded, asked, config=self.config, clock=time.perf_counter)


@contextlib.contextmanager
def _encoding(engine: "Engine", ray: str | None) -> "Iterator[Engine]":
    """The engine that encodes here, or the one that has the cluster of an address do it."""
    if ray is None:
        yield engine
        return
    from caselight.encoding import encode_on_ray
    from caselight.rays import connected

    with connected(ray, data=True):
        yield engine.encoding_by(encode_on_ray)
