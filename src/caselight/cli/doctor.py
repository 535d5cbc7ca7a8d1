"""caselight doctor: what is installed, and what to do about what is missing."""

from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from caselight.cli.common import AsJson, out, print_json
from caselight.wire import VERSION


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which weights verify, which devices exist, and what to mend."""
    from caselight.doctor import examine

    checks = examine()
    if as_json:
        said = [asdict(check) for check in checks]
        print_json({"ok": all(c.ok for c in checks), "checks": said, "version": VERSION})
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("", "what", "found", "what to do"):
            table.add_column(name)
        for check in checks:
            mark = Text("ok", style="green") if check.ok else Text("MISSING", style="bold red")
            table.add_row(mark, check.what, check.found, check.remedy)
        out.print(table)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
