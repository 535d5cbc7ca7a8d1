"""caselight tune: look for settings that find more."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caselight.cli.common import (
    ConfigFile,
    FeedbackWords,
    Filters,
    Home,
    Overrides,
    TrainText,
    UseFeedback,
    check_feedback,
    err,
    out,
    progress,
    training_settings,
    user,
)

if TYPE_CHECKING:
    from caselight.metrics.significance import Interval
    from caselight.train.trials import Trial
    from caselight.train.tuning import TuneReceipt


def tune(
    home: Home,
    minutes: Annotated[float, typer.Option("--minutes", help="Budget for all trials together.")],
    out_: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for trials and settings; HOME/tuned if not given."),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option(
            "--goal", metavar="float|bits_N", help="Which reading decides; 128 bits if not given."
        ),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary", metavar="KEY=V1,V2,...", help="A setting to vary, in place of the usual ones."
        ),
    ] = None,
    text: TrainText = None,
    filter_: Filters = None,
    feedback: UseFeedback = False,
    words: FeedbackWords = None,
    config: ConfigFile = None,
    set_: Overrides = None,
) -> None:
    """Try settings within a budget, choose on the validation split, and write the best ones."""
    from caselight.home import Home as OpenHome
    from caselight.train.trials import DEFAULT_SPACE, parse_space

    check_feedback(feedback, words)
    settings = training_settings(config, set_, text=text, filters=filter_)
    space: Mapping[str, Sequence[Any]] = parse_space(vary) if vary else DEFAULT_SPACE
    for key, values in space.items():
        err.print(f"varies {key}: {', '.join(json.dumps(v) for v in values)}", markup=False)

    def on_trial(trial: "Trial", score: float | None) -> None:
        err.print(_line(trial, score), markup=False)

    with (
        progress() as advance,
        OpenHome(home, config=settings, progress=advance, actor=user()) as place,
    ):
        receipt = place.tune(
            out_,
            budget_s=60 * minutes,
            goal=goal,
            space=space,
            on_trial=on_trial,
            feedback=feedback,
            texts=words or (),
        )
    _show(receipt, home)


def _line(trial: "Trial", score: float | None) -> str:
    varied = ", ".join(f"{key}={json.dumps(value)}" for key, value in trial.settings.items())
    found = f"failed with {trial.failed}" if score is None else f"{score:.3f}"
    return f"{found}  {trial.share:.0%} of the epochs, {trial.seconds:.1f} s  {varied or 'as set'}"


def _show(receipt: "TuneReceipt", home: Path) -> None:
    gain, held_out = receipt.gain, receipt.held_out
    ended = {"budget": "the budget is spent", "space": "every setting was tried"}[receipt.ended]
    lines = [
        f"{receipt.n_trials} trials, {receipt.n_full} of them with all epochs, in "
        f"{receipt.seconds:.0f} s; {ended}",
        f"validation Recall@10 of {receipt.goal}: {receipt.chosen:.3f} on the half of the patients "
        f"that chose, the best of {receipt.n_full} and so too good to be true by about "
        f"{max(0.0, receipt.optimism):.3f}",
        f"on the other half, which had no say: {_interval(held_out, '.3f')}, "
        f"{_interval(gain, '+.3f')} against the settings it began from",
    ]
    if not receipt.best.settings:
        lines.append("nothing beat the settings it began from, and they were written")
    elif not gain.low > 0:
        lines.append("that is no gain shown: the settings it began from may do as well")
    lines += [f"note: {note}" for note in receipt.notes]
    lines.append(
        f"next: caselight train --home {home} --config {receipt.config}; the test split was not "
        "read"
    )
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def _interval(found: "Interval", digits: str) -> str:
    if math.isnan(found.low) or math.isnan(found.high):
        return f"{found.value:{digits}}, of too few patients for an interval"
    return f"{found.value:{digits}} [{found.low:{digits}} .. {found.high:{digits}}]"
