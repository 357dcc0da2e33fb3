"""A mesh changes where a step is computed and not what it computes: every layout trains as one device does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

pytest.importorskip("jax")

ONE: dict[str, Any] = {}
MESHES = ("data=8", "data=2,fsdp=4", "fsdp=8", "data=2,fsdp=2,tensor=2", "tensor=4")
IN_PARTS = {"accumulate": 2, "mesh": "fsdp=4"}
EXPERTS = {"experts": 2}
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""What is compared is arithmetic, not speed; compiling takes half the time so."""
ROUNDING = 2e-6
"""Of losses near 2.7 in fp32, after six steps at a rate without warm-up."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    asked = [ONE, *({"mesh": mesh} for mesh in MESHES), IN_PARTS, {"mesh": "fsdp=2", **EXPERTS}]
    worker = Path(__file__).parent / "mesh_worker.py"
    environment = os.environ | {"ISOFLOP_CACHE": str(tmp_path_factory.mktemp("xla")), "XLA_FLAGS": QUICK}
    done = subprocess.run(
        [sys.executable, str(worker), json.dumps(asked)], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {json.dumps(changes): line for changes, line in zip(asked, lines, strict=True)}


def of(measured: dict[str, dict[str, Any]], changes: dict[str, Any]) -> dict[str, Any]:
    return measured[json.dumps(changes)]


@pytest.mark.parametrize("changes", [*({"mesh": mesh} for mesh in MESHES), IN_PARTS], ids=str)
def test_every_mesh_and_micro_batch_trains_to_the_losses_of_one_device(
    measured: dict[str, Any], changes: dict[str, Any]
) -> None:
    one, many = of(measured, ONE), of(measured, changes)
    assert one["losses"][0] - one["losses"][-1] > 0.1  # it learns, or equal losses would mean little
    assert many["losses"] == pytest.approx(one["losses"], rel=ROUNDING)
    assert many["held_out"] == pytest.approx(one["held_out"], rel=ROUNDING)
    assert many["weights"] == pytest.approx(one["weights"], rel=1e-5)


@pytest.mark.parametrize("mesh", MESHES)
def test_no_parameter_is_sent_all_to_all_and_gradients_are_reduced_where_they_are_scattered(
    measured: dict[str, Any], mesh: str
) -> None:
    program = of(measured, {"mesh": mesh})
    assert program["all-to-all"] == program["collective-permute"] == 0
    sharded = "fsdp" in mesh
    assert (program["reduce-scatter"] > 0) == (program["all-gather"] > 0) == sharded
    assert program["all-reduce"] > 0


def test_fully_sharded_weights_take_an_eighth_of_the_memory_each(measured: dict[str, Any]) -> None:
    assert of(measured, {"mesh": "fsdp=8"})["share"] * 8 == of(measured, ONE)["share"]
    assert of(measured, {"mesh": "data=2,fsdp=2,tensor=2"})["share"] * 4 == of(measured, ONE)["share"]
    assert of(measured, {"mesh": "data=8"})["share"] == of(measured, ONE)["share"]


def test_experts_train_on_shards_without_sending_their_matrices_all_to_all(measured: dict[str, Any]) -> None:
    """The load is balanced over each device's own tokens, so that the losses are close and not equal."""
    experts = of(measured, {"mesh": "fsdp=2", **EXPERTS})
    assert experts["losses"][-1] == pytest.approx(of(measured, ONE)["losses"][-1], abs=0.1)
    assert experts["reduce-scatter"] > 0
    assert experts["all-to-all"] == 0
