"""Parameters and training compute, counted under named conventions.

Two laws fitted on "N" and "C" agree only when both words mean the same thing. Counting embeddings or not, and
attention or not, moves the optimal exponent from 0.50 to 0.74 (Pearce & Song 2024, arXiv:2406.12907; Porian et al.
2024, arXiv:2406.19146). Whoever counts, names the convention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ParamsConvention = Literal["total", "non_embedding", "active"]
FlopsConvention = Literal["6ND", "6ND+attention", "stated"]

PARAMS_CONVENTIONS: tuple[str, ...] = get_args(ParamsConvention)
FLOPS_CONVENTIONS: tuple[str, ...] = get_args(FlopsConvention)

FLOPS_PER_PARAM_TOKEN = 6.0
"""Two FLOP a weight forward, four backward (Kaplan et al. 2020, arXiv:2001.08361, section 2.1)."""


def training_flops(params: float, tokens: float) -> float:
    """C = 6ND in FLOP (Kaplan et al. 2020, table 1, without the attention term)."""
    return FLOPS_PER_PARAM_TOKEN * params * tokens


def tokens_for(flops: float, params: float) -> float:
    """The tokens that 6ND leaves for a model of ``params`` within ``flops``."""
    return flops / (FLOPS_PER_PARAM_TOKEN * params)


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """A decoder-only Transformer with square attention and an ungated or gated MLP.

    depth: layers. width: model dimension. mlp_width: hidden width of the MLP. vocab: output classes.
    context: tokens a sequence. gated: SwiGLU-like MLP with three matrices. tied: one matrix embeds and unembeds.
    """

    depth: int
    width: int
    mlp_width: int
    vocab: int
    context: int
    gated: bool = False
    tied: bool = False

    @property
    def block_params(self) -> int:
        """Matrix parameters of one block: four attention projections and the MLP; norms are left out."""
        return 4 * self.width**2 + (3 if self.gated else 2) * self.width * self.mlp_width

    @property
    def non_embedding_params(self) -> int:
        """Kaplan's N: blocks only, without embedding and unembedding."""
        return self.depth * self.block_params

    @property
    def embedding_params(self) -> int:
        """Embedding and, when untied, unembedding."""
        return (1 if self.tied else 2) * self.vocab * self.width

    @property
    def total_params(self) -> int:
        """Chinchilla's N: every weight matrix."""
        return self.non_embedding_params + self.embedding_params

    @property
    def flops_per_token(self) -> float:
        """Training FLOP a token: 6 N_nonemb + 6 V d (unembedding) + 12 L d T (attention, not halved for causality).

        Kaplan et al. 2020, table 1, with the unembedding that Porian et al. 2024 show to matter for small models.
        """
        unembedding = 6.0 * self.vocab * self.width
        attention = 12.0 * self.depth * self.width * self.context
        return 6.0 * self.non_embedding_params + unembedding + attention
