"""caselight audit: verify, show and prove the record of a home, offline."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from caselight.audit import receipts
from caselight.audit.log import FOLDER, AuditLog, open_log
from caselight.audit.notes import Verifier, read_verifier, split_notes
from caselight.audit.proofs import check_proof, prove_growth, prove_inclusion, read_proof
from caselight.audit.record import EVENTS, AuditRecord
from caselight.audit.verify import Verdict, verify_log
from caselight.cli.audit_export import export
from caselight.cli.common import AsJson, Home, out, print_json
from caselight.data.new_files import new_file
from caselight.data.store import open_store
from caselight.errors import AuditError, UsageError
from caselight.recording import Recorder

SHOWN = 20

app = typer.Typer(no_args_is_help=True, help="The record of a home, which nobody can change.")
app.command("export")(export)

MaybeHome = Annotated[
    Path | None,
    typer.Option("--home", "-H", envvar="CASELIGHT_HOME", help="Folder whose record it is."),
]
VerifierLine = Annotated[
    str | None,
    typer.Option(
        "--verifier", metavar="LINE", help="The public key as you wrote it down, or a file of it."
    ),
]
Kept = Annotated[
    list[Path] | None,
    typer.Option(
        "--witness", metavar="FILE", help="Checkpoints kept elsewhere; several if you like."
    ),
]


@app.callback()
def audit() -> None:
    """The record of a home, which nobody can change."""


@app.command()
def verify(
    home: MaybeHome = None,
    witness: Kept = None,
    verifier: VerifierLine = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", metavar="FILE", help="Check a proof instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the whole record and say what was changed, and where; or check a proof."""
    known = None if verifier is None else _verifier(verifier)
    if proof is not None:
        if known is None:
            raise UsageError(
                "a proof is checked against a verifier, and none was given; add --verifier with "
                "the line that `caselight audit checkpoint` prints"
            )
        _check(proof, known, as_json=as_json)
        return
    if home is None:
        raise UsageError("name what to verify: --home, or --proof with --verifier")
    notes = [note for path in witness or () for note in split_notes(_text(path))]
    verdict = verify_log(home / FOLDER, verifier=known, checkpoints=notes)
    if as_json:
        print_json(_verdict(verdict))
    else:
        _say(verdict)
    if not verdict.ok:
        raise typer.Exit(1)


