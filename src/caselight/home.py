"""The Python interface: a home, and everything that the commands do with one.

Each method wires the parts and calls one verb. What needs PyTorch is imported where it is used, so
that reading studies does not wait for it.
"""

import contextlib
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caselight.audit.log import AuditLog
from caselight.config import Config, TextField
from caselight.data.archive import open_archive
from caselight.data.datasets import named_dataset
from caselight.data.datasets.opening import readable_place
from caselight.data.embedding_files import check_target, write_embeddings
from caselight.data.in_use import using
from caselight.data.loose_files import loose_things
from caselight.data.pixels import read_pixels
from caselight.data.store import Store, create_store, open_store
from caselight.data.system_errors import explained
from caselight.errors import QueryRefused, UsageError
from caselight.export import ExportReceipt, export
from caselight.ingest import ingest
from caselight.recording import Recorder
from caselight.types import (
    ErasureReceipt,
    Image,
    IngestReceipt,
    Kind,
    Pixels,
    Query,
    SearchResult,
    Study,
)
from caselight.wire import result_json

if TYPE_CHECKING:
    from caselight.checking import StudyScan
    from caselight.embed import EmbedReceipt
    from caselight.engine import Engine
    from caselight.index.cluster import Cluster
    from caselight.index.manifest import IndexManifest
    from caselight.index.places import Place
    from caselight.index.shards import Publication
    from caselight.index.verify import IndexVerdict
    from caselight.indexing import IndexReceipt
    from caselight.models.dual_encoder import DualEncoder
    from caselight.search import Explanation, Spread
    from caselight.serving import ServeState
    from caselight.train.adapt import Kind as Tower
    from caselight.train.adapted import AdaptReceipt
    from caselight.train.adapting import StepLog
    from caselight.train.loop import EpochLog
    from caselight.train.run import TrainReceipt
    from caselight.train.trials import Trial
    from caselight.train.tuning import TuneReceipt

DEFAULT_MODEL = "trained"
"""Where `train` puts a model inside the home unless told otherwise."""

Progress = Callable[[str, int, int], None]
"""(what is being done, how many are done now, how many there are in all)."""
PathLike = Path | str


