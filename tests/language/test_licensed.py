"""RadLex, SNOMED CT and UMLS: made-up files in their formats, since real ones need a licence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.errors import LanguageError
from caselight.language.lexicon import open_lexicon, shipped_lexicon
from caselight.language.licensed import Term, merge
from caselight.language.mentions import find_mentions
from caselight.language.radlex import read_radlex
from caselight.language.rows import write_rows
from caselight.language.snomed import read_snomed
from caselight.language.umls import read_umls
from tests.language import terminologies

OURS = shipped_lexicon()


def quiet(what: str, n_done: int, n_all: int) -> None:
    """No progress."""


def test_radlex_keeps_its_classes_ids_and_hierarchy(tmp_path: Path) -> None:
    terms = read_radlex(terminologies.radlex(tmp_path / "RADLEX.csv"), progress=quiet)
    assert {id_: (one.name, one.category) for id_, one in terms.items()} == {
        "RID900": ("anatomical entity", "anatomy"),
        "RID901": ("clinical finding", "finding"),
        "RID1": ("Lung", "anatomy"),
        "RID2": ("gamma lobe", "anatomy"),
        "RID3": ("pneumothorax", "finding"),
        "RID4": ("zebra pneumothorax", "finding"),
        "RID7": ("an observation whose name is far too long for any report to use", "finding"),
    }
    made = merge(terms, "radlex", OURS)
    rows = {one.key: one for one in made.concepts}
    assert rows["lung"].radlex == OURS["lung"].radlex != "RID1"
    assert rows["lung"].is_a == OURS["lung"].is_a
    assert "pulmo" in rows["lung"].synonyms
    assert rows["radlex-rid2"].part_of == ("lung",)
    zebra = rows["radlex-rid4"]
    assert (zebra.is_a, zebra.radlex, zebra.abbreviations) == (("pneumothorax",), "RID4", ("ZPX",))
    assert zebra.synonyms == ("zebra and air",)
    assert "radlex-rid7" not in rows
    assert made.matched == 2


def test_snomed_keeps_what_is_active_english_and_of_a_known_tag(tmp_path: Path) -> None:
    terms = read_snomed(terminologies.snomed(tmp_path / "release"), progress=quiet)
    assert set(terms) == {"101", "102", "103", "105"}
    made = merge(terms, "snomed", OURS)
    rows = {one.key: one for one in made.concepts}
    assert rows["pneumothorax"].ids == ("snomed:101",)
    assert rows["pneumothorax"].synonyms == (*OURS["pneumothorax"].synonyms, "Gas in pleura")
    assert rows["snomed-102"].is_a == ("pneumothorax", "snomed-105")
    assert rows["snomed-102"].site == ("snomed-103",)
    # Its name went to the one that came first; and its way back up would close a circle.
    assert rows["snomed-105"].synonyms == ()
    assert rows["snomed-105"].is_a == ()
    assert (made.matched, made.dropped_names, made.dropped_links) == (1, 1, 1)


def test_umls_keeps_english_names_that_are_not_suppressed(tmp_path: Path) -> None:
    terms = read_umls(terminologies.umls(tmp_path / "META"), progress=quiet)
    rows = {one.key: one for one in merge(terms, "umls", OURS).concepts}
    assert set(rows) == {"pneumothorax", "umls-c2", "umls-c4"}
    assert rows["pneumothorax"].ids == ("umls:C1",)
    zebra = rows["umls-c2"]
    assert zebra.name == "Zebra pneumothorax"
    assert (zebra.synonyms, zebra.abbreviations) == (("Zebra air",), ("ZPX",))
    assert (zebra.is_a, zebra.site) == (("pneumothorax",), ("umls-c4",))


READERS: dict[str, tuple[Callable[..., dict[str, Term]], Callable[[Path], Path]]] = {
    "radlex": (read_radlex, terminologies.radlex),
    "snomed": (read_snomed, terminologies.snomed),
    "umls": (read_umls, terminologies.umls),
}


@pytest.mark.parametrize("scheme", READERS)
def test_what_is_imported_is_a_lexicon_beside_ours(tmp_path: Path, scheme: str) -> None:
    read, make = READERS[scheme]
    told: list[tuple[str, int, int]] = []

    def progress(what: str, n_done: int, n_all: int) -> None:
        told.append((what, n_done, n_all))

    made = merge(read(make(tmp_path / "files"), progress=progress), scheme, OURS)
    path = tmp_path / "imported.tsv"
    path.write_text("".join(write_rows(made.concepts)), "utf-8")
    both = open_lexicon([path])
    text = "a zebra pneumothorax of the gamma lobe"
    found = [both[one.concept].name.lower() for one in find_mentions(text, both)]
    assert found[0] == "zebra pneumothorax"
    assert "pneumothorax" in both.ancestors(find_mentions(text, both)[0].concept)
    assert [one.concept for one in find_mentions("pneumothorax", both)] == ["pneumothorax"]
    assert all(sum(n for name, n, _ in told if name == what) > 0 for what in {t[0] for t in told})


ids = st.sampled_from("abcdefgh")
graphs = st.dictionaries(
    ids,
    st.builds(
        Term,
        st.sampled_from(["alpha", "beta", "gamma", "pneumothorax", "lung", "delta"]),
        st.just("finding"),
        st.lists(st.sampled_from(["one", "two", "pulmonary", "PTX"]), max_size=3),
        st.lists(ids, max_size=3),
        st.lists(ids, max_size=2),
    ),
    max_size=8,
)


@given(graphs)
def test_any_graph_becomes_a_sound_lexicon(
    tmp_path_factory: pytest.TempPathFactory, terms: dict[str, Term]
) -> None:
    """Circles, names used twice and links into nothing are dropped and counted."""
    made = merge(terms, "umls", OURS)
    path = tmp_path_factory.mktemp("graph") / "imported.tsv"
    path.write_text("".join(write_rows(made.concepts)), "utf-8")
    both = open_lexicon([path])
    for one in OURS:
        assert both[one.key].name == one.name
        assert both[one.key].is_a == one.is_a
        assert set(one.synonyms) <= set(both[one.key].synonyms)


@pytest.mark.parametrize("scheme", READERS)
def test_a_missing_file_is_refused(tmp_path: Path, scheme: str) -> None:
    with pytest.raises(LanguageError) as refusal:
        READERS[scheme][0](tmp_path / "none", progress=quiet)
    assert refusal.value.code == "language.bad_terminology"


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "RADLEX.csv"
    wrong.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(LanguageError, match=r"does not name Class ID, .*format of BioPortal"):
        read_radlex(wrong, progress=quiet)
    release = terminologies.snomed(tmp_path / "release")
    (concepts,) = release.rglob("sct2_Concept*")
    concepts.write_text("id\tactive\n1\n", "utf-8")
    with pytest.raises(LanguageError, match=r"line 2 of sct2_Concept.* has 1 cells, expected 2"):
        read_snomed(release, progress=quiet)
    concepts.write_text("id,active\n1,1\n", "utf-8")
    with pytest.raises(LanguageError, match="does not name id, active; expected a snapshot"):
        read_snomed(release, progress=quiet)
    meta = terminologies.umls(tmp_path / "META")
    (meta / "MRCONSO.RRF").write_text("C1|ENG|\n", "utf-8")
    with pytest.raises(LanguageError, match=r"line 1 of MRCONSO.RRF has 2 fields, expected 18"):
        read_umls(meta, progress=quiet)
    (meta / "MRSTY.RRF").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LanguageError, match="not UTF-8"):
        read_umls(meta, progress=quiet)
