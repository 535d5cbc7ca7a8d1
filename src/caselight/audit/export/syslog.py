"""Messages as the syslog protocol carries them.

Source: RFC 5424 (message), RFC 5425 (octet counting); DICOM PS3.15, A.6 and IHE ITI-20 (header).
"""

import re
from typing import Literal

Framing = Literal["lines", "octets"]

_PRIORITY = 10 * 8 + 5
"""Facility 10, security and authorization; severity 5, normal but significant."""
_NAME = "caselight"
_MESSAGE_ID = "IHE+RFC-3881"
"""What IHE demands; DICOM leaves it open."""
_BOM = b"\xef\xbb\xbf"
_UNPRINTABLE = re.compile(r"[^!-~]")


def syslog_message(text: bytes, *, at: str, host: str, bom: bool) -> bytes:
    """One message, without framing.

    Args:
        text: UTF-8 without line feeds.
        at: when it happened, RFC 3339 with a zone.
        host: who says it; what a header cannot hold is left out.
        bom: whether to mark the text as UTF-8.
    """
    header = f"<{_PRIORITY}>1 {at} {_host(host)} {_NAME} - {_MESSAGE_ID} - "
    return header.encode("ascii") + (_BOM if bom else b"") + text


def framed(message: bytes, framing: Framing) -> bytes:
    """A message as one of many: on a line of its own, or behind its length in bytes."""
    if framing == "octets":
        return str(len(message)).encode("ascii") + b" " + message
    return message + b"\n"


def _host(name: str) -> str:
    return _UNPRINTABLE.sub("", name)[:255] or "-"
