"""What the system says about locks, full disks and permissions, as one sentence with a code."""

import contextlib
import errno
import sqlite3
from collections.abc import Iterator

from caselight.errors import StoreError


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what the system says about locks and full disks into one sentence."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours, not the disk's
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "busy" in str(error):
            raise StoreError(
                "another process is writing to this home; wait for it and try again",
                code="store.locked",
            ) from error
        if "full" in str(error):
            raise _full() from error
        raise StoreError(
            f"a database of the home cannot be used ({error}); restore the home from a copy, or "
            "ingest into a new one (features.sqlite alone may be deleted: it is filled again)",
            code="store.damaged",
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _full() from error
        raise StoreError(
            f"the system refused {error.filename or 'a file'} ({error.strerror}); check the folder "
            "and its permissions",
            code="store.damaged",
        ) from error


def _full() -> StoreError:
    return StoreError(
        "the disk is full; make room and run the same command again, it goes on where it stopped",
        code="store.disk_full",
    )
