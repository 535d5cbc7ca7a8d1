"""Criteria templates: rows with a citation, which move and never drop."""

from pathlib import Path

import pytest

from caselight.errors import MediatorError
from caselight.language.lexicon import shipped_lexicon
from caselight.mediator.plan import Criterion
from caselight.mediator.templates import OURS, followed, read_templates

ROW = """
[one]
name = "One"
for = ["pneumothorax"]
intents = ["rule_in"]
include = { pleural-effusion = 0.3 }
citation = "A guideline, 2020"
version = "2020"
"""


def want(concept: str) -> Criterion:
    return Criterion(rule="include", concept=concept)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "templates.toml"
    path.write_text(text, "utf-8")
    return path


def test_our_rows_name_concepts_of_the_lexicon_and_a_guideline() -> None:
    templates = read_templates(OURS, shipped_lexicon())
    assert len(templates) >= 15
    for key, template in templates.items():
        assert template.include or template.exclude, key
        assert template.version in template.citation, key
        assert all(one.weight < 1 and one.why == "template" for one in template.criteria())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("pneumothorax", "no-such-thing"), "no-such-thing, which the lexicon has not"),
        (("0.3", "3.0"), "less than or equal to 1"),
        (("rule_in", "guess"), "one.intents.0"),
        (('version = "2020"', ""), "one.version"),
        (('version = "2020"', 'version = "2020"\nshell = "x"'), "one.shell"),
        (("[one]", "[one"), "TOMLDecodeError"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(MediatorError, match="correct the row") as error:
        read_templates(written(tmp_path, ROW.replace(*change)), shipped_lexicon())
    assert error.value.code == "mediator.bad_templates"
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediatorError, match="FileNotFoundError"):
        read_templates(tmp_path / "none.toml", shipped_lexicon())


def test_a_template_is_followed_for_its_finding_or_a_kind_of_it_and_its_intent(
    tmp_path: Path,
) -> None:
    lexicon = shipped_lexicon()
    templates = read_templates(written(tmp_path, ROW), lexicon)
    for concept in ("pneumothorax", "tension-pneumothorax"):
        found = followed([want(concept)], "rule_in", templates, lexicon)
        assert found is not None
        key, added = found
        assert key == "one"
        assert [(one.rule, one.concept, one.weight) for one in added] == [
            ("include", "pleural-effusion", 0.3)
        ]
    assert followed([want("pneumothorax")], "teach", templates, lexicon) is None
    assert followed([want("pneumonia")], "rule_in", templates, lexicon) is None
    denied = Criterion(rule="exclude", concept="pneumothorax")
    assert followed([denied], "rule_in", templates, lexicon) is None


def test_what_the_question_names_stays_as_it_says(tmp_path: Path) -> None:
    lexicon = shipped_lexicon()
    templates = read_templates(written(tmp_path, ROW), lexicon)
    asked = [want("pneumothorax"), Criterion(rule="exclude", concept="pleural-effusion")]
    assert followed(asked, "rule_in", templates, lexicon) == ("one", ())
