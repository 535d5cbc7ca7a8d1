"""Pictures and texts that lie about."""

import json
from pathlib import Path

import pytest

from caselight.data.loose_files import loose_images, loose_texts, loose_things
from caselight.errors import DataError
from tests.homes import picture, save


def code_of(make: object, *args: object) -> str:
    assert callable(make)
    with pytest.raises(DataError) as caught:
        make(*args)
    return caught.value.code


def test_a_folder_gives_its_pictures_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/1.jpg", "c.png", ".hidden/x.png"):
        save(tmp_path / name, picture(1))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "instance").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "empty.dat").write_bytes(b"")
    found = [image.name for image in loose_images([tmp_path])]
    assert found == ["c.png", "instance", "a/1.jpg", "b/2.png"]


def test_a_file_is_taken_whatever_it_is_and_its_folder_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "notes.txt"
    path.parent.mkdir()
    path.write_text("no picture")
    (image,) = loose_images([path])
    assert (image.name, image.path) == ("notes.txt", path)


def test_a_path_without_pictures_is_refused(tmp_path: Path) -> None:
    assert code_of(loose_images, [tmp_path / "none"]) == "data.not_found"
    assert code_of(loose_images, [tmp_path]) == "data.empty_archive"


def test_one_text_a_line(tmp_path: Path) -> None:
    plain = tmp_path / "a.txt"
    plain.write_bytes("\ufeffNo effusion.\r\n\r\n  Große Raumforderung. \r\n".encode())
    assert loose_texts(plain) == (("1", "No effusion."), ("3", "Große Raumforderung."))
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"id": "x", "text": "One."}\n"Two."\n{"id": 7, "text": "Three."}\n')
    assert loose_texts(lines) == (("x", "One."), ("2", "Two."), ("7", "Three."))


def test_a_mark_that_is_no_line_end_in_json_is_none_here(tmp_path: Path) -> None:
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"id": "x", "text": "One\u2028and\u0085more."}\r\n"Two."\n', "utf-8")
    assert loose_texts(lines) == (("x", "One\u2028and\u0085more."), ("2", "Two."))


@pytest.mark.parametrize(("name", "text"), [("", "One."), ("a\0", "One."), ("\ud800", "One."),
                                            ("a", ""), ("a", " \n"), ("a", "\ud800")])  # fmt: skip
def test_what_a_file_of_embeddings_could_not_give_back_is_refused(
    tmp_path: Path, name: str, text: str
) -> None:
    assert code_of(loose_things, (), [(name, text)]) == "data.bad_row"
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": name, "text": text}))
    assert code_of(loose_texts, tmp_path / "a.jsonl") == "data.bad_row"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.txt", b" \n\n", "data.empty_file"),
        ("latin.txt", b"gro\xdf\n", "data.bad_row"),
        ("cut.jsonl", b'{"text": "One', "data.bad_row"),
        ("number.jsonl", b"7\n", "data.bad_row"),
        ("nothing.jsonl", b'{"id": "a"}\n', "data.bad_row"),
        ("blank.jsonl", b'{"text": " "}\n', "data.bad_row"),
        ("half a character.jsonl", b'{"text": "\\ud800"}\n', "data.bad_row"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert code_of(loose_texts, tmp_path / name) == code


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert code_of(loose_texts, tmp_path / "none.txt") == "data.not_found"


def test_a_refusal_repeats_no_words(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"words": "of somebody"}\n')
    with pytest.raises(DataError) as caught:
        loose_texts(tmp_path / "a.jsonl")
    assert "somebody" not in str(caught.value)
    assert "line 1" in str(caught.value)
