"""caselight audit export: the record in the formats that a hospital collects."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from caselight.audit.export import FORMS
from caselight.audit.export.collector import Address, connected, tls_context
from caselight.audit.export.cursor import Cursor, open_cursor
from caselight.audit.export.events import Source
from caselight.audit.export.span import Since, verified
from caselight.audit.export.syslog import Framing, framed
from caselight.audit.files import LogFiles, flush_folder
from caselight.audit.log import FOLDER, open_log
from caselight.cli.common import Home, err, out
from caselight.data.new_files import new_file
from caselight.data.store import open_store
from caselight.errors import AuditError, UsageError

Sink = Callable[[bytes], None]
TIMEOUT_S = 10.0


def export(
    home: Home,
    as_: Annotated[
        str, typer.Option("--as", metavar="FORMAT", help="dicom, fhir (R4) or fhir-r5.")
    ],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="N|DATE", help="From this record or moment on; else all."),
    ] = None,
    cursor: Annotated[
        Path | None,
        typer.Option("--cursor", metavar="FILE", help="Only what is new since this file's last."),
    ] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A new file; else it is printed.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="HOST:PORT", help="Send DICOM messages to a syslog server."),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Send over TLS.")] = False,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", metavar="FILE", help="Over TLS, trusting these authorities (PEM)."),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option("--cert", metavar="FILE", help="Our certificate, and key if not --key (PEM)."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The certificate's key (PEM).")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the server.")
    ] = TIMEOUT_S,
    octet_counting: Annotated[
        bool, typer.Option("--octet-counting", help="Each message behind its length, as sent.")
    ] = False,
    bom: Annotated[
        bool, typer.Option("--bom/--no-bom", help="Mark DICOM messages as UTF-8 (RFC 5424).")
    ] = True,
    host: Annotated[
        str | None, typer.Option("--host", help="Who messages come from; else this machine.")
    ] = None,
) -> None:
    """Export records as DICOM audit messages in syslog, or as FHIR AuditEvents, verified first."""
    form = FORMS.get(as_)
    if form is None:
        raise UsageError(f"there is no format {as_!r}; known are: {', '.join(FORMS)}")
    if since is not None and cursor is not None:
        raise UsageError("a cursor says itself where to begin; name --since or --cursor, not both")
    if out_ is not None and to is not None:
        raise UsageError("records go to one place; name --out or --to, not both")
    secured = tls or any(path is not None for path in (ca, cert, key))
    if to is None and secured:
        raise UsageError("--tls, --ca, --cert and --key are about a server; name it with --to")
    if key is not None and cert is None:
        raise UsageError("--key is the key of a certificate; name it with --cert")
    if as_ != "dicom" and (to is not None or octet_counting):
        raise UsageError(
            f"only DICOM messages travel by syslog, and {as_} was asked for; write it with --out, "
            "and post it to the FHIR server"
        )
    address = None if to is None else _address(to)
    begin: Since | None = None if since is None else _since(since)
    framing: Framing = "octets" if octet_counting else "lines"
    open_store(home).close()  # says so where there is no home
    verifier = LogFiles(home / FOLDER).verifier()  # says so where there is no log
    log = open_log(home)
    with contextlib.ExitStack() as opened:
        kept = opened.enter_context(open_cursor(cursor, verifier)) if cursor else None
        span = verified(log.files, since=_begin(begin, kept))
        source = Source(
            log=log.origin,
            host=socket.gethostname() if host is None else host,
            checkpoint=log.checkpoint_of(span.head),
            bom=bom,
        )
        if kept is not None:
            kept.stage(span.note)
        if address is not None:
            context = tls_context(ca=ca, certificate=cert, key=key) if secured else None
            sink: contextlib.AbstractContextManager[Sink] = connected(
                address, tls=context, timeout_s=timeout
            )
        else:
            sink = _written(out_, framing)
        with sink as send:
            for record, canonical in span.records():
                send(form(record, canonical, source))
        if kept is not None:
            kept.advance()
    last = span.end.size - 1
    which = {0: f"nothing after record {last}", 1: f"record {last}"}.get(
        len(span), f"records {span.first} to {last}"
    )
    verb, place = ("sent", f" to {address}") if address else ("exported", _place(out_))
    (out if out_ or address else err).print(
        f"{len(span)} {verb} as {as_}{place}: {which}", markup=False, soft_wrap=True
    )


def _place(path: Path | None) -> str:
    return "" if path is None else f" to {path}"


def _begin(since: Since | None, cursor: Cursor | None) -> Since:
    if cursor is not None and cursor.begin is not None:
        return cursor.begin
    return 0 if since is None else since


@contextlib.contextmanager
def _written(path: Path | None, framing: Framing) -> Iterator[Sink]:
    if path is None:
        with _refused("standard output"):
            yield lambda message: _print(framed(message, framing))
            sys.stdout.flush()
        return
    with new_file(path) as staged, staged.open("wb") as file:
        staged.chmod(0o600)  # for its owner alone, as the log is
        yield lambda message: (file.write(framed(message, framing)), None)[1]
        file.flush()
        os.fsync(file.fileno())
    flush_folder(path.parent)


def _print(data: bytes) -> None:
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(data.decode())
    else:
        stream.write(data)


@contextlib.contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AuditError(
            f"{what} did not take the records ({error.strerror}); run the same command again: "
            "nothing is lost, and no cursor was moved",
            code="audit.not_exported",
        ) from None


def _address(said: str) -> Address:
    host, _, port = said.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"--to is {said!r}, expected HOST:PORT, for instance audit.example:6514")
    return Address(host=host, port=int(port))


def _since(said: str) -> Since:
    try:
        if said.isdecimal():
            return int(said)
        moment = datetime.fromisoformat(said)
    except ValueError:
        raise UsageError(
            f"--since is {said!r}, expected the number of a record, or a date like 2026-11-24 or "
            "2026-11-24T07:00:00+01:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
