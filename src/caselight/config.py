"""Every setting, its unit and its default, in one place.

One TOML file is read into this frozen tree; `--set train.lr=3e-4` overrides single values. An
unknown key is refused with the nearest spelling. Nothing here is ever mutated, and no default
lives anywhere else.
"""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from caselight.errors import ConfigError
from caselight.types import Fusion, Window

TextField = Literal["auto", "caption", "report", "findings", "impression", "indication", "notes"]
Pooling = Literal["none", "mean", "max"]
Relaxation = Literal["tanh", "straight_through", "greedy_hash"]
Sampler = Literal["shuffle", "patients", "sites", "hard"]


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class IngestSettings(_Settings):
    """How an archive is read."""

    batch_studies: int = Field(32, ge=1)
    """Studies written in one transaction."""
    max_pixels: int = Field(100_000_000, ge=1)
    """Pictures with more pixels than this are refused before they are decoded."""
    stack_frames: Annotated[int, Field(ge=1)] | Literal["all"] = 3
    """Slices or frames taken of each stack: `all`, or so many, each from the middle of its share;
    1 is the middle one."""
    ct_windows: tuple[Window, ...] = ("lung", "soft-tissue", "bone")
    """Each CT slice becomes one picture for each of these; `file` is the window it came with."""
    trust: Literal["header", "manifest"] = "header"
    """Which is right where a manifest and a DICOM header disagree on view, laterality, modality,
    date, age or sex."""
    for_processing: Literal["refuse", "keep"] = "refuse"
    """What becomes of raw detector data (presentation intent FOR PROCESSING)."""
    thumbnail_px: int = Field(192, ge=16, le=1024)
    """Longer side of a thumbnail."""
    val_percent: int = Field(10, ge=0, le=50)
    """Patients put into the validation split where the archive has no split of its own."""
    test_percent: int = Field(10, ge=0, le=50)
    """Patients put into the test split where the archive has no split of its own."""


class TowerSettings(_Settings):
    """The encoders, frozen unless `finetune` opens them, and what is done to their input."""

    image: str = "efficientnet-lite0"
    """A built-in name, `transformers:NAME_OR_PATH` for any vision model, or `file:PATH` for a tower
    that was trained here."""
    text: str = "minilm-l6"
    """A built-in name, `transformers:NAME_OR_PATH` for any text model, or `file:PATH`."""
    trim_fraction: float = Field(0.06, ge=0.0, le=0.4)
    """Cut off the top and the bottom of every picture, where names and watermarks are burned in."""
    stack_pool: Pooling = "mean"
    """How the pictures of one stack become one vector; `none` keeps each by itself."""
    max_tokens: int = Field(256, ge=8, le=8192)
    """Longer texts are cut; how many were is counted."""
    batch_images: int = Field(16, ge=1)
    """Pictures encoded at a time."""
    batch_texts: int = Field(32, ge=1)
    """Texts encoded at a time."""


class ModelSettings(_Settings):
    """The trained heads."""

    embed_dim: int = Field(256, ge=8, le=4096)
    """Width of the float embedding."""
    hidden_dim: int = Field(512, ge=8, le=8192)
    """Width of the one hidden layer of every head."""
    dropout: float = Field(0.5, ge=0.0, lt=1.0)
    """Chance that a hidden unit of a float head is silenced in training."""
    input_dropout: float = Field(0.5, ge=0.0, lt=1.0)
    """Chance that a tower feature is silenced there."""
    hash_dropout: float = Field(0.5, ge=0.0, lt=1.0)
    """Chance that a hidden unit of a hash head is silenced in training."""
    hash_input_dropout: float = Field(0.5, ge=0.0, lt=1.0)
    """Chance that a tower feature is silenced there."""
    normalise_bits: bool = True
    """Batch-normalise what becomes a bit, so that each is on for about half of the cases."""
    bits: tuple[int, ...] = (48, 64, 128, 256)
    """Widths of the hash heads, each a multiple of 16 from 16 to 512."""
    nested: bool = False
    """One hash head, whose first bits are the narrower codes, instead of one for each width."""
    rotation: bool = False
    """A rotation is learned before the sign of every hash head."""

    @field_validator("bits")
    @classmethod
    def _widths(cls, bits: tuple[int, ...]) -> tuple[int, ...]:
        wrong = [b for b in bits if b % 16 or not 16 <= b <= 512]
        if wrong or not bits:
            raise ValueError(f"{wrong or 'no'} bits: use multiples of 16 from 16 to 512")
        return tuple(sorted(set(bits)))


