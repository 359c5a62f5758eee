"""One step, or a run of single steps, along the engine's gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
PIECE = 1 << 15  # samples of a batch that go through the engine at once: what they leave on the way stays in a processor's cache


class Batch(NamedTuple):
    """Samples as one step takes them: rows (n, k), what they aim at, weights that sum to 1 where samples count differently."""

    rows: Tensor
    target: Tensor | None
    weight: Tensor | None
    constant: float = 0.0  # what the loss has beyond these rows
    share: float = 1.0  # of the step's samples, where a large batch comes in pieces


def const(a: Any) -> Tensor:
    """A tensor that takes no gradient."""
    return Tensor._wrap(a if isinstance(a, np.ndarray) and a.ndim else np.float64(a))


def value_and_gradient(loss_of: Callable[[Any, Any], Any], w: np.ndarray, pieces: Sequence[Batch]) -> tuple[float, np.ndarray]:
    """The loss of a step's samples at w, and its gradient: forward and backward once through the engine, for each piece of them."""
    value, gradient = 0.0, np.zeros_like(w)
    for rows, target, weight, constant, share in pieces:
        leaf_w = leaf(w)
        each = loss_of(mv(rows, leaf_w), target)
        loss = mean(each) if weight is None else dot(each, weight)
        (g,) = grad(loss, [leaf_w])
        value += share * float(loss._data) + constant
        gradient += share * g._data
    return value, gradient


def single_steps(loss_of: Callable[[Any, Any], Any], w: np.ndarray, batch: Batch, rate: float, quadratic: bool) -> tuple[float, np.ndarray]:
    """The sum of the losses met, and w after one step for each sample in turn.

    Before sample i, w has moved by −Σ_{j<i} αⱼ sⱼ xⱼ, s = ∂ℓ/∂z. So s = ℓ′(z − Ts), z at the block's first w and T = (αⱼ xⱼ·xᵢ)_{j<i}. A loss of
    constant ∂²ℓ/∂z² = c makes that a triangular system, (1 + cT)s = ℓ′(z). Any other is iterated, s ← ℓ′(z − Ts): T being strictly triangular,
    i rounds settle the first i slopes for good, and a round that changes none ends it. The steps are those one by one, but for rounding.
    """
    leaf_w, rows, target = leaf(w), batch.rows._data, batch.target
    rates = np.full(len(rows), rate) if batch.weight is None else rate * batch.weight._data
    before = np.tril(rows @ (rows * rates[:, None]).T, -1)
    start = mv(batch.rows, leaf_w)
    losses, slopes = _losses_and_slopes(loss_of, start._data, target)
    if quadratic:
        slopes = dtrsv(bend(loss_of) * before, slopes, lower=1, diag=1)
        losses = loss_of(const(start._data - before @ slopes), target)._data
    else:
        settled = False
        while not settled:
            last = slopes
            losses, slopes = _losses_and_slopes(loss_of, start._data - before @ last, target)
            settled = bool((slopes == last).all()) or not np.isfinite(slopes).all()
    (moved,) = grad(start, [leaf_w], grad_outputs=[const(rates * slopes)])
    return float(losses.sum() if batch.weight is None else losses @ batch.weight._data), w - moved._data


def _losses_and_slopes(loss_of: Callable[[Any, Any], Any], at: np.ndarray, target: Tensor | None) -> tuple[np.ndarray, np.ndarray]:
    z = leaf(at)
    losses = loss_of(z, target)
    (slopes,) = grad(sum_(losses), [z])
    return losses._data, slopes._data
