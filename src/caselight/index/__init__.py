"""Index: binary codes on disk and in memory, searched by Hamming distance.

Read `flat.py` first: exact, simple, and what every faster index is tested against:
`tables.py` looks up what is near, `auto.py` chooses between the two; `milvus.py` asks a server of
the site's own. `manifest.py` says which model and which state of the archive an index belongs to,
and refuses any other. `shards.py` cuts one into files for several machines, `sharded.py` asks them
as one, and `cluster.py` alone speaks to Ray.
"""

from caselight.index.auto import AutoIndex
from caselight.index.flat import FlatIndex
from caselight.index.milvus import MilvusIndex
from caselight.index.tables import MultiIndex

INDEXES = {"flat": FlatIndex, "multi": MultiIndex, "auto": AutoIndex, "milvus": MilvusIndex}
