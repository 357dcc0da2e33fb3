"""What a specification may not say: each check names what was seen, what is allowed, and so what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from isoflop.errors import SpecError

if TYPE_CHECKING:
    from isoflop.train.spec import TrunkSpec

COUNTS = (
    "depth",
    "width",
    "head_dim",
    "context",
    "vocab",
    "batch",
    "validation_windows",
    "devices",
    "accumulate",
    "experts_active",
)
"""Fields that are whole numbers of at least 1."""


def check_spec(spec: TrunkSpec, named: Mapping[str, tuple[str, ...]]) -> None:
    """Raise SpecError for a contradiction. named: the fields that are one of a few names, and those."""
    _check_shape(spec)
    _check_devices(spec)
    _check_recipe(spec, named)
    _check_unique(spec)


def require(holds: bool, seen: str, allowed: object) -> None:
    """Raise SpecError unless ``holds``; ``allowed`` is a phrase or the allowed names."""
    if not holds:
        choices = ", ".join(allowed) if isinstance(allowed, tuple) else allowed
        raise SpecError(f"{seen} cannot be trained. Allowed: {choices}.")


def _check_shape(spec: TrunkSpec) -> None:
    for name in COUNTS:
        value = getattr(spec, name)
        require(isinstance(value, int) and value >= 1, f"{name} = {value!r}", "a whole number of at least 1")
    require(
        spec.width % spec.head_dim == 0,
        f"width {spec.width} with head_dim {spec.head_dim}",
        "a width that is a multiple of head_dim",
    )
    require(spec.head_dim % 2 == 0, f"head_dim {spec.head_dim}", "an even head_dim (rotary positions turn pairs)")
    require(spec.validation_windows >= 2, "validation_windows 1", "at least 2, or the loss has no standard error")
    require(isinstance(spec.experts, int) and spec.experts >= 0, f"experts = {spec.experts!r}", "0 (dense) or more")
    require(
        spec.experts_active <= max(1, spec.experts),
        f"experts_active {spec.experts_active} of {spec.experts} experts",
        "at most as many active experts as there are" if spec.experts else "1 without experts",
    )


def _check_devices(spec: TrunkSpec) -> None:
    axes = spec.mesh_axes
    size, sharing = math.prod(axes.values()), axes["data"] * axes["fsdp"]
    require(
        spec.devices in (1, size),
        f"devices {spec.devices} with the mesh {spec.mesh!r} of {size}",
        f"{size}, or leave devices out",
    )
    require(
        spec.batch % (sharing * spec.accumulate) == 0,
        f"batch {spec.batch} on {sharing} devices in {spec.accumulate} micro-batches",
        f"a batch that the devices divide, a multiple of {sharing * spec.accumulate}",
    )
    require(
        (spec.width // spec.head_dim) % axes["tensor"] == 0,
        f"{spec.width // spec.head_dim} heads on {axes['tensor']} tensor devices",
        "a number of heads that the tensor axis divides",
    )
    require(
        axes["tensor"] == 1 or not spec.experts,
        f"tensor={axes['tensor']} with {spec.experts} experts",
        "experts on data and fsdp axes only",
    )


def _check_unique(spec: TrunkSpec) -> None:
    least = 4 * spec.context + 2
    require(
        spec.unique_tokens is None or (isinstance(spec.unique_tokens, int) and spec.unique_tokens >= least),
        f"unique_tokens {spec.unique_tokens}",
        f"none (the whole text), or at least {least} tokens, four windows of the context {spec.context}",
    )


def _check_recipe(spec: TrunkSpec, named: Mapping[str, tuple[str, ...]]) -> None:
    for name, allowed in named.items():
        require(getattr(spec, name) in allowed, f"{name} {getattr(spec, name)!r}", allowed)
    ends = spec.branch_steps
    require(bool(ends), "branch_tokens ()", "at least one branch")
    require(
        min(ends) >= 2, f"branch_tokens {spec.branch_tokens}", f"at least 2 steps of {spec.batch_tokens} tokens each"
    )
    require(
        list(ends) == sorted(set(ends)), f"branch_tokens {spec.branch_tokens}", "increasing, at least one step apart"
    )
    require(0 < spec.decay_fraction <= 1, f"decay_fraction {spec.decay_fraction}", "a share above 0 and up to 1")
    require(math.isfinite(spec.lr) and spec.lr > 0, f"lr {spec.lr}", "a positive number, such as 4e-3")
    require(spec.warmup_tokens >= 0, f"warmup_tokens {spec.warmup_tokens}", "0 or more")
    require(
        0 <= spec.beta1 < 1 and 0 <= spec.beta2 < 1,
        f"betas {spec.beta1}, {spec.beta2}",
        "values from 0 up to, not including, 1",
    )
