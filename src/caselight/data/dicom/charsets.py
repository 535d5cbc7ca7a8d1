"""Header text decoded by its SpecificCharacterSet, without loss whatever the file claims."""

import re
from functools import lru_cache

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

_FRAGMENT = re.compile(b"[^\x1b]+|\x1b[^\x1b]*")
_KEEPS_ESCAPES = ("iso2022_jp", "iso2022_jp_2")
"""Codecs of Python that expect the escape sequences themselves."""
_DELIMITERS = re.compile(rb"[\\^=\r\n\f]")
"""Behind one of these a code extension ends; PS3.5 6.1.2.5.3."""


def decode(raw: bytes, charset: bytes | str | None) -> tuple[str, bool]:
    """One header value as text.

    Bytes that the declared sets do not allow are read as UTF-8, and else as Latin-1, which takes
    any byte, so nothing is lost. UTF-8 declared as Latin-1 is read as the UTF-8 it is: a mistake of
    many archives, and chance hardly makes it.

    Args:
        raw: the value's bytes.
        charset: SpecificCharacterSet as the file has it; None where it has none.

    Returns:
        The text without padding, and whether it was written in the sets declared.

    Source: DICOM PS3.5 2024, 6.1.2.
    """
    encodings, known = _encodings(_plain(charset))
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii").strip(" \0"), known
    try:
        text = _strictly(raw, encodings)
    except (UnicodeError, LookupError):
        return _anyhow(raw).strip(" \0"), False
    if encodings[0] == "latin_1" and _is_utf8(raw):
        return raw.decode("utf-8").strip(" \0"), False
    return text.strip(" \0"), known


def _plain(charset: bytes | str | None) -> str:
    if charset is None:
        return ""
    return charset.decode("latin-1") if isinstance(charset, bytes) else str(charset)


@lru_cache(maxsize=256)
def _encodings(charset: str) -> tuple[tuple[str, ...], bool]:
    """Python's names of the declared sets, the first one first, and whether all are known."""
    names = [name.strip(" \0") for name in charset.split("\\")]
    # Many an archive writes "ISO-IR 100" or "ISO IR 100".
    spelled = [re.sub("[-_]", " ", name).replace("ISO IR", "ISO_IR") for name in names]
    found = [python_encoding.get(name) for name in spelled]
    known = [name for name in found if name is not None]
    # pydicom reads the default repertoire as Latin-1; it is ASCII, and more is somebody's mistake.
    strict = ["ascii" if name == "iso8859" else name for name in known]
    return tuple(strict or ["ascii"]), None not in found


def _strictly(raw: bytes, encodings: tuple[str, ...]) -> str:
    """Decode, or raise where a byte does not belong."""
    if b"\x1b" not in raw:
        return raw.decode(encodings[0])
    return "".join(_fragment(part, encodings[0]) for part in _FRAGMENT.findall(raw))


def _fragment(part: bytes, first: str) -> str:
    if not part.startswith(b"\x1b"):
        return part.decode(first)
    length = 4 if part.startswith((b"\x1b$(", b"\x1b$)")) else 3
    # An extension that was not declared is still what its escape sequence says.
    encoding = CODES_TO_ENCODINGS.get(part[:length])
    if encoding is None:
        raise UnicodeError("an escape sequence that DICOM does not define")
    if encoding in _KEEPS_ESCAPES:
        return part.decode(encoding)
    part = part[length:]
    end = _DELIMITERS.search(part)
    if end is None:
        return part.decode(encoding)
    return part[: end.start()].decode(encoding) + part[end.start() :].decode(first)


def _anyhow(raw: bytes) -> str:
    return raw.decode("utf-8") if _is_utf8(raw) else raw.decode("latin-1")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not raw.isascii()
