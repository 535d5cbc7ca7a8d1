"""An export has arrived when the server has read all of it, and else says that it has not."""

import ssl
from pathlib import Path

import pytest

from caselight.audit.export.collector import Address, connected, tls_context
from caselight.errors import AuditError
from tests.audit.export.servers import (
    Manner,
    Silent,
    apart,
    certificate,
    hangs_up_after,
    reads_all,
    resets_at_the_end,
    server_context,
    serving,
    unused_port,
)

MESSAGES = [b"%d " % n + b"x" * (n % 977) for n in range(2_000)]
TIMEOUT_S = 2.0


def send(
    port: int,
    messages: list[bytes] = MESSAGES,
    *,
    tls: ssl.SSLContext | None = None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    with connected(Address(host="127.0.0.1", port=port), tls=tls, timeout_s=timeout_s) as collector:
        for message in messages:
            collector(message)


def refusal(port: int, **how: object) -> str:
    with pytest.raises(AuditError, match="no cursor was moved") as refused:
        send(port, **how)  # type: ignore[arg-type]
    assert refused.value.code == "audit.not_exported"
    return str(refused.value)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path, "server")


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("messages", [MESSAGES, [b"one"], []])
def test_all_arrives_and_comes_apart(
    files: tuple[Path, Path], secured: bool, messages: list[bytes]
) -> None:
    tls = server_context(files) if secured else None
    with serving(reads_all, tls=tls) as (port, read):
        ours = tls_context(ca=files[0], certificate=None, key=None) if secured else None
        send(port, messages, tls=ours)
        assert apart(read()) == messages


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize(
    "manner",
    [
        hangs_up_after(0),
        hangs_up_after(1),
        hangs_up_after(100_000),
        hangs_up_after(sum(map(len, MESSAGES))),
        resets_at_the_end,
    ],
    ids=["at once", "after a byte", "half-way", "near the end", "at the end"],
)
def test_a_server_that_hangs_up_is_told(
    files: tuple[Path, Path], secured: bool, manner: Manner
) -> None:
    tls = server_context(files) if secured else None
    with serving(manner, tls=tls) as (port, _):
        ours = tls_context(ca=files[0], certificate=None, key=None) if secured else None
        assert "no answer" not in refusal(port, tls=ours), "told at once, not waited for"


@pytest.mark.parametrize("messages", [MESSAGES, [b"one"]])
def test_a_server_that_never_answers_is_given_up(messages: list[bytes]) -> None:
    with serving(Silent()) as (port, _):
        assert "no answer in 0.3 s" in refusal(port, messages=messages, timeout_s=0.3)


def test_nobody_there_is_told() -> None:
    assert "refused" in refusal(unused_port())


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 70 + ".b", "ä" * 80])
def test_a_name_that_leads_nowhere_is_told(host: str) -> None:
    with (
        pytest.raises(AuditError) as refused,
        connected(Address(host=host, port=1), tls=None, timeout_s=TIMEOUT_S),
    ):
        pass
    assert refused.value.code == "audit.not_exported"


def test_a_server_that_is_not_trusted_gets_nothing(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = certificate(tmp_path, "other")
    for ca in (other[0], None):
        with serving(reads_all, tls=server_context(files)) as (port, read):
            tls = tls_context(ca=ca, certificate=None, key=None)
            assert "certificate is not trusted" in refusal(port, tls=tls)
            assert read() == b""


def test_a_server_that_speaks_no_tls_gets_nothing(files: tuple[Path, Path]) -> None:
    with serving(hangs_up_after(1)) as (port, _):
        refusal(port, tls=tls_context(ca=files[0], certificate=None, key=None))


def test_a_server_may_ask_who_we_are(files: tuple[Path, Path], tmp_path: Path) -> None:
    ours = certificate(tmp_path, "ours")
    both = tmp_path / "both.pem"
    both.write_bytes(ours[0].read_bytes() + ours[1].read_bytes())
    for certificate_, key in (ours, (both, None)):
        with serving(reads_all, tls=server_context(files, clients=ours[0])) as (port, read):
            send(port, tls=tls_context(ca=files[0], certificate=certificate_, key=key))
            assert apart(read()) == MESSAGES
    with serving(reads_all, tls=server_context(files, clients=ours[0])) as (port, read):
        refusal(port, tls=tls_context(ca=files[0], certificate=None, key=None))
        assert read() == b""


def test_files_that_are_no_certificates_are_refused(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "words").write_text("no certificate")
    for ca, certificate_ in ((tmp_path / "words", None), (tmp_path / "none", None)):
        with pytest.raises(AuditError, match="PEM"):
            tls_context(ca=ca, certificate=certificate_, key=None)
    with pytest.raises(AuditError, match="PEM"):
        tls_context(ca=files[0], certificate=files[0], key=tmp_path / "words")


def test_an_address_is_said_as_it_is_written() -> None:
    assert str(Address(host="pacs", port=6514)) == "pacs:6514"
    assert str(Address(host="::1", port=6514)) == "[::1]:6514"
