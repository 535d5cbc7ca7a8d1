"""The command `caselight`."""

import sys
from typing import Annotated

import typer

from caselight import __version__
from caselight.cli import (
    adapt,
    audit,
    compare,
    datasets,
    demo_archive,
    doctor,
    embed,
    erase,
    evaluate,
    export,
    feedback,
    guard,
    index,
    ingest,
    lexicon,
    plan,
    search,
    train,
    tune,
)
from caselight.cli.common import err
from caselight.data.system_errors import explained
from caselight.errors import Error

app = typer.Typer(
    name="caselight",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find the cases that look like this one, and say how far to trust the answer.",
    epilog="Exit status: 0 done, 1 refused (the message says why and carries a code), 2 usage.",
)
app.command("demo-archive")(demo_archive.demo_archive)
app.add_typer(datasets.app, name="datasets")
app.command("ingest")(ingest.ingest)
app.command("train")(train.train)
app.command("tune")(tune.tune)
app.command("adapt")(adapt.adapt)
app.add_typer(index.app, name="index")
app.command("search")(search.search)
app.command("export")(export.export)
app.command("embed")(embed.embed)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.add_typer(lexicon.app, name="lexicon")
app.add_typer(feedback.app, name="feedback")
app.add_typer(audit.app, name="audit")
app.command("erase")(erase.erase)
app.command("guard")(guard.guard_command)
app.command("plan")(plan.plan)
app.command("doctor")(doctor.doctor)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"caselight {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find the cases that look like this one, and say how far to trust the answer."""


def run() -> None:
    """Run the command line; every refusal is one sentence, a code and an exit status."""
    try:
        # What the system refuses outside the store, an unwritable --out for instance, ends here.
        with explained():
            app()
    except Error as error:
        err.print(f"caselight: {error.code}: {error}", markup=False)
        sys.exit(error.exit_status)
