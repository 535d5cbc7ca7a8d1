"""Write docs/guide/settings.md from the settings and the command line themselves.

Run it after a setting or an option has changed: `python scripts/settings_page.py`.
"""

import inspect
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from caselight.cli.main import app
from caselight.config import Config

PAGE = Path(__file__).resolve().parents[1] / "docs" / "guide" / "settings.md"
SIGNS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}

HEAD = """\
# Which settings and options are there?

Every setting has a default, and works without a file. To change some, write a TOML file and pass
it with `--config`, or name single ones with `--set`, which wins:

```toml
[train]
epochs = 20
filters = { modality = "X-ray" }
```

```console
$ caselight train --home home --set train.epochs=2 --set train.hash_epochs=2
$ caselight search "effusion" --home home --set search.shortlist=50
```

The value after `=` is read as JSON where it is JSON (`--set model.bits=[64,128]`), else as text.
An unknown name is refused with the nearest spelling (`config.unknown_key`), a value outside its
range with the range (`config.out_of_range`). `configs/toy.toml` and `configs/thorough.toml` are
example files.

| Command | reads the sections |
| --- | --- |
| `caselight ingest` | `ingest` |
| `caselight train` | `towers`, `model`, `loss`, `float_terms`, `hash_terms`, `finetune`, `train` |
| `caselight train --from` | the same; `towers` and `model` are the model's own |
| `caselight tune` | as `caselight train`, and `evaluate` for the intervals |
| `caselight adapt` | the same, and `adapt`; with `--model`, its own `towers` and `model` |
| `caselight index build` | `search.n_bits`; the towers are the model's own |
| `caselight search` | `search`, `words`, `ingest` for a picture; the towers are the model's own |
| `caselight feedback export`, `forget` | `words`; so does `caselight train --feedback` |
| `caselight export` | as `caselight search` |
| `caselight embed` | `search.n_bits`, with `--images` `ingest`; the towers are the model's own |
| `caselight lexicon show` | `language` |
| `caselight evaluate` | `evaluate`, `search`, with `--data` `ingest`; the towers are the model's |
| `caselight compare` | `evaluate`; the towers are the models' own |

A model keeps all the settings it was trained with, inside its file and in `run.json` beside it.

Written by `python scripts/settings_page.py`; a test compares.
"""

COMMANDS = """\
`caselight --help` lists the commands, every command has `--help`, and `caselight --version` prints
the version. The home can be named once in the environment variable `CASELIGHT_HOME` instead of
`--home`, except for `caselight evaluate`. Options that take `KEY=VALUE` or `COLUMN=NAME` may be
given several times. What the exit status means is in [errors.md](errors.md).
"""


def settings_page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_settings(), *_commands()])


def _settings() -> Iterator[str]:
    yield "## Settings\n"
    for section, info in Config.model_fields.items():
        kind = info.annotation
        assert isinstance(kind, type)  # noqa: S101
        assert issubclass(kind, BaseModel)  # noqa: S101
        yield f"### {section}\n"
        yield f"{inspect.getdoc(kind)}\n"
        yield "| Setting | Default | Range | Meaning |"
        yield "| --- | --- | --- | --- |"
        for key, field in kind.model_fields.items():
            cells = (
                f"`{section}.{key}`",
                f"`{_plain(field.default)}`",
                _range(field),
                " ".join((field.description or "").split()),
            )
            yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
        yield ""


def _range(field: FieldInfo) -> str:
    """Say which values a setting takes."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    found = {
        sign: getattr(limit, sign)
        for limit in field.metadata
        for sign in SIGNS
        if hasattr(limit, sign)
    }
    bounds = {sign: f"{n:g}" if isinstance(n, float) else f"{n}" for sign, n in found.items()}
    if {"ge", "le"} <= bounds.keys():
        return f"{_word(kind)}, {bounds['ge']} to {bounds['le']}"
    return ", ".join([_word(kind), *(f"{SIGNS[sign]} {n}" for sign, n in bounds.items())])


def _word(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"list of {'whole numbers' if get_args(kind)[0] is int else 'text'}"
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_word(one) for one in get_args(kind))
    words = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return words.get(kind, "table of text" if get_origin(kind) else "text")


def _plain(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _commands() -> Iterator[str]:
    yield "## Commands and options\n"
    yield COMMANDS
    for name, command in commands():
        yield f"### caselight {name}\n"
        yield f"{' '.join((command.help or '').split())}\n"
        yield "| Option | Default | Meaning |"
        yield "| --- | --- | --- |"
        for param in command.params:
            yield f"| {' | '.join(_option(param))} |"
        yield ""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its name after `caselight`, in the order of `--help`."""
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        for below, inner in getattr(command, "commands", {"": command}).items():
            yield f"{name} {below}".strip(), inner


def _option(param: Any) -> tuple[str, str, str]:
    argument = param.param_type_name == "argument"
    if argument:
        shown = f"`{param.name.strip('_').upper()}`"
    else:
        shown = ", ".join(f"`{word}`" for word in param.opts)
    default = param.default
    if param.required:
        said = "required"
    elif default is None or default == () or callable(default):
        said = ""
    elif isinstance(default, bool):
        said = "off" if not default else "on"
    else:
        said = f"`{default}`"
    kind = param.type_descriptor.annotation
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    values = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    return shown, said, f"{getattr(param, 'help', None) or ''}{values}"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")
