"""Settings: one place, one default each, and no misspelling gets through."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from caselight.config import Config, ModelSettings, known_keys, read_config
from caselight.errors import ConfigError

SECTIONS = {
    name: info.annotation
    for name, info in Config.model_fields.items()
    if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
}

words = st.text(alphabet="abcXYZ 019-_.:/é中", max_size=12)
numbers = st.floats(1e-6, 0.39, exclude_min=True)
changes: dict[str, st.SearchStrategy[Any]] = {
    "towers.image": words,
    "towers.trim_fraction": numbers,
    "towers.max_tokens": st.integers(8, 8192),
    "model.bits": st.lists(st.integers(1, 32).map(lambda n: 16 * n), min_size=1, unique=True),
    "model.dropout": numbers,
    "loss.temperature": numbers,
    "train.seed": st.integers(0, 2**31),
    "train.text": st.sampled_from(["auto", "findings", "notes"]),
    "train.filters": st.dictionaries(st.sampled_from(["sex", "view", "label"]), words),
    "train.lr": numbers,
    "search.near_bits": st.integers(0, 256),
    "evaluate.level": st.floats(0.51, 0.99),
}
settings_values = st.fixed_dictionaries({}, optional=changes)


def toml(values: Mapping[str, Any]) -> str:
    """Write nested settings as TOML: JSON's scalars and arrays are TOML's too; None is left out."""
    lines = []
    for section, pairs in values.items():
        lines.append(f"[{section}]")
        tables = {key: v for key, v in pairs.items() if isinstance(v, dict)}
        for key, value in pairs.items():
            if key not in tables and value is not None:
                lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
        for key, table in tables.items():
            lines.append(f"[{section}.{key}]")
            lines += [f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in table.items()]
    return "\n".join(lines)


def nested(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for key, value in flat.items():
        section, name = key.split(".")
        out.setdefault(section, {})[name] = value
    return out


@given(settings_values)
def test_settings_survive_toml(tmp_path_factory: pytest.TempPathFactory, flat: Any) -> None:
    config = Config.from_mapping(nested(flat))
    path = tmp_path_factory.mktemp("toml") / "settings.toml"
    path.write_text(toml(config.model_dump(mode="json", exclude_none=True)), "utf-8")
    assert read_config(path) == config


@given(settings_values)
def test_a_partial_file_leaves_every_other_setting_at_its_default(flat: Any) -> None:
    config, default = Config.from_mapping(nested(flat)), Config()
    for key in known_keys():
        section, name = key.split(".")
        value = getattr(getattr(config, section), name)
        if key not in flat:
            assert value == getattr(getattr(default, section), name)
        elif key != "model.bits":
            assert value == flat[key]


def test_without_file_or_override_there_are_the_defaults() -> None:
    assert read_config() == Config()


def test_an_override_beats_the_file_and_the_file_beats_the_default(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[train]\nlr = 0.5\nepochs = 7\n", "utf-8")
    default = Config().train
    config = read_config(path, ["train.lr=0.25", "search.shortlist=9"])
    assert (config.train.lr, config.train.epochs) == (0.25, 7)
    assert config.search.shortlist == 9
    assert config.train.batch_size == default.batch_size
    assert default.lr not in (0.5, 0.25)
    assert read_config(path).train.lr == 0.5


def test_the_last_override_of_a_setting_counts() -> None:
    assert read_config(overrides=["train.lr=0.1", "train.lr=0.2"]).train.lr == 0.2


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("model.bits=[16, 32]", (16, 32)),
        ("towers.image=transformers:some/where=else", "transformers:some/where=else"),
        ("train.text=findings", "findings"),
        ("train.lr=3e-4", 3e-4),
        ("train.filters.sex=F", {"sex": "F"}),
        ('train.filters={"sex": "F"}', {"sex": "F"}),
    ],
)
def test_an_override_is_read_as_json_or_else_as_text(override: str, value: object) -> None:
    section, name = override.partition("=")[0].split(".")[:2]
    assert getattr(getattr(read_config(overrides=[override]), section), name) == value


@pytest.mark.parametrize("filtered", ["age=40", "date=2024"])
def test_a_filter_may_be_set_to_a_number(filtered: str) -> None:
    key, _, value = filtered.partition("=")
    assert read_config(overrides=[f"train.filters.{filtered}"]).train.filters == {key: value}


@pytest.mark.parametrize("key", known_keys())
def test_a_misspelt_setting_is_refused_and_the_right_one_named(key: str) -> None:
    section, name = key.split(".")
    typo = f"{name[:-1]}{name[-2:]}q"
    doors: list[Callable[[], Config]] = [
        lambda: Config.from_mapping({section: {typo: 1}}),
        lambda: read_config(overrides=[f"{section}.{typo}=1"]),
    ]
    for refuse in doors:
        with pytest.raises(ConfigError) as refused:
            refuse()
        assert refused.value.code == "config.unknown_key"
        assert f"did you mean '{key}'?" in str(refused.value)


@pytest.mark.parametrize("section", list(SECTIONS))
def test_a_misspelt_section_is_refused_and_the_right_one_named(section: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{section}'") as refused:
        Config.from_mapping({f"{section}z": {}})
    assert refused.value.code == "config.unknown_key"


def test_a_setting_unlike_any_other_is_refused_with_the_list_of_all() -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_mapping({"0": 1})
    assert refused.value.code == "config.unknown_key"
    assert all(key in str(refused.value) for key in known_keys())


@pytest.mark.parametrize(
    "override",
    [
        "train.lr=0",
        "train.lr=-1",
        "train.lr=NaN",
        "train.lr=Infinity",
        "hash_terms.quantization=Infinity",
        "train.epochs=0",
        "train.epochs=2.5",
        "train.batch_size=1",
        "train.text=title",
        "train.filters=3",
        "model.dropout=1",
        "model.bits=[]",
        "model.bits=[48, 20]",
        "model.bits=[8]",
        "model.bits=[528]",
        "model.bits=[0]",
        "model.bits=[-16]",
        "model.bits=16",
        "loss.temperature=0",
        "hash_terms.bit_balance=-0.1",
        "towers.trim_fraction=0.41",
        "towers.max_tokens=7",
        "towers.image=5",
        "search.near_bits=257",
        "ingest.val_percent=51",
        "evaluate.level=1",
        "train=3",
    ],
)
def test_a_value_out_of_range_is_refused_by_name(override: str) -> None:
    key, _, text = override.partition("=")
    section, _, name = key.partition(".")
    with pytest.raises(ConfigError) as refused:
        Config.from_mapping({section: {name: json_or_text(text)} if name else json_or_text(text)})
    assert refused.value.code == "config.out_of_range"
    assert f"setting '{key}" in str(refused.value)


def json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


@given(st.lists(st.integers(1, 32).map(lambda n: 16 * n), min_size=1))
def test_widths_are_sorted_and_named_once(bits: list[int]) -> None:
    assert ModelSettings(bits=tuple(bits)).bits == tuple(sorted(set(bits)))


@given(st.integers(-600, 1200).filter(lambda b: b % 16 or not 16 <= b <= 512))
def test_a_width_that_no_head_can_have_is_refused(width: int) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_mapping({"model": {"bits": [64, width]}})
    assert refused.value.code == "config.out_of_range"
    assert str(width) in str(refused.value)


@pytest.mark.parametrize("override", ["train", "train.lr", "lr=3", "=3", ""])
def test_an_override_without_section_and_value_is_refused(override: str) -> None:
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        read_config(overrides=[override])


def test_an_override_below_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="is a value, not a section"):
        read_config(overrides=["train.lr=1", "train.lr.x=2"])


@pytest.mark.parametrize("content", [b"[train\nlr = 1", b"lr: 1", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        read_config(path)
    assert refused.value.code == "config.not_toml"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(tmp_path / "settings.toml")
    assert refused.value.code == "config.not_toml"


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_config(tmp_path)
    assert refused.value.code == "config.not_toml"


def test_every_setting_says_what_it_is() -> None:
    for section, settings in SECTIONS.items():
        assert settings.__doc__, section
        for name, field in settings.model_fields.items():
            assert field.description, f"{section}.{name}"
    assert set(SECTIONS) == set(Config.model_fields)


def test_known_keys_are_the_fields() -> None:
    assert list(known_keys()) == [
        f"{section}.{name}" for section, s in SECTIONS.items() for name in s.model_fields
    ]


def test_settings_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.train.lr = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        config.train = config.train  # type: ignore[misc]


def test_every_file_in_configs_loads(repository: Path) -> None:
    for path in sorted((repository / "configs").glob("*.toml")):
        assert read_config(path) != Config(), f"{path.name} changes nothing"
