"""Phantoms: invented chest films with reports, so that a demo never needs a download.

Holds: `archive` (writes a folder of studies), `anatomy` and `lateral` (a body from the front and
from the side), `findings` (what is wrong, and its course), `shadows` (what that does to the
beam), `radiograph` (from beam to film), `reports` (what is dictated about it, in the words of
`wording`, `denials` and `referral`), and `shapes` (soft edges, which all of them draw with).

Promises: the same seed makes the same bytes; a picture, its report and its labels come from one
list of findings, which `truth.jsonl` keeps; nobody's real image or words went in. It shows what
the program does, and measures nothing about real patients.

Read first: `archive.write_archive`, then `findings.Finding`.
"""

from caselight.data.phantoms.archive import write_archive

__all__ = ["write_archive"]
