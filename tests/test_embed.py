"""What is embedded, in which order, and that it is what a search would compare."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from caselight import Home
from caselight.codes import hamming
from caselight.errors import DataError, ModelError, QueryRefused, UsageError
from caselight.index.manifest import IMAGE, read_index
from caselight.loose import embed_files
from tests.homes import archive, done, held, picture, save, trained, trained_copy


@pytest.fixture
def home() -> Iterator[Home]:
    with Home(trained()[1], device="cpu") as opened:
        yield opened


def test_a_home_is_embedded_as_its_index_holds_it(home: Home) -> None:
    found = home.embed().embedded
    index = read_index(
        home.path, store=home._open_store().generation, seal=home.log().files.verifier()
    )
    vectors = index.items.vectors(np.arange(len(index.items)))
    assert len(found) == len(vectors)
    studies = dict(home._open_store().studies())
    ours = {
        (row.kind, row.study, row.image): (mean.tobytes(), code.tobytes())
        for row, mean, code in zip(
            found.rows, found.embeddings.mean, found.codes.packed, strict=True
        )
    }
    n = len(vectors)
    for row in range(n):
        study = studies[int(index.rows.study[row])]
        image = study.images[int(index.rows.position[row])]
        kind = "image" if index.rows.kind[row] == IMAGE else "report"
        mean, _ = ours.pop((kind, study.study_uid, image.image_uid))
        assert np.allclose(np.frombuffer(mean, np.float32), vectors[row], atol=1e-3)
    assert not ours


def test_a_kind_that_is_none_is_refused(home: Home) -> None:
    with pytest.raises(UsageError):
        home.embed(kinds=("image", "reports"))  # type: ignore[arg-type]


def test_rows_say_what_they_are_and_hold_no_patient(home: Home) -> None:
    found = home.embed().embedded
    studies = held(home.path)
    assert [row.kind for row in found.rows] == sorted(row.kind for row in found.rows)
    for row in found.rows:
        assert row.study is not None
        study = studies[row.study]
        assert row.split == study.split
        image = next(image for image in study.images if image.image_uid == row.image)
        assert row.kind == "report" or row.digest == image.digest
    said = repr(found.rows)
    assert "mrn-" not in said
    assert not any(study.patient_key in said for study in studies.values())
    assert np.allclose(np.linalg.norm(found.embeddings.mean, axis=1), 1, atol=1e-5)


def test_the_order_is_that_of_the_ids_and_not_of_the_ingest(tmp_path: Path) -> None:
    source, home = trained()
    turned = tmp_path / "turned"
    shutil.copytree(source, turned)
    lines = (source / "records.jsonl").read_text().splitlines(keepends=True)
    (turned / "records.jsonl").write_text("".join(by_study(lines)[::-1]))
    done("ingest", turned, "--home", tmp_path / "home")
    with Home(home) as one, Home(tmp_path / "home") as other:
        assert [s.study_uid for s in one.studies()] != [s.study_uid for s in other.studies()]
        first = one.embed(model=home / "trained").embedded
        again = other.embed(model=home / "trained").embedded
    assert first.digest == again.digest


def by_study(lines: list[str]) -> list[str]:
    """Lines joined study by study, so that turning them keeps the images of each in order."""
    groups: dict[str, str] = {}
    for line in lines:
        key = line.split('"study_id": "')[1][:4]
        groups[key] = groups.get(key, "") + line
    return list(groups.values())


@pytest.mark.parametrize("kind", ["image", "report"])
def test_splits_filters_and_kinds_choose(home: Home, kind: str) -> None:
    assert kind in ("image", "report")
    found = home.embed(split="test", filters={"sex": "F"}, kinds=(kind,)).embedded  # type: ignore[arg-type]
    studies = held(home.path)
    wanted = {s.study_uid for s in studies.values() if s.split == "test" and s.sex == "F"}
    assert {row.study for row in found.rows} == wanted
    assert {row.kind for row in found.rows} == {kind}


def test_the_width_is_chosen(home: Home) -> None:
    assert home.embed().embedded.codes.n_bits == 64
    narrow = home.embed(n_bits=32).embedded.codes
    assert (narrow.n_bits, narrow.packed.shape[1]) == (32, 4)
    with pytest.raises(ModelError) as caught:
        home.embed(n_bits=48)
    assert caught.value.code == "model.no_such_bits"


def test_nothing_to_embed_is_refused(home: Home) -> None:
    with pytest.raises(QueryRefused) as caught:
        home.embed(filters={"site": "nowhere"})
    assert caught.value.code == "query.empty_gallery"


def test_a_loose_picture_and_its_words_are_embedded_as_in_the_home(home: Home) -> None:
    inside = home.embed().embedded
    path = trained()[0] / "images" / "003-PA.png"
    study = held(home.path)["s003"]
    words = f"{study.sections['findings']} {study.sections['impression']}"
    receipt = home.embed_files(images=[path], texts=[words, ("mine", words)])
    found = receipt.embedded
    assert [(r.study, r.image, r.kind, r.split) for r in found.rows] == [
        (None, "003-PA.png", "image", None),
        ("1", None, "report", None),
        ("mine", None, "report", None),
    ]
    assert found.store is None
    for place, row in enumerate(found.rows):
        twin = next(i for i, r in enumerate(inside.rows) if r.digest == row.digest)
        assert np.allclose(found.embeddings.mean[place], inside.embeddings.mean[twin], atol=1e-5)
    assert hamming(found.codes, found.codes)[1, 2] == 0


def test_a_model_alone_embeds_without_a_home(tmp_path: Path) -> None:
    model = trained()[1] / "trained"
    path = save(tmp_path / "x.png", picture(5))
    alone = embed_files(model, images=[path], device="cpu").embedded
    with Home(trained()[1]) as home:
        assert home.embed_files(images=[path]).embedded.digest == alone.digest
    assert list(tmp_path.iterdir()) == [path]


def test_a_loose_picture_changes_nothing_in_the_home(home: Home, tmp_path: Path) -> None:
    before = home.digest()
    home.embed_files(images=[save(tmp_path / "x.png", picture(5))])
    assert home.digest() == before


def test_pictures_that_cannot_be_read_are_told_and_the_rest_goes_on(
    home: Home, tmp_path: Path
) -> None:
    save(tmp_path / "b.png", picture(5))
    (tmp_path / "a.png").write_bytes(b"")
    receipt = home.embed_files(images=[tmp_path])
    assert [row.image for row in receipt.embedded.rows] == ["b.png"]
    assert [(one.file, one.code) for one in receipt.rejected] == [("a.png", "data.empty_file")]
    assert str(tmp_path) not in receipt.rejected[0].reason


def test_one_picture_that_cannot_be_read_is_refused_for_its_reason(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        home.embed_files(images=[tmp_path / "a.png"])
    assert caught.value.code == "data.empty_file"
    assert "a.png" in str(caught.value)


def test_naming_nothing_is_a_usage_error(home: Home) -> None:
    with pytest.raises(UsageError):
        home.embed_files()


def test_a_long_text_is_cut_with_a_note(home: Home) -> None:
    receipt = home.embed_files(texts=["word " * 3000])
    limit = home._open_engine(home._load(None).config).text_tower.max_tokens
    assert receipt.notes == (f"texts longer than {limit} tokens, cut: 1",)


def test_the_slices_of_a_series_become_one_row(home: Home, tmp_path: Path) -> None:
    for n in range(5):
        slice_file(tmp_path / f"{n}.dcm", n)
    found = home.embed_files(images=[tmp_path]).embedded
    assert len(found) == 1
    assert found.rows[0].image is not None


def slice_file(path: Path, number: int) -> None:
    """One MR slice of a made-up series."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    slice_ = Dataset()
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.SOPClassUID = slice_.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    uid = f"1.2.3.{number + 1}"
    slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = uid
    slice_.StudyInstanceUID, slice_.SeriesInstanceUID = "1.2.4", "1.2.5"
    slice_.PatientID, slice_.Modality = "P", "MR"
    slice_.InstanceNumber = number + 1
    slice_.ImagePositionPatient = [0, 0, 5 * number]
    slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    slice_.PixelSpacing = [1, 1]
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = 8, 8, 7
    slice_.PixelRepresentation = 0
    pixels = np.asarray(picture(number), dtype=np.uint8)
    slice_.Rows, slice_.Columns = pixels.shape
    slice_.PixelData = pixels.tobytes()
    slice_.save_as(path, enforce_file_format=True)


