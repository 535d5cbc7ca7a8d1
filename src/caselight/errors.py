"""One tree of errors; every error carries a stable ``code``.

A message says what was found, what was expected and what to do, in one sentence, and never holds
patient data. `docs/guide/errors.md` lists every code; a test keeps that page complete.
"""

from typing import ClassVar


class Error(Exception):
    """Anything Caselight refuses. The command line exits with `exit_status` and prints the code."""

    code: str = "error"
    codes: ClassVar[tuple[str, ...]] = ()
    """Every code this family may carry, for the documentation and its test."""
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            if code not in self.codes:
                raise ValueError(f"{type(self).__name__} has no code {code!r}")
            self.code = code


class ConfigError(Error):
    """A setting that does not exist or lies outside its range."""

    code = "config.unknown_key"
    codes = ("config.unknown_key", "config.out_of_range", "config.not_toml")
    exit_status = 2


class UsageError(Error):
    """A command line that asks for nothing, for two things at once, or for a missing extra."""

    code = "usage.bad_argument"
    codes = ("usage.bad_argument", "usage.missing_extra")
    exit_status = 2


class DataError(Error):
    """A file, a row or a folder that cannot be read exactly."""

    code = "data.not_an_image"
    codes = (
        "data.not_found",
        "data.empty_file",
        "data.truncated",
        "data.not_an_image",
        "data.mislabelled",
        "data.zero_pixels",
        "data.too_large",
        "data.unsupported_pixels",
        "data.transparent",
        "data.not_dicom",
        "data.no_pixels",
        "data.unsupported_syntax",
        "data.which_frame",
        "data.not_hounsfield",
        "data.not_text",
        "data.no_text",
        "data.no_manifest",
        "data.two_manifests",
        "data.bad_row",
        "data.missing_column",
        "data.duplicate_image",
        "data.duplicate_study",
        "data.ambiguous_report",
        "data.for_processing",
        "data.path_outside",
        "data.bad_mapping",
        "data.empty_archive",
        "data.not_empty",
        "data.no_such_dataset",
        "data.incomplete_dataset",
        "data.bad_embeddings",
    )


class CodeError(Error):
    """Codes that are not codes: values other than signs, or a width that fills no whole byte."""

    code = "code.not_signs"
    codes = ("code.not_signs", "code.partial_byte")


class IndexMismatch(Error):
    """An index that does not belong to this model or to this archive's present state."""

    code = "index.encoder_mismatch"
    codes = (
        "index.bits_mismatch",
        "index.encoder_mismatch",
        "index.digest_mismatch",
        "index.stale",
        "index.missing",
        "index.locked",
        "index.newer_version",
        "index.not_ours",
    )


class ClusterError(Error):
    """Several machines, or what was published for them, that cannot be used."""

    code = "cluster.not_reachable"
    codes = (
        "cluster.not_reachable",
        "cluster.not_served",
        "cluster.other_index",
        "cluster.shards_lost",
        "cluster.bad_place",
        "cluster.not_ours",
        "cluster.damaged",
        "cluster.no_home",
        "cluster.too_small",
        "cluster.failed",
    )


class QueryRefused(Error):
    """A query that cannot be asked."""

    code = "query.empty"
    codes = (
        "query.empty",
        "query.bad_text",
        "query.bad_filter",
        "query.bad_k",
        "query.empty_gallery",
        "query.no_such_study",
        "query.bad_weight",
        "query.bad_patient",
        "query.bad_combination",
        "query.bad_value",
        "query.injection",
        "query.too_long",
    )


class MediatorError(Error):
    """A language model that did not help, or a table of the mediator that cannot be read.

    After a model's failure a search goes on with the lexicon's plan and says so.
    """

    code = "mediator.bad_plan"
    codes = (
        "mediator.bad_plan",
        "mediator.leaked",
        "mediator.unreachable",
        "mediator.too_slow",
        "mediator.refused",
        "mediator.bad_answer",
        "mediator.resting",
        "mediator.too_long",
        "mediator.bad_script",
        "mediator.bad_templates",
    )


class ModelError(Error):
    """A checkpoint or a tower that is not what it says it is."""

    code = "model.weights_mismatch"
    codes = (
        "model.not_found",
        "model.weights_mismatch",
        "model.preprocess_mismatch",
        "model.unknown_tower",
        "model.no_such_bits",
        "model.not_tunable",
        "model.tower_missing",
    )


class TrainError(Error):
    """A training that cannot start, or that diverged."""

    code = "train.non_finite"
    codes = (
        "train.non_finite",
        "train.too_few_pairs",
        "train.no_contrast",
        "train.home_changed",
        "train.other_unfinished",
    )


class StoreError(Error):
    """A home that cannot be opened or written."""

    code = "store.missing"
    codes = (
        "store.missing",
        "store.not_a_home",
        "store.newer_version",
        "store.disk_full",
        "store.locked",
        "store.in_use",
        "store.damaged",
    )


class AuditError(Error):
    """A record that was changed, lost or cannot be written; nothing is answered without one."""

    code = "audit.altered"
    codes = (
        "audit.altered",
        "audit.truncated",
        "audit.fork",
        "audit.bad_signature",
        "audit.missing",
        "audit.not_written",
        "audit.newer_version",
        "audit.no_such_record",
        "audit.bad_proof",
        "audit.not_exported",
    )


class EraseError(Error):
    """An erasure that cannot be, or a list of the erased that is not this home's."""

    code = "erase.no_such_patient"
    codes = (
        "erase.no_such_patient",
        "erase.not_confirmed",
        "erase.other_home",
        "erase.bad_list",
    )


class LanguageError(Error):
    """A lexicon, or a terminology that one is made of, that cannot be read; a term not in it."""

    code = "language.bad_lexicon"
    codes = (
        "language.bad_lexicon",
        "language.bad_rules",
        "language.bad_terminology",
        "language.unknown_term",
    )


class FeedbackError(Error):
    """Feedback on what was never answered, or a review that cannot be."""

    code = "feedback.no_such_id"
    codes = (
        "feedback.no_such_id",
        "feedback.no_such_answer",
        "feedback.not_a_hit",
        "feedback.given_already",
        "feedback.decided",
        "feedback.own",
        "feedback.bad_name",
        "feedback.other_words",
    )


class WordsError(Error):
    """Kept words that cannot be read, or were changed."""

    code = "words.no_key"
    codes = ("words.no_key", "words.bad_key", "words.wrong_key", "words.altered")


class EvaluationError(Error):
    """An evaluation that has nothing to score."""

    code = "evaluate.no_pairs"
    codes = ("evaluate.no_pairs", "evaluate.no_such_split")


def families() -> tuple[type[Error], ...]:
    """Every family of errors, in the order of this file."""
    return tuple(Error.__subclasses__())
