"""Index: binary codes on disk and in memory, searched by Hamming distance.

Read `flat.py` first: exact, simple, and what every faster index is tested against. `manifest.py`
says which model and which state of the archive an index belongs to, and refuses any other.
"""

from caselight.index.flat import FlatIndex

INDEXES = {"flat": FlatIndex}
