"""The plain decoder of isoflop's own trainer: square attention, untied embeddings, no norm weights, no biases."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """A decoder-only Transformer with square attention and an ungated or gated MLP.

    depth: layers. width: model dimension. mlp_width: hidden width of the MLP. vocab: output classes.
    context: tokens a sequence. gated: SwiGLU-like MLP with three matrices. tied: one matrix embeds and unembeds.
    experts: MLPs a layer among which a router chooses, 0 for one MLP and no router. experts_active: those that a token
    visits.
    """

    depth: int
    width: int
    mlp_width: int
    vocab: int
    context: int
    gated: bool = False
    tied: bool = False
    experts: int = 0
    experts_active: int = 1

    @property
    def mlp_params(self) -> int:
        """Matrix parameters of one MLP, or of one expert."""
        return (3 if self.gated else 2) * self.width * self.mlp_width

    @property
    def block_params(self) -> int:
        """Matrix parameters of one block: four attention projections and the MLP, or all experts and their router;
        norms are left out."""
        return 4 * self.width**2 + max(1, self.experts) * self.mlp_params + self.experts * self.width

    @property
    def idle_params(self) -> int:
        """Parameters of the experts that a token does not visit, over all layers."""
        return self.depth * max(0, self.experts - self.experts_active) * self.mlp_params

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
    def active_params(self) -> int:
        """What one token visits: every weight matrix but those of idle experts. Equal to the total without experts."""
        return self.total_params - self.idle_params

    @property
    def flops_per_token(self) -> float:
        """Training FLOP a token: 6 N_nonemb + 6 V d (unembedding) + 12 L d T (attention, not halved for causality);
        N_nonemb is what one token visits.

        Kaplan et al. 2020, table 1, with the unembedding that Porian et al. 2024 show to matter for small models.
        """
        unembedding = 6.0 * self.vocab * self.width
        attention = 12.0 * self.depth * self.width * self.context
        return 6.0 * (self.non_embedding_params - self.idle_params) + unembedding + attention
