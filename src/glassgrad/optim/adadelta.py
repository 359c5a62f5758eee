"""Adadelta: steps in the units of the parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Rooms, Updating, at_least_zero, rate, squares


class Adadelta(Updating):
    """v ← ρ · v + (1 - ρ) · g², Δ = √(u + eps) / √(v + eps) · g, u ← ρ · u + (1 - ρ) · Δ², p ← p - lr · Δ.

    Source: M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    def __init__(
        self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0, foreach: bool | None = None, *,
        capturable: bool = False,
        maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        at_least_zero(lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        at_least_zero(weight_decay=weight_decay)
        super().__init__(params, dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize, capturable=capturable, foreach=foreach,
                                      differentiable=differentiable))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return "square_avg", "acc_delta"

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (v, u), rho, eps, own, more = kept, group["rho"], group["eps"], rooms[0], rooms[1]
        squares(v, g, rho, own)
        np.sqrt(np.add(v, eps, out=own), out=own)
        np.sqrt(np.add(u, eps, out=more), out=more)
        np.divide(more, own, out=more)
        np.multiply(more, g, out=more)
        squares(u, more, rho, own)
        np.multiply(more, rate(group), out=more)
        np.subtract(p, more, out=p)