@app.command()
def show(
    home: Home,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="Only so many, the newest.")
    ] = SHOWN,
    event: Annotated[
        str | None, typer.Option("--event", help="Only these, e.g. search.answered.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this one did.")] = None,
    study: Annotated[
        str | None, typer.Option("--study", help="Only what speaks of this study.")
    ] = None,
    words: Annotated[
        str | None, typer.Option("--words", help="Only searches for exactly these words.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """List records, newest last."""
    if event is not None and event not in EVENTS:
        raise UsageError(f"there is no event {event!r}; known are: {', '.join(EVENTS)}")
    with open_store(home) as store:
        recorder = Recorder(store, actor="")
        wanted = recorder.digests_of(study=study, words=words)
        found = [
            record
            for record in recorder.log.records()
            if event in (None, record.event)
            and actor in (None, record.actor)
            and all(digest in json.dumps(record.payload) for digest in wanted)
        ]
    if not all_ and last is not None:
        found = found[-last:]
    if as_json:
        print_json([_plain(record) for record in found])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("record", "at", "actor", "event", "says"):
        table.add_column(name, justify="right" if name == "record" else "left", overflow="fold")
    for record in found:
        cells = (str(record.position), record.at, record.actor, record.event, gist(record))
        table.add_row(*map(Text, cells))
    out.print(table)


@app.command()
def prove(
    home: Home,
    position: Annotated[
        int | None, typer.Argument(help="Which record, as `show` numbers it.")
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option("--since", metavar="FILE", help="Prove that the log only grew since then."),
    ] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A new file; else it is printed.")
    ] = None,
) -> None:
    """Prove that a record stands in the log, or that the log only grew since a checkpoint."""
    if (position is None) == (since is None):
        raise UsageError("name exactly one of a record's number and --since a checkpoint's file")
    log = _opened(home)
    if since is not None:
        notes = split_notes(_text(since))
        if not notes:
            raise UsageError(f"{since} holds no checkpoint; name a file that has one")
        proof = prove_growth(log, notes[-1], log.files.verifier())
    else:
        proof = prove_inclusion(log, position or 0)
    if out_ is None:
        print_json(proof)
        return
    with new_file(out_) as staged:
        staged.write_text(json.dumps(proof, indent=1, ensure_ascii=False) + "\n", "utf-8")
    out.print(f"proof written to {out_}", markup=False, soft_wrap=True)
    check = f"caselight audit verify --proof {out_} --verifier '{log.files.verifier().text}'"
    out.print(f"check it anywhere: {check}", markup=False, soft_wrap=True)


@app.command()
def checkpoint(
    home: Home,
    out_: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it to a new file.")
    ] = None,
    witness: Annotated[
        Path | None,
        typer.Option(
            "--witness", metavar="FILE", help="Give this file every checkpoint from now on."
        ),
    ] = None,
) -> None:
    """Print a signed checkpoint of the record, to be kept where nobody here can change it."""
    log = _opened(home)
    if witness is not None:
        log.name_witness(witness)
    head, _ = log.files.read_head()
    note = log.checkpoint_of(head)
    if out_ is not None:
        with new_file(out_) as staged:
            staged.write_text(note, "utf-8")
    typer.echo(note)
    out.print(f"verifier: {log.files.verifier().text}", markup=False, soft_wrap=True)
    if witness is not None:
        out.print(f"every checkpoint goes to {witness} from now on", markup=False, soft_wrap=True)


def gist(record: AuditRecord) -> str:
    """A record's payload in a few words."""
    said = record.payload
    match record.event:
        case "search.answered":
            words = "words" if said["query"]["text"] else ""
            picture = "picture" if said["query"]["image"] else ""
            like = "like" if said["query"]["like"] else ""
            asked = ", ".join(part for part in (words, picture, like) if part)
            return f"{asked}: {len(said['hits'])} hits of {said['query']['k']} asked for"
        case "study.ingested":
            return f"study {said['study'][:8]}, {said['images']} images"
        case "request.refused":
            return f"{said['request']}: {said['code']}"
        case _:
            plain = {k: v for k, v in said.items() if isinstance(v, int | str) and k != "archive"}
            return ", ".join(f"{key} {str(value)[:16]}" for key, value in plain.items())


def _opened(home: Path) -> AuditLog:
    open_store(home).close()  # says so where there is no home
    return open_log(home)


def _check(path: Path, verifier: Verifier, *, as_json: bool) -> None:
    proof = read_proof(_text(path))
    if proof.get("proof") == receipts.KIND:
        proven = receipts.check_receipt(proof, verifier)
    else:
        proven = check_proof(proof, verifier)
    size = proven.checkpoint.size
    if as_json:
        print_json(
            {
                "size": size,
                "root": proven.checkpoint.root.hex(),
                "record": None if proven.record is None else _plain(proven.record),
                "from": None if proven.grew_from is None else proven.grew_from.size,
            }
        )
    elif proven.record is not None:
        record = proven.record
        out.print(
            f"proven: record {record.position}, {record.event} by {record.actor} at {record.at}, "
            f"stands in the log of {size} records signed by {verifier.name}",
            markup=False,
            soft_wrap=True,
        )
    elif proven.grew_from is not None:
        out.print(
            f"proven: the log of {size} records begins with the {proven.grew_from.size} of the "
            f"earlier checkpoint, signed by {verifier.name}",
            markup=False,
            soft_wrap=True,
        )


def _say(verdict: Verdict) -> None:
    for fault in verdict.faults[:SHOWN]:
        out.print(
            f"record {fault.position}: {fault.kind}: {fault.detail}", markup=False, soft_wrap=True
        )
    if len(verdict.faults) > SHOWN:
        out.print(f"... and {len(verdict.faults) - SHOWN} more; --json lists all", markup=False)
    first = "all whole" if verdict.ok else f"{len(verdict.faults)} faults"
    out.print(
        f"{verdict.size} records, {first}; {verdict.n_checkpoints} signed checkpoints agree; root "
        f"{verdict.root.hex()}",
        markup=False,
        soft_wrap=True,
    )


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "ok": verdict.ok,
        "size": verdict.size,
        "root": verdict.root.hex(),
        "checkpoints": verdict.n_checkpoints,
        "faults": [
            {"kind": f.kind, "position": f.position, "detail": f.detail} for f in verdict.faults
        ],
    }


def _plain(record: AuditRecord) -> dict[str, Any]:
    names: Sequence[str] = ("position", "at", "actor", "event", "payload", "previous", "digest")
    return {name: getattr(record, name) for name in names}


def _verifier(said: str) -> Verifier:
    path = Path(said)
    return read_verifier(_text(path) if "+" not in said or path.is_file() else said)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise AuditError(
            f"{path} is not UTF-8 text; name a file that `caselight audit` wrote",
            code="audit.bad_proof",
        ) from None
    except OSError as error:
        raise AuditError(
            f"{path} cannot be read ({error.strerror}); name a file that `caselight audit` wrote",
            code="audit.missing",
        ) from None