def test_a_home_without_an_index_uses_its_trained_model(tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    with Home(home) as opened:
        before = opened.embed().embedded.digest
    shutil.rmtree(home / "index")
    with Home(home) as opened:
        assert opened.embed().embedded.digest == before
    shutil.rmtree(home / "trained")
    with Home(home) as opened, pytest.raises(ModelError) as caught:
        opened.embed()
    assert caught.value.code == "model.not_found"


def test_where_nothing_could_be_written_nothing_is_computed(home: Home, tmp_path: Path) -> None:
    (tmp_path / "e.npz").write_text("mine")
    with pytest.raises(DataError) as caught:
        home.embed(tmp_path / "e.npz", model=tmp_path / "no model is looked for")
    assert caught.value.code == "data.not_empty"
    with pytest.raises(UsageError):
        home.embed(tmp_path / "e.csv", model=tmp_path / "no model is looked for")


def test_embedding_is_told_as_it_goes_on(tmp_path: Path) -> None:
    source = archive(tmp_path / "archive", n_studies=4)
    told: list[tuple[str, int, int]] = []
    model = trained()[1] / "trained"
    embed_files(
        model, images=[source / "images"], texts=["a", "b"], progress=lambda *one: told.append(one)
    )
    assert ("encoding pictures", 5, 5) in told
    assert ("encoding texts", 2, 2) in told
