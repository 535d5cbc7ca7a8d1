"""The picture of a training shows what its record holds, and nothing that it does not."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from caselight.metrics.bits import bit_statistics
from caselight.train.curves import BIT_PANELS, draw_curves, write_curves
from caselight.train.panels import apart

STATISTICS = bit_statistics(np.eye(4, dtype=np.bool_))


def record(n_float: int = 4, n_hash: int = 3, **more: Any) -> dict[str, Any]:
    """A run of two stages and two widths, with everything that can be drawn."""
    first = [
        {
            "stage": "float",
            "epoch": n,
            "losses": {"infonce": 3.0 / n},
            "val_recall_at_10": {"float": 0.1 * n},
            "bits": {},
            "learning_rate": 1e-3 / n,
        }
        for n in range(1, n_float + 1)
    ]
    second = [
        {
            "stage": "hash",
            "epoch": n,
            "losses": {
                f"{term}_{w}": 2.0 / n for term in ("infonce", "bit_balance") for w in (16, 32)
            },
            "val_recall_at_10": {f"bits_{w}": 0.01 * w for w in (16, 32)},
            "bits": {f"{name}_{w}": value for name, value in STATISTICS.items() for w in (16, 32)},
            "learning_rate": 1e-4 / n,
        }
        for n in range(1, n_hash + 1)
    ]
    return {"epochs": [{**epoch, **more} for epoch in (*first, *second)]}


def drawn(held: dict[str, Any]) -> dict[str, Any]:
    """Every panel by its title."""
    return {axes.get_title(loc="left"): axes for axes in draw_curves(held).axes}


def labels(axes: Any) -> set[str]:
    return {text.get_text() for text in axes.texts}


def curves(axes: Any) -> list[list[tuple[float, float]]]:
    """The points of every line; the marks between stages have no width and are left out."""
    found = [list(zip(*line.get_data(), strict=True)) for line in axes.lines]
    return [points for points in found if len({x for x, _ in points}) == len(points)]


def test_every_part_of_the_record_has_its_panel() -> None:
    panels = drawn(record())
    assert list(panels) == [
        "Loss terms, float stage (weighted)",
        "Loss terms, hash stage (weighted)",
        "Validation Recall@10, strict (share)",
        *(title for title, _ in BIT_PANELS.values()),
        "Learning rate",
    ]


def test_every_bit_statistic_has_a_panel() -> None:
    assert set(BIT_PANELS) == set(STATISTICS)


def test_the_lines_hold_the_numbers() -> None:
    panels = drawn(record())
    (loss,) = curves(panels["Loss terms, float stage (weighted)"])
    assert loss == [(n, 3.0 / n) for n in range(1, 5)]
    recall = curves(panels["Validation Recall@10, strict (share)"])
    assert recall[0] == [(n, 0.1 * n) for n in range(1, 5)]
    assert recall[1:] == [[(n, 0.01 * w) for n in (5, 6, 7)] for w in (16, 32)]
    rates = curves(panels["Learning rate"])
    assert [len(line) for line in rates] == [4, 3]


def test_terms_are_named_once_and_readings_each() -> None:
    panels = drawn(record())
    assert labels(panels["Loss terms, hash stage (weighted)"]) == {"infonce", "bit balance"}
    recall = panels["Validation Recall@10, strict (share)"]
    assert labels(recall) == {"float", "16 bits", "32 bits"}
    colours = {line.get_color() for line in recall.lines[:3]}
    assert len(colours) == 3


def test_panels_without_numbers_are_left_out() -> None:
    panels = drawn(record(val_recall_at_10={}, bits={}))
    assert len(panels) == 3
    bare = record()
    for epoch in bare["epochs"]:
        del epoch["bits"], epoch["learning_rate"]
    assert len(drawn(bare)) == 3


def test_terms_that_reach_zero_keep_a_plain_height() -> None:
    title = "Loss terms, float stage (weighted)"
    assert drawn(record())[title].get_yscale() == "log"
    panel = drawn(record(losses={"infonce": 0.0}))[title]
    assert panel.get_yscale() == "linear"
    assert panel.get_ylim() == (0, 1)


def test_one_epoch_is_seen_as_a_point() -> None:
    for axes in drawn(record(1, 1)).values():
        lines = [line for line in axes.lines if len(line.get_xdata()) == 1]
        assert lines
        assert all(line.get_marker() == "o" for line in lines)


def test_a_record_without_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing is drawn"):
        draw_curves({"epochs": []})


def test_the_file_is_the_same_each_time_and_alone(tmp_path: Path) -> None:
    held = record(bits={})
    for _ in range(2):
        write_curves(held, tmp_path / "curves.png")
        assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]
    write_curves(held, tmp_path / "again.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > picture.height > 300
    one, other = (tmp_path / name for name in ("curves.png", "again.png"))
    assert one.read_bytes() == other.read_bytes()


def test_no_window_system_and_no_global_figure_are_touched(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from caselight.train.curves import write_curves
assert "matplotlib" not in sys.modules
epoch = dict(stage="float", epoch=1, losses=dict(infonce=1.0), val_recall_at_10={{}})
write_curves(dict(epochs=[epoch]), Path({str(tmp_path / "a.png")!r}))
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_labels_never_cover_each_other_and_keep_their_order(wanted: list[float]) -> None:
    placed = apart([(share, str(n)) for n, share in enumerate(wanted)])
    heights = [share for share, _ in placed]
    assert all(b - a > 0.07 for a, b in itertools.pairwise(heights))
    assert max(heights) <= 1.0 + 1e-9
    order = [wanted[int(label)] for _, label in placed]
    assert all(a <= b + 1e-3 for a, b in itertools.pairwise(order))
