"""Products of bf16 whose result is fp32, forward and back."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp


def exact_product(equation: str, left: jax.Array, right: jax.Array) -> jax.Array:
    """``einsum`` of two arrays of one precision, the result in fp32.

    The gradient goes back through products in the precision of the operands: left to itself, a product of fp32 with
    bf16 is made by turning both to fp32, at a fraction of the speed.
    """
    if left.dtype == jnp.float32:
        return jnp.einsum(equation, left, right)
    return _product(equation, left, right)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _product(equation: str, left: jax.Array, right: jax.Array) -> jax.Array:
    return jnp.einsum(equation, left, right, preferred_element_type=jnp.float32)


def _forward(equation: str, left: jax.Array, right: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _product(equation, left, right), (left, right)


def _backward(equation: str, operands: tuple[jax.Array, jax.Array], gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    left, right = operands
    _, back = jax.vjp(partial(jnp.einsum, equation), left, right)
    pair: tuple[jax.Array, jax.Array] = back(gradient.astype(left.dtype))
    return pair


_product.defvjp(_forward, _backward)
