"""Settings as a TOML file that `--config` reads back."""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from caselight.config import Config


def write_settings(path: Path, config: Config, *, comments: Sequence[str] = ()) -> None:
    """Write what differs from the defaults; the file is replaced in one step.

    Args:
        path: the TOML file.
        config: the settings; `read_config(path)` gives equal ones.
        comments: lines for the head of the file.
    """
    lines = [f"# {comment}" for comment in comments]
    default = Config().model_dump(mode="json")
    for section, values in config.model_dump(mode="json").items():
        changed = {key: value for key, value in values.items() if value != default[section][key]}
        if changed:
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in changed.items()]
    staged = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    staged.write_text("\n".join(lines).lstrip("\n") + "\n", "utf-8")
    os.replace(staged, path)  # noqa: PTH105 - the word says that it is atomic


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_toml(str(key))} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_toml(one) for one in value)}]"
    # JSON spells numbers, truth and strings as TOML does, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
