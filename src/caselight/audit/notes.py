"""Checkpoints: how long a log is and the root of its tree, signed.

A checkpoint is a signed note as transparency logs exchange them: who, size and root on three lines,
further lines that only we read, an empty line, and a line with the signature. Anyone who has the
log's verifier, one line of text, can check one without Caselight.

Source: C2SP, "Note signatures" (signed-note) and "Transparency log checkpoints"
(tlog-checkpoint), with Ed25519 (RFC 8032).
"""

import base64
import binascii
import contextlib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from caselight.errors import AuditError

_ED25519 = b"\x01"
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log at one moment."""

    origin: str
    """Name of the log."""
    size: int
    """Records."""
    root: bytes
    """Of the tree over them, 32 bytes."""
    extra: tuple[str, ...] = ()
    """Further lines."""

    def body(self) -> str:
        """The signed text."""
        root = base64.b64encode(self.root).decode()
        return "\n".join([self.origin, str(self.size), root, *self.extra]) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """The public half of a log's key."""

    name: str
    public: bytes
    """Ed25519, 32 bytes."""

    @property
    def text(self) -> str:
        """One line that can be written down: name, key id and key."""
        key = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @property
    def key_id(self) -> bytes:
        """Four bytes that say which key a signature is of."""
        said = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(said).digest()[:4]

    def check(self, note: str) -> Checkpoint:
        """Read a signed checkpoint.

        Raises:
            AuditError: `audit.bad_signature` when it is none, or not signed by this key.
        """
        return _read_body(self.open(note))

    def open(self, note: str) -> str:
        """Read the text of a signed note.

        Raises:
            AuditError: `audit.bad_signature` when it is none, or not signed by this key.
        """
        body, empty, signatures = note.rpartition("\n\n")
        body += "\n"
        prefix = f"— {self.name} "
        lines = signatures.split("\n")
        whole = empty and lines.pop() == "" and all(line.startswith("— ") for line in lines)
        for line in lines:
            if whole and line.startswith(prefix) and self._signed(body, line[len(prefix) :]):
                return body
        raise AuditError(
            f"a note is not signed by {self.text}; it was changed, or belongs to another log",
            code="audit.bad_signature",
        )

    def _signed(self, body: str, signature: str) -> bool:
        try:
            raw = base64.b64decode(signature, validate=True)
            if raw[:4] != self.key_id:
                return False
            Ed25519PublicKey.from_public_bytes(self.public).verify(raw[4:], body.encode())
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The secret half; it never leaves its file."""

    name: str
    key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(name=self.name, public=self.key.public_key().public_bytes_raw())

    def open(self, note: str) -> str:
        """See `Verifier.open`."""
        return self.verifier.open(note)

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note."""
        return self.seal(checkpoint.body())

    def seal(self, body: str) -> str:
        """A text that ends with a newline as a signed note."""
        raw = self.verifier.key_id + self.key.sign(body.encode())
        return f"{body}\n— {self.name} {base64.b64encode(raw).decode()}\n"


def read_verifier(text: str) -> Verifier:
    """Read the one line of a verifier.

    Raises:
        AuditError: `audit.bad_signature` when it is none.
    """
    name, _, rest = text.strip().partition("+")
    key_id, _, key = rest.partition("+")
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    found = Verifier(name=name, public=raw[1:])
    if not name or len(raw) != 33 or raw[:1] != _ED25519 or found.key_id.hex() != key_id:
        raise AuditError(
            "the verifier is not a line of name+id+key as `caselight audit checkpoint` prints it; "
            "copy that line whole",
            code="audit.bad_signature",
        )
    return found


def split_notes(text: str) -> list[str]:
    """The signed notes of a file, one after another, in order.

    What stands behind the last whole signature is given too, as a note that no key has signed.
    """
    notes: list[str] = []
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        lines.append(line)
        if line.startswith("— ") and line.endswith("\n"):
            notes.append("".join(lines))
            lines = []
    if "".join(lines).strip():
        notes.append("".join(lines))
    return notes


def _read_body(body: str) -> Checkpoint:
    lines: Sequence[str] = body.split("\n")[:-1]
    if len(lines) >= 3 and _SIZE.fullmatch(lines[1]) is not None:
        with contextlib.suppress(binascii.Error):
            root = base64.b64decode(lines[2], validate=True)
            extra = tuple(lines[3:])
            return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, extra=extra)
    raise AuditError(
        "a signed note is no checkpoint: expected origin, size and root on three lines",
        code="audit.bad_signature",
    )
