"""MAKE A RUN: the embedded trainer of small language models (JAX).

A *trunk* trains one model at a constant learning rate; at given token counts a *branch* decays the rate and measures
the held-out loss, so one trunk yields a run at several D. Importing this package loads no JAX; the worker process
``python -m isoflop.train SPEC.json --out DIR`` does.
"""

from __future__ import annotations

from isoflop.train.spec import TextSource, TrunkSpec, read_spec

__all__ = ["TextSource", "TrunkSpec", "read_spec"]
