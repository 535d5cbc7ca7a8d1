"""caselight guard: what the guards say of a text, before anything else reads it."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer

from caselight.cli.common import AsJson, ConfigFile, Overrides, out
from caselight.config import GuardSettings, read_config
from caselight.errors import UsageError
from caselight.mediator.guards import Verdict, guard, guard_bytes, guard_document, verdict_json


def guard_command(
    text: Annotated[str | None, typer.Argument(help="A question, as it would be asked.")] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read one text a line, write one verdict a line.")
    ] = False,
    document: Annotated[
        bool,
        typer.Option("--document", help="A report or a header value instead of a question."),
    ] = False,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a text may be asked: pass, ask or refuse, and what each layer found."""
    if (text is None) == (not stdin):
        raise UsageError("name exactly one of a text and --stdin")
    settings = read_config(config, set_ or ()).guards
    if text is None:
        if not as_json:
            raise UsageError("--stdin writes JSON, one verdict a line; add --json")
        for verdict in _verdicts(sys.stdin.buffer, settings, document=document):
            sys.stdout.write(_line(verdict))
            sys.stdout.flush()
        return
    verdict = (guard_document if document else guard)(text, settings)
    if as_json:
        sys.stdout.write(_line(verdict))
    else:
        _say(verdict)
    if verdict.verdict == "refuse":
        raise typer.Exit(1)


def _verdicts(
    lines: Iterable[bytes], settings: GuardSettings, *, document: bool
) -> Iterator[Verdict]:
    """One verdict a line, as soon as the line is there."""
    for line in lines:
        yield guard_bytes(line.rstrip(b"\r\n"), settings, document=document)


def _line(verdict: Verdict) -> str:
    return json.dumps(verdict_json(verdict)) + "\n"


def _say(verdict: Verdict) -> None:
    off_topic = "" if verdict.off_topic is None else f", off topic {verdict.off_topic:.2f}"
    out.print(f"{verdict.verdict}: injection {verdict.injection:.2f}{off_topic}", markup=False)
    for layer in verdict.layers:
        found = ", ".join(f"{kind} {count}" for kind, count in layer.counts)
        if layer.action != "pass" or found:
            said = f"  {layer.layer}: {layer.action}" + (f" ({found})" if found else "")
            out.print(said, markup=False, soft_wrap=True)
    for one in verdict.identifiers:
        out.print(f"  {one.kind} at characters {one.span[0]} to {one.span[1]}", markup=False)
