"""What a run took of its machine: memory at its peak, arithmetic a second, and the share of the peak that this is."""

from __future__ import annotations

import re
import resource
import sys
from typing import Any

import jax

from isoflop.facts import facts
from isoflop.train.mesh import device_count
from isoflop.train.spec import TrunkSpec

DEVICE_NAMES = (
    ("H100 PCIe", "H100-PCIe"),
    ("H100|GH200", "H100"),
    ("H200", "H200"),
    ("H800", "H800"),
    ("B200", "B200"),
    ("A100.*80GB", "A100"),
    ("A100.*40GB", "A100-40"),
    ("V100-SXM2-32GB", "V100"),
)
"""What a driver calls a chip, as a pattern, and its name in the table of accelerators; the first that fits."""


def usage(spec: TrunkSpec, tokens: int, seconds: float) -> dict[str, Any]:
    """The columns of done.json about the machine. tokens, seconds: trained in all, evaluation and compilation apart.

    device, devices: as the driver calls one, and how many. peak_bytes: of one device's memory, or on a CPU of the
    process, which holds the runtime as well. flops_per_second: 6 N + attention (``DecoderShape.flops_per_token``), of
    all devices. mfu: that over the dense bf16 peak of the devices (Chowdhery et al. 2022, arXiv:2204.02311, appendix
    B); absent where the peak is not known.
    """
    kind, devices = jax.devices()[0].device_kind, device_count(spec)
    found = {"device": kind, "devices": devices, "peak_bytes": peak_bytes()}
    if seconds <= 0:
        return found
    rate = spec.shape.flops_per_token * tokens / seconds
    peak = peak_flops(kind)
    return found | {"flops_per_second": rate} | ({"mfu": rate / (devices * peak)} if peak else {})


def peak_bytes() -> int:
    """The most memory that one of this process's devices has held, or on a CPU the process itself."""
    stats = [device.memory_stats() or {} for device in jax.local_devices() if device.platform != "cpu"]
    if found := [each["peak_bytes_in_use"] for each in stats if "peak_bytes_in_use" in each]:
        return int(max(found))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def peak_flops(kind: str) -> float | None:
    """Dense bf16 FLOP a second of a device, by what its driver calls it; None for one that is not in the table."""
    rows = facts("accelerators")
    name = next((name for pattern, name in DEVICE_NAMES if re.search(pattern, kind)), None)
    peak = rows[name].get("bf16_dense_flops_per_second") if name in rows else None
    return float(peak) if peak is not None else None
