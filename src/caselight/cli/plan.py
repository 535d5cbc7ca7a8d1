"""caselight plan: what would be asked of the index, and why; nothing is searched."""

import os
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from caselight.cli.common import (
    MODEL_KEY,
    AsJson,
    ConfigFile,
    Filters,
    Overrides,
    err,
    out,
    print_json,
)
from caselight.config import read_config
from caselight.data.filters import parse_filters
from caselight.language.lexicon import Lexicon
from caselight.mediator.guards import verdict_json
from caselight.mediator.mediate import Mediated, Mediator
from caselight.mediator.plan import Criterion, Plan


def plan(
    text: Annotated[str, typer.Argument(help="What to look for, in words.")],
    target: Annotated[
        Literal["study", "image", "report"], typer.Option(help="What is searched.")
    ] = "study",
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Hits wanted.")] = 10,
    filter_: Filters = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show what a question becomes: guards, route, wordings, criteria and filters."""
    from caselight.mediator.backends import open_model

    settings = read_config(config, set_ or ())
    model = open_model(settings.mediator, api_key=os.environ.get(MODEL_KEY))
    mediator = Mediator(settings, model=model)
    found = mediator.mediate(text, target=target, k=k, filters=parse_filters(filter_ or ()))
    if as_json:
        print_json(plan_json(found))
    elif found.plan is not None:
        _show(found.plan, found, mediator.lexicon)
    if found.plan is None:
        raise found.refusal(text)


def plan_json(found: Mediated) -> dict[str, Any]:
    """What `plan --json` prints."""
    drafted = found.drafted
    return {
        "plan": None if found.plan is None else found.plan.model_dump(mode="json"),
        "guards": verdict_json(found.verdict),
        "model": None
        if drafted is None
        else {
            "name": drafted.model,
            "prompt": drafted.prompt,
            "code": drafted.code,
            "repaired": drafted.repaired,
            "prompt_tokens": drafted.n_prompt_tokens,
            "answer_tokens": drafted.n_answer_tokens,
            "tokens_counted_by": drafted.counted,
            "seconds": round(drafted.seconds, 3),
            "energy_j": drafted.energy_j,
            "energy_method": drafted.energy_method,
        },
        "version": 1,
    }


def _show(plan: Plan, found: Mediated, lexicon: Lexicon) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    rows = [("route", plan.route), ("intent", plan.intent.replace("_", " "))]
    for i, one in enumerate(plan.rewrites):
        why = "" if i == 0 else f"  ({one.why.replace('_', ' ')}, {one.weight:g})"
        rows.append(("asked" if i == 0 else "also", f"{one.text}{why}"))
    rows += [(one.rule, _criterion(one, lexicon)) for one in plan.criteria]
    rows += [("filter", f"{key}={value}") for key, value in plan.filters.items()]
    if plan.template is not None:
        rows.append(("template", plan.template))
    layers = [one.layer for one in found.verdict.layers if one.action != "pass"]
    rows.append(("guards", f"{found.verdict.verdict} ({', '.join(layers)})" if layers else "pass"))
    for name, said in rows:
        table.add_row(Text(name), Text(said))
    out.print(table)
    for note in plan.notes:
        err.print(f"note: {note}", markup=False)


def _criterion(one: Criterion, lexicon: Lexicon) -> str:
    size = ""
    if one.size_mm is not None:
        least, greatest = one.size_mm
        if greatest is None:
            size = f"{least:g} mm or more"
        else:
            size = f"{least:g} mm" if least == greatest else f"{least:g} to {greatest:g} mm"
    name = " ".join(filter(None, (one.severity, one.side, lexicon[one.concept].name, size)))
    if one.why == "asked":
        return name
    cited = f": {one.citation}" if one.citation else ""
    return f"{name}  ({one.why}, {one.weight:g}{cited})"
