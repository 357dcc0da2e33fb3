"""bf16, micro-batches, fused attention, chunks of logits, windows from the host: the same training, otherwise made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TEXT, TINY

from isoflop.errors import SpecError
from isoflop.train.attention import choose, fused, plain
from isoflop.train.cross_entropy import cross_entropy
from isoflop.train.loop import Trainer
from isoflop.train.products import exact_product
from isoflop.train.text import Corpus, load_corpus
from isoflop.train.usage import peak_flops
from isoflop.train.windows import WindowOrder, held_out_windows, stays_on_host


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus(TEXT)


@pytest.fixture(scope="module")
def reference(corpus: Corpus) -> tuple[Trainer, dict[str, object], float]:
    trainer = Trainer(TINY, corpus.train)
    state, loss = trainer.advance(trainer.start(), 0, 100, None)
    return trainer, state, loss


@pytest.mark.long
def test_windows_sent_by_the_host_give_the_bits_of_windows_read_on_the_device(
    corpus: Corpus, reference: tuple[Trainer, dict[str, object], float], tmp_path: Path
) -> None:
    np.save(tmp_path / "tokens.npy", corpus.train)
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    assert stays_on_host(mapped)
    assert stays_on_host(mapped[:1000])
    assert not stays_on_host(corpus.train)
    trainer = Trainer(TINY, mapped)
    state, first = trainer.start(), 0
    for count in (30, 30, 7, 33):  # the third is less than what was read ahead, the fourth more
        state, _ = trainer.advance(state, first, count, None)
        first += count
    for one, other in zip(jax.tree.leaves(reference[1]), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_step_back_to_a_fork_reads_the_windows_of_that_step_again(corpus: Corpus) -> None:
    trainer = Trainer(TINY, corpus.train, on_host=True)
    once = np.asarray(trainer._fed.take(5, 3))
    trainer._fed.prefetch(8, 3)
    np.testing.assert_array_equal(np.asarray(trainer._fed.take(5, 3)), once)
    starts = trainer.windows.starts(5 * TINY.batch, 1)[0]
    np.testing.assert_array_equal(once[0, 0], corpus.train[starts : starts + TINY.context + 1])


def test_a_text_of_more_than_two_billion_tokens_has_starts_that_do_not_overflow() -> None:
    order = WindowOrder(tokens=6_000_000_000, context=100_000, seed=0)
    starts = order.starts(0, order.per_pass)
    assert starts.dtype == np.int64
    assert starts.min() >= 0
    assert 2**31 < starts.max() + 100_000 < 6_000_000_000


@pytest.mark.long
def test_bf16_trains_to_within_a_percent_of_fp32_and_keeps_fp32_weights(
    corpus: Corpus, reference: tuple[Trainer, dict[str, object], float]
) -> None:
    trainer = Trainer(replace(TINY, precision="bf16"), corpus.train)
    state, loss = trainer.advance(trainer.start(), 0, 100, None)
    assert loss != reference[2]
    assert loss == pytest.approx(reference[2], rel=0.01)
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {np.dtype(np.float32)}
    windows = held_out_windows(corpus.validation, TINY.context, 8)
    assert trainer.window_losses(state["weights"], windows).dtype == np.float64


@pytest.mark.long
def test_micro_batches_train_to_the_losses_of_the_whole_batch(
    corpus: Corpus, reference: tuple[Trainer, dict[str, object], float]
) -> None:
    trainer = Trainer(replace(TINY, accumulate=4), corpus.train)
    _, loss = trainer.advance(trainer.start(), 0, 100, None)
    assert loss == pytest.approx(reference[2], rel=1e-5)


def test_a_bf16_product_is_summed_in_fp32_and_its_gradient_is_that_of_bf16_products() -> None:
    left = jnp.full((1, 4096), 1.0, jnp.bfloat16)
    right = jnp.full((4096, 1), 1.0 + 2**-7, jnp.bfloat16)
    total, back = jax.vjp(lambda a, b: exact_product("ij,jk->ik", a, b), left, right)
    assert total.dtype == jnp.float32
    assert float(total[0, 0]) == 4096 + 32  # 4128 lies between two bf16 numbers
    assert [gradient.dtype for gradient in back(jnp.ones((1, 1)))] == [jnp.bfloat16, jnp.bfloat16]


@pytest.mark.long
def test_fused_attention_mixes_what_plain_attention_mixes() -> None:
    """By XLA's own implementation here; the cuDNN kernel has the same interface and wants a GPU."""
    heads = jax.random.normal(jax.random.PRNGKey(0), (2, 12, 3, 4, 8))
    np.testing.assert_allclose(fused(heads, "xla"), plain(heads), atol=2e-6)


def test_fused_attention_is_refused_where_no_kernel_is(corpus: Corpus) -> None:
    with pytest.raises(SpecError, match="fp32 with head_dim 8 on a cpu"):
        Trainer(replace(TINY, attention="fused"), corpus.train)
    assert choose("auto", 64, jnp.bfloat16) == "plain"


@pytest.mark.long
def test_logits_in_chunks_give_the_loss_and_the_gradient_of_all_at_once() -> None:
    keys = jax.random.split(jax.random.PRNGKey(1), 3)
    stream, head = jax.random.normal(keys[0], (3, 8, 16)), jax.random.normal(keys[1], (16, 50))
    targets = jax.random.randint(keys[2], (3, 8), 0, 50)

    def loss(stream: jax.Array, head: jax.Array, most: int) -> jax.Array:
        return cross_entropy(stream, head, targets, most).mean()

    whole = jax.value_and_grad(loss, (0, 1))(stream, head, 10_000)
    cut = jax.value_and_grad(loss, (0, 1))(stream, head, 5 * 50)  # 24 tokens in parts of 4
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(cut), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("driver", "peak"),
    [("NVIDIA H100 80GB HBM3", 989e12), ("NVIDIA H100 PCIe", 756e12), ("NVIDIA A100-SXM4-80GB", 312e12), ("cpu", None)],
)
def test_a_driver_s_name_for_a_chip_finds_its_peak(driver: str, peak: float | None) -> None:
    assert peak_flops(driver) == (None if peak is None else pytest.approx(peak, rel=1e-3))
