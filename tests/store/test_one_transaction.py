"""What is recorded together is there together or not at all, in both databases."""

from __future__ import annotations

import pytest

from isoflop.errors import StoreError
from isoflop.runs import Run
from isoflop.store import Store, open_store


def run(name: str, loss: float = 2.0) -> Run:
    return Run(params=1e6, tokens=2e7, loss=loss, run_id=name)


def record_together(store: Store, *runs: Run) -> None:
    with store.together():
        for each in runs:
            store.record_run(each)


def test_what_is_recorded_together_is_there_when_the_block_ends(place):
    with open_store(place) as store:
        with store.together():
            assert store.record_run(run("a"))
            store.plan_run("b", {"lr": 1})
            store.begin_attempt("b")
            store.record_points("a", [1, 2], [3.0, 2.5])
            with store.together():
                store.set_state("b", "failed", "no disk")
            store.plan_run("c", {})
        assert store.run_ids() == {"a"}
        assert [(plan.state, plan.attempts) for plan in store.planned_runs()] == [("failed", 1), ("planned", 0)]
        assert store.curve("a")["value"].to_list() == [3.0, 2.5]


def test_a_refusal_within_undoes_all_of_it_and_the_store_goes_on(place):
    with open_store(place) as store:
        store.record_run(run("a"))
        with pytest.raises(StoreError, match="another result"):
            record_together(store, run("b"), run("a", loss=9.0))
        assert store.run_ids() == {"a"}
        assert store.record_run(run("b"))
