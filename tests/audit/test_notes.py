"""Checkpoints are signed notes as others read and write them."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from caselight.audit.notes import Checkpoint, Signer, read_verifier, split_notes
from caselight.errors import AuditError

SIGNER = Signer(name="log-1", key=Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
CHECKPOINT = Checkpoint(origin="log-1", size=7, root=bytes(range(32)), extra=("last ab",))


def test_what_is_signed_is_read() -> None:
    assert SIGNER.verifier.check(SIGNER.sign(CHECKPOINT)) == CHECKPOINT
    assert read_verifier(SIGNER.verifier.text + "\n") == SIGNER.verifier


def test_the_note_of_the_go_documentation_is_signed_by_its_key() -> None:
    """From golang.org/x/mod/sumdb/note: another implementation's key, text and signature."""
    key = read_verifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    signature = (
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6Ryy"
        "BwJnAM="
    )
    assert key._signed(text, signature)
    assert not key._signed(text.replace("you", "they", 1), signature)
    with pytest.raises(AuditError, match="no checkpoint"):
        key.check(f"{text}\n— PeterNeumann {signature}\n")


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_note_with_any_other_byte_in_its_text_is_refused(place: int, turn: int) -> None:
    raw = bytearray(SIGNER.sign(CHECKPOINT).encode())
    raw[place % len(CHECKPOINT.body().encode())] ^= turn
    with pytest.raises(AuditError) as refused:
        SIGNER.verifier.check(raw.decode("utf-8", "replace"))
    assert refused.value.code == "audit.bad_signature"


@pytest.mark.parametrize("note", ["", "\n\n", "x", "log-1\n7\n\n— log-1 AAAA\n"])
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(AuditError) as refused:
        SIGNER.verifier.check(note)
    assert refused.value.code == "audit.bad_signature"


def test_another_key_of_the_same_name_is_refused() -> None:
    other = Signer(name="log-1", key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    with pytest.raises(AuditError, match="not signed"):
        SIGNER.verifier.check(other.sign(CHECKPOINT))


@pytest.mark.parametrize(
    "text", ["", "a", "a+b", "a+00000000+AAAA", SIGNER.verifier.text[:-1], "é+1+2"]
)
def test_a_verifier_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(AuditError, match="verifier"):
        read_verifier(text)


def test_notes_of_a_file_come_apart_and_a_torn_one_is_not_lost() -> None:
    one, two = (SIGNER.sign(Checkpoint(origin="log-1", size=n, root=bytes(32))) for n in (1, 2))
    assert split_notes(one + two) == [one, two]
    assert split_notes(one + two[:20]) == [one, two[:20]]
    assert split_notes("") == []


def test_the_secret_key_is_not_shown() -> None:
    assert repr(SIGNER) == "Signer('log-1')"
