from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from caselight.language.nouns import Mention
from caselight.language.reading import Reading, read_text
from tests.language.marked import mention, unmark


def read(marked: str, *, today: date | None = None) -> tuple[str, Reading]:
    text, spans = unmark(marked)
    return text, read_text(text, lambda t: [mention(t, span) for span in spans], today=today)


def words(text: str, reading: Reading) -> list[str]:
    return [text[start:end] for start, end in reading.unread]


def test_a_question_is_read_whole() -> None:
    text, reading = read(
        "63F with history of [breast cancer], no [pneumothorax], 5 mm [nodule] in the right "
        "xyzzy, new since 2019"
    )
    cancer, pneumothorax, nodule = reading.mentions
    assert (cancer.certainty, cancer.about) == ("present", "history")
    assert (pneumothorax.certainty, pneumothorax.about) == ("absent", "now")
    assert (nodule.certainty, nodule.side, nodule.size_mm) == ("present", "right", (5, 5))
    assert reading.age_years == (63, 63)
    assert reading.sex == "F"
    assert [one.value.first for one in reading.dates] == [date(2019, 1, 1)]
    assert reading.compares
    assert words(text, reading) == ["xyzzy"]


def test_relatives_lend_the_patient_neither_age_nor_sex() -> None:
    _, reading = read("63-year-old woman. Her father, a man aged 70, had a [stroke].")
    assert (reading.age_years, reading.sex) == ((63, 63), "F")


def test_ages_that_disagree_are_no_age_and_both_sexes_are_none() -> None:
    _, reading = read("8-year-old and 63-year-old, man and woman")
    assert (reading.age_years, reading.sex) == (None, None)
    _, reading = read("8-year-old child, a boy")
    assert (reading.age_years, reading.sex) == ((8, 8), "M")


def test_an_empty_text_reads_as_nothing() -> None:
    _, reading = read("")
    assert reading.mentions == reading.dates == reading.changes == reading.unread == ()
    assert not reading.compares


def test_a_text_without_earlier_studies_compares_nothing() -> None:
    assert not read("No prior studies for comparison. [Effusion].")[1].compares


def test_last_year_is_resolved_from_the_day_that_is_given() -> None:
    _, reading = read("[stroke] last year", today=date(2020, 5, 1))
    assert reading.dates[0].value.last == date(2019, 12, 31)
    assert read("[stroke] last year")[1].dates[0].value.last is None


def test_a_reading_shows_no_words_and_nothing_of_the_patient() -> None:
    _, reading = read("97-year-old woman Abracadabra 2019-03-04, [effusion]")
    assert (reading.age_years, reading.sex) == ((97, 97), "F")
    for secret in ("97", "Abracadabra", "2019", "woman", "'F'"):
        assert secret not in repr(reading)


@given(st.text(), st.data())
def test_any_text_is_read_and_every_place_lies_in_it(text: str, data: st.DataObject) -> None:
    cut = st.integers(0, len(text))
    pairs = data.draw(st.lists(st.tuples(cut, cut).filter(lambda p: p[0] < p[1]), max_size=3))
    given_mentions = [Mention(span=one, concept="x", named="name") for one in pairs]
    reading = read_text(text, lambda _: given_mentions)
    assert len(reading.mentions) == len(pairs)
    for start, end in reading.unread:
        assert 0 <= start < end <= len(text)
        assert not any(s <= start < e for s, e in pairs)