class LossSettings(_Settings):
    """What counts as a positive, and the shape of the terms."""

    temperature: float = Field(0.07, gt=0.0)
    """Divides the cosine of the float embeddings before the softmax."""
    settle_temperature: float = Field(0.3, gt=0.0)
    """The same in the settle stage."""
    hash_temperature: float = Field(0.2, gt=0.0)
    """The same for relaxed codes."""
    intra_temperature: float = Field(0.1, gt=0.0)
    """The same between two views of one modality."""
    teacher_temperature: float = Field(0.07, gt=0.0)
    """The same for the float teacher whose ranking the codes learn."""
    near_equal: bool = False
    """Reports that say almost the same are positives of each other, as equal ones are."""
    soft_targets: float = Field(0.0, ge=0.0, lt=1.0)
    """Share of every target that is spread over the batch by the similarity of the texts."""
    findings: float = Field(0.0, ge=0.0, le=1.0)
    """How far pairs whose reports name the same findings count as positives of each other."""
    relaxation: Relaxation = "tanh"
    """What stands in for the sign in training."""
    sharpness_start: float = Field(1.0, gt=0.0)
    """`tanh(sharpness * x)` stands in for the sign; it begins here ..."""
    sharpness_end: float = Field(2.0, gt=0.0)
    """... and grows to this."""
    margin: float = Field(0.2, gt=0.0, le=2.0)
    """Cosine by which a pair must be nearer than the hardest irrelevant one of its batch."""
    margin_max_scale: float = Field(4.0, ge=1.0)
    """The margin's penalty grows to this as fewer pairs violate it; 1 keeps it fixed."""


class FloatTerms(_Settings):
    """Weights of the float stage's terms; 0 switches one off."""

    infonce: float = Field(1.0, ge=0.0)
    """Alignment of images with their texts."""
    intra_image: float = Field(0.0, ge=0.0)
    """Two views of a picture stay together."""
    intra_text: float = Field(0.0, ge=0.0)
    """Two renderings of a text stay together."""
    margin: float = Field(0.0, ge=0.0)
    """The margin-scalable hinge."""
    unpaired: float = Field(0.0, ge=0.0)
    """Images without a text meet texts without an image by the findings both name."""


class HashTerms(_Settings):
    """Weights of the hash stage's terms; 0 switches one off."""

    infonce: float = Field(1.0, ge=0.0)
    """Alignment of relaxed image codes with relaxed text codes."""
    asymmetric: float = Field(0.0, ge=0.0)
    """Relaxed queries against the binary codes of the other modality."""
    distillation: float = Field(0.0, ge=0.0)
    """The codes' ranking becomes the float embedding's."""
    margin: float = Field(0.0, ge=0.0)
    """The margin-scalable hinge."""
    intra_image: float = Field(0.0, ge=0.0)
    """Two views of a picture get the same code."""
    intra_text: float = Field(0.0, ge=0.0)
    """Two renderings of a text get the same code."""
    quantization: float = Field(0.1, ge=0.0)
    """Distance between a relaxed bit and its sign."""
    greedy_penalty: float = Field(0.0, ge=0.0)
    """The same before the relaxation, cubed."""
    bit_balance: float = Field(0.1, ge=0.0)
    """Squared mean of every bit over a batch."""
    bit_independence: float = Field(0.0, ge=0.0)
    """Squared correlation between bits over a batch."""
    djsrh: float = Field(0.0, ge=0.0)
    """The objective of Su et al., ICCV 2019, to compare with."""
    jdsh: float = Field(0.0, ge=0.0)
    """The objective of Liu et al., SIGIR 2020, to compare with."""
    ucch: float = Field(0.0, ge=0.0)
    """The objective of Hu et al., TPAMI 2022, to compare with."""


