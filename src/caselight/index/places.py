"""Places that a published index lies in: a folder, or whatever fsspec reaches by a URL."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from caselight.errors import ClusterError, Error, UsageError
from caselight.index.manifest import flush_folder, replace_file


class Place(Protocol):
    """Files beside each other, under names without folders."""

    url: str

    def names(self) -> frozenset[str]:
        """Names of all that lies there; none where there is no such place."""
        ...

    def read(self, name: str) -> str:
        """A text; raises FileNotFoundError where there is none."""
        ...

    def write(self, name: str, text: str) -> None:
        """Put a text in place of a file's in one step."""
        ...

    def fetched(self, names: Sequence[str]) -> contextlib.AbstractContextManager[Path]:
        """A folder of this machine with copies of these files, as long as the context lasts.

        What is opened there stays as it was, whatever becomes of the place.
        """
        ...

    def filling(self) -> contextlib.AbstractContextManager[Path]:
        """A folder of this machine; files written into it lie in the place when it ends."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...


class Folder:
    """A folder that this machine has mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = str(path)

    def names(self) -> frozenset[str]:
        """See `Place`."""
        return frozenset(one.name for one in self.path.iterdir()) if self.path.is_dir() else _NONE

    def read(self, name: str) -> str:
        """See `Place`."""
        return (self.path / name).read_text("utf-8")

    def write(self, name: str, text: str) -> None:
        """See `Place`; durable when it comes back."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_file(self.path / name, text)

    @contextlib.contextmanager
    def fetched(self, names: Sequence[str]) -> Iterator[Path]:
        """See `Place`."""
        with _nameless(names) as folder:
            for name in names:
                shutil.copyfile(self.path / name, folder / name)
            yield folder

    @contextlib.contextmanager
    def filling(self) -> Iterator[Path]:
        """See `Place`: the folder itself; who writes there does it in one step a file."""
        self.path.mkdir(parents=True, exist_ok=True)
        yield self.path
        flush_folder(self.path)

    def remove(self, name: str) -> None:
        """See `Place`."""
        (self.path / name).unlink(missing_ok=True)


class Remote:
    """A folder of a file system that fsspec knows; files are fetched and nothing of them stays."""

    def __init__(self, files: Any, path: str, url: str) -> None:
        self._files = files
        self._path = path.rstrip("/")
        self.url = url

    def names(self) -> frozenset[str]:
        """See `Place`."""
        self._files.invalidate_cache()
        try:
            found = self._files.ls(self._path, detail=False)
        except FileNotFoundError:
            return _NONE
        return frozenset(one.rstrip("/").rpartition("/")[2] for one in found)

    def read(self, name: str) -> str:
        """See `Place`."""
        return str(self._files.cat_file(self._of(name)).decode("utf-8"))

    def write(self, name: str, text: str) -> None:
        """See `Place`."""
        self._files.makedirs(self._path, exist_ok=True)
        self._files.pipe_file(self._of(f".{name}"), text.encode())
        self._files.mv(self._of(f".{name}"), self._of(name))

    @contextlib.contextmanager
    def fetched(self, names: Sequence[str]) -> Iterator[Path]:
        """See `Place`."""
        with _nameless(names) as folder:
            for name in names:
                self._files.get_file(self._of(name), str(folder / name))
            yield folder

    @contextlib.contextmanager
    def filling(self) -> Iterator[Path]:
        """See `Place`: a folder of its own, whose files are sent at the end."""
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            yield folder
            self._files.makedirs(self._path, exist_ok=True)
            for path in sorted(folder.iterdir()):
                # Under another name first: what is sent by half is never taken for the file.
                self._files.put_file(str(path), self._of(f".{path.name}"))
                self._files.mv(self._of(f".{path.name}"), self._of(path.name))
        finally:
            shutil.rmtree(folder)

    def remove(self, name: str) -> None:
        """See `Place`."""
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._of(name))

    def _of(self, name: str) -> str:
        return f"{self._path}/{name}"


_NONE: frozenset[str] = frozenset()
_PREFIX = "caselight-shard-"


@contextlib.contextmanager
def _nameless(names: Sequence[str]) -> Iterator[Path]:
    """A folder of links to empty files without a name: who is killed leaves nothing in it."""
    own = Path(f"/proc/{os.getpid()}/fd")
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix=_PREFIX)))
        for name in names if own.is_dir() else ():
            file = held.enter_context(tempfile.TemporaryFile())
            (folder / name).symlink_to(own / str(file.fileno()))
        yield folder


def open_place(url: str) -> Place:
    """The place of a path or a URL; nothing is looked for there yet.

    Raises:
        ClusterError: `cluster.bad_place` for no place, one with a password, and a file system that
            is not known or does not open.
        UsageError: `usage.missing_extra` for a URL without fsspec.
    """
    for local in ("file://", "local://"):
        url = url.removeprefix(local)
    if not url.strip():
        raise ClusterError("found no place; name a folder, or a URL", code="cluster.bad_place")
    if "://" not in url:
        return Folder(Path(url).resolve())
    if ":" in url.partition("://")[2].rpartition("@")[0].rpartition("/")[2]:
        raise ClusterError(
            "the URL holds a password, which would stand in the home and in what is said of the "
            "place; leave it out, and put it into the configuration of fsspec",
            code="cluster.bad_place",
        )
    try:
        import fsspec
    except ImportError:
        raise UsageError(
            f"{url} is no folder of this machine, and the package fsspec that would reach it is "
            'not there; install it with pip install "caselight[scale]"',
            code="usage.missing_extra",
        ) from None
    try:
        files, path = fsspec.core.url_to_fs(url)
    except Exception as error:  # noqa: BLE001 - a file system raises what it likes
        raise ClusterError(
            f"the file system of {url} cannot be opened ({type(error).__name__}); name a folder, "
            "or a URL whose file system is installed",
            code="cluster.bad_place",
        ) from None
    return Remote(files, path, url)


@contextlib.contextmanager
def reaching(place: Place) -> Iterator[None]:
    """Say which place it is that cannot be read or written.

    Raises:
        ClusterError: `cluster.bad_place` for what the file system refuses.
    """
    try:
        yield
    except Error:
        raise
    except Exception as error:  # a file system raises what it likes
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ClusterError(
            f"the published files at {place.url} cannot be read or written ({why}); mend the place "
            "or its permissions, and run the same command again",
            code="cluster.bad_place",
        ) from error
