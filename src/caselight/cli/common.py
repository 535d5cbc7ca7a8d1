"""What the commands share: options, progress, settings, printing.

The commands import what needs PyTorch inside their functions: it takes seconds to load, and nobody
should wait for it to read `--help`.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from caselight.config import Config, read_config
from caselight.data.filters import parse_filters
from caselight.errors import UsageError

# A file or a pipe has no width of its own; tables must not be folded there. Ids, paths and words
# are printed as they are: ":heart:" is no picture of one.
out = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

MODEL_KEY = "CASELIGHT_MODEL_KEY"
"""Environment variable with the key of a language model's server."""

Home = Annotated[
    Path,
    typer.Option(
        "--home", "-H", envvar="CASELIGHT_HOME", help="Folder that holds studies, models and index."
    ),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="TOML file with settings; see configs/.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, e.g. train.epochs=20."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="KEY=VALUE", help="Only studies or images with this."),
]
TrainText = Annotated[
    str | None, typer.Option("--text", help="Which text goes with an image; see settings.")
]

UseFeedback = Annotated[bool, typer.Option("--feedback", help="Learn from approved feedback, too.")]
FeedbackWords = Annotated[
    list[str] | None,
    typer.Option(
        "--words", metavar="TEXT", help="Words of a query that feedback is about, if not kept."
    ),
]


def check_feedback(feedback: bool, words: list[str] | None) -> None:
    """Refuse words of feedback that is not to be learned from.

    Raises:
        UsageError: for them.
    """
    if words and not feedback:
        raise UsageError("found --words without --feedback, expected both; add --feedback")


def training_settings(
    config: Path | None, set_: list[str] | None, *, text: str | None, filters: list[str] | None
) -> Config:
    """The settings of a training, with what its own options say of the pairs."""
    overrides = list(set_ or ())
    if text is not None:
        overrides.append(f"train.text={text}")
    settings = read_config(config, overrides)
    if not filters:
        return settings
    # Not as an override: there, 1e3 would be a number.
    kept = settings.train.model_copy(update={"filters": parse_filters(filters)})
    return settings.model_copy(update={"train": kept})


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, what: str, n_done: int, n_all: int, note: str = "") -> None:
        """So many of so many things are done now; the note stands beside them."""
        ...


class _Rate(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        """Show the mean rate so far."""
        return Text(f"{task.finished_speed or task.speed or 0:.0f}/s", style="progress.data.speed")


@contextmanager
def progress() -> Iterator[Advance]:
    """Draw a bar for each kind of long work, on the error stream, so that --json stays clean.

    Yields:
        A function (what, how many are done now, how many in all, how it goes).
    """
    bars: dict[str, Any] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=err,
    ) as shown:

        def advance(what: str, n_done: int, n_all: int, note: str = "") -> None:
            if what not in bars or shown.tasks[bars[what]].finished:
                bars[what] = shown.add_task(what, total=n_all)
            shown.update(bars[what], advance=n_done, description=f"{what} {note}".rstrip())

        yield advance


def user() -> str:
    """Who runs the command, for the record: the system's name for the owner of the process."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError, AttributeError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def print_json(value: Any) -> None:
    """Print JSON as it is, without colour or wrapping."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
