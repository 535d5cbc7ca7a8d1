"""The index on several machines: published, served, and asked there."""

import functools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from caselight.home.opened import OpenedHome

if TYPE_CHECKING:
    from caselight.index.places import Place
    from caselight.index.shards import Publication
    from caselight.search import Spread
    from caselight.serving import ServeState


class Machines(OpenedHome):
    """What a home does with several machines."""

    def publish_index(
        self, place: str | None = None, *, shard_rows: int | None = None, fresh: bool = False
    ) -> "Publication":
        """Publish the index as shards; see `caselight.publishing.publish_index`.

        Args:
            place: a folder, or a URL that fsspec reaches; `shards` inside the home if not given.
            shard_rows: rows of the index that a shard spans.
            fresh: write all anew, whatever lies there.

        Raises:
            ClusterError: for a place that cannot be used, or holds other things.
            IndexMismatch: when there is no index, or it was changed.
        """
        from caselight.publishing import publish_index

        recorder = self._recorder()
        with recorder.refusals("index publish"):
            return publish_index(
                self.path,
                self._place(place),
                recorder=recorder,
                shard_rows=shard_rows,
                fresh=fresh,
            )

    def withdraw_index(self, place: str | None = None) -> int:
        """Remove what was published in a place, and forget the place; how many files that were.

        Raises:
            ClusterError: for a place that cannot be used, or holds other things.
        """
        from caselight.publishing import withdraw_index

        recorder = self._recorder()
        with recorder.refusals("index publish"):
            return withdraw_index(self.path, self._place(place), recorder=recorder)

    def serve_index(
        self,
        address: str = "local",
        *,
        place: str | None = None,
        replicas: int = 1,
        shard_rows: int | None = None,
        tell: "Callable[[ServeState], None] | None" = None,
        ended: Callable[[float], bool] | None = None,
    ) -> None:
        """Serve the index by the machines of a Ray cluster; see `caselight.serving.serve`.

        It comes back when it is ended, and nothing of it is left running then.

        Args:
            address: `HOST:PORT` of the cluster; "local" starts one on this machine alone.
            place: as in `publish_index`; all machines must reach it.
            replicas: of each shard, at least 1.
            shard_rows: as in `publish_index`.
            tell: told what is served whenever that changes.
            ended: waits for so many seconds, and says whether to end; by default never.

        Raises:
            ClusterError: when the cluster or the place cannot be used.
            IndexMismatch: when there is no index, or it was changed.
            UsageError: `usage.missing_extra` without Ray, or for an argument that cannot be.
        """
        from caselight.serving import serve

        recorder = self._recorder()
        with recorder.refusals("index serve"):
            serve(
                self.path,
                self._place(place),
                recorder=recorder,
                address=address,
                replicas=replicas,
                shard_rows=shard_rows,
                tell=tell or (lambda _: None),
                ended=ended or threading.Event().wait,
                clock=time.monotonic,
            )

    def _spread(self) -> "Spread | None":
        """Who has the index when it is spread over machines."""
        from caselight.index.cluster import Cluster

        settings = self.config.search
        if settings.ray is None:
            return None
        if self._cluster is None:
            with self._recorder().refusals("search"):
                self._cluster = Cluster(settings.ray)
        return functools.partial(self._cluster.index, deadline_s=settings.deadline_s)

    def _place(self, named: str | None) -> "Place":
        from caselight.index.places import open_place
        from caselight.publishing import FOLDER

        return open_place(str(self.path / FOLDER) if named is None else named)
