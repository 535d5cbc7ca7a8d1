"""The Python interface: a home, and everything that the commands do with one.

Holds a file for each heading: `studies`, `erasures`, `models`, `answers` (the index and what is
asked of it), `machines` (the index on several of them), `feedback` (what was said of answers, and
kept words) and `out` (embeddings and exports); what they share is `opened`.

Promises: each method wires the parts and calls one verb. What needs PyTorch is imported where it is
used, so that reading studies does not wait for it.

Read first: `opened.OpenedHome`.
"""

from caselight.home.answers import Answers
from caselight.home.erasures import Erasures
from caselight.home.models import Models
from caselight.home.opened import DEFAULT_MODEL, PathLike, Progress, silent, text_field
from caselight.home.out import Out
from caselight.home.studies import Studies

__all__ = ["DEFAULT_MODEL", "Home", "PathLike", "Progress", "silent", "text_field"]


class Home(Studies, Erasures, Models, Answers, Out):
    """One home: studies in, models and an index over them, answers out.

    Opening costs nothing: the studies are opened when first needed, and so are the model and its
    towers, which then stay in memory for the next call. Close it, or use it in a `with`. Use one
    in one thread.
    """
