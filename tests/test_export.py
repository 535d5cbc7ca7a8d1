"""An answer as a folder: complete, self-contained, escaped, and no more than the answer."""

import base64
import csv
import html
import json
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from caselight import Home, Query
from caselight.errors import DataError, StoreError
from caselight.export import read_result
from caselight.wire import result_json
from tests.homes import contents, done, held, picture, save, trained, trained_copy, write_records

NASTY = "<script>alert(1)</script> \" ' & </p><img src=x onerror=alert(1)> \x07"
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "h1", "h2"),
    *("p", "ol", "li", "div", "img", "span", "dl", "dt", "dd", "a", "code", "br"),
}


class Page(HTMLParser):
    """Every tag of a page with its attributes, and the text between."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with Home(trained()[1], device="cpu") as opened:
        yield opened


@pytest.fixture(scope="module")
def answer(home: Home) -> dict[str, Any]:
    return result_json(home.search(Query(text="amber", k=4)))


def page(folder: Path) -> Page:
    return Page((folder / "index.html").read_text("utf-8"))


def test_the_folder_holds_all_that_is_promised(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    receipt = home.export(answer, tmp_path / "sheet")
    assert (receipt.n_hits, receipt.n_pictures) == (4, 0)
    small = [f"thumbnails/{n:03d}.png" for n in (1, 2, 3, 4)]
    names = {"README.txt", "hits.csv", "hits.json", "index.html", *small}
    assert set(contents(tmp_path / "sheet")) == names
    assert stat.S_IMODE((tmp_path / "sheet").stat().st_mode) == 0o700
    readme = (tmp_path / "sheet" / "README.txt").read_text()
    for said in (answer["model"], answer["index"], "not for diagnosis"):
        assert said in readme
        assert said in page(tmp_path / "sheet").text


def test_thumbnails_and_pictures_are_those_of_the_hits(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    assert home.export(answer, tmp_path / "sheet", full=True).n_pictures == 4
    studies = held(home.path)
    shown = page(tmp_path / "sheet").all("img")
    for place, hit in enumerate(answer["hits"], start=1):
        image = next(i for i in studies[hit["study"]].images if i.image_uid == hit["image"])
        small = (tmp_path / "sheet" / "thumbnails" / f"{place:03d}.png").read_bytes()
        assert small == home.thumbnail(image).read_bytes()
        source = shown[place - 1]["src"] or ""
        assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == small
        with Image.open(tmp_path / "sheet" / "pictures" / f"{place:03d}.png") as full:
            assert np.array_equal(np.asarray(full), home.pixels(image))
    links = [one["href"] for one in page(tmp_path / "sheet").all("a")]
    assert links == [f"pictures/{n:03d}.png" for n in (1, 2, 3, 4)]


def test_the_page_needs_nothing_and_runs_nothing(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    home.export(answer, tmp_path / "sheet", full=True)
    found = page(tmp_path / "sheet")
    assert {tag for tag, _ in found.tags} <= ALLOWED
    assert all((one["src"] or "").startswith("data:image/png;base64,") for one in found.all("img"))
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    policy = next(m["content"] for m in found.all("meta") if "http-equiv" in m)
    assert "default-src 'none'" in (policy or "")
    text = (tmp_path / "sheet" / "index.html").read_text("utf-8")
    assert "@import" not in text
    assert "http://" not in text.replace("http-equiv", "")


def test_whoever_cannot_see_the_films_is_told_which_they_are(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    home.export(answer, tmp_path / "sheet")
    found = page(tmp_path / "sheet")
    assert found.all("html") == [{"lang": "en"}]
    for hit, image in zip(answer["hits"], found.all("img"), strict=True):
        alt = image["alt"] or ""
        assert f"Hit {hit['rank']}:" in alt
        assert hit["study"] in alt
    assert len({image["alt"] for image in found.all("img")}) == 4
    assert len(found.all("h1")) == 1
    assert len(found.all("h2")) == 4


def test_the_table_and_the_answer_are_whole_and_name_no_place(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    home.export(answer, tmp_path / "sheet")
    with (tmp_path / "sheet" / "hits.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    said = json.loads((tmp_path / "sheet" / "hits.json").read_text("utf-8"))
    assert [row["study"] for row in rows] == [hit["study"] for hit in answer["hits"]]
    for row, hit, before in zip(rows, said["hits"], answer["hits"], strict=True):
        assert row["text"] == hit["text"] == before["text"]
        assert row["thumbnail"] == hit["thumbnail"]
        assert {**hit, "thumbnail": 0, "picture": 0} == {**before, "thumbnail": 0, "picture": 0}
    for name in ("index.html", "hits.csv", "hits.json", "README.txt"):
        assert str(home.path) not in (tmp_path / "sheet" / name).read_text("utf-8")


def test_the_query_is_shown_without_its_patient_and_its_path(home: Home, tmp_path: Path) -> None:
    path = save(tmp_path / "deep" / "film.png", picture(5))
    query = Query(image=path, like=("s004",), patient={"age": "63"}, filters={"sex": "F"}, k=2)
    home.export(home.search(query), tmp_path / "sheet")
    (heading,) = re.findall("<h1>(.*?)</h1>", (tmp_path / "sheet" / "index.html").read_text())
    assert html.unescape(heading) == "2 hits for a picture and like s004 with sex=F"
    asked = json.loads((tmp_path / "sheet" / "hits.json").read_text())["query"]
    assert asked["image"] == "film.png"
    assert "patient" not in asked


def test_the_same_answer_makes_the_same_bytes(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        home.export(answer, tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_report_without_a_picture_is_shown_without_one(tmp_path: Path) -> None:
    place = trained_copy(tmp_path)
    write_records(tmp_path / "more", [{"study_id": "words", "impression": "Heath."}])
    done("ingest", tmp_path / "more", "--home", place)
    with Home(place) as opened:
        opened.build_index()
        answer = opened.search(Query(text="heath", filters={"study": "words"}))
        receipt = opened.export(answer, tmp_path / "sheet", full=True)
    assert (receipt.n_hits, receipt.n_pictures) == (1, 0)
    found = page(tmp_path / "sheet")
    assert not found.all("img")
    assert "no picture" in found.text
    assert "Heath." in found.text


# -- words that want to be more ----------------------------------------------------------------


def nasty(answer: dict[str, Any]) -> dict[str, Any]:
    hits = [{**hit, "text": NASTY} for hit in answer["hits"]]
    query = {**answer["query"], "text": NASTY, "filters": {"site": NASTY}}
    return {**answer, "hits": hits, "query": query, "notes": [NASTY]}


def test_markup_in_words_is_words(home: Home, answer: dict[str, Any], tmp_path: Path) -> None:
    home.export(nasty(answer), tmp_path / "sheet")
    found = page(tmp_path / "sheet")
    assert {tag for tag, _ in found.tags} <= ALLOWED
    assert len(found.all("img")) == 4
    assert (
        found.text.count("<script>alert(1)</script>") == 2 + 2 + 1 + 4
    )  # title, heading, note, hits
    assert "\x07" not in found.text


def test_markup_in_ids_is_words(tmp_path: Path) -> None:
    place = trained_copy(tmp_path)
    save(tmp_path / "more" / "x.png", picture(77))
    row = {"image": "x.png", "study_id": '"><b>bold</b>', "view": "'<i>", "impression": "Heath."}
    write_records(tmp_path / "more", [row])
    done("ingest", tmp_path / "more", "--home", place)
    with Home(place) as opened:
        opened.build_index()
        opened.export(
            opened.search(Query(text="heath", filters={"study": row["study_id"]})),
            tmp_path / "sheet",
        )
    found = page(tmp_path / "sheet")
    assert {tag for tag, _ in found.tags} <= ALLOWED
    assert row["study_id"] in found.text


@pytest.mark.parametrize("words", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_in_words_is_words_to_a_spreadsheet(
    home: Home, answer: dict[str, Any], tmp_path: Path, words: str
) -> None:
    hits = [{**answer["hits"][0], "text": words}]
    home.export({**answer, "hits": hits}, tmp_path / "sheet")
    with (tmp_path / "sheet" / "hits.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["text"] == f"'{words}"
    said = json.loads((tmp_path / "sheet" / "hits.json").read_text("utf-8"))
    assert said["hits"][0]["text"] == words


# -- what is refused ---------------------------------------------------------------------------


def test_a_formula_in_a_name_is_a_name_to_a_spreadsheet(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    home.export(changed(answer, **{"=1+1": "x", "parts": {"+1": 2}}), tmp_path / "sheet")
    head = (tmp_path / "sheet" / "hits.csv").read_text("utf-8-sig").splitlines()[0].split(",")
    assert "'=1+1" in head
    assert not {name[:1] for name in head} & set("=+-@")


def changed(answer: dict[str, Any], **hit: object) -> dict[str, Any]:
    return {**answer, "hits": [{**answer["hits"][0], **hit}]}


@pytest.mark.parametrize(
    "change",
    [
        {"study": None},
        {"study": 7},
        {"rank": "1"},
        {"rank": True},
        {"score": "high"},
        {"text": ["words"]},
        {"text": "\ud800"},
        {"matched": None},
        {"score": float("nan")},
        {"score": float("inf")},
        {"score": 10**400},
    ],
)
def test_what_no_search_answers_is_refused(
    home: Home, answer: dict[str, Any], tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(DataError) as caught:
        home.export(changed(answer, **change), tmp_path / "sheet")
    assert caught.value.code == "data.bad_row"
    assert not (tmp_path / "sheet").exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"version": 1}', '{"hits": []}', pytest.param("[" * 200_000, id="deep")],
)
def test_json_that_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(DataError) as caught:
        read_result(text)
    assert caught.value.code == "data.bad_row"


def test_an_answer_may_be_read_again(answer: dict[str, Any]) -> None:
    assert read_result(json.dumps(answer)) == answer
    assert read_result("\ufeff" + json.dumps(answer)) == answer, "as some shells write it"
    with pytest.raises(DataError):
        read_result(json.dumps({**answer, "query": [{"patient": {"age": "63"}}]}))
    for missing in ("hits", "notes", "model", "index", "version"):
        with pytest.raises(DataError):
            read_result(json.dumps({k: v for k, v in answer.items() if k != missing}))


@pytest.mark.parametrize("hit", [{"study": "none"}, {"image": "none.png"}])
def test_hits_of_another_home_are_refused(
    home: Home, answer: dict[str, Any], tmp_path: Path, hit: dict[str, object]
) -> None:
    with pytest.raises(DataError) as caught:
        home.export(changed(answer, **hit), tmp_path / "sheet")
    assert caught.value.code == "data.not_found"
    assert not (tmp_path / "sheet").exists()


def test_a_thumbnails_path_in_an_answer_is_not_followed(
    home: Home, answer: dict[str, Any], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"not to be copied")
    home.export(changed(answer, thumbnail=str(secret)), tmp_path / "sheet")
    assert (tmp_path / "sheet" / "thumbnails" / "001.png").read_bytes() != secret.read_bytes()


def test_a_lost_picture_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    place = trained_copy(tmp_path)
    with Home(place) as opened:
        answer = opened.search(Query(text="amber", k=2))
        shutil.rmtree(place / "thumbnails")
        with pytest.raises(StoreError) as caught:
            opened.export(answer, tmp_path / "sheet")
    assert caught.value.code == "store.damaged"
    assert not (tmp_path / "sheet").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_nothing_is_overwritten(home: Home, answer: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "sheet").mkdir()
    (tmp_path / "sheet" / "mine.txt").write_text("mine")
    with pytest.raises(DataError) as caught:
        home.export(answer, tmp_path / "sheet")
    assert caught.value.code == "data.not_empty"
    assert set(contents(tmp_path / "sheet")) == {"mine.txt"}


# -- a real browser ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_browser_shows_the_films(home: Home, answer: dict[str, Any], tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium on PATH to draw the sheet with")
    home.export(nasty(answer), tmp_path / "sheet")
    base = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000"]
    base.append(f"--user-data-dir={tmp_path / 'profile'}")
    url = (tmp_path / "sheet" / "index.html").as_uri()
    drawn = tmp_path / "drawn.png"
    for options in ((f"--screenshot={drawn}", "--window-size=1200,900"), ()):
        command = [*base, *(options or ("--dump-dom",)), url]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "<script" not in ran.stdout
    assert ran.stdout.count("<img") == 4
    with Image.open(drawn) as shot:
        pixels = np.asarray(shot.convert("L"))
    # The films are drawn: the page has their deep greys, which no text on white has so much of.
    greys = ((pixels > 40) & (pixels < 220)).mean()
    assert greys > 0.02
