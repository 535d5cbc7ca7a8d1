"""The main job on real archives, where they are at hand."""

from pathlib import Path

import pytest

from homes import done, ingest

MEDPIX, COVID = "medpix2", "ieee8023"


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "studies", "images", "without_text"), [(MEDPIX, 602, 1850, 0), (COVID, 479, 578, 104)]
)
def test_a_real_archive_comes_in_whole(
    real_data: Path, tmp_path: Path, name: str, studies: int, images: int, without_text: int
) -> None:
    receipt = ingest(real_data / name, tmp_path / "home")
    assert receipt["accepted"] == studies
    assert receipt["rejected"] == []
    assert receipt["images"] == images
    assert receipt["images_without_text"] == without_text


@pytest.mark.slow
@pytest.mark.realdata
def test_the_defaults_reach_the_published_baseline(real_data: Path, tmp_path: Path) -> None:
    """On the validation split; the float row of docs/results is scored on the test split."""
    home = tmp_path / "home"
    ingest(real_data / MEDPIX, home)
    done("train", "--home", home, "--text", "caption", "--set", "model.bits=[128]")
    report = done(
        *("evaluate", "--home", home, "--model", home / "trained", "--split", "val", "--json")
    ).json
    found = [
        report[direction][reading]["strict"]["recall_at_10"]["value"]
        for direction in ("text_to_image", "image_to_text")
        for reading in ("float", "bits_128")
    ]
    # 184 pairs: another processor's rounding alone moves these: 0.24 on one, above 0.25 on another.
    assert min(found[0], found[2]) > 0.2, "the float row is far below what these features allow"
    assert min(found[1], found[3]) > 0.16, "128 bits lose more than binarizing should"
    assert not any("above the ceiling" in alarm for alarm in report["alarms"])
