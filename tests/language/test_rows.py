"""Rows: what is read, what is written, and what is refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.errors import LanguageError
from caselight.language.nouns import Concept
from caselight.language.rows import COLUMNS, read_rows, write_rows
from tests.language.rows import HEADER, write

letters = st.text("abcdéxyz -+/'019", min_size=1, max_size=20).filter(
    lambda text: any(c.isalnum() for c in text) and text == " ".join(text.split())
)
keys = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
concepts = st.builds(
    Concept,
    key=keys,
    name=letters,
    category=st.sampled_from(["finding", "anatomy", "view"]),
    specialty=st.sampled_from(["general", "ophthalmology"]),
    is_a=st.lists(keys, max_size=2).map(tuple),
    synonyms=st.lists(letters, max_size=3).map(tuple),
    abbreviations=st.lists(letters, max_size=2).map(tuple),
    sided=st.booleans(),
    sex=st.sampled_from(["F", "M", None]),
    radlex=st.sampled_from(["RID1301", None]),
    ids=st.sampled_from([(), ("snomed:1", "umls:C1")]),
)


@given(st.lists(concepts, min_size=1, max_size=4))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, made: list[Concept]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "own.tsv"
    path.write_text("".join(write_rows(made)), "utf-8")
    assert [row.concept for row in read_rows(path)] == made


def test_comments_and_empty_lines_are_skipped_and_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_text("# mine\n\nkey\tname\tcategory\n# more\nmass\tmass\tfinding\n", "utf-8")
    (row,) = read_rows(path)
    assert row.where == "own.tsv, line 5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "own.tsv is empty"),
        ("a,b,c\n", "own.tsv, line 1 has the unknown column 'a,b,c'"),
        ("key\tname\n", "own.tsv, line 1 has a missing or doubled column"),
        ("key\tname\tcategory\tkey\n", "own.tsv, line 1 has a missing or doubled column"),
        ("key\tname\tcategory\nmass\tmass\n", "own.tsv, line 2 has 2 cells, expected the 3"),
        ("key\tname\tcategory\nmass\tmass\ttumor\n", "has the category 'tumor'; write one of"),
        ("key\tname\tcategory\nBig Mass\tmass\tfinding\n", "has the key 'Big Mass'"),
        ("key\tname\tcategory\nmass\t--\tfinding\n", "line 2 has no name"),
        ("key\tname\tcategory\tsex\nmass\tmass\tfinding\tX\n", "has the sex 'X'"),
        ("key\tname\tcategory\tradlex\nm\tm\tfinding\t1301\n", "has the radlex '1301'"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "own.tsv"
    path.write_text(text, "utf-8")
    with pytest.raises(LanguageError, match=said) as refusal:
        list(read_rows(path))
    assert refusal.value.code == "language.bad_lexicon"


def test_a_file_that_is_no_text_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_bytes(b"key\tname\tcategory\n\xff\xfe")
    with pytest.raises(LanguageError, match="not UTF-8"):
        list(read_rows(path))
    with pytest.raises(LanguageError, match="cannot be read"):
        list(read_rows(tmp_path / "none.tsv"))


def test_the_columns_are_the_fields_of_a_concept() -> None:
    assert set(COLUMNS) == set(Concept.__dataclass_fields__)
    assert set(HEADER.split("\t")) < set(COLUMNS)


def test_short_rows_are_filled(tmp_path: Path) -> None:
    (row,) = read_rows(write(tmp_path / "own.tsv", "mass|mass|finding"))
    assert row.concept == Concept(key="mass", name="mass", category="finding")
