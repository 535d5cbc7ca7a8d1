"""caselight train: learn a model from a home."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    out,
    progress,
    training_settings,
    user,
)

if TYPE_CHECKING:
    from caselight.train.loop import EpochLog


def train(
    home: Home,
    out_: Annotated[
        Path | None, typer.Option("--out", help="Folder for the model; HOME/trained if not given.")
    ] = None,
    text: TrainText = None,
    filter_: Filters = None,
    begin: Annotated[
        Path | None, typer.Option("--from", help="Model to train further, under its own towers.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Give up another unfinished training in --out.")
    ] = False,
    feedback: UseFeedback = False,
    words: FeedbackWords = None,
    config: ConfigFile = None,
    set_: Overrides = None,
) -> None:
    """Learn embeddings and codes from the pairing of images and texts in the training split."""
    from caselight.home import Home as OpenHome

    check_feedback(feedback, words)
    settings = training_settings(config, set_, text=text, filters=filter_)
    last: list[EpochLog] = []
    with progress() as advance:

        def on_epoch(log: "EpochLog") -> None:
            last[:] = [*(e for e in last if e.stage != log.stage), log]
            advance(f"training {log.stage} heads", 1, log.n_epochs, note=_standing(log))

        with OpenHome(home, config=settings, progress=advance, actor=user()) as place:
            receipt = place.train(
                out_,
                on_epoch=on_epoch,
                restart=restart,
                begin=begin,
                feedback=feedback,
                texts=words or (),
            )
    scores = {name: value for log in last for name, value in log.val_recall_at_10.items()}
    out.print(
        f"trained on {receipt.n_pairs} pairs in {receipt.seconds:.1f} s; model "
        f"{receipt.fingerprint[:16]} in {receipt.model}",
        markup=False,
        soft_wrap=True,
    )
    if scores:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
        out.print(
            f"validation Recall@10 of {receipt.n_val_pairs} pairs: {shown}",
            markup=False,
            soft_wrap=True,
        )
    if receipt.n_texts_cut:
        out.print(
            f"note: {receipt.n_texts_cut} texts are longer than {settings.towers.max_tokens} "
            "tokens and were cut",
            markup=False,
            soft_wrap=True,
        )
    if feedback:
        said = f"feedback that it learned from: {len(receipt.feedback)}"
        out.print(said, markup=False, soft_wrap=True)
    for note in receipt.notes:
        out.print(f"note: {note}", markup=False, soft_wrap=True)
    out.print(
        f"next: caselight index build --home {home} --model {receipt.model}",
        markup=False,
        soft_wrap=True,
    )


def _standing(log: "EpochLog") -> str:
    """How a training goes, in a few words: its loss, what it finds, and bits that are wasted."""
    said = [f"loss {sum(log.losses.values()):.2f}"]
    recalls = log.val_recall_at_10.values()
    if recalls:
        said.append(f"R@10 {sum(recalls) / len(recalls):.3f}")
    dead = sum(value for name, value in log.bits.items() if name.startswith("dead_bits"))
    if dead:
        said.append(f"{dead:.0f} dead bits")
    return ", ".join(said)
