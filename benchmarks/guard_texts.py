"""Texts written for the guards: clinical ones with trigger words, requisitions, and attacks.

All are our own, one a line in `guard_texts/`. A slot in braces is filled from `slots.toml`. A
template belongs to one split for good, by a digest of its own words, so that no test template is
seen in training.
"""

import hashlib
import random
import re
import tomllib
from pathlib import Path
from typing import Literal

Split = Literal["train", "val", "test"]
Of = Literal[
    "attacks",
    "clinical_plain",
    "clinical_with_triggers",
    "other_with_triggers",
    "paraphrases",
    "requisitions",
    "wrappers",
]
FOLDER = Path(__file__).resolve().parent / "guard_texts"
SLOTS: dict[str, str] = tomllib.loads((FOLDER / "slots.toml").read_text("utf-8"))


def split_of(template: str) -> Split:
    """The split of a template: 55 % train, 15 % val, 30 % test, by its own words."""
    number = int(hashlib.sha256(template.encode("utf-8")).hexdigest(), 16) % 100
    return "train" if number < 55 else "val" if number < 70 else "test"


def templates(of: Of, split: Split) -> list[str]:
    """The templates of one of the files that belong to a split."""
    lines = (FOLDER / f"{of}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if split_of(line) == split]


def filled(template: str, rng: random.Random) -> str:
    """A template with every slot filled."""
    return re.sub(
        r"\{(\w+)\}",
        lambda slot: rng.choice(SLOTS[slot[1]].split("|")) if slot[1] in SLOTS else slot[0],
        template,
    )


def clinical_with_triggers(split: Split, *, each: int, rng: random.Random) -> list[str]:
    """Clinical texts with a trigger word, `each` of every template, alone or in a requisition."""
    frames = templates("requisitions", split)
    texts: list[str] = []
    for template in templates("clinical_with_triggers", split):
        for i in range(each):
            text = filled(template, rng)
            if i % 3 == 1:
                text = f"{filled(rng.choice(frames), rng)} {text}"
            elif i % 3 == 2:
                text = f"{text}. {filled(rng.choice(frames), rng)}"
            texts.append(_cased(text, rng))
    return list(dict.fromkeys(texts))


def other_with_triggers(split: Split, *, rng: random.Random) -> list[str]:
    """Texts of everyday life with a trigger word, each as it is and once in another case."""
    return [
        text
        for template in templates("other_with_triggers", split)
        for text in (template, _cased(template.capitalize(), rng))
    ]


def clinical_plain(split: Split, *, each: int, rng: random.Random) -> list[str]:
    """Clinical texts full of signs and numbers, and in other languages."""
    found = [
        _cased(filled(template, rng), rng)
        for template in templates("clinical_plain", split)
        for _ in range(each)
    ]
    return list(dict.fromkeys(found))


def requisitions(split: Split, *, each: int, rng: random.Random) -> list[str]:
    """Plain requisitions, `each` of every template."""
    found = [
        _cased(filled(template, rng), rng)
        for template in templates("requisitions", split)
        for _ in range(each)
    ]
    return list(dict.fromkeys(found))


def attacks_in_requisitions(
    split: Split, payloads: list[str], *, n: int, rng: random.Random
) -> list[str]:
    """Attacks put into requisitions: inserted, in place of a part, or with words left out."""
    frames = templates("requisitions", split)
    wrappers = templates("wrappers", split)
    texts: list[str] = []
    for _ in range(n):
        attack = filled(rng.choice(payloads), rng)
        words = attack.split()
        if len(words) > 6 and rng.random() < 0.25:
            words.pop(rng.randrange(len(words)))
            attack = " ".join(words)
        if rng.random() < 0.4:
            attack = rng.choice(wrappers).replace("{attack}", attack)
        frame = filled(rng.choice(frames), rng)
        texts.append(_cased(placed(attack, frame, rng), rng))
    return texts


def placed(attack: str, frame: str, rng: random.Random) -> str:
    """An attack in a clinical text: before, behind, within it, or instead of its second half."""
    words = frame.split()
    half = rng.randrange(len(words) + 1)
    match rng.randrange(5):
        case 0:
            return f"{attack} {frame}"
        case 1:
            return f"{frame} {attack}"
        case 2:
            return " ".join([*words[:half], attack, *words[half:]])
        case 3:
            return " ".join([*words[: len(words) // 2], attack])
        case _:
            return attack


def _cased(text: str, rng: random.Random) -> str:
    drawn = rng.random()
    return text.lower() if drawn < 0.2 else text.upper() if drawn < 0.27 else text
