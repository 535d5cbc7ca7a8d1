"""The section on a real language model, for docs/results/mediator.md."""

from typing import Any

SAYS = {"json_schema": "the server's grammar", "prompt": "the prompt's words alone"}


def section(found: dict[str, Any] | None) -> list[str]:
    """Lines of the section, from what results_backend.py kept."""
    if found is None:
        return ["Not measured yet: benchmarks/results_backend.py."]
    where = found["machine"]
    return [
        f"benchmarks/results_backend.py, at {found['commit']}. {found['model']} on "
        f"{found['server']}; {where['processor']}, {where['cores']} cores, shared. "
        f"{found['n_questions']} plain "
        "questions (ten things in four forms), no seed, each asked once at temperature 0, at most "
        f"{found['max_tokens']} tokens an answer, with the names of their own things given as the "
        "lexicon would give them. Intervals are 95 % (Wilson). A model of this size knows no "
        "medicine: this shows that the connection holds, and what a grammar is worth.",
        "",
        f"| Held by | valid drafts | without repair | valid within {found['default_s']:g} s | "
        "says what was asked | seconds, median (p90) | tokens read / written a question | "
        "server CPU s a question |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(grammar, one) for grammar, one in found["grammars"].items()),
        "",
        "A draft says what was asked when it includes and excludes exactly the named things. "
        "Tokens are the server's count, repairs included. Energy: unknown here, since this machine "
        "has no meter; processor seconds are what was measured.",
        "",
        *(
            f"- {SAYS[grammar]}: {_codes(one['codes'])}"
            for grammar, one in found["grammars"].items()
        ),
        "",
    ]


def _row(grammar: str, one: dict[str, Any]) -> str:
    cells = (
        SAYS[grammar],
        *(_share(one[key]) for key in ("valid", "valid_at_once", "in_default_time", "right")),
        f"{one['seconds_median']:.1f} ({one['seconds_p90']:.1f})",
        f"{one['prompt_tokens_a_question']:.0f} / {one['answer_tokens_a_question']:.0f}",
        f"{one['server_cpu_s_a_question']:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _share(one: dict[str, Any]) -> str:
    return f"{one['n']} of {one['of']} ({one['low']:.2f} to {one['high']:.2f})"


def _codes(codes: dict[str, int]) -> str:
    return ", ".join(f"`{code}` {n}" for code, n in sorted(codes.items())) or "nothing failed"
