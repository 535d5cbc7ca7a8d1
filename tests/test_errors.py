"""Every refusal carries a code of its own family, and no code is there for nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from caselight import errors
from caselight.errors import Error, families

FAMILIES = {family.__name__: family for family in families()}


def calls(repository: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every place in the package that makes an error of a family."""
    for path in sorted((repository / "src" / "caselight").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in FAMILIES
            ):
                yield f"{path.name}:{node.lineno}", node


def codes_of(call: ast.Call) -> list[str]:
    """The codes that a call may give: its own, or else its family's default."""
    assert isinstance(call.func, ast.Name)
    for keyword in call.keywords:
        if keyword.arg == "code":
            return [
                n.value
                for n in ast.walk(keyword.value)
                if isinstance(n, ast.Constant) and isinstance(n.value, str) and "." in n.value
            ]
    return [FAMILIES[call.func.id].code]


def test_every_family_is_listed() -> None:
    declared = {
        name
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, Error) and thing is not Error
    }
    assert set(FAMILIES) == declared


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_family_has_its_own_prefix_and_its_default_is_one_of_its_codes(name: str) -> None:
    family = FAMILIES[name]
    prefixes = {code.split(".")[0] for code in family.codes}
    others = {c.split(".")[0] for other in families() if other is not family for c in other.codes}
    assert len(prefixes) == 1
    assert not prefixes & others
    assert family.code in family.codes
    assert family.exit_status in (1, 2)
    assert family.__doc__


def test_no_code_is_given_twice() -> None:
    codes = [code for family in families() for code in family.codes]
    assert len(codes) == len(set(codes))
    assert all(code == code.lower() and code.count(".") == 1 for code in codes)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_an_error_takes_its_familys_codes_and_no_other(name: str) -> None:
    family = FAMILIES[name]
    assert family("found this").code == family.code
    for code in family.codes:
        error = family("found this", code=code)
        assert (error.code, str(error)) == (code, "found this")
    with pytest.raises(ValueError, match="has no code"):
        family("found this", code="no.such")
    with pytest.raises(ValueError, match="has no code"):
        Error("found this", code=family.code)


def test_the_code_of_one_error_does_not_change_its_family() -> None:
    family = FAMILIES["ModelError"]
    assert family("x", code="model.not_found").code == "model.not_found"
    assert family("x").code == "model.weights_mismatch"


def test_every_raise_in_the_package_gives_a_listed_code(repository: Path) -> None:
    wrong = [
        f"{place} {code}"
        for place, call in calls(repository)
        for code in codes_of(call)
        if isinstance(call.func, ast.Name) and code not in FAMILIES[call.func.id].codes
    ]
    assert wrong == []


def test_every_listed_code_is_given_somewhere(repository: Path) -> None:
    given = {code for _, call in calls(repository) for code in codes_of(call)}
    # A code may also reach its error through a function's argument.
    for path in (repository / "src" / "caselight").rglob("*.py"):
        if path.name != "errors.py":
            tree = ast.parse(path.read_text("utf-8"))
            given |= {str(n.value) for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    assert [c for family in families() for c in family.codes if c not in given] == []
