"""One HTML page that shows hits: no script, no file beside it needed, and every word escaped."""

import base64
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INTENDED_USE = (
    "For research and teaching. Not a medical device, and not for diagnosis or treatment: a hit is "
    "a case that looks alike to a model, not a finding."
)

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5c5c5c; --line: #d0d0d0; --page: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececec; --soft: #a8a8a8; --line: #444; --page: #161616; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1rem; background: var(--page); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0 0 .5rem; }
h2 { font-size: 1rem; margin: 0; }
.soft, dt { color: var(--soft); font-size: .85rem; }
.use { border: 1px solid var(--line); border-left-width: .4rem; padding: .5rem .75rem; }
code { font-size: .85rem; overflow-wrap: anywhere; }
ol { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
li { border: 1px solid var(--line); border-radius: .3rem; padding: .75rem;
  break-inside: avoid; overflow-wrap: anywhere; }
.film { display: grid; place-items: center; min-height: 12rem; margin: .5rem 0; background: #000; }
.film img { max-width: 100%; height: auto; }
.film span { color: #bbb; font-size: .85rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .75rem; margin: 0; }
dd { margin: 0; font-size: .9rem; }
p { margin: .5rem 0 0; white-space: pre-line; }
a { color: inherit; }
@page { margin: 12mm; }
@media print {
  :root { --ink: #000; --soft: #333; --line: #999; --page: #fff; }
  body { max-width: none; padding: 0; font-size: .8rem; }
  ol { grid-template-columns: repeat(3, 1fr); }
  .film { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the sheet shows of one hit."""

    hit: Mapping[str, Any]
    """As `search --json` prints it."""
    view: str | None
    thumbnail: bytes | None
    """A PNG."""
    picture: str | None
    """Path of the full picture, beside the sheet."""


def contact_sheet(cards: Sequence[Card], *, asked: str, result: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        cards: the hits, best first.
        asked: the query in words.
        result: what `search --json` printed, for its model, index and notes.
    """
    title = f"{len(cards)} hits for {asked}"
    notes = "".join(f'<p class="soft">Note: {_text(note)}</p>\n' for note in result["notes"])
    items = "".join(f"<li>\n{''.join(_card(card))}</li>\n" for card in cards)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{_text(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>{_text(title)}</h1>
<p class="use">{_text(INTENDED_USE)}</p>
{notes}</header>
<main>
<ol>
{items}</ol>
</main>
<footer class="soft">
Model <code>{_text(result["model"])}</code><br>
Index <code>{_text(result["index"])}</code><br>
Texts and pictures are as the home holds them, and may name a person: look before you share.
</footer>
</body>
</html>
"""


def _card(card: Card) -> Iterator[str]:
    hit = card.hit
    yield f"<h2>{_text(hit['rank'])}. {_text(hit['study'])}</h2>\n"
    yield f'<div class="film">{_film(card)}</div>\n'
    facts = {
        "image": hit["image"],
        "view": card.view,
        "matched by its": hit["matched"],
        "score": None if hit["score"] is None else f"{hit['score']:.4g}",
        "bits differ": hit["hamming"],
    }
    yield "<dl>"
    for name, value in facts.items():
        if value is not None:
            yield f"<dt>{name}</dt><dd>{_text(value)}</dd>"
    yield "</dl>\n"
    if hit["text"]:
        yield f"<p>{_text(hit['text'])}</p>\n"
    if card.picture is not None:
        link = f"Full picture of hit {hit['rank']}"
        yield f'<p><a href="{_text(card.picture)}">{_text(link)}</a></p>\n'


def _film(card: Card) -> str:
    if card.thumbnail is None:
        return "<span>no picture</span>"
    view = f", {card.view}" if card.view else ""
    alt = f"Hit {card.hit['rank']}: image {card.hit['image']} of study {card.hit['study']}{view}"
    encoded = base64.b64encode(card.thumbnail).decode("ascii")
    return f'<img alt="{_text(alt)}" src="data:image/png;base64,{encoded}">'


def _text(value: object) -> str:
    """Escaped for content and for attributes; what HTML may not hold becomes a mark."""
    return html.escape(_UNSEEN.sub("\ufffd", str(value)), quote=True)
