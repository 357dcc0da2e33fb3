"""What is recorded is not trained again, and what was begun goes on, however the ladder's file was edited meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from isoflop.runs import Run
from isoflop.store import open_store
from isoflop.train.spec import TrunkSpec
from isoflop.workbench import Ladder, preview_ladder
from isoflop.workbench.ladder_work import working_trunks
from isoflop.workbench.trunk import Trunk, trunk_of

SPEC = TrunkSpec(batch=1, context=10, warmup_tokens=0, branch_tokens=(100, 200, 400))


def ids(trunk: Trunk, *tokens: int) -> frozenset[str]:
    return frozenset(run_id for run_id, D in trunk.branches.items() if D in tokens)


def tokens(trunk: Trunk) -> list[float]:
    return list(trunk.branches.values())


@pytest.fixture
def whole() -> Trunk:
    return trunk_of(SPEC, name="w")


def begin(folder: Path, spec: TrunkSpec, *, done: bool = False) -> Trunk:
    trunk = trunk_of(spec)
    (folder / trunk.spec_id).mkdir(parents=True)
    (folder / trunk.spec_id / "spec.json").write_text(spec.to_json())
    if done:
        (folder / trunk.spec_id / "done.json").write_text("{}")
    return trunk


def test_a_ladder_that_was_never_run_is_trained_as_it_stands(whole, tmp_path):
    assert working_trunks([whole], frozenset(), tmp_path) == (whole,)


def test_only_the_missing_branches_are_trained_and_their_runs_keep_their_names(whole, tmp_path):
    (working,) = working_trunks([whole], ids(whole, 100, 200), tmp_path)
    assert tokens(working) == [400.0]
    assert set(working.branches) == ids(whole, 400)
    assert working.name == "w"


def test_a_trunk_that_was_begun_goes_on_though_some_of_its_runs_are_recorded(whole, tmp_path):
    begin(tmp_path, SPEC)
    assert working_trunks([whole], ids(whole, 100), tmp_path) == (whole,)


def test_the_trunk_of_the_missing_branches_goes_on_when_more_of_them_are_recorded(whole, tmp_path):
    begun = begin(tmp_path, replace(SPEC, branch_tokens=(200, 400)))
    (working,) = working_trunks([whole], ids(whole, 100, 200), tmp_path)
    assert working.spec_id == begun.spec_id


def test_a_trunk_of_another_seed_or_one_that_is_done_is_not_gone_on_with(whole, tmp_path):
    begin(tmp_path, replace(SPEC, branch_tokens=(200, 400), seed=1))
    begin(tmp_path, replace(SPEC, branch_tokens=(200, 400)), done=True)
    (working,) = working_trunks([whole], ids(whole, 100, 200), tmp_path)
    assert tokens(working) == [400.0]


def test_a_folder_that_holds_another_spec_than_its_name_says_is_passed_over(whole, tmp_path):
    begun = begin(tmp_path, replace(SPEC, branch_tokens=(200, 400)))
    (tmp_path / begun.spec_id / "spec.json").write_text(replace(SPEC, branch_tokens=(200, 400, 800)).to_json())
    (working,) = working_trunks([whole], ids(whole, 100), tmp_path)
    assert tokens(working) == [200.0, 400.0]


def test_what_is_recorded_in_full_stays_as_it_is(whole, tmp_path):
    assert working_trunks([whole], frozenset(whole.branches), tmp_path) == (whole,)


def test_a_preview_counts_the_missing_branches_alone(whole, tmp_path):
    ladder = Ladder(name="l", folder=tmp_path, store=str(tmp_path / "s.sqlite"), recipe={}, trunks=(whole,))
    assert preview_ladder(ladder).flops_left == whole.flops(SPEC.tokens_total)
    with open_store(ladder.store) as store:
        for run_id in ids(whole, 100, 200):
            store.record_run(Run(params=whole.params, tokens=whole.branches[run_id], loss=3.0, run_id=run_id), "l")
    assert preview_ladder(ladder).flops_left == whole.flops(400)
