"""The code for Arm, where a compiler for it and an emulator are installed."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
NATIVE = HERE.parents[1] / "src/caselight/index/native"
COMPILER = shutil.which("aarch64-linux-gnu-gcc")
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")


@pytest.mark.slow
@pytest.mark.skipif(not (COMPILER and EMULATOR), reason="no compiler or emulator for 64-bit Arm")
def test_neon_answers_like_plain_c(tmp_path: Path) -> None:
    sources = [*sorted(NATIVE.glob("isa_*.c")), NATIVE / "scan.c", HERE / "check_neon.c"]
    program = tmp_path / "check"
    warnings = ("-Wall", "-Wextra", "-Werror")
    build = (COMPILER, "-O3", *warnings, "-static", "-I", NATIVE, *sources, "-o", program)
    subprocess.run(build, check=True)  # type: ignore[arg-type]
    done = subprocess.run((EMULATOR, program), check=True, capture_output=True)  # type: ignore[arg-type]
    assert done.stdout == b"322 the same\n"
