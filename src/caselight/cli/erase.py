"""caselight erase: a patient out of a home, for good."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caselight.cli.common import AsJson, Home, out, print_json, user
from caselight.errors import EraseError, QueryRefused, UsageError
from caselight.types import ErasureReceipt
from caselight.wire import erasure_json

if TYPE_CHECKING:
    from caselight.home import Home as OpenHome


def erase(
    home: Home,
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="KEY", help="The patient's pseudonym.")
    ] = None,
    patient_id: Annotated[
        str | None,
        typer.Option("--patient-id", metavar="ID", help="The archive's own id; it is not kept."),
    ] = None,
    study: Annotated[
        str | None, typer.Option("--study", metavar="UID", help="The patient of this study.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
    apply: Annotated[
        Path | None,
        typer.Option("--apply", metavar="FILE", help="Erase everybody on a list of the erased."),
    ] = None,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Let an erased patient's studies in again.")
    ] = False,
    receipt: Annotated[
        int | None,
        typer.Option("--receipt", metavar="RECORD", help="Print an erasure's receipt once more."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase a patient for good; alone, finish what was interrupted and sweep what is nobody's."""
    from caselight.home import Home as OpenHome

    named = [patient, patient_id, study]
    n_asked = sum(one is not None for one in (*named, apply, receipt))
    if n_asked > 1 or (readmit and patient is None and patient_id is None):
        raise UsageError(
            "name one patient and nothing else: --patient, --patient-id or --study; --readmit goes "
            "with the first two, --apply and --receipt go alone"
        )
    with OpenHome(home, actor=user()) as place:
        if receipt is not None:
            found: tuple[ErasureReceipt, ...] = (place.erasure(receipt),)
        elif readmit:
            place.readmit(patient=patient, patient_id=patient_id)
            out.print("readmitted: an ingest takes in studies of that patient again")
            return
        elif dry_run and n_asked and apply is None:
            found = (
                place.erase(patient=patient, patient_id=patient_id, study=study, dry_run=True),
            )
        elif dry_run:
            raise UsageError("--dry-run tells of one patient; name one")
        elif apply is not None:
            _sure(f"erase everybody on {apply} from {home}", yes=yes)
            found = place.apply_tombstones(apply)
        elif n_asked:
            if not yes:
                _warn(place, patient=patient, patient_id=patient_id, study=study)
            found = (place.erase(patient=patient, patient_id=patient_id, study=study),)
        else:
            found = place.finish_erasures()
    if as_json and n_asked and apply is None:
        print_json(erasure_json(found[0]))
    elif as_json:
        print_json([erasure_json(one) for one in found])
    else:
        for one in found:
            _show(one, home)
        if apply is not None or not n_asked:
            out.print(f"{len(found)} patients erased; nothing is left that is nobody's")


def _warn(
    place: "OpenHome", *, patient: str | None, patient_id: str | None, study: str | None
) -> None:
    """Ask, with the numbers in view."""
    _terminal()
    try:
        planned = place.erase(patient=patient, patient_id=patient_id, study=study, dry_run=True)
    except (EraseError, QueryRefused):
        return  # nobody to erase; at most to be finished, and that was confirmed when it began
    _sure(f"{_counts(planned)}; nobody can bring that back: erase it", yes=False)


def _sure(what: str, *, yes: bool) -> None:
    if yes:
        return
    _terminal()
    if not typer.confirm(f"{what}?", err=True):
        raise EraseError("nothing was erased", code="erase.not_confirmed")


def _terminal() -> None:
    if not sys.stdin.isatty():
        raise EraseError(
            "there is no terminal to ask whether you are sure; add --yes, or see first with "
            "--dry-run",
            code="erase.not_confirmed",
        )


def _counts(receipt: ErasureReceipt) -> str:
    said = f"{receipt.studies} studies with {receipt.images} images"
    swept = receipt.swept
    if swept is None:
        return said
    return (
        f"{said}, {swept.pictures} pictures, {swept.thumbnails} thumbnails, {swept.features} "
        f"features, {swept.index_rows} rows of the index, {swept.feedback} feedback, "
        f"{swept.words} kept words"
    )


def _show(receipt: ErasureReceipt, home: Path) -> None:
    def say(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    if receipt.record is None:
        say(f"would be erased: {_counts(receipt)}")
    elif receipt.finished is None:
        say(f"erased: {_counts(receipt)}; not finished, run `caselight erase --home {home}`")
    else:
        say(f"erased: {_counts(receipt)}; records {receipt.record} and {receipt.finished}")
    for trace in receipt.models:
        how = {
            "directly": "learned from the patient",
            "through": f"began from {(trace.through or '')[:16]}, which learned from the patient",
            "no": "did not learn from the patient",
            "unknown": "may have learned from the patient; its list is missing",
        }[trace.learned]
        at = "no record" if trace.record is None else f"record {trace.record}"
        say(f"model {trace.model[:16]} {how}; {at}")
    for note in receipt.notes:
        say(f"note: {note}")
    if receipt.record is not None:
        say(f"the whole receipt: caselight erase --receipt {receipt.record} --home {home} --json")
