"""Verb: an answer in, a folder out: contact sheet, thumbnails, a table, and the answer itself."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caselight.data.contact_sheet import INTENDED_USE, Card, contact_sheet
from caselight.data.new_files import new_folder
from caselight.data.store import Store
from caselight.errors import DataError, StoreError
from caselight.types import Image
from caselight.wire import RESULT_VERSION

_KINDS: Mapping[str, tuple[type, ...]] = {
    "study": (str,),
    "image": (str, type(None)),
    "rank": (int,),
    "hamming": (int, type(None)),
    "score": (int, float, type(None)),
    "matched": (str,),
    "text": (str, type(None)),
}
"""What a hit must hold to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReceipt:
    """What was written."""

    folder: Path
    n_hits: int
    n_pictures: int
    """Full pictures; 0 unless they were asked for."""


def export(store: Store, result: Mapping[str, Any], out: Path, *, full: bool) -> ExportReceipt:
    """Write an answer as a folder that a browser and a spreadsheet open.

    Writes index.html, thumbnails/, hits.csv, hits.json and README.txt, and with `full` pictures/
    with the exact pixels. The folder is readable by its owner alone, since it holds reports; the
    same answer makes the same bytes.

    Args:
        store: the open home that was searched.
        result: what `wire.result_json` makes of an answer, and `search --json` prints.
        out: a new or empty folder.
        full: whether the pictures themselves are written.

    Raises:
        DataError: `data.bad_row` for something else than an answer, `data.not_found` for hits that
            the home does not hold, `data.not_empty` when the folder holds something.
        StoreError: `store.damaged` when the home has lost a picture, or the system refuses.
    """
    check_result(result)
    hits: Sequence[Mapping[str, Any]] = result["hits"]
    images = _images(store, hits)
    with new_folder(out) as staged:
        for name in ("thumbnails", *(["pictures"] if full else [])):
            (staged / name).mkdir()
        cards, written = [], []
        for place, (hit, image) in enumerate(zip(hits, images, strict=True), start=1):
            view = thumbnail = picture = small = None
            if image is not None:
                view = image.view
                small = _bytes(store.thumbnail_path(image.digest))
                thumbnail = f"thumbnails/{place:03d}.png"
                (staged / thumbnail).write_bytes(small)
            if image is not None and full:
                picture = f"pictures/{place:03d}.png"
                (staged / picture).write_bytes(_bytes(store.pixels_path(image.digest)))
            cards.append(Card(hit=hit, view=view, thumbnail=small, picture=picture))
            written.append({**hit, "thumbnail": thumbnail, "picture": picture})
        page = contact_sheet(cards, asked=_asked(result), result=result)
        (staged / "index.html").write_text(page, "utf-8", newline="\n")
        (staged / "hits.csv").write_text(_table(written), "utf-8-sig", newline="")
        said = json.dumps({**_without_paths(result), "hits": written}, indent=1, ensure_ascii=False)
        (staged / "hits.json").write_text(said + "\n", "utf-8", newline="\n")
        (staged / "README.txt").write_text(_readme(result, full=full), "utf-8", newline="\n")
    n_pictures = sum(row["picture"] is not None for row in written)
    return ExportReceipt(folder=out, n_hits=len(hits), n_pictures=n_pictures)


def read_result(text: str) -> dict[str, Any]:
    """Read what `search --json` printed.

    Raises:
        DataError: `data.bad_row`.
    """
    try:
        result = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise _no_answer("it is not JSON") from None
    check_result(result)
    return dict(result)


