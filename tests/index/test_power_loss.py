"""Whatever a loss of power leaves is the index before a change or after it, and goes on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from caselight.index.canaries import settle
from caselight.index.manifest import current_folder, make_current, open_index, read_snapshot
from caselight.index.verify import verify_index
from caselight.index.writer import IndexWriter
from tests.index.crashing_disk import Disk
from tests.index.sealed import SEAL, filled, new_index, some


def change(writer: IndexWriter, rng: np.random.Generator) -> None:
    writer.change(remove=writer.snapshot.row[:2], **some(rng, 40))


def remove(writer: IndexWriter, rng: np.random.Generator) -> None:
    writer.change(remove=rng.choice(writer.snapshot.row, 5, replace=False))


def fold(writer: IndexWriter, _: np.random.Generator) -> None:
    writer.fold()


def compact(writer: IndexWriter, _: np.random.Generator) -> None:
    writer.compact()


def settled(writer: IndexWriter, _: np.random.Generator) -> None:
    settle(writer, store="s:2")


def behind(writer: IndexWriter, rng: np.random.Generator) -> None:
    """Compact while a change comes in."""
    writer.fold()
    writer.compact_in_background()
    change(writer, rng)
    writer.wait()


Step = Callable[[IndexWriter, np.random.Generator], None]
STEPS: list[Step] = [change, fold, remove, settled, change, compact, behind, remove, compact]


@pytest.mark.parametrize("seed", range(3))
def test_what_a_loss_of_power_leaves_is_the_index_before_or_after(
    tmp_path: Path, seed: int
) -> None:
    folder = filled(tmp_path / "index")
    rng = np.random.default_rng(seed)
    disk = Disk(folder, rng, per_call=1)
    n_images = 0
    with IndexWriter(folder, seal=SEAL) as writer:
        for step in STEPS:
            before = writer.snapshot.row.tolist()
            disk.images.clear()
            with disk.watching():
                step(writer, rng)
            after = writer.snapshot.row.tolist()
            assert disk.images
            for image in disk.images:
                n_images += 1
                left = tmp_path / f"left-{n_images}"
                disk.restore(image, left)
                found = read_snapshot(left, seal=SEAL, whole=True)[1].row.tolist()
                # The last image is of when the change had been acknowledged.
                assert found == after or (found == before and image is not disk.images[-1])
                if n_images % 7 == 0:
                    with IndexWriter(left, seal=SEAL) as again:
                        rows = again.change(**some(rng, 3)).tolist()
                        assert again.snapshot.row.tolist() == found + rows
                    assert verify_index(left, seal=SEAL).ok
    assert n_images > 100


@pytest.mark.parametrize("seed", range(2))
def test_a_new_index_answers_whole_or_the_old_one_does(tmp_path: Path, seed: int) -> None:
    home = tmp_path / "home"
    filled(home / "index" / "abc-32-1")
    make_current(home / "index" / "abc-32-1")
    old = open_index(current_folder(home), seal=SEAL).manifest
    rng = np.random.default_rng(seed)
    disk = Disk(home, rng, per_call=1)
    with disk.watching():
        folder = new_index(home / "index" / "abc-32-2")
        with IndexWriter(folder, seal=SEAL) as writer:
            writer.change(**some(rng, 30))
            settle(writer, store="s:3")
            writer.fold()
        make_current(folder)
    new = open_index(current_folder(home), seal=SEAL).manifest
    found = []
    for n, image in enumerate(disk.images):
        left = tmp_path / f"left-{n}"
        disk.restore(image, left)
        found.append(open_index(current_folder(left), seal=SEAL).manifest)
    assert set(map(repr, found)) == {repr(old), repr(new)}
    assert found[-1] == new