class TrainSettings(_Settings):
    """The loop."""

    seed: int = Field(0, ge=0)
    """Decides initial weights, batches, views and dropout: same seed, same result."""
    text: TextField = "auto"
    """Which text is paired with an image; `auto` takes caption, then report, then notes."""
    filters: Mapping[str, str] = {}
    """Only studies or images with this metadata take part, e.g. `{modality = "X-ray"}`."""
    n_pairs: int | None = Field(None, ge=2)
    """At most so many pairs are trained on, drawn by the seed; none given: all."""
    image_views: int = Field(0, ge=0, le=64)
    """Augmented views of every picture that are encoded beside it, and trained on."""
    view_strength: float = Field(1.0, ge=0.0, le=1.0)
    """How far a view differs from its picture; 0 not at all."""
    text_views: int = Field(0, ge=0, le=64)
    """Other renderings of every text that are encoded beside it, and trained on."""
    unpaired: bool = True
    """Images without a text and texts without an image take part, where a term can use them."""
    sampler: Sampler = "shuffle"
    """How batches are drawn: `shuffle`; `patients`, each as often; `sites`, each batch with all;
    `hard`, texts that resemble each other together."""
    epochs: int = Field(60, ge=1)
    """Passes over the pairs for the float heads."""
    settle_epochs: int = Field(0, ge=0)
    """Passes after them in which float heads settle, with less dropout and softer; 0 is none."""
    settle_dropout: float = Field(0.2, ge=0.0, lt=1.0)
    """Chance that a feature, or a hidden unit, is silenced while they settle."""
    hash_epochs: int = Field(30, ge=1)
    """Passes over the pairs for the hash heads."""
    warm_start: bool = True
    """Begin the hash heads as the float heads and an ITQ rotation; else at random, or as those of
    the model that is trained further."""
    hash_mix: float = Field(1.0, gt=0.0, le=1.0)
    """How far from that beginning (0) to what they learned (1) the hash heads go: learned without
    dropout, they find most at about 0.65. Without a warm start they go all the way."""
    hash_layers: Literal["all", "rotation"] = "all"
    """What of a hash head is trained; `rotation` turns the space before the sign and no more."""
    batch_size: int = Field(256, ge=2)
    """Pairs a step."""
    lr: float = Field(1e-3, gt=0.0, le=1e30)
    """Peak learning rate of AdamW for the float heads."""
    settle_lr: float = Field(3e-4, gt=0.0, le=1e30)
    """The same while they settle."""
    hash_lr: float = Field(3e-4, gt=0.0, le=1e30)
    """The same for the hash heads."""
    weight_decay: float = Field(1e-2, ge=0.0)
    """Decoupled weight decay."""
    warmup_steps: int = Field(10, ge=0)
    """Steps of linear warm-up before the cosine."""
    ema: float = Field(0.0, ge=0.0, lt=1.0)
    """Share that the running mean of the weights keeps each step; the mean is what is saved. 0 is
    no mean."""
    patience: int = Field(0, ge=0)
    """Epochs without a better validation recall after which a stage stops, and goes back to its
    best; 0 is never."""
    checkpoint_epochs: int = Field(5, ge=1)
    """A killed training goes on from the last multiple of this."""

    @field_validator("filters", mode="before")
    @classmethod
    def _words(cls, filters: object) -> object:
        # `age=40` arrives as a number, from TOML and from --set alike.
        if not isinstance(filters, dict):
            return filters
        return {key: str(value) for key, value in filters.items()}


class FinetuneSettings(_Settings):
    """Training the towers themselves, in the float stage."""

    towers: Literal["none", "image", "text", "both"] = "none"
    """Which towers are trained; none keeps their features in the cache, which is far faster."""
    part: float = Field(0.34, gt=0.0, le=1.0)
    """Share of a tower's layers that is trained, counted from its output."""
    lora_rank: int = Field(0, ge=0, le=256)
    """Rank of low-rank adapters trained in the place of a transformer's weights; 0 is none."""
    lora_alpha: float = Field(16.0, gt=0.0)
    """Scale of the adapters; they add alpha / rank times their product."""
    lr: float = Field(5e-5, gt=0.0, le=1e30)
    """Peak learning rate of AdamW for the towers."""
    chunk: int = Field(16, ge=1)
    """Pictures or texts in a tower's memory at a time; a batch of any size passes in chunks with
    the exact gradient."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the towers in training; the weights stay float32."""


class AdaptSettings(_Settings):
    """Fitting towers, or a trained model, to what another home holds.

    What of a tower is trained, and how fast, `finetune` says; how a model's heads are, `train`.
    """

    picture_epochs: int = Field(10, ge=1)
    """Passes of an image tower over the pictures."""
    text_epochs: int = Field(3, ge=1)
    """Passes of a text tower over the texts."""
    batch_size: int = Field(64, ge=2)
    """Pictures or texts a step; each is a negative of the others."""
    project_dim: int = Field(64, ge=8, le=4096)
    """Width of the space in which two views of a picture are compared."""
    text_views: int = Field(3, ge=0, le=64)
    """Other renderings of every text that are drawn from."""
    batch_triplets: int = Field(64, ge=1)
    """Texts a step that meet their paraphrase and their opposite."""
    opposites: float = Field(1.0, ge=0.0)
    """Weight of telling a paraphrase from the opposite."""
    keep: float = Field(10.0, ge=0.0)
    """Weight of leaving the cosines between texts as they were."""
    masked: float = Field(0.0, ge=0.0)
    """Weight of guessing hidden words; only for a tower that has a token for them."""
    checkpoint_steps: int = Field(20, ge=1)
    """A killed adaptation of a tower goes on from the last multiple of this."""
    replay: int = Field(4, ge=0)
    """Pairs of the model's old home that are trained on beside each new one."""


