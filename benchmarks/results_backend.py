"""What a real small model on a real local server gives: forms, seconds, tokens, processor time.

Forty plain questions, ten things in four forms, each with what a draft should include and exclude.
The names of these things are given to the model, as a lexicon would that finds all of them. Asked
once with the server's grammar and once with the prompt's words alone. Nothing was tuned on them but
the bounds of the schema, on three others. Needs what small_model_server.py needs:

python benchmarks/results_backend.py
"""

import json
import statistics
import time
from collections import Counter
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from caselight.config import MediatorSettings
from caselight.mediator.backends import open_model
from caselight.mediator.drafting import Drafted, draft
from caselight.mediator.prompts import read_prompt
from machine import commit, machine
from small_model_server import MODEL, cpu_seconds, missing, small_model

OUT = Path(__file__).resolve().parent / "results" / "backend.json"
GRAMMARS = ("json_schema", "prompt")
TIMEOUT_S = 300.0
"""Longer than the default: this machine is small, and what is asked is form and tokens."""

DEFAULT_S = MediatorSettings().timeout_s

THINGS = (
    "pleural effusion", "pneumothorax", "cardiomegaly", "lung nodule", "pulmonary embolism",
    "rib fracture", "hiatal hernia", "atelectasis", "pneumonia", "mitral regurgitation",
)  # fmt: skip
FORMS = (
    ("{a}", "a", ""),
    ("{a} without {b}", "a", "b"),
    ("{a} and {b}", "ab", ""),
    ("cases with {a} but no {b}", "a", "b"),
)


def questions() -> list[tuple[str, set[str], set[str]]]:
    """Forty questions, with what is wanted and what is not."""
    found = []
    for place, thing in enumerate(THINGS):
        names = {"a": thing, "b": THINGS[(place + 3) % len(THINGS)]}
        for form, wanted, unwanted in FORMS:
            found.append(
                (form.format(**names), {names[k] for k in wanted}, {names[k] for k in unwanted})
            )
    return found


def share(n: int, of: int) -> dict[str, float | int]:
    """A share with its 95 % interval (Wilson)."""
    low, high = binomtest(n, of).proportion_ci(method="wilson")
    return {"n": n, "of": of, "share": n / of, "low": float(low), "high": float(high)}


def names(found: Drafted, field: str) -> set[str]:
    """What a draft names in one list, in lower case."""
    return {one.name.lower() for one in getattr(found.draft, field)} if found.draft else set()


def ask(grammar: str) -> dict[str, Any]:
    """Ask all questions, one after the other, of a server that was started for it."""
    before = cpu_seconds()
    began = time.monotonic()
    heard = []
    with small_model() as base_url:
        settings = MediatorSettings.model_validate(
            {
                "model": "openai",
                "base_url": base_url,
                "model_name": MODEL,
                "grammar": grammar,
                "timeout_s": TIMEOUT_S,
            }
        )
        model = open_model(settings)
        assert model is not None
        for text, wanted, unwanted in questions():
            found = draft(text, model, settings=settings, names=sorted(wanted | unwanted))
            heard.append((found, wanted, unwanted))
            print(grammar, text, found.code or "valid", f"{found.seconds:.1f} s", flush=True)
    wall_s = time.monotonic() - began
    drafts = [found for found, _, _ in heard]
    n = len(drafts)
    seconds = sorted(found.seconds for found in drafts)
    return {
        "valid": share(sum(found.draft is not None for found in drafts), n),
        "valid_at_once": share(
            sum(one.draft is not None and not one.repaired for one in drafts), n
        ),
        "codes": dict(Counter(found.code for found in drafts if found.code)),
        "right": share(
            sum(
                names(found, "include") == wanted and names(found, "exclude") == unwanted
                for found, wanted, unwanted in heard
            ),
            n,
        ),
        "seconds_median": statistics.median(seconds),
        "seconds_p90": seconds[int(0.9 * (n - 1))],
        "seconds_most": seconds[-1],
        "in_default_time": share(
            sum(one.draft is not None and one.seconds <= DEFAULT_S for one in drafts), n
        ),
        "prompt_tokens_a_question": statistics.mean(one.n_prompt_tokens for one in drafts),
        "answer_tokens_a_question": statistics.mean(one.n_answer_tokens for one in drafts),
        "counted": sorted({str(found.counted) for found in drafts}),
        "server_cpu_s_a_question": (cpu_seconds() - before) / n,
        "wall_s": wall_s,
    }


def main() -> None:
    """Measure and keep."""
    lacking = missing()
    if lacking:
        raise SystemExit(f"no real language model: {lacking}")
    found: dict[str, Any] = {
        "model": MODEL,
        "server": "llama.cpp (xllamacpp), 1 thread, 1 slot",
        "n_questions": len(questions()),
        "prompt": read_prompt().digest,
        "max_tokens": MediatorSettings().max_tokens,
        "default_s": DEFAULT_S,
        "machine": machine(),
        "commit": commit(),
        "grammars": {},
    }
    for grammar in GRAMMARS:
        found["grammars"][grammar] = ask(grammar)
        OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {OUT.name}")


if __name__ == "__main__":
    main()