class Home:
    """One home: studies in, models and an index over them, answers out.

    Opening costs nothing: the studies are opened when first needed, and so are the model and its
    towers, which then stay in memory for the next call. Close it, or use it in a `with`. Use one
    in one thread.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        config: Config | None = None,
        device: str | None = None,
        progress: Progress | None = None,
        actor: str = "python",
    ) -> None:
        """Name a home; `ingest` makes it where there is none.

        Args:
            path: its folder.
            config: all settings; the defaults if not given.
            device: "cpu", "cuda", ...; a working GPU if there is one, else the CPU.
            progress: told of long work.
            actor: who asks, for the record.
        """
        self.path = Path(path)
        self.config = config or Config()
        self._device = device
        self._progress: Progress = progress or silent
        self._actor = actor
        self._store: Store | None = None
        self._engine: Engine | None = None
        self._model: DualEncoder | None = None
        self._cluster: Cluster | None = None

    def __repr__(self) -> str:
        return f"Home({str(self.path)!r})"

    def __enter__(self) -> "Home":
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

    # Studies --------------------------------------------------------------------------------

    def ingest(
        self,
        archive: PathLike,
        *,
        mapping: Mapping[str, str] | None = None,
        dataset: str | None = None,
    ) -> IngestReceipt:
        """Bring an archive in; see `caselight.ingest.ingest`.

        Args:
            archive: a folder with a manifest, a manifest, a public dataset, or a folder of DICOM
                files.
            mapping: our column to the archive's, where they differ.
            dataset: the public dataset to read it as; recognised if not given.

        Raises:
            DataError: when the archive as a whole cannot be read.
            StoreError: when the home cannot be made or written.
        """
        path, columns = Path(archive), dict(mapping or {})
        # Refuse before a home is made for nothing.
        if dataset is not None:
            readable_place(named_dataset(dataset), path)
        elif not path.exists():
            open_archive(path, mapping=columns)
        with create_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("ingest"):
                return ingest(
                    path,
                    store,
                    settings=self.config.ingest,
                    mapping=columns,
                    clock=time.perf_counter,
                    on_studies=lambda done, total: self._progress("reading studies", done, total),
                    recorder=recorder,
                    dataset=dataset,
                )

    def erase(
        self,
        *,
        patient: str | None = None,
        patient_id: str | None = None,
        study: str | None = None,
        dry_run: bool = False,
    ) -> ErasureReceipt:
        """Erase a patient for good; see docs/guide/erase.md. Nothing asks whether you are sure.

        Give exactly one of the first three.

        Args:
            patient: the pseudonym, as `Study.patient_key` has it.
            patient_id: the id that the archive knows the patient by; it is not kept.
            study: the id of any study of the patient.
            dry_run: only say what would be removed.

        Raises:
            AuditError: when it cannot be recorded; nothing is erased then.
            EraseError: `erase.no_such_patient`, or when the list of the erased is damaged.
            QueryRefused: `query.no_such_study`.
            StoreError: when the home cannot be written; the same call goes on later.
            UsageError: unless exactly one is given.
        """
        from caselight.erasing import erase, finish, key_of, pending_of, plan

        _check_one(patient, patient_id, study)
        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                begun = None if study is None or dry_run else pending_of(store, study)
                if begun is not None:
                    return next(one for one in finish(store, recorder) if one.patient == begun)
                key = key_of(store, patient=patient, patient_id=patient_id, study=study)
                return (plan if dry_run else erase)(store, recorder, key)

    def finish_erasures(self) -> tuple[ErasureReceipt, ...]:
        """Finish what killed erasures left undone, and sweep what belongs to nobody.

        Raises like `erase`.
        """
        from caselight.erasing import finish

        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                return finish(store, recorder)

    def apply_tombstones(self, path: PathLike) -> tuple[ErasureReceipt, ...]:
        """Erase everybody on a list of the erased from this home, a restored backup.

        Args:
            path: the file `tombstones` of the home that this one is a copy of.

        Raises:
            EraseError: `erase.bad_list`, or `erase.other_home` for a list of another key.
        """
        from caselight.erasing import apply_list

        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                return apply_list(store, recorder, Path(path))

    def readmit(self, *, patient: str | None = None, patient_id: str | None = None) -> None:
        """Take a patient off the list of the erased, so that their studies may come in again.

        Raises:
            EraseError: `erase.no_such_patient` for one who is not on it.
            UsageError: unless exactly one is given.
        """
        from caselight.erasing import key_of, readmit

        _check_one(patient, patient_id, None)
        with open_store(self.path) as store:
            recorder = Recorder(store, actor=self._actor)
            with recorder.refusals("erase"):
                readmit(store, recorder, key_of(store, patient=patient, patient_id=patient_id))

    def erasure(self, record: int) -> ErasureReceipt:
        """The receipt of an erasure once more.

        Args:
            record: position of its record `patient.erased`.

        Raises:
            AuditError: `audit.no_such_record`.
        """
        from caselight.erasing import receipt_of

        return receipt_of(self._recorder(), record)

    def studies(self) -> Iterator[Study]:
        """Every study, in order of arrival.

        Raises:
            StoreError: when there is no home, or it cannot be read.
        """
        return (study for _, study in self._open_store().studies())

    def study(self, study_uid: str) -> Study:
        """The study of one id.

        Raises:
            QueryRefused: `query.no_such_study`.
            StoreError: when there is no home, or it cannot be read.
        """
        store = self._open_store()
        found = list(store.find(store.rows_named([study_uid]).values()).values())
        if not found:
            raise QueryRefused(
                "the home holds no study of that id; `studies()` gives them all",
                code="query.no_such_study",
            )
        return found[0]

    def pixels(self, image: Image) -> Pixels:
        """The exact pixels of a stored image, u8 or u16, [H, W] or [H, W, 3].

        Raises:
            DataError: `data.not_found` when the home does not hold the picture.
        """
        return read_pixels(self._open_store().pixels_path(image.digest), max_pixels=2**62)

    def thumbnail(self, image: Image) -> Path:
        """The path of a stored image's thumbnail, a small PNG of 8 bits."""
        return self._open_store().thumbnail_path(image.digest)

    def digest(self) -> str:
        """SHA-256 over all studies: equal in every home of the same archive."""
        return self._open_store().digest()

    def log(self) -> AuditLog:
        """The record of all that was done with this home; see docs/guide/audit.md.

        Raises:
            AuditError: when the log has lost a file.
            StoreError: when there is no home, or it cannot be read.
        """
        return self._recorder().log

    # Models and answers ---------------------------------------------------------------------

    def train(
        self,
        out: PathLike | None = None,
        *,
        on_epoch: Callable[["EpochLog"], None] | None = None,
        restart: bool = False,
        begin: PathLike | None = None,
    ) -> "TrainReceipt":
        """Learn a model from the training split; see `caselight.train.run.train`.

        Args:
            out: the model's folder; `trained` inside the home if not given.
            on_epoch: told after every epoch.
            restart: give up an unfinished training in `out` that had other settings or data.
            begin: a model to train further, under its own towers; None begins anew.

        Raises:
            StoreError: when there is no home, or it cannot be read.
            TrainError: when there is nothing to learn from, the training diverges, or the home
                changes meanwhile.
        """
        from caselight.models.checkpoint import load_checkpoint
        from caselight.train.run import train

        known = None if begin is None else load_checkpoint(Path(begin))
        config = self.config
        if known is not None:
            config = config.model_copy(update={"towers": known.config.towers})
        with self._at_work("train"):
            receipt = train(
                self._open_engine(config),
                config=config,
                out=self.path / DEFAULT_MODEL if out is None else Path(out),
                clock=time.perf_counter,
                on_epoch=on_epoch or (lambda _: None),
                restart=restart,
                begin=known,
            )
            self._recorder().trained(
                "model.trained",
                receipt.fingerprint,
                receipt.patients,
                {
                    "began": None if known is None else known.fingerprint,
                    "data": receipt.data_digest,
                    "pairs": receipt.n_pairs,
                },
            )
        return receipt

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

    def publish_index(
        self, place: str | None = None, *, shard_rows: int | None = None, fresh: bool = False
    ) -> "Publication":
        """Publish the index as shards; see `caselight.publishing.publish_index`.

        Args:
            place: a folder, or a URL that fsspec reaches; `shards` inside the home if not given.
            shard_rows: rows of the index that a shard spans.
            fresh: write all anew, whatever lies there.

        Raises:
            ClusterError: for a place that cannot be used, or holds other things.
            IndexMismatch: when there is no index, or it was changed.
        """
        from caselight.publishing import publish_index

        recorder = self._recorder()
        with recorder.refusals("index publish"):
            return publish_index(
                self.path,
                self._place(place),
                recorder=recorder,
                shard_rows=shard_rows,
                fresh=fresh,
            )

    def withdraw_index(self, place: str | None = None) -> int:
        """Remove what was published in a place, and forget the place; how many files that were.

        Raises:
            ClusterError: for a place that cannot be used, or holds other things.
        """
        from caselight.publishing import withdraw_index

        recorder = self._recorder()
        with recorder.refusals("index publish"):
            return withdraw_index(self.path, self._place(place), recorder=recorder)

    def serve_index(
        self,
        address: str = "local",
        *,
        place: str | None = None,
        replicas: int = 1,
        shard_rows: int | None = None,
        tell: "Callable[[ServeState], None] | None" = None,
        ended: Callable[[float], bool] | None = None,
    ) -> None:
        """Serve the index by the machines of a Ray cluster; see `caselight.serving.serve`.

        It comes back when it is ended, and nothing of it is left running then.

        Args:
            address: `HOST:PORT` of the cluster; "local" starts one on this machine alone.
            place: as in `publish_index`; all machines must reach it.
            replicas: of each shard, at least 1.
            shard_rows: as in `publish_index`.
            tell: told what is served whenever that changes.
            ended: waits for so many seconds, and says whether to end; by default never.

        Raises:
            ClusterError: when the cluster or the place cannot be used.
            IndexMismatch: when there is no index, or it was changed.
            UsageError: `usage.missing_extra` without Ray.
        """
        from caselight.serving import serve

        recorder = self._recorder()
        with recorder.refusals("index serve"):
            serve(
                self.path,
                self._place(place),
                recorder=recorder,
                address=address,
                replicas=replicas,
                shard_rows=shard_rows,
                tell=tell or (lambda _: None),
                ended=ended or threading.Event().wait,
                clock=time.monotonic,
            )

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
        )

    def explain(self, query: Query | str, *, model: PathLike | None = None) -> "Explanation":
        """Say how the index would be searched for a query, and what it costs; nothing is answered.

        Takes and raises what `search` does.
        """
        from caselight.search import explain

        asked = Query(text=query) if isinstance(query, str) else query
        engine, loaded = self._asked(model)
        return explain(engine, loaded, asked, config=self.config, clock=time.perf_counter)

    def evaluate(
        self,
        model: PathLike | None = None,
        *,
        split: str | None = "test",
        text: str | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Score a model; see docs/guide/evaluate.md for what comes back.

        Args:
            model: its folder; the index's if not given, else `trained` inside the home.
            split: "train", "val" or "test"; None is every study.
            text: which text, as `train.text` names it; the model's own if not given.
            filters: metadata an image must have.

        Raises:
            EvaluationError: for a split or a text that the home does not have.
            ModelError: when the model cannot be loaded.
        """
        from caselight.evaluation.suite import Question, evaluate

        loaded = self._load(model)
        field = text_field(text) if text is not None else loaded.config.train.text
        question = Question(split=split, text=field, filters=dict(filters or {}))
        with self._at_work("evaluate"):
            report = evaluate(
                self._open_engine(loaded.config), loaded, question, config=self.config
            )
        said = {"model": loaded.fingerprint, "split": split, "images": report["n_images"]}
        self._recorder().say("model.evaluated", said)
        return report

    def compare(
        self,
        first: PathLike,
        second: PathLike,
        *,
        split: str | None = "test",
        text: str | None = None,
        filters: Mapping[str, str] | None = None,
        readings: Sequence[tuple[str, str]] | None = None,
    ) -> dict[str, Any]:
        """Ask two models the same queries; see docs/guide/evaluate.md for what comes back.

        Args:
            first: folder of a model.
            second: folder of another.
            split: "train", "val" or "test"; None is every study.
            text: which text, as `train.text` names it; the first model's own if not given.
            filters: metadata an image must have.
            readings: pairs, a reading of the first and one of the second; `float` and all codes
                that both have if not given.

        Raises:
            EvaluationError: for a split or a text that the home does not have.
            ModelError: when a model cannot be loaded, or cannot be read so.
            UsageError: for the same model twice.
        """
        from caselight.evaluation.compare import compare, pair_readings, read_side
        from caselight.evaluation.suite import Question

        self._open_store()
        models = self._load(first), self._load(second)
        pairs = pair_readings(*models, asked=readings)
        field = text_field(text) if text is not None else models[0].config.train.text
        question = Question(split=split, text=field, filters=dict(filters or {}))
        said = {"models": [model.fingerprint for model in models], "split": split}
        with self._at_work("compare"):
            sides = [
                read_side(
                    self._open_engine(model.config),
                    model,
                    question,
                    readings=[pair[at] for pair in pairs],
                    config=self.config,
                )
                for at, model in enumerate(models)
            ]
            report = compare(*sides, pairs=pairs, question=question, config=self.config)
        self._recorder().say("models.compared", said)
        return report

    def tune(
        self,
        out: PathLike | None = None,
        *,
        budget_s: float,
        goal: str | None = None,
        space: Mapping[str, Sequence[Any]] | None = None,
        on_trial: "Callable[[Trial, float | None], None] | None" = None,
    ) -> "TuneReceipt":
        """Search settings on the validation split; see `caselight.train.tuning.tune`.

        Args:
            out: folder for the trials and the settings; `tuned` inside the home if not given.
            budget_s: seconds for all trials together.
            goal: `float` or `bits_N`; 128 bits if not given, or the widest without that.
            space: `section.key` to the values to try; the usual ones if not given.
            on_trial: told each trial that ends, with its score.

        Raises:
            ConfigError: for a budget, goal or setting that cannot be.
            UsageError: for a setting that is no matter of tuning.
            TrainError: for a validation split that cannot be halved, or settings that fail.
        """
        from caselight.train.trials import DEFAULT_SPACE
        from caselight.train.tuning import tune

        self._open_store()
        bits = self.config.model.bits
        with self._at_work("tune"):
            receipt = tune(
                self._open_engine(self.config),
                self.config,
                space=DEFAULT_SPACE if space is None else space,
                goal=goal or f"bits_{128 if 128 in bits else max(bits)}",
                budget_s=budget_s,
                out=self.path / "tuned" if out is None else Path(out),
                clock=time.perf_counter,
                rng=np.random.default_rng(self.config.train.seed),
                on_trial=on_trial or (lambda *_: None),
            )
        self._recorder().say("model.tuned", {"trials": receipt.n_trials})
        return receipt

    def adapt(
        self,
        out: PathLike | None = None,
        *,
        towers: "Sequence[Tower]" = (),
        model: PathLike | None = None,
        old_home: PathLike | None = None,
        n_pairs: Sequence[int] = (0, 50, 200, 1000),
        on_step: "Callable[[Tower, StepLog], None] | None" = None,
        on_epoch: "Callable[[int, EpochLog], None] | None" = None,
        restart: bool = False,
    ) -> "AdaptReceipt":
        """Fit towers, or a model, to the training split; see docs/guide/adapt.md.

        Args:
            out: folder for what is made; `adapted` inside the home if not given.
            towers: "image", "text" or both; they learn without labels or pairs.
            model: a model whose heads are trained further, under its own towers.
            old_home: the home it was trained on, to see what it forgets, and to forget less.
            n_pairs: how many pairs it is trained further with, step by step.
            on_step: told (tower, step) of the towers.
            on_epoch: told (pairs, epoch) of the model.
            restart: give up what is unfinished in `out` with other settings or data.

        Raises:
            UsageError: when nothing is asked for, or an old home without a model.
            ModelError: for a tower that cannot be trained, or a model that cannot be loaded.
            StoreError: when there is no home, or it cannot be read.
            TrainError: when there is too little to learn from or to ask by, the training diverges,
                or a home changes meanwhile.
        """
        from caselight.evaluation.hearing import heard
        from caselight.indexing import choose_bits
        from caselight.models.checkpoint import load_checkpoint
        from caselight.train.adapt import adapt_towers
        from caselight.train.adapted import AdaptReceipt, made_by, write_record
        from caselight.train.transfer import transfer

        _check_adapt(self.path, towers, model, old_home)
        self._open_store()
        known = None if model is None else load_checkpoint(Path(model))
        config = self.config
        if known is not None:
            config = config.model_copy(update={"towers": known.config.towers})
        folder = self.path / "adapted" if out is None else Path(out)
        engine = self._open_engine(config)
        with self._at_work("adapt"), contextlib.ExitStack() as opened:
            moved = None
            if known is not None:
                old = None
                if old_home is not None:
                    # Not through this one's engine: the old home is closed again.
                    place = Home(
                        old_home, config=config, device=self._device, progress=self._progress
                    )
                    old = opened.enter_context(place)._open_engine(config)
                    opened.enter_context(using(place.path, "adapt"))
                moved = transfer(
                    engine,
                    known,
                    config=config,
                    n_pairs=n_pairs,
                    readings=("float", f"bits_{choose_bits(self.config, known)}"),
                    old=old,
                    out=folder,
                    clock=time.perf_counter,
                    on_epoch=on_epoch or (lambda *_: None),
                    restart=restart,
                )
            made = adapt_towers(
                engine,
                towers,
                config=config,
                out=folder,
                clock=time.perf_counter,
                hear=lambda encode, probes: heard(encode, probes, settings=config.evaluate),
                on_step=on_step or (lambda *_: None),
                restart=restart,
            )
            receipt = AdaptReceipt(towers=made, transfer=moved)
            with explained():
                write_record(receipt, folder)
            for fingerprint in made_by(receipt):
                self._recorder().trained(
                    "model.adapted",
                    fingerprint,
                    # The training split; what was kept back to ask by is among it.
                    {study.patient_key for study in self.studies() if study.split == "train"},
                    {"began": None if known is None else known.fingerprint},
                )
        return receipt

    # Out ------------------------------------------------------------------------------------

    def embed(
        self,
        out: PathLike | None = None,
        *,
        model: PathLike | None = None,
        split: str | None = None,
        filters: Mapping[str, str] | None = None,
        kinds: Sequence[Kind] = ("image", "report"),
        n_bits: int | None = None,
    ) -> "EmbedReceipt":
        """Embed the home's pictures and texts; see `caselight.embed.embed_home`.

        Args:
            out: a new file ending in .npz or .parquet, or a new folder; nothing is written if not
                given.
            model: its folder; the index's if not given, else `trained` inside the home.
            split: "train", "val" or "test"; None is every study.
            filters: metadata a study or an image must have.
            kinds: what is embedded.
            n_bits: which hash head; as for an index if not given.
        """
        from caselight.embed import embed_home
        from caselight.indexing import choose_bits

        if out is not None:
            check_target(Path(out))
        loaded = self._load(model)
        with self._at_work("embed"):
            receipt = embed_home(
                self._open_engine(loaded.config),
                loaded,
                n_bits=choose_bits(self.config, loaded) if n_bits is None else n_bits,
                split=split,
                filters=filters,
                kinds=kinds,
            )
            if out is not None:
                write_embeddings(receipt.embedded, Path(out))
        self._recorder().say(
            "embeddings.made",
            {"model": receipt.embedded.model, "rows": len(receipt.embedded.rows)},
        )
        return receipt

    def embed_files(
        self,
        *,
        images: Sequence[PathLike] = (),
        texts: Sequence[str | tuple[str, str]] = (),
        out: PathLike | None = None,
        model: PathLike | None = None,
        n_bits: int | None = None,
    ) -> "EmbedReceipt":
        """Embed pictures and texts that are in no home, with the home's model; nothing is stored.

        Takes what the function `embed_files` takes.
        """
        from caselight.embed import embed_loose
        from caselight.indexing import choose_bits

        if out is not None:
            check_target(Path(out))
        pictures, lines = loose_things(images, texts)
        loaded = self._load(model)
        receipt = embed_loose(
            self._open_engine(loaded.config),
            loaded,
            images=pictures,
            texts=lines,
            n_bits=choose_bits(self.config, loaded) if n_bits is None else n_bits,
            settings=self.config.ingest,
        )
        if out is not None:
            write_embeddings(receipt.embedded, Path(out))
        return receipt

    def export(
        self, result: SearchResult | Mapping[str, Any], out: PathLike, *, full: bool = False
    ) -> ExportReceipt:
        """Write an answer as a folder with a contact sheet; see `caselight.export.export`.

        Args:
            result: an answer of this home, or what `search --json` printed.
            out: a new or an empty folder.
            full: also write the pictures themselves, with their exact pixels.
        """
        said = result_json(result) if isinstance(result, SearchResult) else result
        with self._recorder().refusals("export"):
            receipt = export(self._open_store(), said, Path(out), full=full)
        self._recorder().say(
            "answer.exported",
            {"hits": receipt.n_hits, "pictures": receipt.n_pictures, "full": full},
        )
        return receipt

    # Parts ----------------------------------------------------------------------------------

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

    def _spread(self) -> "Spread | None":
        """Who has the index when it is spread over machines."""
        from caselight.index.cluster import Cluster

        settings = self.config.search
        if settings.ray is None:
            return None
        if self._cluster is None:
            with self._recorder().refusals("search"):
                self._cluster = Cluster(settings.ray)
        return functools.partial(self._cluster.index, deadline_s=settings.deadline_s)

    def _place(self, named: str | None) -> "Place":
        from caselight.index.places import open_place
        from caselight.publishing import FOLDER

        return open_place(str(self.path / FOLDER) if named is None else named)

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


@contextlib.contextmanager
def _encoding(engine: "Engine", ray: str | None) -> "Iterator[Engine]":
    """The engine that encodes here, or the one that has the cluster of an address do it."""
    if ray is None:
        yield engine
        return
    from caselight.encoding import encode_on_ray
    from caselight.rays import connected

    with connected(ray):
        yield engine.encoding_by(encode_on_ray)


def _check_adapt(
    home: Path, towers: Sequence[str], model: PathLike | None, old_home: PathLike | None
) -> None:
    if not towers and model is None:
        raise UsageError("nothing to adapt; name towers, a model to train further, or both")
    if wrong := [name for name in towers if name not in ("image", "text")]:
        raise UsageError(f"found the tower {wrong[0]!r}, expected image or text; name one or both")
    if old_home is None:
        return
    if model is None:
        raise UsageError(
            "found an old home and no model that came from it, expected both; name the model too"
        )
    if Path(old_home).resolve() == home.resolve():
        raise UsageError(
            "the old home is the new one, expected the home that the model was trained on; name "
            "that, or leave it out"
        )


def _check_one(*given: str | None) -> None:
    if sum(one is not None for one in given) != 1:
        raise UsageError(
            "found none or several ways to name the patient, expected one; give the pseudonym, the "
            "archive's own id, or a study"
        )


def text_field(text: str) -> TextField:
    """The text that a name means, refused like the setting."""
    return Config.from_mapping({"train": {"text": text}}).train.text


def silent(what: str, n_done: int, n_all: int) -> None:
    """Tell nobody."""
