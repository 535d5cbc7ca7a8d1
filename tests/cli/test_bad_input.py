"""Whatever is wrong, one sentence says so: what was found, what was expected, what to do.

Every case checks the code, the exit status, that nothing but that sentence stands on the error
stream, and that the home is as it was.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.refusals import BUILD, EVALUATE, SEARCH, TRAIN, WORDS, named, refused
from tests.data import broken
from tests.homes import (
    TOY,
    contents,
    done,
    door,
    picture,
    save,
    trained,
    trained_copy,
    write_records,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that no test here may change, beside files that are wrong."""
    folder = tmp_path_factory.mktemp("bad")
    home = trained_copy(folder)
    done("train", "--home", home, "--out", folder / "other-model", *TOY, "--set", "train.seed=9")
    done(
        *("train", "--home", home, "--out", folder / "other-bits", *TOY),
        *("--set", "model.bits=[16]"),
    )
    (folder / "a-file").write_text("no home")
    (folder / "bad.toml").write_text("= 3")
    (folder / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    (folder / "unknown.toml").write_text("[train]\nepoch = 3\n")
    (folder / "flat.toml").write_text("train = 3\n")
    (folder / "an-empty-folder").mkdir()
    (folder / "words.png").write_text("this is no picture")
    broken.truncated_png(folder)
    broken.empty_file(folder)
    broken.zero_pixel_png(folder)
    broken.jpeg_named_png(folder)
    return home


QUERIES = [
    (SEARCH, "query.empty", 1, "give some words, a picture"),
    ((*SEARCH, ""), "query.empty", 1, "give some words, a picture"),
    ((*SEARCH, " \t\n"), "query.empty", 1, "give some words, a picture"),
    ((*WORDS, "--by", "both", "--image", "x.png"), "data.not_found", 1, "no file at"),
    ((*WORDS, "-k", "0"), "query.bad_k", 1, "k is 0, expected at least 1"),
    ((*WORDS, "-k", "-1"), "query.bad_k", 1, "k is -1, expected at least 1"),
    ((*WORDS, "--filter", "modality=MR"), "query.empty_gallery", 1, "drop a filter"),
    ((*WORDS, "--filter", "sexe=F"), "query.bad_filter", 1, "use one of age, date"),
    ((*WORDS, "--filter", "sex"), "query.bad_filter", 1, "expected key=value"),
    ((*WORDS, "--model", "NEAR/other-model"), "index.encoder_mismatch", 1, "index build"),
    ((*WORDS, "--model", "NEAR/other-bits"), "index.encoder_mismatch", 1, "index build"),
    ((*WORDS, "--model", "NEAR/no-model"), "model.not_found", 1, "caselight train"),
    ((*WORDS, "--model", "NEAR/an-empty-folder"), "model.not_found", 1, "caselight train"),
    ((*WORDS, "--model", "NEAR/a-file"), "model.weights_mismatch", 1, "no safetensors file"),
]
PICTURES = [
    ("NEAR/an-empty-folder", "data.not_found", "no file at"),
    ("NEAR/none.png", "data.not_found", "correct the path"),
    ("NEAR/a-file", "data.not_an_image", "convert it to .png"),
    ("NEAR/words.png", "data.not_an_image", "neither PNG nor JPEG nor DICOM"),
    ("NEAR/empty.png", "data.empty_file", "copy it again"),
    ("NEAR/truncated.png", "data.truncated", "copy it again"),
    ("NEAR/zero.png", "data.zero_pixels", "export it again"),
    ("NEAR/jpeg.png", "data.mislabelled", "rename it to end in .jpg"),
]
SETTINGS = [
    ((*TRAIN, "--set", "train.epoch=3"), "config.unknown_key", "did you mean 'train.epochs'?"),
    ((*TRAIN, "--set", "training.epochs=3"), "config.unknown_key", "did you mean 'train'?"),
    ((*WORDS, "--set", "search.shortlst=3"), "config.unknown_key", "'search.shortlist'?"),
    ((*TRAIN, "--config", "NEAR/unknown.toml"), "config.unknown_key", "'train.epochs'?"),
    ((*TRAIN, "--set", "epochs=3"), "config.unknown_key", "expected section.key=value"),
    ((*TRAIN, "--set", "train.epochs"), "config.unknown_key", "expected section.key=value"),
    ((*TRAIN, "--set", "train.epochs=0"), "config.out_of_range", "greater than or equal to 1"),
    ((*TRAIN, "--set", "train.epochs=many"), "config.out_of_range", "valid integer"),
    ((*TRAIN, "--set", "model.bits=[50]"), "config.out_of_range", "multiples of 16"),
    ((*TRAIN, "--text", "finding"), "config.out_of_range", "'findings'"),
    ((*EVALUATE, "--text", "finding"), "config.out_of_range", "'findings'"),
    ((*WORDS, "--config", "NEAR/flat.toml"), "config.out_of_range", "setting 'train' is 3"),
    ((*TRAIN, "--config", "NEAR/bad.toml"), "config.not_toml", "is not TOML"),
    ((*TRAIN, "--config", "NEAR/bytes.toml"), "config.not_toml", "is not TOML"),
    ((*TRAIN, "--config", "NEAR/none.toml"), "config.not_toml", "name an existing TOML file"),
    ((*TRAIN, "--config", "NEAR/an-empty-folder"), "config.not_toml", ""),
]
PROGRAMS = [
    ((*TRAIN, "--filter", "modality=MR"), "train.too_few_pairs", 1, "expected at least 2"),
    ((*TRAIN, "--text", "notes"), "train.too_few_pairs", 1, "check the text field"),
    ((*TRAIN, "--set", "towers.image=toys"), "model.unknown_tower", 1, "did you mean 'toy'?"),
    ((*BUILD, "--model", "NEAR/no-model"), "model.not_found", 1, "caselight train"),
    ((*EVALUATE, "--split", "tests"), "evaluate.no_such_split", 1, "['test', 'train', 'val']"),
    ((*EVALUATE, "--text", "notes"), "evaluate.no_pairs", 1, "choose another with --text"),
    ((*EVALUATE, "--filter", "modality=MR"), "evaluate.no_such_split", 1, "these filters"),
    ((*EVALUATE, "--data", "NEAR"), "usage.bad_argument", 2, "exactly one of --home and --data"),
    (("evaluate", "--model", "HOME/trained"), "usage.bad_argument", 2, "exactly one"),
    (
        ("evaluate", "--data", "NEAR/none", "--model", "HOME/trained"),
        "data.not_found",
        1,
        "name a folder or a manifest",
    ),
    (("demo-archive", "NEAR"), "data.not_empty", 1, "name a new folder"),
    (("ingest", "NEAR/none", "--home", "HOME"), "data.not_found", 1, "name a folder"),
    (("ingest", "NEAR/an-empty-folder", "--home", "HOME"), "data.empty_archive", 1, "no files"),
]


@pytest.mark.parametrize(("args", "code", "status", "says"), [*QUERIES, *PROGRAMS])
def test_a_command_that_cannot_be_done_is_refused(
    whole: Path, args: tuple[str, ...], code: str, status: int, says: str
) -> None:
    before = contents(whole.parent)
    refused(door(*named(args, whole)), code=code, status=status, says=says)
    assert contents(whole.parent) == before


@pytest.mark.parametrize(("file", "code", "says"), PICTURES)
def test_a_query_picture_that_cannot_be_read_is_refused(
    whole: Path, file: str, code: str, says: str
) -> None:
    before = contents(whole)
    answer = door(*named((*SEARCH, "--image", file), whole))
    refused(answer, code=code, status=1, says=says)
    assert contents(whole) == before


@pytest.mark.parametrize(("args", "code", "says"), SETTINGS)
def test_a_setting_that_is_none_is_a_usage_error(
    whole: Path, args: tuple[str, ...], code: str, says: str
) -> None:
    before = contents(whole)
    refused(door(*named(args, whole)), code=code, status=2, says=says)
    assert contents(whole) == before


@pytest.mark.parametrize(
    "args",
    [
        (*WORDS, "-k", "many"),
        (*WORDS, "--group", "hospital"),
        (*WORDS, "--no-such-option"),
        (*WORDS, "more", "words"),
        ("ingest", "--home", "HOME"),
        ("search", "amber"),
        ("demo-archive", "NEAR/demo", "--studies", "0"),
        ("demo-archive", "NEAR/demo", "--seed", "-1"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_a_usage_error(
    whole: Path, args: tuple[str, ...]
) -> None:
    before = contents(whole.parent)
    answer = door(*named(args, whole))
    assert answer.status == 2
    assert "Usage: caselight " in answer.err
    assert "Traceback" not in answer.err
    assert contents(whole.parent) == before


def test_sixteen_bit_pictures_are_no_bad_input(whole: Path, tmp_path: Path) -> None:
    query = broken.sixteen_bit_grey(tmp_path, picture(1).astype("u2") * 200)
    assert done("search", "--image", query, "--home", whole, "--json").json["hits"]


# -- widths ----------------------------------------------------------------------------------------


def test_a_width_that_the_model_lacks_is_refused(whole: Path) -> None:
    before = contents(whole)
    answer = door(*named((*BUILD, "--set", "search.n_bits=96"), whole))
    refused(answer, code="model.no_such_bits", status=1, says="only 32, 64")
    assert contents(whole) == before


@pytest.mark.parametrize("n_bits", [32, 96])
def test_a_width_that_the_index_lacks_is_refused(whole: Path, n_bits: int) -> None:
    answer = door(*named((*WORDS, "--set", f"search.n_bits={n_bits}"), whole))
    refused(answer, code="index.bits_mismatch", status=1, says="64-bit codes")


# -- archives --------------------------------------------------------------------------------------


def pictures(folder: Path) -> None:
    for n in range(3):
        save(folder / f"{n}.png", picture(n))


def without_columns(folder: Path) -> None:
    write_records(folder, [{"file": "0.png", "words": "Clear."}])


def texts_without_names(folder: Path) -> None:
    write_records(folder, [{"findings": "Clear."}])


def two_manifests(folder: Path) -> None:
    write_records(folder, [{"image": "0.png"}])
    (folder / "records.csv").write_text("image\n0.png\n")


def empty_manifest(folder: Path) -> None:
    write_records(folder, [])


def pictures_alone(folder: Path) -> None:
    assert any(folder.iterdir())


def lost_quote(folder: Path) -> None:
    (folder / "records.csv").write_text('image,findings\n0.png,"open\n1.png,"x" y\n')


@pytest.mark.parametrize(
    ("write", "code", "says"),
    [
        (without_columns, "data.missing_column", "--map"),
        (texts_without_names, "data.missing_column", "add study_id"),
        (two_manifests, "data.two_manifests", "pass the one to read"),
        (empty_manifest, "data.empty_file", "write it again"),
        (pictures_alone, "data.no_manifest", "write records.csv into it"),
        (lost_quote, "data.bad_row", "correct its quotes"),
    ],
)
def test_an_archive_that_makes_no_sense_is_refused_whole(
    write: Callable[[Path], None], code: str, says: str, tmp_path: Path
) -> None:
    home = trained_copy(tmp_path)
    pictures(tmp_path / "archive")
    write(tmp_path / "archive")
    before = contents(home)
    answer = door("ingest", tmp_path / "archive", "--home", home, "--json")
    refused(answer, code=code, status=1, says=says)
    assert contents(home) == before


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ("image", "write COLUMN=NAME"),
        ("imge=file", 'did you mean "image"?'),
        ("findings=report", "which the manifest lacks"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(pair: str, says: str, tmp_path: Path) -> None:
    home = trained_copy(tmp_path)
    before = contents(home)
    answer = door("ingest", trained()[0], "--home", home, "--map", pair)
    refused(answer, code="data.bad_mapping", status=1, says=says)
    assert contents(home) == before


def test_rows_that_are_wrong_are_refused_one_by_one(tmp_path: Path) -> None:
    """Duplicate ids, a climbing path and cells that hold something else; the rest goes on."""
    source, home = tmp_path / "archive", tmp_path / "home"
    pictures(source)
    save(tmp_path / "secret.png", picture(9))
    rows: list[dict[str, object]] = [
        {"image": "0.png", "study_id": "one", "patient_id": "a", "findings": "First."},
        {"image": "0.png", "study_id": "two", "findings": "The same image."},
        {"image": "../secret.png", "study_id": "three", "findings": "Climbs."},
        {"image": "/etc/hostname", "study_id": "four", "findings": "Absolute."},
        {"image": "1.png", "study_id": "five", "age": "old", "findings": "No age."},
        {"image": "2.png", "study_id": "six", "patient_id": "a"},
        {"study_id": "six", "patient_id": "b", "findings": "Another patient."},
    ]
    answer = done("ingest", write_records(source, rows), "--home", home, "--json")
    codes = [(r["file"], r["code"]) for r in answer.json["rejected"]]
    assert codes == [
        ("records.jsonl:2", "data.duplicate_image"),
        ("records.jsonl:3", "data.path_outside"),
        ("records.jsonl:4", "data.path_outside"),
        ("records.jsonl:5", "data.bad_row"),
        ("records.jsonl:6", "data.duplicate_study"),
    ]
    assert answer.json["accepted"] == 1
    for refusal in answer.json["rejected"]:
        assert "; " in refusal["reason"], "what was found; what to do"
        assert "secret" not in refusal["reason"]