class SearchSettings(_Settings):
    """How a query is answered."""

    n_bits: int | None = Field(None, ge=16, le=512)
    """Which hash head the index uses; none given: 128 bits, or the model's widest without that."""
    shortlist: int = Field(200, ge=1)
    """Rows taken by Hamming distance and rescored with the float embedding."""
    near_bits: int = Field(12, ge=0, le=256)
    """Pictures whose 256-bit difference hashes differ in no more bits may be near-duplicates ..."""
    near_correlation: float = Field(0.97, ge=0.0, le=1.0)
    """... and are, when their fine detail correlates at least so much."""
    fusion: Fusion = "vectors"
    """How words and a picture become one query: `vectors` averages their embeddings, `ranks` fuses
    their two rankings."""
    image_weight: float = Field(0.4, ge=0.0, le=1.0)
    """Share of the picture in such a query; the rest is the words'."""
    like_weight: float = Field(0.75, ge=0.0, le=10.0)
    """How far the studies of `--like` pull, beside 1 for the query itself."""
    unlike_weight: float = Field(0.15, ge=0.0, le=10.0)
    """How far the studies of `--unlike` push away."""
    plan: Literal["off", "lexicon", "model"] = "off"
    """Whether words become a plan first: by the `lexicon`, or with the help of a `model`
    (`mediator.model`); `off` asks with the words as they are."""
    agreement_places: float = Field(3.0, ge=0.0, le=1000.0)
    """Places that a hit which meets all of a plan moves up, and one that is denied moves down."""
    ray: str | None = None
    """Ask the cluster that `index serve` runs at this address, `HOST:PORT`; none given: this
    machine alone."""
    deadline_s: float = Field(2.0, gt=0.0, le=86_400.0)
    """Seconds that the shards of a cluster have for a query; what did not answer by then is said to
    be missing."""


class LanguageSettings(_Settings):
    """The terms that questions and reports are read with."""

    lexicons: tuple[str, ...] = ()
    """Files of your own rows, added to ours; a row with a key that is known replaces it. Relative
    paths are meant from the settings file that names them."""


class WordsSettings(_Settings):
    """Whether the words of queries are kept, encrypted, so that feedback can become pairs."""

    keep: bool = False
    """Keep the words of every search that the identifiers' check lets pass."""
    keep_days: int = Field(90, ge=1, le=3650)
    """Days after which words that are kept from now on are deleted."""
    key: str | None = None
    """File of the key; none given: `words-key` in the home."""


class MediatorSettings(_Settings):
    """A language model that helps to plan a search; without one, the lexicon plans alone."""

    model: Literal["none", "openai", "scripted"] = "none"
    """`openai` is any server that speaks OpenAI's chat completions; `scripted` answers from a
    file."""
    base_url: str | None = None
    """Where the server is, such as `https://models.hospital.example/v1`; no other address is
    asked."""
    model_name: str | None = Field(None, min_length=1, max_length=200)
    """The model, as the server lists it."""
    timeout_s: float = Field(20.0, gt=0.0, le=600.0)
    """Seconds for a draft, with its one repair; after them the lexicon's plan is used."""
    max_tokens: int = Field(512, ge=16, le=8192)
    """Tokens that one answer may have."""
    grammar: Literal["auto", "json_schema", "tool", "prompt"] = "auto"
    """What holds the answer to its form: the server's grammar (`json_schema`), the arguments of a
    tool, the prompt's words alone; `auto` finds out what the server can."""
    equity: bool = False
    """The prompt asks not to narrow a search to one group of patients."""
    n_failures: int = Field(3, ge=1, le=100)
    """Failures in a row after which the server is left alone ..."""
    rest_s: float = Field(60.0, ge=0.0, le=86_400.0)
    """... for so many seconds."""
    joules_per_token: float | None = Field(None, gt=0.0)
    """What a token takes, read or written, as the site measured it on its server; none given: the
    energy of a draft is unknown."""
    templates: Path | None = None
    """Your own file of criteria templates in the place of ours; seen from the folder in which the
    command runs."""
    script: Path | None = None
    """JSON file of what the scripted model answers, an object from the user's words to a draft;
    seen from the folder in which the command runs."""

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            plain = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            plain = None
        if not plain or "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError(
                "expected http:// or https://, a host and a path, without a name, key or query"
            )
        return url.rstrip("/")


