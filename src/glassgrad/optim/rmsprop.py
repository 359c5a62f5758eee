"""RMSprop: gradients divided by the root of their mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Rooms, Updating, at_least_zero, lerp, rate, squares


class RMSprop(Updating):
    """v ← α · v + (1 - α) · g², p ← p - lr · g / (√v + eps), or with momentum b ← momentum · b + g / (√v + eps) and p ← p - lr · b.

    `centered` takes the square of the mean gradient from v. Source: G. Hinton's lecture 6e, 2012; A. Graves, 2013.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0, centered: bool = False,
        capturable: bool = False, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        at_least_zero(lr=lr)
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        at_least_zero(momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay, capturable=capturable,
                                      foreach=foreach, maximize=maximize, differentiable=differentiable))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return ("square_avg", *(("momentum_buffer",) if group["momentum"] > 0 else ()), *(("grad_avg",) if group["centered"] else ()))

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        names = dict(zip(self.kept(group), kept))
        v, own, more = names["square_avg"], rooms[0], rooms[1]
        squares(v, g, group["alpha"], own)
        if group["centered"]:
            mean = names["grad_avg"]
            lerp(mean, g, 1 - group["alpha"], own)
            np.multiply(mean, mean, out=own)
            np.subtract(v, own, out=own)
            np.sqrt(own, out=own)
        else:
            np.sqrt(v, out=own)
        np.add(own, group["eps"], out=own)
        np.divide(g, own, out=more)
        if group["momentum"] > 0:
            buffer = names["momentum_buffer"]
            np.multiply(buffer, group["momentum"], out=buffer)
            np.add(buffer, more, out=buffer)
            more = np.multiply(buffer, rate(group), out=more)
        else:
            np.multiply(more, rate(group), out=more)
        np.subtract(p, more, out=p)
