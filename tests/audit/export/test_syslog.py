"""Messages stand in the frames of RFC 5424 and RFC 5425."""

import re
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from caselight.audit.export.syslog import framed, syslog_message

AT = "2026-01-01T00:00:00.001Z"
MESSAGE = re.compile(
    rb"<(\d{1,3})>1 (\S+) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - (.*)",
    re.DOTALL,
)


def test_the_header_is_what_ihe_demands() -> None:
    found = MESSAGE.fullmatch(syslog_message(b"<x/>", at=AT, host="pacs", bom=True))
    assert found is not None
    priority, at, *rest, text = found.groups()
    assert divmod(int(priority), 8) == (10, 5)
    assert datetime.fromisoformat(at.decode()).utcoffset() is not None
    assert rest == [b"pacs", b"caselight", b"-", b"IHE+RFC-3881"]
    assert text == b"\xef\xbb\xbf<x/>"


def test_the_mark_can_be_left_out() -> None:
    assert syslog_message(b"<x/>", at=AT, host="pacs", bom=False).endswith(b" - <x/>")


@given(st.text())
def test_any_name_of_a_machine_makes_a_header(host: str) -> None:
    assert MESSAGE.fullmatch(syslog_message(b"<x/>", at=AT, host=host, bom=True))


@given(st.lists(st.binary(min_size=1), max_size=5))
def test_octet_counted_messages_come_apart_again(messages: list[bytes]) -> None:
    stream, found = b"".join(framed(one, "octets") for one in messages), []
    while stream:
        length, _, rest = stream.partition(b" ")
        found.append(rest[: int(length)])
        stream = rest[int(length) :]
    assert found == messages


def test_a_line_ends_with_a_line_feed() -> None:
    assert framed(b"a", "lines") == b"a\n"
