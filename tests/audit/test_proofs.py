"""A proof convinces whoever has the verifier, and a changed one convinces nobody."""

import json
from pathlib import Path
from typing import Any

import pytest

from caselight.audit.proofs import check_proof, prove_growth, prove_inclusion, read_proof
from caselight.errors import AuditError
from tests.audit.logs import entry, log_of


def test_every_record_is_proven(tmp_path: Path) -> None:
    log = log_of(tmp_path, 11)
    verifier = log.files.verifier()
    for record in log.records():
        proven = check_proof(prove_inclusion(log, record.position), verifier)
        assert proven.record == record
        assert (proven.checkpoint.size, proven.grew_from) == (11, None)


@pytest.mark.parametrize("position", [-1, 11])
def test_a_record_that_is_not_there_is_not_proven(tmp_path: Path, position: int) -> None:
    with pytest.raises(AuditError) as refused:
        prove_inclusion(log_of(tmp_path, 11), position)
    assert refused.value.code == "audit.no_such_record"


def test_a_checkpoint_of_yesterday_stays_provably_consistent(tmp_path: Path) -> None:
    log = log_of(tmp_path, 3)
    verifier = log.files.verifier()
    kept = []
    for n in range(20):
        kept.append(log.checkpoint_of(log.files.read_head()[0]))
        log.append(entry(n))
        for note in kept:
            proven = check_proof(prove_growth(log, note, verifier), verifier)
            assert proven.grew_from == verifier.check(note)
            assert proven.checkpoint.size == 4 + n


def test_a_log_that_was_cut_or_rewritten_has_no_proof_of_growth(tmp_path: Path) -> None:
    log, other = log_of(tmp_path / "a", 8), log_of(tmp_path / "b", 12)
    verifier = log.files.verifier()
    later = log.checkpoint_of(log.files.read_head()[0])
    log.files.write_head(log._signer.sign(other.files.read_head()[0]))
    log.files.log.write_bytes(other.files.log.read_bytes())
    with pytest.raises(AuditError) as refused:
        prove_growth(log, later, verifier)
    assert refused.value.code == "audit.fork"


def variants(proof: dict[str, Any], other: dict[str, Any]) -> list[dict[str, Any]]:
    """Proofs that are nearly this one."""
    out = [{k: v for k, v in proof.items() if k != name} for name in proof]
    out += [{**proof, name: other[name]} for name in ("path", "line", "position", "earlier")
            if name in proof and proof[name] != other[name]]  # fmt: skip
    out += [
        {**proof, "version": 9},
        {**proof, "proof": "none"},
        {**proof, "path": ["zz"]},
        {**proof, "path": 7},
        {**proof, "path": [*proof["path"], "00" * 32]},
        {**proof, "checkpoint": proof["checkpoint"].replace("\n11\n", "\n12\n")},
        {**proof, "checkpoint": None},
    ]
    return out


def test_a_proof_that_was_changed_proves_nothing(tmp_path: Path) -> None:
    log = log_of(tmp_path, 5)
    verifier = log.files.verifier()
    first = log.checkpoint_of(log.files.read_head()[0])
    log.append(entry())
    second = log.checkpoint_of(log.files.read_head()[0])
    log.append(*map(entry, range(5)))
    pairs = (
        (prove_inclusion(log, 3), prove_inclusion(log, 4)),
        (prove_growth(log, first, verifier), prove_growth(log, second, verifier)),
    )
    for proof, other in pairs:
        check_proof(proof, verifier)
        for changed in variants(proof, other):
            with pytest.raises(AuditError) as refused:
                check_proof(changed, verifier)
            assert refused.value.code in (
                "audit.bad_proof",
                "audit.bad_signature",
                "audit.altered",
            ), changed


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '"a"'])
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(AuditError) as refused:
        read_proof(text)
    assert refused.value.code == "audit.bad_proof"


def test_a_proof_survives_its_file(tmp_path: Path) -> None:
    log = log_of(tmp_path, 4)
    proof = prove_inclusion(log, 2)
    assert read_proof(json.dumps(proof, ensure_ascii=False)) == proof
