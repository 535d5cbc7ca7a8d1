"""The files of a log, and how they are read and written.

- `log`: one line a record.
- `head`: the newest checkpoint, with what is needed to go on from it.
- `verifier`: the public key, one line.
- `signing-key`: the secret key, for its owner alone.
- `digest-key`: makes digests that nobody can guess, for its owner alone.
- `witness`: the path of a file elsewhere that is given every checkpoint; may be missing.
- `torn-N`: what a killed writer left behind record N - 1, set aside.
- `lock`: held while writing.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from caselight.audit.notes import Checkpoint, Signer, Verifier, read_verifier, split_notes
from caselight.errors import AuditError

KEY_BYTES = 32
_TAIL = 65_536
"""More bytes than any checkpoint has."""


class LogFiles:
    """The folder of a log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.head = folder / "head"
        self.lock = folder / "lock"

    def make_keys(self) -> Signer:
        """Make the keys of a new log, each for its owner alone."""
        key = Ed25519PrivateKey.generate()
        signer = Signer(name=f"caselight-log-{secrets.token_hex(4)}", key=key)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.make("signing-key", pem)
        self.make("digest-key", secrets.token_bytes(KEY_BYTES))
        self.make("verifier", f"{signer.verifier.text}\n".encode())
        return signer

    def verifier(self) -> Verifier:
        """The public key.

        Raises:
            AuditError: `audit.missing` or `audit.bad_signature`.
        """
        return read_verifier(self._read("verifier").decode("utf-8", "replace"))

    def signer(self) -> Signer:
        """The secret key.

        Raises:
            AuditError: `audit.missing`, or `audit.bad_signature` when it is not the verifier's.
        """
        verifier = self.verifier()
        try:
            key = load_pem_private_key(self._read("signing-key"), password=None)
        except ValueError:
            key = None
        if isinstance(key, Ed25519PrivateKey):
            signer = Signer(name=verifier.name, key=key)
            if signer.verifier == verifier:
                return signer
        raise AuditError(
            f"the signing key of {self.folder} is not that of its verifier; restore both from a "
            "copy",
            code="audit.bad_signature",
        )

    def digest_key(self) -> bytes:
        """What keys the digests.

        Raises:
            AuditError: `audit.missing`.
        """
        key = self._read("digest-key")
        if len(key) != KEY_BYTES:
            raise _missing(self.folder / "digest-key")
        return key

    def read_head(self) -> tuple[Checkpoint, str]:
        """The newest checkpoint, and the note it stands in.

        Raises:
            AuditError: `audit.missing` or `audit.bad_signature`.
        """
        note = self._read("head").decode("utf-8", "replace")
        return self.verifier().check(note), note

    def write_head(self, note: str) -> None:
        """Put a checkpoint in place of the last in one step.

        Not flushed to the disk: after a loss of power an older one is as good, since the log is
        read on from there.
        """
        staged = self.folder / f".head-{secrets.token_hex(4)}"
        try:
            staged.write_bytes(note.encode())
            staged.replace(self.head)
        finally:
            staged.unlink(missing_ok=True)

    def witness(self) -> Path | None:
        """The file elsewhere that is given every checkpoint."""
        path = self.folder / "witness"
        return Path(path.read_text("utf-8").strip()) if path.is_file() else None

    def last_witnessed(self) -> str | None:
        """The newest checkpoint that the witness was given, as a signed note."""
        path = self.witness()
        if path is None or not path.exists():
            return None
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            notes = split_notes(file.read().decode("utf-8", "replace"))
        return notes[-1] if notes else None

    def name_witness(self, path: Path) -> None:
        """Name that file from now on."""
        staged = self.folder / f".witness-{secrets.token_hex(4)}"
        staged.write_text(f"{path.resolve()}\n", "utf-8")
        staged.replace(self.folder / "witness")

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep every other writer out, of this process and of others; a killed one lets go."""
        import fcntl

        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def make(self, name: str, data: bytes) -> None:
        """Write a file of a new log, durable and for its owner alone."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(self.folder / name, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise _missing(self.folder / name) from None


def flush_folder(folder: Path) -> None:
    """Make new names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _missing(path: Path) -> AuditError:
    return AuditError(
        f"the log has lost its file {path}, or it is cut short; restore it from a copy: without "
        "it nothing can be recorded, and so nothing answered",
        code="audit.missing",
    )