def check_result(result: Any) -> None:
    """Refuse what `search --json` cannot have printed.

    Raises:
        DataError: `data.bad_row`.
    """
    if not isinstance(result, Mapping):
        raise _no_answer("it is no object")
    if result.get("version") != RESULT_VERSION:
        raise _no_answer(f"its version is not {RESULT_VERSION}")
    hits, notes = result.get("hits"), result.get("notes")
    if not isinstance(hits, list) or not _are(notes, str):
        raise _no_answer("it has no list of hits or of notes")
    if not all(isinstance(result.get(name), str) for name in ("model", "index")):
        raise _no_answer("it names no model or no index")
    if not isinstance(result.get("query", {}), Mapping):
        raise _no_answer("its query is no object")
    for number, hit in enumerate(hits, start=1):
        for name, kinds in _KINDS.items():
            if not isinstance(hit, Mapping) or name not in hit:
                raise _no_answer(f"hit {number} has no {name!r}")
            if not isinstance(hit[name], kinds) or isinstance(hit[name], bool):
                raise _no_answer(f"the {name!r} of hit {number} is of another type")
    try:
        json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
        for hit in hits:
            float(hit["score"] or 0)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise _no_answer("it holds what is no Unicode text, no number or no JSON") from None


def _no_answer(what: str) -> DataError:
    return DataError(
        f"this is no answer of a search ({what}); give what `caselight search --json` printed",
        code="data.bad_row",
    )


def _are(values: object, kind: type) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) for value in values)


def _images(store: Store, hits: Sequence[Mapping[str, Any]]) -> list[Image | None]:
    """The stored image of each hit; None for a hit without one."""
    rows = store.rows_named({hit["study"] for hit in hits})
    studies = {study.study_uid: study for study in store.find(rows.values()).values()}
    found = []
    n_missing = 0
    for hit in hits:
        study = studies.get(hit["study"])
        held = {image.image_uid: image for image in study.images} if study is not None else {}
        n_missing += study is None or (hit["image"] is not None and hit["image"] not in held)
        found.append(held.get(hit["image"]))
    if n_missing:
        raise DataError(
            f"the home does not hold {n_missing} of the {len(hits)} hits; name the home that was "
            "searched, or search again",
            code="data.not_found",
        )
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StoreError(
            f"the home has lost the picture {path.stem[:16]}; ingest the archive again",
            code="store.damaged",
        ) from None


def _asked(result: Mapping[str, Any]) -> str:
    """The query in words, as far as the answer tells it."""
    query = result.get("query")
    if not isinstance(query, Mapping):
        return "a query"
    parts = []
    if query.get("text"):
        parts.append(f"“{query['text']}”")
    if query.get("image"):
        parts.append("a picture")
    parts += [
        f"{name} {', '.join(map(str, query[name]))}"
        for name in ("like", "unlike")
        if isinstance(query.get(name), list) and query[name]
    ]
    asked = " and ".join(parts) or "a query"
    filters = query.get("filters")
    if isinstance(filters, Mapping) and filters:
        asked += " with " + ", ".join(f"{key}={value}" for key, value in filters.items())
    return asked


def _without_paths(result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer without where things lie on this machine, and without the patient asked for."""
    query = result.get("query")
    if not isinstance(query, Mapping):
        return dict(result)
    kept = {key: value for key, value in query.items() if key != "patient"}
    if kept.get("image"):
        kept["image"] = Path(str(kept["image"])).name
    return {**result, "query": kept}


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Hits as CSV; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    plain = [dict(_flat(row)) for row in rows]
    names = list(dict.fromkeys(name for row in plain for name in row)) or list(_KINDS)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writerow({name: _cell(name) for name in names})
    for row in plain:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping):
            yield from ((f"{key}.{inner}", held) for inner, held in value.items())
        else:
            yield key, value


def _cell(value: Any) -> Any:
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky else value


def _readme(result: Mapping[str, Any], *, full: bool) -> str:
    pictures = "pictures/     the pictures, exactly as the home holds them\n" if full else ""
    return f"""Hits of one search by Caselight.

index.html    the contact sheet; it opens by itself, without the files beside it
hits.csv      one line a hit
hits.json     the whole answer
thumbnails/   small pictures
{pictures}
Model {result["model"]}
Index {result["index"]}

{INTENDED_USE}
Texts and pictures may name a person: look before you share this folder.
"""
