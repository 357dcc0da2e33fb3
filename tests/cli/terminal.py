"""What the tests of the command line share: an answer with its streams, quick options, and the truth of the ladder."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

QUICK = ("--replicates", "20", "--starts", "4")
FEW = ("--replicates", "20")
ONE_FORM = ("--form", "chinchilla", "--replicates", "20")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds, which must be strict JSON and nothing else."""
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


Isoflop = Callable[..., Answer]


def law(N: np.ndarray, D: np.ndarray) -> np.ndarray:
    """Besiroglu et al. 2024, table 1: the truth of the made-up ladder."""
    return 1.8172 + 482.01 / N**0.3478 + 2085.43 / D**0.3658
