"""The connection to Ray, for work on several machines; Ray is not imported before it is asked."""

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from caselight.errors import ClusterError, UsageError

LOCAL = "local"
"""The address that starts Ray on this machine, for this machine alone."""
_PATIENCE_S = 5.0
"""How long an address may take to answer; Ray itself would try for minutes."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ALWAYS = {"RAY_USAGE_STATS_ENABLED": "0"}
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's only switch, on every system, that has its servers listen on 127.0.0.1 alone."""
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4
"""Kind of the frame, in its byte 3, that a server of gRPC begins with (RFC 9113, 3.4)."""


@contextlib.contextmanager
def connected(address: str, *, data: bool = False) -> Iterator[tuple[Any, str]]:
    """Connect to Ray, and let go of it afterwards; see `connect`.

    A connection that was there is used and kept.

    Raises:
        UsageError: as `connect`.
        ClusterError: as `connect`, and `cluster.failed` when Ray ends meanwhile.
    """
    known = sys.modules.get("ray")
    kept = known is not None and known.is_initialized()
    ray, address = connect(address, data=data)
    try:
        yield ray, address
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"Ray at {address} ended, or does not do what it must ({type(error).__name__}); see "
            "that the cluster runs, and begin again",
            code="cluster.failed",
        ) from None
    finally:
        if not kept:
            ray.shutdown()


def connect(address: str, *, data: bool = False) -> tuple[Any, str]:
    """Connect this process to Ray; it stays so until it ends, or `ray.shutdown()`.

    Args:
        address: `LOCAL`, or HOST:PORT of a cluster that this machine is a node of.
        data: whether Ray Data is needed, which needs more than Ray alone.

    Returns:
        The module, and the cluster's address.

    Raises:
        UsageError: `usage.missing_extra` without Ray, `usage.bad_argument` for no address.
        ClusterError: `cluster.not_reachable`.
    """
    host, _, port = address.rpartition(":")
    host, local = host.strip("[]"), address == LOCAL
    if not local and not (host and "/" not in host and port.isdecimal() and int(port) < 65536):
        raise UsageError(
            f"found the address {address!r}, expected HOST:PORT of a Ray cluster, or {LOCAL}; "
            "correct it"
        )
    with _environment(alone=local or host in _LOOPBACK):
        ray = _load(data=data)
        try:
            if ray.is_initialized():
                return ray, _same(address, str(ray.get_runtime_context().gcs_address), host, port)
            if not local:
                _greet(host, int(port))
            with _own_signals(), _inside(ray, alone=local):
                ray.init(
                    address,
                    include_dashboard=False if local else None,
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                    **({"_node_ip_address": _LOOPBACK[0]} if local else {}),
                )
        except (OSError, RuntimeError, ValueError, SystemExit, ray.exceptions.RayError) as error:
            why = str(error) if isinstance(error, _Elsewhere) else type(error).__name__
            raise ClusterError(
                f"no Ray cluster answers at {address} ({why}); start one there with `ray start`, "
                "make this machine a node of it, or name the address that `caselight index serve` "
                "prints"
            ) from None
    return ray, str(ray.get_runtime_context().gcs_address)


class _Elsewhere(OSError):
    """What is there is not what was asked for, in words that may be shown."""


def _same(address: str, own: str, host: str, port: str) -> str:
    """The address of the connection that is there, if it is the one that is asked for."""
    at, _, own_port = own.rpartition(":")
    if address == LOCAL:
        same = at in _LOOPBACK
    else:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        same = port == own_port and at in {host, *(one[4][0] for one in found)}
    if not same:
        raise _Elsewhere(f"this process is connected to {own}")
    return own


def _greet(host: str, port: int) -> None:
    """Refuse at once where nobody answers, or somebody with another protocol."""
    with socket.create_connection((host, port), timeout=_PATIENCE_S) as line:
        if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
            return
        line.sendall(_GREETING)
        said = b""
        while len(said) < _SETTINGS:
            more = line.recv(_SETTINGS - len(said))
            if not more:
                break
            said += more
    if said[3:] != bytes([_SETTINGS]):
        raise _Elsewhere("what answers there is no Ray")


def _load(*, data: bool) -> Any:
    try:
        import ray

        if data:
            import ray.data
    except ImportError:
        raise UsageError(
            "several machines need Ray, which is not installed; run "
            '`pip install "caselight[scale]"`, or do without --ray',
            code="usage.missing_extra",
        ) from None
    return ray


@contextlib.contextmanager
def _environment(*, alone: bool) -> Iterator[None]:
    """Set variables that are not set, and take them out again: Ray has no other way to be told."""
    wanted: Mapping[str, str] = {**_ALWAYS, **(_ALONE if alone else {})}
    if alone and (Path.home() / ".ray" / "auth_token").is_file():
        # A Ray that was started here for this machine alone asks for it.
        wanted = {**wanted, "RAY_AUTH_MODE": "token"}
    fresh = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(fresh)
    try:
        yield
    finally:
        for name in fresh:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _inside(ray: Any, *, alone: bool) -> Iterator[None]:
    """What Ray made of the switch when it was imported, by whom and when ever that was."""
    constants = ray._private.ray_constants
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = before and not alone
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this process does when it is told to end; Ray would put an exit in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
