"""One log in every format, byte for byte; CASELIGHT_GOLDEN=write rewrites the files."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from caselight.audit.export import FORMS
from caselight.audit.export.span import verified
from caselight.audit.export.syslog import framed
from caselight.audit.proofs import prove_inclusion
from tests.audit.export.sample import SOURCE, sample_log

GOLDEN = Path(__file__).parents[2] / "golden" / "audit"


@pytest.mark.parametrize("form", FORMS)
def test_a_log_is_exported_byte_for_byte(tmp_path: Path, form: str) -> None:
    log = sample_log(tmp_path / "home")
    span = verified(log.files)
    source = replace(SOURCE, log=log.origin, checkpoint=log.checkpoint_of(span.head))
    said = b"".join(framed(FORMS[form](*one, source), "lines") for one in span.records())
    path = GOLDEN / f"{form}.txt"
    if os.environ.get("CASELIGHT_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(said)
    assert said == path.read_bytes()
    assert said.count(b"\n") == len(span)


def test_the_source_is_that_of_a_proof(tmp_path: Path) -> None:
    log = sample_log(tmp_path / "home")
    checkpoint = log.checkpoint_of(verified(log.files).head)
    assert prove_inclusion(log, 5)["checkpoint"] == checkpoint
