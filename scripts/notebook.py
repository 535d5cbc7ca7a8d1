"""Run the notebooks of the docs and write them again with what they show.

    python scripts/notebook.py [docs/tour.ipynb ...]

Each runs in an empty folder of its own. What differs from run to run is left out, and a notebook
that fails, or whose outputs name a place on this machine, is not written.
"""

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

NOTEBOOKS = (Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb",)
SECONDS = 180
"""The longest that one cell may take."""
_NO_WIDGETS = "ignore:IProgress not found"
"""A package that draws progress bars asks for widgets that nothing here needs."""
_PLACE = re.compile(r"(?<![\w.:/)-])(?:/[\w.-]+){2,}|[A-Z]:\\\\")


def execute(path: Path) -> Any:
    """Run a notebook from its first cell to its last; return it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with tempfile.TemporaryDirectory(prefix="caselight-notebook-") as folder:
        # Sockets in the file system: the kernel is spoken to without any network.
        sockets = {"transport": "ipc", "connection_file": str(Path(folder) / "kernel.json")}
        client = NotebookClient(
            notebook,
            config=Config(KernelManager=sockets),
            kernel_name="python3",
            timeout=SECONDS,
            resources={"metadata": {"path": folder}},
            coalesce_streams=True,
            record_timing=False,
        )
        client.execute(env={**os.environ, "PYTHONWARNINGS": _NO_WIDGETS})
    return cleaned(notebook)


def cleaned(notebook: Any) -> Any:
    """Leave only what a reader sees."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {}
        cell.id = f"cell-{number:02d}"
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = {}
    return notebook


def places(notebook: Any) -> list[str]:
    """Paths of this machine that the outputs name."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown = [output.get("text", ""), *output.get("data", {}).values()]
            for text in shown if "image/png" not in output.get("data", {}) else shown[:1]:
                found += _PLACE.findall(str(text))
    return found


def main(paths: list[Path]) -> None:
    """Run each notebook and write it again."""
    for path in paths:
        notebook = execute(path)
        if found := places(notebook):
            raise SystemExit(f"{path.name} shows places of this machine: {', '.join(found)}")
        nbformat.validate(notebook)
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        print(f"wrote {path.name}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]] or list(NOTEBOOKS))
