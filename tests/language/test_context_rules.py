import pytest

from caselight.errors import LanguageError
from caselight.language.context import read_context
from caselight.language.context_rules import our_context_rules, read_context_rules

HEADER = "cue\tkind\tdirection\treach\n"


def test_a_cue_is_spelled_out() -> None:
    rules = read_context_rules(
        HEADER + "no [clear|sure] sign of\tabsent\tforward\tsentence", name="t"
    )
    for words, end in ((["no", "sign", "of"], 3), (["no", "clear", "sign", "of", "x"], 4)):
        assert rules.match(words, 0, len(words))[0] == end
    assert rules.match(["no", "clear"], 0, 2) == (0, ())


def test_the_longest_cue_wins_and_a_gap_takes_one_word() -> None:
    table = HEADER + "no\tabsent\tforward\tsentence\nno _ change\tnothing\t-\t-"
    rules = read_context_rules(table, name="t")
    end, matched = rules.match(["no", "great", "change"], 0, 3)
    assert (end, [rule.kind for rule in matched]) == (3, ["nothing"])
    assert rules.match(["no", "change"], 0, 2)[0] == 1


def test_a_site_brings_its_own_rows() -> None:
    rules = read_context_rules(HEADER + "kein\tabsent\tforward\tsentence\n# a note", name="t")
    (said,) = read_context("Kein Erguss", [(5, 11)], rules)
    assert said.certainty == "absent"
    (said,) = read_context("No Erguss", [(3, 9)], rules)
    assert said.certainty == "present"


def test_our_rows_are_read_once() -> None:
    assert our_context_rules() is our_context_rules()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("no\tabsent\tforward", "has 3 columns"),
        ("no\tgone\tforward\tsentence", "kind 'gone'"),
        ("no\tabsent\tupward\tsentence", "goes 'upward'"),
        ("no\tabsent\t-\tsentence", "is absent and goes '-'"),
        ("no\tnothing\tforward\tsentence", "is nothing and goes 'forward'"),
        ("no\tabsent\tforward\tpage", "reaches 'page'"),
        ("no\tabsent\tforward\t0", "reaches '0'"),
        ("no\tend\t-\tabsent,gone", "ends 'absent,gone'"),
        ("No\tabsent\tforward\tsentence", "has the word 'No'"),
        ("no||not\tabsent\tforward\tsentence", "has the word 'no||not'"),
        ("[no\tabsent\tforward\tsentence", "has the word '[no'"),
        ("[no]\tabsent\tforward\tsentence", "may be no word at all"),
        ("\tabsent\tforward\tsentence", "has 0 spellings"),
        (" ".join(["a|b|c|d|e|f|g|h"] * 5) + "\tabsent\tforward\tsentence", "32768 spellings"),
    ],
)
def test_a_bad_row_is_named_by_its_line(row: str, said: str) -> None:
    with pytest.raises(LanguageError) as caught:
        read_context_rules(HEADER + "# a note\n" + row, name="site.tsv")
    assert caught.value.code == "language.bad_rules"
    assert "line 3 of site.tsv" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("table", "said"), [("", "has no rows"), (HEADER, "has no rows"), ("a\tb\n", "other columns")]
)
def test_a_table_without_rows_or_header_is_refused(table: str, said: str) -> None:
    with pytest.raises(LanguageError, match=said):
        read_context_rules(table, name="site.tsv")
