"""Neurons learnt by gradient descent: the loss of a block is written once, its gradient is backward's, and the sum over all blocks takes the step."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import autograd
from ..nn import functional
from ..ops.creation import from_numpy, zeros
from ..optim import SGD
from .faults import DataError
from .least_squares import Centred
from .parts import Part, Reading, blocks

LOSSES: dict[str, Callable[..., Any]] = {
    "adaline": functional.mse_loss,  # Widrow and Hoff 1960: the delta rule
    "sigmoid": functional.binary_cross_entropy_with_logits,
}
TOLERANCE = 1e-7  # of the gradient's length at the start: smaller, and the descent has arrived


@dataclasses.dataclass(frozen=True)
class Slope:
    """The loss of some rows, its gradient, and how many rows they are; sums, so that those of two sets of rows add up."""

    loss: float
    gradient: np.ndarray
    rows: int


def slope(reading: Reading, method: str, theta: np.ndarray, scale: np.ndarray, part: Part) -> Slope:
    """Loss and gradient of a partition at `theta` = (bias, weights), for inputs that are divided by `scale`."""
    total = Slope(0.0, np.zeros_like(theta), 0)
    for block, _ in blocks(part, reading):
        parameters = from_numpy(theta.copy()).requires_grad_()
        output = from_numpy(block[:, :-1]) @ (parameters / from_numpy(scale))
        loss = LOSSES[method](output, from_numpy(block[:, -1]), reduction="sum")
        (gradient,) = autograd.grad(loss, parameters)
        total = added(total, Slope(loss.item(), gradient.numpy(), len(block)))
    return total


def added(*slopes: Slope) -> Slope:
    """The slope of all their rows."""
    return Slope(sum(s.loss for s in slopes), np.sum([s.gradient for s in slopes], axis=0), sum(s.rows for s in slopes))


@dataclasses.dataclass(frozen=True)
class Descent:
    """Where a descent arrived, in the columns' own units, and its way: the mean loss before each step."""

    coef: np.ndarray
    intercept: float
    losses: tuple[float, ...]
    lr: float
    arrived: bool
    steepness: float


def curvature(method: str, about: Centred) -> float:
    """A bound of the loss's second derivative in any direction, for standardised inputs: 1 / it is a learning rate that never climbs.

    The second derivative of the mean of squares is 2·C with the correlation matrix C, whose largest eigenvalue is the square of the factor's largest
    singular value; of the logistic loss at most C/4.
    """
    spread = about.deviations[:-1]
    used = spread > 0
    largest = 1.0
    if used.any():
        unit = about.factor[:, :-1][:, used] / (spread[used] * np.sqrt(about.rows))
        largest = max(1.0, float(np.linalg.norm(unit, 2)) ** 2)
    return largest * (2.0 if method == "adaline" else 0.25)


def descend(
    method: str, reading: Reading, about: Centred, total: Callable[[Any, Any], Slope], epochs: int, lr: float | None, told: Callable[[int, float], None]
) -> Descent:
    """Steps down the mean loss, θ ← θ - lr · ∂loss/∂θ, one for each pass over the data.

    The inputs are centred and divided by their standard deviations, so that one rate suits all weights; `lr` None takes 1 / `curvature`. Ends after
    `epochs` steps, or where the gradient is 1e-7 of its first length. `total(mapper, merge)` runs a mapper over all partitions. Raises DataError if
    the loss climbs out of sight.
    """
    scale = np.concatenate([[1.0], np.where(about.deviations[:-1] > 0, about.deviations[:-1], 1.0)])
    origin = np.append(about.means[:-1], about.means[-1] if method == "adaline" else 0.0)
    reading = dataclasses.replace(reading, origin=origin)
    theta = zeros(len(scale), dtype=from_numpy(scale).dtype, requires_grad=True)
    rate = lr if lr is not None else 1 / curvature(method, about)
    optimizer = SGD([theta], lr=rate)
    losses: list[float] = []
    first = steepness = 0.0
    arrived = False
    for epoch in range(epochs):
        here = total(functools.partial(slope, reading, method, theta.detach().numpy().copy(), scale), added)
        losses.append(here.loss / here.rows)
        gradient = here.gradient / here.rows
        length = float(np.linalg.norm(gradient))
        first = first or length
        steepness = length / first if first else 0.0
        told(epoch + 1, losses[-1])
        if not np.isfinite(length) or losses[-1] > 1e6 * max(losses[0], 1e-300):
            raise DataError(f"{method}: the loss climbed to {losses[-1]:.3g} in epoch {epoch + 1}: the learning rate {rate:g} is too large (--lr auto)")
        arrived = steepness <= TOLERANCE
        if arrived:
            break
        theta.grad = from_numpy(gradient)
        optimizer.step()
    weights = theta.detach().numpy() / scale
    return Descent(weights[1:], float(weights[0] + origin[-1] - about.means[:-1] @ weights[1:]), tuple(losses), rate, arrived, steepness)
