"""What runs on the machines of a cluster: the shards of one, and the board. Nothing here knows Ray.

Our own errors travel as what they say, since Ray would wrap them in its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from caselight.errors import Error, families
from caselight.index.director import View
from caselight.index.journal import Opens
from caselight.index.places import open_place
from caselight.index.shards import Shard, open_shard, read_published


class Host:
    """The shards of one machine: an actor."""

    def __init__(self, url: str, seal: Opens) -> None:
        self._url, self._seal = url, seal
        self._shards: dict[str, Shard] = {}

    def open(self, name: str) -> Any:
        """Open a shard from its files; None, or why that is refused."""
        try:
            # Not before: here it can be said that this machine lacks the file system.
            place = open_place(self._url)
            published = read_published(place, seal=self._seal)
            self._shards[name] = open_shard(place, published, name)
        except Error as error:
            return Refused(error)
        return None

    def close(self, name: str) -> None:
        """Let go of a shard."""
        self._shards.pop(name, None)

    def ask(self, name: str, method: str, args: Sequence[Any]) -> Any:
        """What a shard answers, or why it refuses."""
        shard = self._shards.get(name)
        if shard is None:
            return Gone()
        try:
            return shard.answer(method, unpacked_args(args))
        except Error as error:
            return Refused(error)

    def ping(self) -> None:
        """Say that it lives."""


class Board:
    """Where those who ask look up who has what: an actor with a name."""

    def __init__(self) -> None:
        self._view: View | None = None

    def put(self, view: View) -> None:
        """Show another view."""
        self._view = view

    def view(self) -> View | None:
        """The view; None before all shards are open for the first time."""
        return self._view


class Refused:
    """One of our errors on its way from another machine, where Ray would wrap it."""

    def __init__(self, error: Error) -> None:
        self._code, self._message = error.code, str(error)

    def error(self) -> Error:
        """The error again."""
        family = next(one for one in families() if self._code in one.codes)
        return family(self._message, code=self._code)


class Gone:
    """The machine does not have that shard any more."""


class _Bits:
    """A mask in an eighth of its bytes."""

    def __init__(self, mask: Any) -> None:
        self._packed, self._n = np.packbits(mask), len(mask)

    def mask(self) -> Any:
        return np.unpackbits(self._packed, count=self._n).view(np.bool_)


def packed_args(args: Sequence[Any]) -> list[Any]:
    """Arguments of a question as they are sent: masks take an eighth of their bytes."""
    masks = [isinstance(one, np.ndarray) and one.dtype == np.bool_ for one in args]
    return [_Bits(one) if mask else one for one, mask in zip(args, masks, strict=True)]


def unpacked_args(args: Sequence[Any]) -> list[Any]:
    """The arguments again."""
    return [one.mask() if isinstance(one, _Bits) else one for one in args]
