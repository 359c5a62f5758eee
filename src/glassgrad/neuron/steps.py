"""One step, or a run of single steps, along the engine's gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..autograd.backward import grad
from ..ops.products import dot, mv
from ..ops.reductions import mean
from ..ops.reductions import sum as sum_
from ..tensor import Tensor
from .conventions import dtrsv
from .pieces import bend, leaf

BLOCK = 64  # single steps that are found together


class Batch(NamedTuple):
    """Samples as one step takes them: rows (n, k), what they aim at, weights that sum to 1 where samples count differently."""

    rows: Tensor
    target: Tensor | None
    weight: Tensor | None
    constant: float = 0.0  # what the loss has beyond these rows


def const(a: Any) -> Tensor:
    """A tensor that takes no gradient."""
    return Tensor._wrap(a if isinstance(a, np.ndarray) and a.ndim else np.float64(a))


def value_and_gradient(loss_of: Callable[[Any, Any], Any], w: np.ndarray, batch: Batch) -> tuple[float, np.ndarray]:
    """The loss of a batch at w, and its gradient: forward and backward once through the engine."""
    leaf_w = leaf(w)
    rows, target, weight, constant = batch
    if rows._data.ndim == 1:
        loss = loss_of(dot(rows, leaf_w), target)
        if weight is not None:
            loss = loss * weight
    else:
        each = loss_of(mv(rows, leaf_w), target)
        loss = mean(each) if weight is None else dot(each, weight)
    (g,) = grad(loss, [leaf_w])
    return float(loss._data) + constant, g._data


def single_steps(loss_of: Callable[[Any, Any], Any], w: np.ndarray, batch: Batch, rate: float) -> tuple[float, np.ndarray]:
    """The sum of the losses met, and w after one step for each sample in turn, for a loss of constant ∂²ℓ/∂z² = c.

    Before sample i, w has moved by −Σ_{j<i} αⱼ sⱼ xⱼ, s = ∂ℓ/∂z, so that its slope is that at the block's first w, as the engine gives it,
    less c Σ_{j<i} αⱼ sⱼ xⱼ·xᵢ: a triangular system for s. The steps are the same as one by one, but for rounding.
    """
    leaf_w, rows, curvature = leaf(w), batch.rows._data, bend(loss_of)
    z = mv(batch.rows, leaf_w)
    (first,) = grad(sum_(loss_of(z, batch.target)), [z], retain_graph=True)
    rates = np.full(len(rows), rate) if batch.weight is None else rate * batch.weight._data
    slopes = dtrsv((curvature * rows) @ (rows * rates[:, None]).T, first._data, lower=1, diag=1)
    (moved,) = grad(z, [leaf_w], grad_outputs=[const(rates * slopes)])
    met = loss_of(const(z._data + (slopes - first._data) / curvature), batch.target)._data
    return float(met.sum() if batch.weight is None else met @ batch.weight._data), w - moved._data
