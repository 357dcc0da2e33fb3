"""Runs trained together are the runs trained alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import TEXT, TINY

from isoflop.errors import SpecError
from isoflop.train.loop import Trainer
from isoflop.train.text import load_corpus
from isoflop.train.together import Together, check_alike
from isoflop.train.windows import held_out_windows


@pytest.mark.slow
def test_runs_of_other_rates_seeds_and_orders_trained_together_are_the_runs_trained_alone() -> None:
    corpus = load_corpus(TEXT)
    windows = held_out_windows(corpus.validation, TINY.context, 16)
    specs = (TINY, replace(TINY, lr=1e-2, seed=5), replace(TINY, data_seed=3))
    both = Together(specs, corpus.train)
    state, losses = both.advance(both.start(), 0, 20, None)
    held_out = both.window_losses(state, windows)
    assert len(set(losses)) == 3
    for run, spec in enumerate(specs):
        alone = Trainer(spec, corpus.train)
        own, loss = alone.advance(alone.start(), 0, 20, None)
        assert losses[run] == pytest.approx(loss, rel=1e-5)
        np.testing.assert_allclose(held_out[run], alone.window_losses(own["weights"], windows), rtol=1e-4)


def test_runs_that_need_another_program_are_refused_by_the_field_that_differs() -> None:
    with pytest.raises(SpecError, match=r"Runs with width 16, 32 cannot .* Allowed to differ: lr, seed, data_seed"):
        check_alike((TINY, replace(TINY, width=32)))
    with pytest.raises(SpecError, match="on 2 devices each"):
        check_alike((replace(TINY, mesh="data=2"),))
    with pytest.raises(SpecError, match="No specification"):
        check_alike(())
