"""caselight search: a query in, a ranked table out."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from caselight.cli.common import (
    MODEL_KEY,
    AsJson,
    ConfigFile,
    Filters,
    Home,
    Overrides,
    err,
    out,
    print_json,
    user,
)
from caselight.config import Config, read_config
from caselight.data.filters import parse_filters
from caselight.types import Query, SearchResult
from caselight.wire import result_json

Words = Annotated[str | None, typer.Argument(help="What to look for, in words.")]
Picture = Annotated[Path | None, typer.Option("--image", help="What to look for, as a picture.")]
Model = Annotated[
    Path | None, typer.Option("--model", help="Refuse to answer with any other model.")
]
Like = Annotated[
    list[str] | None,
    typer.Option("--like", metavar="STUDY", help="Nearer to this study; several if you like."),
]
Unlike = Annotated[
    list[str] | None,
    typer.Option("--unlike", metavar="STUDY", help="Away from this study; several if you like."),
]
Patient = Annotated[
    str | None,
    typer.Option(metavar="age=..,sex=..", help="The patient at hand; carried, not used to rank."),
]
Target = Annotated[Literal["study", "image", "report"], typer.Option(help="What is searched.")]
Hits = Annotated[int, typer.Option("-k", help="Hits wanted.")]
By = Annotated[
    Literal["codes", "words", "both"],
    typer.Option(help="Order by the model's codes, by the words of the reports, or by both."),
]
Fusion = Annotated[
    Literal["vectors", "ranks"] | None,
    typer.Option(help="How words and a picture go together; else search.fusion."),
]
ImageWeight = Annotated[
    float | None,
    typer.Option(
        metavar="0..1", help="The picture's share beside words; else search.image_weight."
    ),
]
Group = Annotated[
    Literal["patient", "study", "image"], typer.Option(help="At most one hit for each.")
]
PlanBy = Annotated[
    Literal["off", "lexicon", "model"] | None,
    typer.Option("--plan", help="Make a plan of the words first; else search.plan."),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Show the plan, and why each hit was kept or dropped.")
]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="HOST:PORT", help="Ask this cluster; else search.ray."),
]
KeepOwn = Annotated[
    bool,
    typer.Option(
        "--keep-own",
        help="Keep the picture's own study and patient, near-duplicates, and --like's.",
    ),
]


def search(
    home: Home,
    text: Words = None,
    image: Picture = None,
    like: Like = None,
    unlike: Unlike = None,
    model: Model = None,
    target: Target = "study",
    k: Hits = 10,
    by: By = "codes",
    fusion: Fusion = None,
    image_weight: ImageWeight = None,
    filter_: Filters = None,
    patient: Patient = None,
    group: Group = "patient",
    keep_own: KeepOwn = False,
    plan: PlanBy = None,
    explain: Explain = False,
    ray: Ray = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Find the studies, images or reports nearest to words, a picture, or studies."""
    from caselight.data.queries import parse_patient
    from caselight.home import Home as OpenHome

    settings = asked_settings(config, set_, ray, "lexicon" if explain and not plan else plan)
    query = Query(
        text=text,
        image=image,
        like=tuple(like or ()),
        unlike=tuple(unlike or ()),
        patient=parse_patient(patient),
        target=target,
        k=k,
        filters=parse_filters(filter_ or ()),
        keep_own=keep_own,
        by=by,
        fusion=fusion,
        image_weight=image_weight,
        group=group,
    )
    key = os.environ.get(MODEL_KEY)
    with OpenHome(home, config=settings, actor=user(), model_key=key) as place:
        result = place.search(query, model=model)
    if as_json:
        print_json(result_json(result))
        return
    if explain and result.plan is not None:
        _show_plan(result.plan)
    _show(result)
    if explain:
        _show_checks(result)
    if result.hits:
        said = [
            *_option("--plan", plan),
            *_option("--ray", ray),
            *_option("--config", config),
            *(w for one in set_ or () for w in ("--set", one)),
        ]
        more = go_on(result, home, [*_option("--model", model), *said])
        out.print(f"more like the first: {more}", style="dim", markup=False, soft_wrap=True)


def asked_settings(
    config: Path | None, set_: Sequence[str] | None, ray: str | None, plan: str | None = None
) -> Config:
    """The settings of a file and of options, with the cluster to ask and who plans."""
    settings = read_config(config, set_ or ())
    given = {name: said for name, said in (("ray", ray), ("plan", plan)) if said is not None}
    asked = settings.search.model_copy(update=given)
    return settings.model_copy(update={"search": asked})


