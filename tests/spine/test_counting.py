"""Parameters and compute under named conventions."""

from isoflop.counting import DecoderShape, tokens_for, training_flops

GPT3 = DecoderShape(depth=96, width=12_288, mlp_width=4 * 12_288, vocab=50_257, context=2048, tied=True)


def test_gpt3_counts_175_billion_parameters() -> None:
    assert abs(GPT3.total_params / 174.6e9 - 1) < 0.002  # Brown et al. 2020, table 2.1


def test_kaplans_rule_of_twelve_gives_the_non_embedding_count() -> None:
    assert GPT3.non_embedding_params == 12 * 96 * 12_288**2


def test_gpt3_needs_3640_petaflop_days() -> None:
    assert abs(training_flops(174.6e9, 300e9) / 3.14e23 - 1) < 0.002  # Brown et al. 2020, table D.1


def test_tokens_for_inverts_training_flops() -> None:
    assert tokens_for(training_flops(70e9, 1.4e12), 70e9) == 1.4e12


def test_attention_and_unembedding_matter_for_small_models() -> None:
    tiny = DecoderShape(depth=2, width=64, mlp_width=256, vocab=256, context=128)
    assert tiny.flops_per_token > 1.2 * 6 * tiny.non_embedding_params
    assert GPT3.flops_per_token < 1.03 * 6 * GPT3.total_params