class EvaluateSettings(_Settings):
    """How a model is scored."""

    n_resamples: int = Field(1000, ge=100)
    """Bootstrap resamples of patients."""
    level: float = Field(0.95, gt=0.5, lt=1.0)
    """Coverage of the intervals."""
    seed: int = Field(0, ge=0)
    """Decides the resamples."""
    shortlist: int = Field(50, ge=1)
    """Rows of the gallery that `rescored_bits_N` puts in order by the float embedding."""


class GuardSettings(_Settings):
    """When the guards ask, and when they refuse. The thresholds were chosen on validation."""

    max_characters: int = Field(4_000, ge=1, le=100_000)
    """Longer questions are refused unread; only so many characters of them are looked at."""
    max_document_characters: int = Field(100_000, ge=1)
    """The same of a report, a header value or a field of a manifest."""
    injection_threshold: float = Field(0.883, ge=0.0, le=1.0)
    """A question is refused from this probability on that it gives orders to a machine."""
    document_threshold: float = Field(0.944, ge=0.0, le=1.0)
    """A document is kept from every language model from this probability on."""
    off_topic_threshold: float = Field(0.734, ge=0.0, le=1.0)
    """A question is asked about from this probability on that it is no clinical text."""


TRAINED = ("towers", "model", "loss", "float_terms", "hash_terms", "finetune", "train")
"""The sections that decide a model; the others are about reading, searching and scoring."""


class Config(_Settings):
    """All settings of Caselight."""

    ingest: IngestSettings = IngestSettings()
    towers: TowerSettings = TowerSettings()
    model: ModelSettings = ModelSettings()
    loss: LossSettings = LossSettings()
    float_terms: FloatTerms = FloatTerms()
    hash_terms: HashTerms = HashTerms()
    finetune: FinetuneSettings = FinetuneSettings()
    train: TrainSettings = TrainSettings()
    adapt: AdaptSettings = AdaptSettings()
    search: SearchSettings = SearchSettings()
    language: LanguageSettings = LanguageSettings()
    words: WordsSettings = WordsSettings()
    mediator: MediatorSettings = MediatorSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    guards: GuardSettings = GuardSettings()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Check a nested mapping and make settings of it.

        Raises:
            ConfigError: `config.unknown_key` or `config.out_of_range`.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _refusal(error) from None


def read_config(path: Path | None = None, overrides: Sequence[str] = ()) -> Config:
    """Resolve settings: defaults, then a TOML file, then `key=value` overrides.

    Args:
        path: a TOML file, or None.
        overrides: `section.key=value`; the value is read as JSON, else as text.

    Raises:
        ConfigError: for a file that is not TOML, an unknown key, or a value out of range.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(
                f"there is no settings file {path}; name an existing TOML file",
                code="config.not_toml",
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be read ({error.strerror}); name a TOML file",
                code="config.not_toml",
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{path} is not TOML ({error}); write [section] and key = value lines",
                code="config.not_toml",
            ) from None
        _from_its_folder(values, path)
    for override in overrides:
        _apply(values, override)
    return Config.from_mapping(values)


def _from_its_folder(values: dict[str, Any], path: Path) -> None:
    """Make the files that a settings file names relative to it."""
    language = values.get("language")
    names = language.get("lexicons") if isinstance(language, dict) else None
    if isinstance(language, dict) and isinstance(names, list):
        language["lexicons"] = [
            str(path.parent / name) if isinstance(name, str) else name for name in names
        ]


def known_keys() -> tuple[str, ...]:
    """Return every setting as `section.key`, in the order of this file."""
    return tuple(
        f"{section}.{key}"
        for section, info in Config.model_fields.items()
        for key in info.annotation.model_fields  # type: ignore[union-attr]
    )


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or len(parts) < 2:
        raise ConfigError(
            f"found {override!r}, expected section.key=value, for example train.lr=3e-4"
        )
    try:
        value: Any = json.loads(text)
    except json.JSONDecodeError:
        value = text
    node = values
    for part in parts[:-1]:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"found {key!r}, but {part!r} is a value, not a section")
    node[parts[-1]] = value


def _refusal(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = known_keys()
        near = difflib.get_close_matches(key, (*known, *Config.model_fields), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(known)}"
        return ConfigError(f"there is no setting {key!r}; {hint}")
    return ConfigError(
        f"setting {key!r} is {first['input']!r}: {first['msg']}; give a value in its range",
        code="config.out_of_range",
    )