def go_on(result: SearchResult, home: Path, options: Sequence[str]) -> str:
    """The command that asks the same and for more like the first hit.

    Args:
        result: an answer with hits.
        home: the home it came from.
        options: further options that were given.
    """
    query, first = result.query, result.hits[0].study_uid
    query = replace(
        query,
        like=(*query.like, first),
        unlike=tuple(study for study in query.unlike if study != first),
        # Words alone know nothing of a study's likeness.
        by="both" if query.by == "words" else query.by,
    )
    return shlex.join(["caselight", "search", *_words(query), "--home", str(home), *options])


def _words(query: Query) -> Iterator[str]:
    """A query as arguments; what is the default is left out."""
    plain = Query()
    # After --, or words that begin with a dash would be options; so they come with a space.
    if query.text is not None:
        yield f" {query.text}" if query.text.startswith("-") else query.text
    yield from _option("--image", query.image)
    for option, values in (
        ("--like", query.like),
        ("--unlike", query.unlike),
        ("--filter", [f"{key}={value}" for key, value in query.filters.items()]),
    ):
        for value in values:
            yield from (option, value)
    if query.patient:
        yield from ("--patient", ",".join(f"{key}={v}" for key, v in query.patient.items()))
    for option, name in (
        ("--target", "target"),
        ("-k", "k"),
        ("--by", "by"),
        ("--fusion", "fusion"),
        ("--image-weight", "image_weight"),
        ("--group", "group"),
    ):
        if getattr(query, name) != getattr(plain, name):
            yield from (option, str(getattr(query, name)))
    if query.keep_own:
        yield "--keep-own"


def _option(name: str, value: object) -> Iterator[str]:
    if value is not None:
        yield from (name, str(value))


def _show(result: SearchResult) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    parts = list(result.hits[0].parts) if result.hits else []
    parts = parts if len(parts) > 1 else []
    by = [f"by {name}" for name in parts]
    numbers = ("rank", "bits differ", "score", *by)
    for name in ("rank", "study", "image", "bits differ", "score", *by, "matched", "text"):
        right = name in numbers
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    planned = result.plan is not None and len(result.plan["rewrites"]) > 1
    fused = planned or result.query.by == "both" or result.query.fusion == "ranks"
    digits = 5 if fused else 3  # ranks that are fused differ in the fourth decimal
    for hit in result.hits:
        words = " ".join((hit.text or "").split())
        cells = (
            str(hit.rank),
            hit.study_uid,
            hit.image_uid or "",
            "" if hit.hamming is None else str(hit.hamming),
            f"{hit.score:.{digits}f}",
            *(f"{hit.parts[name]:.3f}" for name in parts),
            hit.matched,
            words if len(words) <= 90 else f"{words[:87]}...",
        )
        table.add_row(*(Text(cell) for cell in cells))
    out.print(table)
    out.print(
        f"{_composition(result.query)}model {result.model[:16]}, index {result.index[:16]}, "
        f"{result.cost.n_compared} {'codes' if result.query.by == 'codes' else 'codes and texts'} "
        f"compared, {result.cost.latency_ms:.0f} ms, record {result.record}",
        style="dim",
    )
    for note in result.notes:
        err.print(f"note: {note}", markup=False)


def _show_plan(plan: Mapping[str, Any]) -> None:
    """The plan in a few lines."""
    out.print(f"plan: {plan['route']}, {plan['intent'].replace('_', ' ')}", style="dim")
    for one in plan["rewrites"][1:]:
        out.print(f"  also: {one['text']} ({one['weight']:g})", markup=False, soft_wrap=True)
    for one in plan["criteria"]:
        said = " ".join(filter(None, (one["severity"], one["side"], one["concept"])))
        out.print(f"  {one['rule']}: {said} ({one['why']})", markup=False, soft_wrap=True)
    for key, value in plan["filters"].items():
        out.print(f"  filter: {key}={value}", markup=False, soft_wrap=True)


def _show_checks(result: SearchResult) -> None:
    """Why each hit stands where it does, and what was dropped."""
    for hit in (*result.hits, *result.dropped):
        if hit.check is None:
            continue
        reasons = "; ".join(
            f"{one.concept} {one.finds}" + (f' ("{one.quote}")' if one.quote else "")
            for one in hit.check.reasons
        )
        place = "dropped" if hit.check.decision == "dropped" else f"{hit.rank}"
        line = f"{place} {hit.study_uid} {hit.check.decision}: {reasons or 'nothing to check'}"
        out.print(line, style="dim", markup=False, soft_wrap=True)


def _composition(query: Query) -> str:
    """How the parts of the query went together, where there were several."""
    said = ""
    if query.fusion is not None:
        said += f"words and picture by {query.fusion}, image weight {query.image_weight:g}; "
    if query.by == "both":
        said += "codes and words by reciprocal rank fusion; "
    return said
