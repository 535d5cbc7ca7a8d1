"""`caselight index serve` as a person runs it: it answers, follows the home, and leaves nothing."""

import contextlib
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from caselight.home import Home
from tests.homes import done, process, script, trained_copy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


@contextlib.contextmanager
def serving(home: Path, *options: object) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command in a process of its own, and the lines it has printed."""
    lines: list[str] = []
    words = [script(), "index", "serve", "--home", home, *options]
    with subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(iter(running.stdout.readline, "")))
        reader.start()
        try:
            yield running, lines
        finally:
            running.send_signal(signal.SIGTERM)
            reader.join()


def until(said: Callable[[], bool], lines: list[str], *, seconds: float = 120.0) -> None:
    begin = time.monotonic()
    while not said():
        assert time.monotonic() - begin < seconds, "".join(lines)
        time.sleep(0.1)


def hits(home: Path, *options: object) -> list[tuple[str, int, float]]:
    answer = process("search", "amber", "--home", home, "--json", *options)
    assert answer.status == 0, answer.err
    assert answer.json["missing"] is None
    return [(hit["study"], hit["hamming"], hit["score"]) for hit in answer.json["hits"]]


def test_it_answers_follows_the_home_and_leaves_nothing_running(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install 'caselight[scale]'")
    home = trained_copy(tmp_path)
    with serving(home, "--shard-rows", 12, "--replicas", 2) as (running, lines):
        until(lambda: bool(re.search(r"answers at .*, 0 opening", "".join(lines))), lines)
        said = "".join(lines)
        assert "2 replicas are wanted and there are 1 machines" in said
        (address,) = set(re.findall(r"127\.0\.0\.1:\d+", said))
        assert hits(home, "--ray", address) == hits(home)
        done("erase", "--study", "s004", "--home", home, "--yes")
        with Home(home) as place:
            digest = place.verify_index().digest[:16]
        until(lambda: f"index {digest} answers" in "".join(lines), lines)
        after = hits(home, "--ray", address)
        assert after == hits(home)
        assert "s004" not in {study for study, _, _ in after}
        session = {pid for pid, words in processes() if "raylet" in words and address in words}
        assert session
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0
    assert "nothing is served any more" in "".join(lines)
    until(lambda: session.isdisjoint(pid for pid, _ in processes()), lines, seconds=30)
    refused = process("search", "amber", "--home", home, "--ray", address)
    assert "cluster.not_reachable" in refused.err


def processes() -> list[tuple[int, str]]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append((int(path.name), words))
    return found
