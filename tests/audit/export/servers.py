"""Syslog servers of this machine: good ones, and ones that are not."""

import contextlib
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Manner = Callable[[socket.socket, bytearray], None]
"""What a server does with a connection, and with what it gets."""


def reads_all(connection: socket.socket, got: bytearray) -> None:
    while data := connection.recv(1 << 16):
        got += data


def hangs_up_after(n_bytes: int) -> Manner:
    def manner(connection: socket.socket, got: bytearray) -> None:
        while len(got) < n_bytes and (data := connection.recv(n_bytes - len(got))):
            got += data

    return manner


def resets_at_the_end(connection: socket.socket, got: bytearray) -> None:
    """Reads all, and then is killed, so that nobody knows what became of it."""
    reads_all(connection, got)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Silent:
    """Takes a connection and neither reads nor closes, until it is told to."""

    def __init__(self) -> None:
        self.enough = threading.Event()

    def __call__(self, _connection: socket.socket, _got: bytearray) -> None:
        self.enough.wait(30)


@contextlib.contextmanager
def serving(
    manner: Manner, *, tls: ssl.SSLContext | None = None
) -> Iterator[tuple[int, Callable[[], bytes]]]:
    """Serve one connection.

    Yields:
        The port, and what waits for the end of the connection and gives all that was read.
    """
    got = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)

        def run() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with contextlib.ExitStack() as opened:
                    opened.enter_context(connection)
                    connection.settimeout(30)
                    if tls is not None:
                        connection = opened.enter_context(
                            tls.wrap_socket(connection, server_side=True)
                        )
                    manner(connection, got)

        thread = threading.Thread(target=run)
        thread.start()

        def read() -> bytes:
            thread.join(30)
            return bytes(got)

        try:
            yield listening.getsockname()[1], read
        finally:
            if isinstance(manner, Silent):
                manner.enough.set()
            listening.close()
            thread.join(30)


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for this machine, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(tz=UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(host, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def server_context(files: tuple[Path, Path], *, clients: Path | None = None) -> ssl.SSLContext:
    """TLS of a server; with `clients`, only for who shows that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def apart(stream: bytes) -> list[bytes]:
    """The messages of an octet-counted stream, which must be whole."""
    found = []
    while stream:
        length, _, rest = stream.partition(b" ")
        assert len(rest) >= int(length), "a message was cut"
        found.append(rest[: int(length)])
        stream = rest[int(length) :]
    return found
