"""The smallest spec that still learns: one layer of width 16 on a Markov text."""

from __future__ import annotations

from isoflop.train.spec import TextSource, TrunkSpec

TEXT = TextSource(kind="markov", states=16, order=1, zipf=1.5, length=40_000)
TINY = TrunkSpec(
    depth=1,
    width=16,
    head_dim=8,
    context=16,
    vocab=16,
    batch=4,
    branch_tokens=(64 * 40, 64 * 80, 64 * 160),
    warmup_tokens=64 * 8,
    validation_windows=64,
    text=TEXT,
)
