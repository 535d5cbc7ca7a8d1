"""caselight feedback: say what answers were worth, review it, and forget kept words."""

import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from caselight.cli.common import (
    AsJson,
    ConfigFile,
    Home,
    Overrides,
    err,
    out,
    print_json,
    user,
)
from caselight.config import read_config
from caselight.data.feedback import Feedback
from caselight.errors import EraseError, UsageError

app = typer.Typer(
    no_args_is_help=True, help="What answers were worth, and what may be learned from it."
)

State = Literal["waiting", "approved", "rejected", "undone"]


@app.callback()
def feedback() -> None:
    """What answers were worth, and what may be learned from it."""


@app.command()
def add(
    home: Home,
    record: Annotated[int, typer.Argument(help="Of the answer, as every search prints it.")],
    studies: Annotated[list[str], typer.Argument(metavar="STUDY", help="Hits of it.")],
    relevant: Annotated[
        bool | None,
        typer.Option("--relevant/--not-relevant", help="Whether they answer what was asked."),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who says so; you if not given.")
    ] = None,
    like: Annotated[
        bool, typer.Option("--like", help="Any study of the home, not hits alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say of studies whether they answer a search; a reviewer has to agree."""
    from caselight.home import Home as OpenHome

    if relevant is None:
        raise UsageError("found no judgement, expected one; add --relevant or --not-relevant")
    with OpenHome(home, actor=user()) as place:
        given = place.give_feedback(record, studies, relevant=relevant, by=by, any_study=like)
    if as_json:
        print_json([_plain(one) for one in given])
        return
    for one in given:
        _say(f"feedback {one.id} waits for a reviewer")


@app.command("list")
def list_(
    home: Home,
    state: Annotated[State | None, typer.Option("--state", help="Only what is in it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what was said, oldest first."""
    from caselight.home import Home as OpenHome

    with OpenHome(home, actor=user()) as place:
        found = place.feedback(state)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("feedback", "record", "study", "says", "by", "given", "state", "reviewer"):
        table.add_column(name, justify="right" if name == "record" else "left", overflow="fold")
    for one in found:
        says = "relevant" if one.relevant else "not relevant"
        by = one.by if one.source == "person" else f"{one.by} ({one.source})"
        cells = (one.id, str(one.record), one.study_uid, says, by, one.given, one.state)
        table.add_row(*map(Text, (*cells, one.reviewer or "")))
    out.print(table)


@app.command()
def review(
    home: Home,
    verdict: Annotated[Literal["approve", "reject"], typer.Argument(help="What becomes of it.")],
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Feedback that waits.")],
    reviewer: Annotated[
        str | None,
        typer.Option("--reviewer", metavar="NAME", help="Who says so; you if not given."),
    ] = None,
) -> None:
    """Approve or reject what waits; nobody approves their own."""
    from caselight.home import Home as OpenHome

    with OpenHome(home, actor=user()) as place:
        place.review_feedback(ids, approve=verdict == "approve", reviewer=reviewer)
    done = "approved" if verdict == "approve" else "rejected"
    for one in dict.fromkeys(ids):
        _say(f"feedback {one} {done}")


@app.command()
def undo(
    home: Home,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Whatever became of it.")],
    as_json: AsJson = False,
) -> None:
    """Take feedback back, and say which models have learned from it."""
    from caselight.home import Home as OpenHome

    with OpenHome(home, actor=user()) as place:
        learned = place.undo_feedback(id_)
    if as_json:
        print_json({"feedback": id_, "models": [asdict(one) for one in learned]})
        return
    _say(f"feedback {id_} undone")
    for one in learned:
        how = "learned from it" if one.how == "directly" else "began from one that did"
        _say(f"model {one.model[:16]} {how}; record {one.record}")
    if learned:
        _say("note: train these again, and drop the old ones")


@app.command()
def export(
    home: Home,
    out_: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A new file; else it is printed.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text", metavar="WORDS", help="Words of a query, where they are not kept."),
    ] = None,
    config: ConfigFile = None,
    set_: Overrides = None,
) -> None:
    """Write approved feedback as training pairs, a line of JSON for each."""
    from caselight.feedback.pairs import pair_lines
    from caselight.home import Home as OpenHome

    settings = read_config(config, set_ or ())
    with OpenHome(home, config=settings, actor=user()) as place:
        found = place.export_feedback(out_, texts=text or ())
    if out_ is None:
        for line in pair_lines(found.pairs):
            typer.echo(line)
    else:
        _say(f"{len(found.pairs)} pairs written to {out_}")
    for note in found.notes:
        err.print(f"note: {note}", markup=False)
    if not found.pairs:
        err.print("note: there is no pair to learn from", markup=False)


@app.command()
def forget(
    home: Home,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="YYYY-MM-DD", help="Words of searches before this day."),
    ] = None,
    record: Annotated[
        int | None, typer.Option("--record", help="Words of one search, by its record.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All words, and their key.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
    config: ConfigFile = None,
    set_: Overrides = None,
) -> None:
    """Delete kept words of queries; feedback itself stays."""
    from caselight.home import Home as OpenHome

    day = None if before is None else _day(before)
    if all_ and not yes:
        _sure(home)
    settings = read_config(config, set_ or ())
    with OpenHome(home, config=settings, actor=user()) as place:
        gone = place.forget_words(before=day, record=record, everything=all_)
    _say(f"forgotten: the words of {gone.words} searches")
    if gone.key:
        _say("the key was destroyed: copies of these words cannot be read either")
    elif all_:
        _say(
            "note: the key is not there, and was not destroyed; if it lies elsewhere, set words.key"
        )


def _sure(home: Path) -> None:
    if not sys.stdin.isatty():
        raise EraseError(
            "there is no terminal to ask whether you are sure; add --yes",
            code="erase.not_confirmed",
        )
    if not typer.confirm(f"forget all words of {home} and destroy their key?", err=True):
        raise EraseError("nothing was forgotten", code="erase.not_confirmed")


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise UsageError(f"found the day {said!r}, expected YYYY-MM-DD; give it so") from None


def _plain(one: Feedback) -> dict[str, Any]:
    return {
        "feedback": one.id,
        "record": one.record,
        "study": one.study_uid,
        "relevant": one.relevant,
        "source": one.source,
        "by": one.by,
        "given": one.given,
        "state": one.state,
        "reviewer": one.reviewer,
        "reviewed": one.reviewed,
    }


def _say(text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
