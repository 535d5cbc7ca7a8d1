"""A connection to Ray, for work on several machines; Ray is imported nowhere before it is asked."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from caselight.errors import ClusterError, UsageError

LOCAL = "local"
"""The address that starts Ray on this machine, for this machine alone."""
_PATIENCE_S = 5.0
"""How long an address may take to answer; Ray itself would try for minutes."""
_ALWAYS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's only switch, on every system, that has its servers listen on 127.0.0.1 alone."""
_FAILURES = (OSError, RuntimeError, ValueError, SystemExit)
"""What `ray.init` raises where there is no cluster, or one of another version."""


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to Ray, and let go of it afterwards; a connection that was there is used and kept.

    Args:
        address: "local", or HOST:PORT of a cluster that this machine is a node of.

    Raises:
        UsageError: `usage.missing_extra` without Ray, `usage.bad_argument` for no address.
        ClusterError: `cluster.not_reachable`.
    """
    local = address == LOCAL
    host, _, port = address.rpartition(":")
    if not local and not (host and "/" not in host and port.isdecimal()):
        raise UsageError(
            f"found the address {address!r}, expected HOST:PORT of a Ray cluster, or {LOCAL}; "
            "correct --ray"
        )
    with _environment({**_ALWAYS, **(_ALONE if local else {})}):
        ray = _ray()
        if ray.is_initialized():
            yield
            return
        try:
            if not local:
                socket.create_connection((host, int(port)), timeout=_PATIENCE_S).close()
            ray.init(
                address=address,
                include_dashboard=False if local else None,
                logging_level=logging.CRITICAL,
                log_to_driver=False,
            )
        except _FAILURES as error:
            raise ClusterError(
                f"no Ray cluster answers at {address} ({type(error).__name__}); start one there "
                f"with `ray start`, make this machine a node of it, or use --ray {LOCAL}"
            ) from None
        try:
            yield
        finally:
            ray.shutdown()


def _ray() -> Any:
    try:
        import ray
        import ray.data  # needs more than Ray alone
    except ImportError:
        raise UsageError(
            "several machines need Ray, which is not installed; run "
            "`pip install caselight[scale]`, or leave out --ray",
            code="usage.missing_extra",
        ) from None
    return ray


@contextlib.contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set variables that are not set, and take them out again: Ray has no other way to be told."""
    fresh = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(fresh)
    try:
        yield
    finally:
        for name in fresh:
            os.environ.pop(name, None)
