"""Commands to be refused, and how a refusal looks."""

from pathlib import Path

from tests.homes import TOY, Answer

SEARCH = ("search", "--home", "HOME")
WORDS = (*SEARCH, "amber")
TRAIN = ("train", "--home", "HOME", *TOY)
BUILD = ("index", "build", "--home", "HOME")
EVALUATE = ("evaluate", "--home", "HOME", "--model", "HOME/trained")


def refused(answer: Answer, *, code: str, status: int, says: str) -> None:
    assert answer.status == status, answer.err
    found, sentence = answer.refusal
    assert found == code
    assert says in sentence
    assert answer.out == ""
    lines = [line for line in answer.err.splitlines() if line.strip() and "━" not in line]
    assert len(lines) == 1, "only the sentence, beside progress bars"


def named(args: tuple[str, ...], home: Path) -> list[str]:
    """Put the home, and the folder it lies in, where the table says HOME and NEAR."""
    return [arg.replace("HOME", str(home)).replace("NEAR", str(home.parent)) for arg in args]
