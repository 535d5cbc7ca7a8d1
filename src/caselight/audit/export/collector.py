"""Sends messages to a syslog server over TCP or TLS, and knows whether they arrived.

Syslog has no receipt. So an export counts as received only when the system of the server has taken
every byte, the server was still listening then, and closed without a reset after our end: it has
read all, since a socket closed with bytes unread answers with a reset.

Source: RFC 5425 (TLS, octet counting); RFC 6587, 3.4.1 (octet counting over TCP).
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from caselight.audit.export.syslog import framed
from caselight.errors import AuditError

_BLOCK = 1 << 16
_STEP_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Collector:
    """A connection to a server. Use `connected`."""

    def __init__(self, connection: socket.socket, *, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._waiting = bytearray()

    def __call__(self, message: bytes) -> None:
        """Send a message, in due time."""
        self._waiting += framed(message, "octets")
        if len(self._waiting) >= _BLOCK:
            self._flush()

    def finish(self) -> None:
        """Send what waits, and find out whether all of it was read."""
        self._flush()
        self._drain()
        self._connection.settimeout(self._timeout_s)
        if isinstance(self._connection, ssl.SSLSocket):
            # Many servers close without the reply that TLS demands; a reset is told apart.
            with contextlib.suppress(ssl.SSLError):
                self._connection.unwrap()
            return
        self._connection.shutdown(socket.SHUT_WR)
        while self._connection.recv(_BLOCK):
            pass

    def _flush(self) -> None:
        self._connection.sendall(self._waiting)
        self._waiting.clear()

    def _drain(self) -> None:
        """Wait until the other system has acknowledged every byte, and the server listens still."""
        import fcntl
        import termios

        left = bytearray(4)
        for _ in range(round(self._timeout_s / _STEP_S)):
            with contextlib.suppress(OSError):  # a system that does not tell
                fcntl.ioctl(self._connection.fileno(), termios.TIOCOUTQ, left)
            if self._hung_up():
                raise ConnectionResetError(None, "it hung up before the end")
            if not any(left):
                return
            time.sleep(_STEP_S)
        raise TimeoutError

    def _hung_up(self) -> bool:
        self._connection.settimeout(0)
        while True:
            try:
                if not self._connection.recv(_BLOCK):
                    return True
            except (BlockingIOError, ssl.SSLWantReadError):
                return False


@contextlib.contextmanager
def connected(
    address: Address, *, tls: ssl.SSLContext | None, timeout_s: float
) -> Iterator[Collector]:
    """Connect to a server; leaving the block without an error means that it has read all.

    Args:
        address: where it listens.
        tls: how to check it, and who we are; None sends in the clear.
        timeout_s: how long to wait for each answer, seconds.

    Raises:
        AuditError: `audit.not_exported`.
    """
    try:
        with contextlib.ExitStack() as opened:
            connection: socket.socket = opened.enter_context(
                socket.create_connection((address.host, address.port), timeout=timeout_s)
            )
            if tls is not None:
                connection = opened.enter_context(
                    tls.wrap_socket(connection, server_hostname=address.host)
                )
            collector = Collector(connection, timeout_s=timeout_s)
            yield collector
            collector.finish()
    except ssl.SSLCertVerificationError as error:
        raise _failed(address, f"its certificate is not trusted: {error.verify_message}") from None
    except TimeoutError:
        raise _failed(address, f"no answer in {timeout_s:g} s") from None
    except UnicodeError:
        raise _failed(address, "that is no name of a machine") from None
    except OSError as error:
        raise _failed(address, error.strerror or type(error).__name__) from None


def tls_context(*, ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """How a server is checked over TLS, and who we are to it.

    Args:
        ca: a PEM file of whom to trust; None trusts whom the system does.
        certificate: a PEM file of our own certificate, for servers that ask for one.
        key: a PEM file of its key; None where it stands in the same file.

    Raises:
        AuditError: `audit.not_exported` for a file that is none.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate is not None:
            # Without a password, rather than asking for one in the middle of a cron job.
            context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise AuditError(
            f"a certificate or key file cannot be used ({error.strerror or 'it is none'}); name "
            "PEM files, the key without a password",
            code="audit.not_exported",
        ) from None
    return context


def _failed(address: Address, why: str) -> AuditError:
    return AuditError(
        f"{address} did not take the records ({why}); see that a syslog server listens there and "
        "run the same command again: nothing is lost, and no cursor was moved",
        code="audit.not_exported",
    )
