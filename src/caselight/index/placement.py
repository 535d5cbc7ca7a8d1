"""Which machine holds which shard: rendezvous hashing, with no machine above its share.

Every machine has a number for every shard, drawn by a digest of both names, and a shard goes to the
machines whose numbers are highest: whoever knows the names knows the places, and a machine that
comes or goes moves little else. Where a machine has its share already the next one takes the shard.

Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", IEEE/ACM
Transactions on Networking 1998; Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with
Bounded Loads", SODA 2018.
"""

import hashlib
from collections import Counter
from collections.abc import Collection


def place_shards(
    shards: Collection[str], nodes: Collection[str], *, replicas: int
) -> dict[str, tuple[str, ...]]:
    """Choose machines for the replicas of every shard, each on a machine of its own.

    Args:
        shards: their names.
        nodes: names of the machines; their order means nothing.
        replicas: of each shard, at least 1; no more than there are machines come of it.

    Returns:
        Shard to its machines. None has more than its share, which is rounded up, unless all others
        hold the shard already.
    """
    copies = min(replicas, len(nodes))
    share = -(-len(shards) * copies // max(1, len(nodes)))
    load: Counter[str] = Counter()
    found: dict[str, tuple[str, ...]] = {}
    for shard in sorted(shards):
        ranked = sorted(nodes, key=lambda node: _number(shard, node), reverse=True)
        free = [node for node in ranked if load[node] < share]
        full = [node for node in ranked if load[node] >= share]
        found[shard] = tuple([*free, *full][:copies])
        load.update(found[shard])
    return found


def _number(shard: str, node: str) -> bytes:
    return hashlib.sha256(f"{shard}\n{node}".encode()).digest()
