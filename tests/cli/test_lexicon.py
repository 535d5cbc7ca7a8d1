"""caselight lexicon: terms shown, rows checked, terminologies imported."""

from pathlib import Path

from tests.homes import done, door
from tests.language import terminologies
from tests.language.rows import write


def test_a_term_is_shown_with_what_is_around_it() -> None:
    said = done("lexicon", "show", "pleural effusions").out
    assert said.startswith("pleural effusion: finding, radiology (pleural-effusion)\n")
    for line in (
        "  ids: RID34539",
        "  is a kind of: effusion",
        "  is found in: pleura",
        "    empyema",
        "    hydropneumothorax",
    ):
        assert line in said.splitlines()
    assert " + " not in said


def test_all_meanings_of_an_abbreviation_are_shown() -> None:
    found = done("lexicon", "show", "PE", "--json").json
    assert [one["key"] for one in found["concepts"]] == [
        "pulmonary-embolism",
        "pericardial-effusion",
    ]
    assert found["concepts"][0]["broader"] == {"embolism": 1}
    lung = done("lexicon", "show", "lung", "--json").json["concepts"][0]
    assert lung["parts"]["right-middle-lobe"] > 0
    assert "pneumonia" in lung["found_here"]


def test_an_unknown_term_is_refused_without_its_words() -> None:
    answer = door("lexicon", "show", "pnuemonea of John Doe")
    assert answer.refusal[0] == "language.unknown_term"
    assert "Doe" not in answer.refusal[1]
    assert "'pneumonia'" in door("lexicon", "show", "pnuemonea").refusal[1]


def test_own_rows_are_checked_and_their_faults_named(tmp_path: Path) -> None:
    good = write(
        tmp_path / "own.tsv", "zebra-sign|zebra sign|finding|||lung", "goiter|struma|finding"
    )
    said = done("lexicon", "check", good).out
    assert "1 added, 1 replaced, no fault found" in said
    assert "added: zebra-sign" in said
    assert done("lexicon", "check", good, "--json").json["replaced"] == ["goiter"]
    bad = write(tmp_path / "bad.tsv", "zebra-sign|zebra sign|finding|||moon")
    code, sentence = door("lexicon", "check", bad).refusal
    assert code == "language.bad_lexicon"
    assert sentence.startswith("bad.tsv, line 2 names 'moon' in site")


def test_a_settings_file_names_rows_beside_itself(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    own = write(folder / "own.tsv", "zebra-sign|zebra sign|finding|||lung")
    config = folder / "site.toml"
    config.write_text('[language]\nlexicons = ["own.tsv"]\n', "utf-8")
    assert done("lexicon", "show", "zebra sign", "--config", config).out.startswith("zebra sign: ")
    named = f'language.lexicons=["{own}"]'
    assert done("lexicon", "show", "zebra sign", "--set", named).out.startswith("zebra sign: ")
    assert door("lexicon", "show", "zebra sign").refusal[0] == "language.unknown_term"
    config.write_text('[language]\nlexicons = "own.tsv"\n', "utf-8")
    answer = door("lexicon", "show", "zebra sign", "--config", config)
    assert answer.refusal[0] == "config.out_of_range"


def test_a_terminology_becomes_rows_that_check(tmp_path: Path) -> None:
    made = tmp_path / "snomed.tsv"
    release = terminologies.snomed(tmp_path / "release")
    said = done("lexicon", "import", release, "--from", "snomed", "--out", made).out
    assert (
        said
        == "4 rows written, 1 of them ours with new names and ids; left out: 1 names, 1 links\n"
    )
    checked = done("lexicon", "check", made, "--json").json
    assert checked["replaced"] == ["pneumothorax"]
    assert checked["added"] == ["snomed-102", "snomed-103", "snomed-105"]
    again = door("lexicon", "import", release, "--from", "snomed", "--out", made)
    assert again.refusal[0] == "data.not_empty"


def test_a_terminology_of_the_wrong_format_leaves_nothing(tmp_path: Path) -> None:
    made = tmp_path / "rows.tsv"
    answer = door("lexicon", "import", tmp_path, "--from", "umls", "--out", made)
    assert answer.refusal[0] == "language.bad_terminology"
    assert not made.exists()
