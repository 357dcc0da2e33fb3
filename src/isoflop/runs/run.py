"""One training run: how large, how long, how good, and how we know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from isoflop.counting import PARAMS_CONVENTIONS, training_flops
from isoflop.errors import RunsError, did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of a table of runs; a field that is not known is None.

    params: parameters N, counted by ``params_convention``. tokens: training tokens seen, D. loss: held-out
    cross-entropy in nats per token, NaN where the run ended without one. flops: training compute C in FLOP; None
    stands for 6ND. loss_se: standard error of the loss. unique_tokens: distinct training tokens. bytes_per_token:
    bytes of text a token. lr: peak learning rate. batch_tokens: tokens a step. trunk: runs that branch off one
    training process share it, and their losses are correlated. extra: the caller's own columns.

    Raises RunsError for an unknown convention and for an extra column that has the name of a field.
    """

    params: float
    tokens: float
    loss: float
    flops: float | None = None
    loss_se: float | None = None
    unique_tokens: float | None = None
    bytes_per_token: float | None = None
    lr: float | None = None
    batch_tokens: float | None = None
    schedule: str | None = None
    seed: int | None = None
    depth: int | None = None
    width: int | None = None
    recipe: str | None = None
    run_id: str | None = None
    trunk: str | None = None
    status: str | None = None
    wall_seconds: float | None = None
    tokens_per_second: float | None = None
    provenance: str | None = None
    params_convention: str = "total"
    extra: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.params_convention not in PARAMS_CONVENTIONS:
            raise RunsError(
                f"Unknown convention '{self.params_convention}' for counting parameters. "
                f"Known: {', '.join(PARAMS_CONVENTIONS)}.{did_you_mean(self.params_convention, PARAMS_CONVENTIONS)}"
            )
        if taken := sorted(set(self.extra) & set(RUN_FIELDS)):
            raise RunsError(
                f"Extra columns {', '.join(taken)} are fields of a run. Give them as fields, or rename them."
            )
        object.__setattr__(self, "extra", dict(self.extra))

    @property
    def compute(self) -> float:
        """Training compute in FLOP: as stated, or 6ND."""
        return training_flops(self.params, self.tokens) if self.flops is None else self.flops

    def to_dict(self) -> dict[str, object]:
        """The run with the canonical columns as keys, unknown fields left out, extra columns beside them.

        Ready for ``json.dumps``, as long as the extra columns are.
        """
        known = {name: getattr(self, name) for name in RUN_FIELDS}
        return {name: value for name, value in known.items() if value is not None} | dict(self.extra)

    @classmethod
    def from_dict(cls, record: Mapping[str, object]) -> Run:
        """The inverse of ``to_dict``; keys that are not fields of a run become extra columns, a null loss is NaN.

        Raises RunsError when params, tokens or loss is missing, or a number field holds something else.
        """
        if missing := [name for name in REQUIRED if name not in record]:
            raise RunsError(
                f"A run lacks {', '.join(missing)}; it has {', '.join(map(str, record)) or 'nothing'}. Give every run "
                f"{', '.join(REQUIRED)}."
            )
        known = {name: _typed(name, record[name]) for name in RUN_FIELDS if record.get(name) is not None}
        known.setdefault("loss", math.nan)
        extra = {name: value for name, value in record.items() if name not in RUN_FIELDS}
        return cls(**known, extra=extra)  # type: ignore[arg-type]


REQUIRED = ("params", "tokens", "loss")
RUN_FIELDS: tuple[str, ...] = tuple(f.name for f in fields(Run) if f.name != "extra")
_KINDS = {f.name: str(f.type).removesuffix(" | None") for f in fields(Run)}


def _typed(name: str, value: object) -> float | int | str:
    kind = _KINDS[name]
    if kind == "str":
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RunsError(
            f"The field {name} of a run is {value!r}. Allowed: a number. Write it as a number, without a unit."
        )
    if kind == "int" and not float(value).is_integer():
        raise RunsError(f"The field {name} of a run is {value!r}. Allowed: a whole number. Give one.")
    return int(value) if kind == "int" else float(value)
