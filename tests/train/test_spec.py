"""A spec is a value with an identity."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from isoflop.errors import SpecError
from isoflop.train import TextSource, TrunkSpec

SPEC = TrunkSpec(width=32, branch_tokens=(10_240, 20_480), text=TextSource(kind="markov"))


def test_a_spec_survives_json() -> None:
    assert TrunkSpec.from_json(SPEC.to_json()) == SPEC
    assert TrunkSpec.from_json(SPEC.to_json()).spec_id == SPEC.spec_id


def test_whatever_moves_the_loss_moves_the_identity() -> None:
    for change in ({"lr": 1e-3}, {"seed": 1}, {"width": 64}, {"text": TextSource(kind="markov", seed=1)}):
        assert replace(SPEC, **change).spec_id != SPEC.spec_id


def test_a_run_keeps_its_identity_when_its_trunk_gets_another_branch() -> None:
    longer = replace(SPEC, branch_tokens=(10_240, 20_480, 40_960))
    assert longer.run_id(1) == SPEC.run_id(1)
    assert longer.run_id(0) != longer.run_id(1)


def test_the_tokens_of_a_process_are_its_trunk_and_its_decays() -> None:
    steps = SPEC.fork_steps[-1] + sum(end - fork for end, fork in zip(SPEC.branch_steps, SPEC.fork_steps, strict=True))
    assert SPEC.tokens_total == steps * SPEC.batch_tokens
    assert replace(SPEC, branch_tokens=(20_480,)).tokens_total == 20_480 // SPEC.batch_tokens * SPEC.batch_tokens


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"width": 40}, "multiple of head_dim"),
        ({"width": 0}, "at least 1"),
        ({"head_dim": 1}, "even head_dim"),
        ({"branch_tokens": ()}, "at least one branch"),
        ({"branch_tokens": (20_480, 10_240)}, "increasing"),
        ({"branch_tokens": (10,)}, "at least 2 steps"),
        ({"lr": float("nan")}, "positive number"),
        ({"devices": 3}, "the devices divide"),
        ({"decay_fraction": 0.0}, "share above 0"),
        ({"validation_windows": 1}, "standard error"),
        ({"precision": "fp8"}, "fp32, bf16"),
        ({"attention": "flash"}, "auto, plain, fused"),
        ({"parametrisation": "ntk"}, "mup, standard"),
        ({"accumulate": 0}, "at least 1"),
        ({"accumulate": 3}, "a multiple of 3"),
        ({"mesh": "data=2,fsdp=2", "accumulate": 2}, "a multiple of 8"),
        ({"mesh": "data=4", "devices": 2}, "4, or leave devices out"),
        ({"mesh": "tensor=2"}, "heads that the tensor axis divides"),
        ({"width": 64, "mesh": "tensor=2", "experts": 4}, "data and fsdp axes only"),
        ({"experts": -1}, r"0 \(dense\) or more"),
        ({"experts": 4, "experts_active": 5}, "at most as many"),
        ({"experts_active": 2}, "1 without experts"),
        ({"unique_tokens": 100}, "at least 258 tokens"),
    ],
)
def test_a_contradiction_is_refused_with_what_is_allowed(change: dict[str, object], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        replace(SPEC, **change)


def test_an_unknown_key_is_named_with_the_nearest_known() -> None:
    with pytest.raises(SpecError, match="Did you mean 'width'"):
        TrunkSpec.from_json(json.dumps({"widht": 32}))
    with pytest.raises(SpecError, match="not JSON"):
        TrunkSpec.from_json("{")
    with pytest.raises(SpecError, match="JSON object"):
        TrunkSpec.from_json("[]")


def test_a_run_trained_before_a_field_existed_keeps_its_identity() -> None:
    assert TrunkSpec().spec_id == "445ea8aac764"
    assert TrunkSpec(width=128, devices=2).run_id(0) == "w128-262144-b71ebc6e4855"


def test_a_field_that_was_set_is_part_of_the_identity() -> None:
    assert TrunkSpec(accumulate=2).spec_id != TrunkSpec().spec_id
    assert TrunkSpec.from_json(TrunkSpec(accumulate=2).to_json()) == TrunkSpec(accumulate=2)


def test_a_mesh_names_its_axes() -> None:
    assert TrunkSpec(batch=8, mesh="data=4, fsdp=2").mesh_axes == {"data": 4, "fsdp": 2, "tensor": 1}
    for wrong in ("data", "data=0", "pipe=2", "data=x"):
        with pytest.raises(SpecError, match=r"data=4,fsdp=2"):
            _ = TrunkSpec(mesh=wrong).mesh_axes


def test_a_text_source_of_before_has_the_json_it_had() -> None:
    assert set(json.loads(TrunkSpec().to_json())["text"]).isdisjoint({"stream", "subset", "vocab"})
    streamed = TrunkSpec(text=TextSource(kind="file", path="a.txt", stream=True))
    assert TrunkSpec.from_json(streamed.to_json()) == streamed
    assert streamed.spec_id != TrunkSpec(text=TextSource(kind="file", path="a.txt")).spec_id


def test_a_run_of_experts_has_the_columns_that_laws_of_experts_read() -> None:
    spec = TrunkSpec(experts=8, experts_active=2)
    assert spec.expert_columns["num_experts"] == 8
    assert spec.expert_columns["active_fraction"] == 0.25
    assert spec.expert_columns["active_params"] < spec.params
    assert spec.training_flops_per_token == 6 * spec.expert_columns["active_params"]
    assert TrunkSpec().expert_columns == {}
    assert TrunkSpec().training_flops_per_token == 6 * TrunkSpec().params


def test_a_field_that_a_text_does_not_read_is_refused() -> None:
    for wrong in ({"stream": True}, {"subset": "a"}, {"vocab": 256}):
        with pytest.raises(SpecError, match="only for"):
            TextSource(kind="markov", **wrong)
