"""Lexicons: the one that comes with Caselight, and what is refused of others."""

from dataclasses import replace
from pathlib import Path

import pytest

from caselight.errors import LanguageError
from caselight.language.lexicon import SHIPPED, Lexicon, open_lexicon, read_lexicon, shipped_lexicon
from caselight.language.phrases import PAIR
from caselight.language.words import fold, fold_phrase
from tests.language.rows import write


@pytest.fixture
def known() -> Lexicon:
    return shipped_lexicon()


def test_the_lexicon_that_comes_with_it_is_whole(known: Lexicon) -> None:
    assert len(known) >= 1000
    for specialty in ("radiology", "cardiology", "ophthalmology"):
        assert sum(one.specialty == specialty for one in known) >= 100
    for category in ("finding", "anatomy", "device", "procedure", "modality", "view"):
        assert sum(one.category == category for one in known) >= 15


def test_findings_lie_in_anatomy_and_anatomy_is_part_of_anatomy(known: Lexicon) -> None:
    for one in known:
        for place in (*one.part_of, *(one.site if one.category != "finding" else ())):
            assert known[place].category in ("anatomy", "device"), (one.key, place)
        for place in one.site:
            assert known[place].category in ("anatomy", "device"), (one.key, place)
        for kind in one.is_a:
            same = {known[kind].category, one.category}
            assert len(same) == 1 or same == {"finding", "procedure"}, (one.key, kind)


def test_every_row_has_what_a_reader_needs(known: Lexicon) -> None:
    for one in known:
        assert one.name == one.name.strip()
        assert one.key == "-".join(fold_key(one.name)), one.key
        for short in one.abbreviations:
            assert short.isalnum(), (one.key, short)
        for synonym in (name for name in one.synonyms if PAIR not in name):
            assert fold_phrase(synonym) != fold_phrase(one.name), (one.key, synonym)
    radlex = [one.radlex for one in known if one.radlex]
    assert len(radlex) == len(set(radlex))


def fold_key(name: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in name.lower()).split()


def test_sex_is_handed_down(known: Lexicon) -> None:
    for one in known:
        if one.sex is None or one.category != "anatomy":
            continue
        for key in (*known.parts(one.key), *known.found_at(one.key)):
            assert known[key].sex == one.sex, key


def test_hierarchy_is_walked_with_its_steps(known: Lexicon) -> None:
    assert known.ancestors("tension-pneumothorax") == {"pneumothorax": 1}
    assert known.ancestors("glioblastoma")["neoplasm"] == 3
    assert known.descendants("effusion")["cardiac-tamponade"] == 2
    assert {"left-upper-lobe", "lingula", "right-middle-lobe"} <= set(known.parts("lung"))
    assert "left-lung" not in known.parts("lung")
    assert {"lung", "thorax"} <= set(known.wholes("left-lower-lobe"))
    assert "pneumothorax" in known.found_at("pleura")


def test_up_and_down_are_each_others_mirror(known: Lexicon) -> None:
    for one in known:
        for up, steps in known.ancestors(one.key).items():
            assert known.descendants(up)[one.key] == steps


def test_synonyms_begin_with_the_name_and_hold_no_pairs(known: Lexicon) -> None:
    found = known.synonyms_of("cardiomegaly")
    assert found[0] == "cardiomegaly"
    assert "enlarged heart" in found
    assert not any(PAIR in one for key in known.concepts for one in known.synonyms_of(key))


def test_terms_are_named_in_any_spelling(known: Lexicon) -> None:
    assert known.named("Pleural Effusions") == ("pleural-effusion",)
    assert known.named("pleural-effusion") == ("pleural-effusion",)
    assert set(known.named("PE")) == {"pulmonary-embolism", "pericardial-effusion"}
    assert known.named("pe") == known.named("PE")
    assert known.named("flattened") == ()
    assert known.named("") == ()
    assert known.nearest("pnuemonia") == "pneumonia"
    assert known.nearest("qqqqqq") is None


def test_the_digest_follows_the_rows(known: Lexicon, tmp_path: Path) -> None:
    assert known.digest == read_lexicon(SHIPPED).digest
    assert known.digest == read_lexicon(SHIPPED[::-1]).digest
    more = write(tmp_path / "own.tsv", "mass|mass|finding")
    assert open_lexicon([more]).digest != known.digest
    assert open_lexicon() is known


def test_a_row_of_a_later_file_replaces_ours(known: Lexicon, tmp_path: Path) -> None:
    own = open_lexicon([write(tmp_path / "own.tsv", "goiter|struma|finding|||thyroid")])
    assert len(own) == len(known)
    assert own["goiter"].name == "struma"
    assert own.named("enlarged thyroid") == ()
    assert known["goiter"] != own["goiter"] == replace(own["goiter"])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("a|mass|finding", "a|lump|finding"), "line 3 has the key 'a' a second time"),
        (("a|mass|finding|b",), "line 2 names 'b' in is_a, and no row has that key"),
        (("a|lung|anatomy||b",), "line 2 names 'b' in part_of"),
        (("a|mass|finding|||b",), "line 2 names 'b' in site"),
        (("a|mass|finding|b", "b|lump|finding|a"), "is is_a itself by way of others"),
        (("a|mass|finding|a",), "is is_a itself by way of others"),
        (("a|lobe|anatomy||b", "b|lung|anatomy||a"), "is part_of itself by way of others"),
        (("a|mass|finding", "b|lump|finding||||Masses; mass"), "line 3 calls 'b' 'mass', as 'a'"),
        (("a|mass|finding||||--",), "line 2 has a synonym without a word"),
        (("a|mass|finding||||-- + lung",), "line 2 has a synonym without a word"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, rows: tuple[str, ...], said: str) -> None:
    path = write(tmp_path / "own.tsv", *rows)
    with pytest.raises(LanguageError) as refusal:
        read_lexicon([path])
    assert said in str(refusal.value)
    assert str(refusal.value).startswith("own.tsv, line ")
    assert refusal.value.code == "language.bad_lexicon"


def test_two_concepts_may_share_an_abbreviation(tmp_path: Path) -> None:
    rows = ("a|mass|finding||||||", "b|lump|finding|||||M", "c|bump|finding|||||M")
    assert read_lexicon([write(tmp_path / "own.tsv", *rows)]).named("M") == ("b", "c")


def test_an_unknown_key_is_refused(known: Lexicon) -> None:
    with pytest.raises(LanguageError) as refusal:
        known.ancestors("no-such-key")
    assert refusal.value.code == "language.unknown_term"
    assert repr(known) == f"Lexicon({len(known)} concepts)"


def test_every_word_that_is_looked_for_is_folded(known: Lexicon) -> None:
    assert all(fold(word) == word for word in known.phrases.bases)
