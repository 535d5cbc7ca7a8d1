"""The stored notebook is whole, speaks today's names, and runs."""

import ast
import base64
import importlib
import importlib.util
import inspect
import io
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

import caselight
from tests.docs.pages import ROOT

TOUR = ROOT / "docs" / "tour.ipynb"


def stored() -> Any:
    return json.loads(TOUR.read_text("utf-8"))


def code_cells() -> list[Any]:
    return [cell for cell in stored()["cells"] if cell["cell_type"] == "code"]


def outputs() -> Iterator[Any]:
    for cell in code_cells():
        yield from cell["outputs"]


def source() -> ast.Module:
    return ast.parse("\n\n".join("".join(cell["source"]) for cell in code_cells()))


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "scripts" / "notebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_was_run_from_top_to_bottom_without_an_error() -> None:
    counts = [cell["execution_count"] for cell in code_cells()]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {output["output_type"] for output in outputs()}
    assert kinds <= {"stream", "display_data", "execute_result"}
    assert not any(output.get("name") == "stderr" for output in outputs())


def test_it_shows_films() -> None:
    films = [
        output["data"]["image/png"] for output in outputs() if "image/png" in output.get("data", {})
    ]
    assert len(films) >= 4
    for film in films:
        data = base64.b64decode(film)
        assert len(data) < 150_000
        with Image.open(io.BytesIO(data)) as picture:
            low, high = picture.convert("L").getextrema()
        assert high - low > 100
    assert TOUR.stat().st_size < 700_000


def test_it_says_what_it_is_not_for() -> None:
    first = "".join(stored()["cells"][0]["source"])
    assert "Not a medical device, and not for diagnosis" in " ".join(first.split())


def test_it_names_no_machine() -> None:
    nbformat = pytest.importorskip("nbformat")
    assert script().places(nbformat.read(TOUR, as_version=4)) == []
    notebook = stored()
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert all(cell["metadata"] == {} for cell in notebook["cells"])


def test_a_place_in_an_output_is_found() -> None:
    nbformat = pytest.importorskip("nbformat")
    for text in ("wrote /srv/films/a.png", "/opt/venv/lib/x.py:3: Warning", "C:\\\\films\\\\a"):
        output = nbformat.v4.new_output("stream", text=text)
        cell = nbformat.v4.new_code_cell("1", outputs=[output])
        assert script().places(nbformat.v4.new_notebook(cells=[cell])), text


def test_every_name_of_ours_is_there_and_is_called_as_it_can_be() -> None:
    tree = source()
    ours = {"caselight": caselight, "home": caselight.Home}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("caselight"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                ours[alias.asname or alias.name] = getattr(module, alias.name)
    n_called = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = ours.get(node.value.id)
            assert owner is None or hasattr(owner, node.attr), ast.unparse(node)
        if not isinstance(node, ast.Call):
            continue
        target: Any = None
        if isinstance(node.func, ast.Name):
            target = ours.get(node.func.id)
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            target = getattr(ours.get(node.func.value.id), node.func.attr, None)
        if target is None:
            continue
        known = inspect.signature(target).parameters
        for keyword in node.keywords:
            assert keyword.arg in known, ast.unparse(node)
        n_called += 1
    assert n_called > 12


def test_the_page_of_python_links_to_it() -> None:
    assert "(../tour.ipynb)" in (ROOT / "docs" / "guide" / "python.md").read_text("utf-8")


@pytest.mark.slow
def test_it_runs() -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    again = script().execute(TOUR)
    ran = [cell for cell in again.cells if cell.cell_type == "code"]
    kinds = [[o["output_type"] for o in cell["outputs"]] for cell in code_cells()]
    assert [[o.output_type for o in cell.outputs] for cell in ran] == kinds
    assert script().places(again) == []
